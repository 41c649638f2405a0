"""The messages of a packet capture: all connections, both directions, answers paired with their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from metaprotocol_cli.capture import CaptureReport, Connection, Data, EndReason, Gap, read_connections
from metaprotocol_cli.inspect.records import Note, Record, opaque_note
from metaprotocol_cli.inspect.streams import StreamReader
from metaprotocol_proxy import Correlator
from metaprotocol_sdk import Codec, Direction, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.capture import End


class _Reading:
    """One connection while it is read."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        codec = codec.for_connection()
        self.connection = connection
        self.correlator = Correlator(codec)
        self.streams = {direction: StreamReader(codec, direction) for direction in Direction}
        self.begun: set[Direction] = set()
        self.ended: set[Direction] = set()

    def note(self, text: str, direction: Direction, error: ProtocolError | None = None, *, lost: bool = False) -> Note:
        return Note(text, self.connection, direction, error, lost or error is not None)

    def begin(self, direction: Direction) -> Iterator[Note]:
        """Yield a note at a direction's first event if it began before the capture did."""
        if direction in self.begun:
            return
        self.begun.add(direction)
        if self.connection.started_mid_stream(direction):
            self.streams[direction].lose(0)
            yield self.note("the capture begins in the middle of this stream", direction)


def read_capture(file: BinaryIO, codec: Codec, port: int | None) -> Iterator[Record | Note]:
    """Yield the messages of a capture in the order in which they were complete, and notes on what is missing.

    Args:
        file: A pcap or pcapng file.
        codec: The codec to read the connections with.
        port: The server's port; None takes every connection.

    Raises:
        CaptureError: The file is damaged; all that could be read has been yielded.
    """
    report = CaptureReport()
    readings: dict[int, _Reading] = {}
    number = 0
    for connection, direction, event in read_connections(file, port=port, report=report):
        reading = readings.get(connection.id)
        if reading is None:
            reading = readings[connection.id] = _Reading(connection, codec)
        yield from reading.begin(direction)
        stream = reading.streams[direction]
        if isinstance(event, Data):
            broken = stream.error
            for offset, metadata in stream.feed(event.data):
                number += 1
                elapsed = reading.correlator.correlate(metadata, direction, event.timestamp)
                yield Record(number, offset, direction, metadata, connection, event.timestamp, elapsed)
            if stream.error is not None and broken is None:
                yield reading.note(str(stream.error), direction, stream.error)
        elif isinstance(event, Gap):
            stream.lose(event.size)
            yield reading.note(f"{event.size:,} bytes are not in the capture", direction, lost=True)
        else:
            yield from _end(reading, direction, event)
            if len(reading.ended) == len(Direction):
                del readings[connection.id]
    for text in report.notes():
        yield Note(text)


def _end(reading: _Reading, direction: Direction, event: End) -> Iterator[Note]:
    reading.ended.add(direction)
    stream = reading.streams[direction]
    if stream.error is not None:
        return
    if stream.opaque:
        yield opaque_note(stream.opaque, reading.connection, direction)
    try:
        stream.end()
    except ProtocolError as error:
        if event.reason is EndReason.OPEN:
            yield reading.note("the capture ends inside a message", direction)
        else:
            yield reading.note(str(error), direction, error)
