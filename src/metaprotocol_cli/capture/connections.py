"""The connections of a capture, both directions of each."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, field

from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.packets import read_segments
from metaprotocol_cli.capture.reassembly import EndReason, StreamEvent, StreamReassembler
from metaprotocol_cli.capture.report import CaptureReport, SkipReason
from metaprotocol_cli.capture.segment import ACK, RST, SYN, Endpoint, Segment
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_OPEN = 16_384
"""Connections that are followed at a time; the one that was silent for longest is ended to make room."""
MAX_CLOSED = 1024
"""Connections that are remembered after their end, so that their late packets do not look like new connections."""
MAX_BUFFERED_BYTES = 67_108_864
"""Bytes that may wait for earlier ones, in all connections together."""


@define(eq=False)
class Connection:
    """One TCP connection. It is equal only to itself.

    Args:
        id: Its number in the capture, from 1 on, in the order of the first packets.
        client: The side that opened it, "host:port" or "[host]:port".
        server: The side that accepted it, likewise.
        server_is_a_guess: True if neither a SYN nor the caller's port told the sides apart, so that the lower port is
            taken for the server's.
        to_server_started_mid_stream: True if the SYN to the server was not captured, so that its first bytes may be
            missing. Set before the direction's first event.
        to_client_started_mid_stream: The same for the bytes to the client.
    """

    id: int
    client: str
    server: str
    server_is_a_guess: bool = False
    to_server_started_mid_stream: bool = False
    to_client_started_mid_stream: bool = False

    def started_mid_stream(self, direction: Direction) -> bool:
        """Return True if the first bytes of this direction may be missing."""
        if direction is Direction.TO_SERVER:
            return self.to_server_started_mid_stream
        return self.to_client_started_mid_stream


class CaptureEvent(NamedTuple):
    """An event in one direction of one connection."""

    connection: Connection
    """The connection."""
    direction: Direction
    """The way that the bytes travelled."""
    event: StreamEvent
    """`Data`, `Gap` or `End`."""


def read_connections(
    file: BinaryIO, *, port: int | None = None, report: CaptureReport | None = None
) -> Iterator[CaptureEvent]:
    """Read the TCP connections of a packet capture.

    Events come in the order of the capture; bytes that had to wait for those before them come when these have come.
    Each direction of each connection has exactly one `End`, its last event.

    Args:
        file: A pcap or pcapng file at its start. It is read forward only, so it may be a pipe.
        port: The server's port, 1 to 65535: other connections are left out. None takes all, and the lower port for the
            server's if no SYN tells the sides apart.
        report: Gets the numbers of packets that were read and skipped.

    Raises:
        CaptureError: The file is not a capture, is damaged or is cut off. All that could be read comes first.
        OSError: The file cannot be read.
    """
    report = CaptureReport() if report is None else report
    tracker = ConnectionTracker(port, report)
    damage: CaptureError | None = None
    try:
        for segment in read_segments(file, report):
            yield from tracker.feed(segment)
    except CaptureError as error:
        damage = error
    yield from tracker.finish()
    if damage is not None:
        raise damage


@define(eq=False)
class _Tracked:
    connection: Connection
    client: Endpoint
    to_server: StreamReassembler = field(factory=StreamReassembler)
    to_client: StreamReassembler = field(factory=StreamReassembler)

    @property
    def ended(self) -> bool:
        return self.to_server.ended and self.to_client.ended

    @property
    def buffered(self) -> int:
        return self.to_server.buffered + self.to_client.buffered

    def streams(self, sender: Endpoint) -> tuple[Direction, StreamReassembler, Direction, StreamReassembler]:
        """Return the direction and the stream that the sender sends, then those that it receives."""
        if sender == self.client:
            return Direction.TO_SERVER, self.to_server, Direction.TO_CLIENT, self.to_client
        return Direction.TO_CLIENT, self.to_client, Direction.TO_SERVER, self.to_server


_Key = tuple[Endpoint, Endpoint]


class ConnectionTracker:
    """Gives each segment to its connection. Sans-IO.

    Args:
        port: The server's port, or None, as in `read_connections`.
        report: Counts the segments that are left out.
        max_open: Connections that are followed at a time, at least 1.
        max_closed: Connections that are remembered after their end.
        max_buffered_bytes: Bytes that may wait for earlier ones, in all connections together.
    """

    def __init__(
        self,
        port: int | None = None,
        report: CaptureReport | None = None,
        *,
        max_open: int = MAX_OPEN,
        max_closed: int = MAX_CLOSED,
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        self._port = port
        self._report = CaptureReport() if report is None else report
        self._max_open = max_open
        self._max_closed = max_closed
        self._max_buffered_bytes = max_buffered_bytes
        self._buffered = 0
        self._count = 0
        self._open: OrderedDict[_Key, _Tracked] = OrderedDict()  # the one silent for longest first
        self._closed: OrderedDict[_Key, _Tracked] = OrderedDict()  # the one closed first first

    def feed(self, segment: Segment) -> list[CaptureEvent]:
        """Take the next segment of the capture and return the events that follow from it."""
        source, destination = segment.source, segment.destination
        if self._port is not None and self._port not in (source[1], destination[1]):
            self._report.skipped[SkipReason.OTHER_PORT] += 1
            return []
        key = (source, destination) if source <= destination else (destination, source)
        events: list[CaptureEvent] = []
        tracked = self._open.get(key) or self._closed.get(key)
        if tracked is not None and _opens_another(tracked, segment):
            if self._open.pop(key, None):
                events += self._end(tracked)
            self._closed.pop(key, None)
            tracked = None
        if tracked is None:
            # Any other segment is the rest of a connection from before the capture, or a stray reset.
            if segment.flags & RST or not (segment.flags & SYN or segment.payload or segment.missing):
                return events
            if len(self._open) >= self._max_open:
                events += self._end(self._open.popitem(last=False)[1])
            tracked = self._open[key] = self._new(segment)
        elif tracked.ended:
            if segment.payload:
                self._report.skipped[SkipReason.AFTER_END] += 1
            return events
        self._open.move_to_end(key)
        events += self._run(tracked, segment)
        if tracked.ended:
            self._closed[key] = self._open.pop(key)
            if len(self._closed) > self._max_closed:
                self._closed.popitem(last=False)
        return events

    def finish(self) -> Iterator[CaptureEvent]:
        """End the capture; return the events of bytes that waited, and the ends that were not captured."""
        for tracked in sorted(self._open.values(), key=lambda tracked: tracked.connection.id):
            yield from self._end(tracked)
        self._open.clear()

    def _new(self, segment: Segment) -> _Tracked:
        server, guessed = self._server(segment)
        client = segment.source if server == segment.destination else segment.destination
        self._count += 1
        return _Tracked(Connection(self._count, _text(client), _text(server), guessed), client)

    def _server(self, segment: Segment) -> tuple[Endpoint, bool]:
        source, destination = segment.source, segment.destination
        if self._port is not None and source[1] != destination[1]:
            return (source if source[1] == self._port else destination), False
        if segment.flags & SYN:
            return (source if segment.flags & ACK else destination), False
        return (source if source[1] < destination[1] else destination), True

    def _run(self, tracked: _Tracked, segment: Segment) -> list[CaptureEvent]:
        before = tracked.buffered
        there, stream, back, opposite = tracked.streams(segment.source)
        events: list[CaptureEvent] = []
        if segment.flags & ACK:
            events += _events(tracked, back, opposite.acknowledge(segment.acknowledgment))
        events += _events(
            tracked,
            there,
            stream.feed(segment.sequence, segment.flags, segment.payload, segment.timestamp, segment.missing),
        )
        if segment.flags & RST:
            events += _events(tracked, back, opposite.finish(EndReason.RESET, segment.timestamp))
        self._buffered += tracked.buffered - before
        while self._buffered > self._max_buffered_bytes and stream.buffered:
            before = stream.buffered
            events += _events(tracked, there, stream.skip_hole())
            self._buffered += stream.buffered - before
        if stream.started_mid_stream:
            if there is Direction.TO_SERVER:
                tracked.connection.to_server_started_mid_stream = True
            else:
                tracked.connection.to_client_started_mid_stream = True
        return events

    def _end(self, tracked: _Tracked) -> list[CaptureEvent]:
        self._buffered -= tracked.buffered
        return [
            *_events(tracked, Direction.TO_SERVER, tracked.to_server.finish(EndReason.OPEN)),
            *_events(tracked, Direction.TO_CLIENT, tracked.to_client.finish(EndReason.OPEN)),
        ]


def _events(tracked: _Tracked, direction: Direction, events: list[StreamEvent]) -> list[CaptureEvent]:
    return [CaptureEvent(tracked.connection, direction, event) for event in events]


def _opens_another(tracked: _Tracked, segment: Segment) -> bool:
    """Return True if the segment belongs to a new connection between the addresses of this one."""
    _, stream, _, opposite = tracked.streams(segment.source)
    if segment.flags & SYN and not segment.flags & RST:
        if stream.started:
            return not stream.starts_at((segment.sequence + 1) & 0xFFFF_FFFF)
        return not segment.flags & ACK and opposite.started_mid_stream
    # A connection whose SYN was not captured, between addresses whose last connection has ended
    return tracked.ended and bool(segment.payload) and not stream.is_near(segment.sequence)


def _text(endpoint: Endpoint) -> str:
    address, port = endpoint
    return f"{IPv4Address(address)}:{port}" if len(address) == 4 else f"[{IPv6Address(address)}]:{port}"
