"""TCP reassembly of one direction of one connection. Sans-IO: segments go in, the stream comes out."""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum, unique
from operator import itemgetter

from attrs import frozen

from metaprotocol_cli.capture.segment import FIN, RST, SYN

MAX_BUFFERED_BYTES = 4_194_304
"""How many bytes a stream keeps that came before their turn: more than the windows that servers use."""
MAX_BUFFERED_PIECES = 1024
"""In how many pieces it keeps them: it bounds the work that an overlap can cause."""

_MAX_WINDOW = 65_535 << 14  # RFC 7323: no receiver accepts what is further ahead
_NEAR = 1 << 24  # 16 MiB: where packets of a stream may be that come after its end


@unique
class EndReason(StrEnum):
    """How one direction of a connection ended."""

    FIN = "fin"
    """Its sender closed it."""
    RESET = "reset"
    """One of the sides reset the connection."""
    OPEN = "open"
    """No end was seen: it was still open when the capture ended, a new connection took its addresses, or there
    were too many connections to follow."""


@frozen
class Data:
    """The next bytes of the stream.

    Args:
        data: The bytes, at least one.
        timestamp: When they were captured, in nanoseconds since 1970; 0 if the capture does not tell. Bytes that
            waited for those before them keep their own time.
        stream_offset: How many bytes of the stream came before them, those lost in gaps counted.
    """

    data: bytes
    timestamp: int
    stream_offset: int


@frozen
class Gap:
    """Bytes of the stream that are not in the capture.

    Args:
        size: How many, at least 1.
        timestamp: When what follows was captured, as in `Data`.
        stream_offset: How many bytes of the stream came before the gap.
    """

    size: int
    timestamp: int
    stream_offset: int


@frozen
class End:
    """Nothing follows. A stream has exactly one end.

    Args:
        reason: How it ended.
        timestamp: When the last packet of this direction, or the one that ended it, was captured, as in `Data`.
        stream_offset: The length of the stream, gaps counted.
    """

    reason: EndReason
    timestamp: int
    stream_offset: int


StreamEvent = Data | Gap | End

# (start, end, bytes, timestamp); no bytes where the capture cut them off
_Piece = tuple[int, int, bytes, int]
_start_of = itemgetter(0)


class StreamReassembler:
    """Puts the segments of one direction in order and drops what comes twice.

    Where segments overlap, the bytes that were captured first are kept. What a receiver keeps depends on its kernel
    and cannot be known; bytes that were handed out cannot be taken back, so only this rule gives the same stream
    however long a segment had to wait.

    A hole is waited for until the peer acknowledges what is behind it (`acknowledge`), until too much waits, or
    until `finish`. Then it comes out as a `Gap`.

    Args:
        max_bytes: How many bytes may wait for those before them.
        max_pieces: In how many pieces.
    """

    __slots__ = (
        "_end_at",
        "_ended",
        "_first_sequence",
        "_max_bytes",
        "_max_pieces",
        "_offset",
        "_pieces",
        "_timestamp",
        "buffered",
        "started_mid_stream",
    )

    def __init__(self, *, max_bytes: int = MAX_BUFFERED_BYTES, max_pieces: int = MAX_BUFFERED_PIECES) -> None:
        self._max_bytes = max_bytes
        self._max_pieces = max_pieces
        self._first_sequence: int | None = None  # the number of the stream's first byte
        self._offset = 0  # where the stream goes on
        self._end_at: int | None = None  # where a FIN said that it ends
        self._ended = False
        self._timestamp = 0
        self._pieces: list[_Piece] = []  # what came before its turn: sorted, without overlap, all behind _offset
        self.buffered = 0
        """Bytes that wait for those before them."""
        self.started_mid_stream = False
        """Whether the stream's first byte is only the first that was captured, because its SYN was not."""

    @property
    def started(self) -> bool:
        """Whether it is known where the stream starts."""
        return self._first_sequence is not None

    @property
    def ended(self) -> bool:
        """Whether the end has come out."""
        return self._ended

    def starts_at(self, sequence: int) -> bool:
        """Say whether the stream's first byte has this sequence number."""
        return self._first_sequence == sequence

    def is_near(self, sequence: int) -> bool:
        """Say whether a segment with this sequence number may be a late one of this stream."""
        return not self.started or abs(self._position(sequence) - self._offset) <= _NEAR

    def feed(self, sequence: int, flags: int, payload: bytes, timestamp: int, missing: int = 0) -> list[StreamEvent]:
        """Take the next segment of this direction, as captured.

        Args:
            sequence: Its sequence number, 0 to 2**32 - 1.
            flags: Its TCP flags.
            payload: Its captured bytes.
            timestamp: When it was captured, in nanoseconds since 1970.
            missing: How many bytes it had after those, which the capture cut off.

        Returns:
            What the stream goes on with; nothing after an `End`.
        """
        if self._ended:
            return []
        if flags & RST:  # what it may carry is no part of the stream
            return self.finish(EndReason.RESET, timestamp)
        if flags & SYN:
            sequence += 1  # the SYN itself counts as one
        if self._first_sequence is None:
            # A segment without bytes does not start a stream in its middle: a keep-alive probe's number is too low.
            if not (flags & (SYN | FIN) or payload or missing):
                return []
            self._first_sequence = sequence & 0xFFFF_FFFF
            self.started_mid_stream = not flags & SYN
        self._timestamp = timestamp
        start = self._position(sequence)
        captured = start + len(payload)
        end = captured + missing
        if start - self._offset > _MAX_WINDOW:
            return []
        if flags & FIN and self._end_at is None and end >= self._offset:
            self._end_at = end
        if start == self._offset and payload and not missing and not self._pieces:  # nearly always
            self._offset = end
            events: list[StreamEvent] = [Data(payload, timestamp, start)]
            if self._end_at is not None:
                events += self._advance()
            return events
        self._insert(start, captured, payload, timestamp)
        self._insert(captured, end, b"", timestamp)
        events = self._advance()
        while self.buffered > self._max_bytes or len(self._pieces) > self._max_pieces:
            events += self.skip_hole()
        return events

    def acknowledge(self, acknowledgment: int) -> list[StreamEvent]:
        """Take an acknowledgment number of the other direction: what is before it will not be sent again.

        Only a hole that something waits behind becomes a gap: packets of two directions are not always captured in
        order.

        Args:
            acknowledgment: The number, 0 to 2**32 - 1.

        Returns:
            What the stream goes on with.
        """
        events: list[StreamEvent] = []
        while self._pieces and self._pieces[0][0] <= self._position(acknowledgment):
            events += self.skip_hole()
        if self._end_at is not None and not self._ended and self._end_at < self._position(acknowledgment):
            events += self.skip_hole()
        return events

    def skip_hole(self) -> list[StreamEvent]:
        """Stop waiting for the bytes that are missing next, if something waits behind them.

        Returns:
            The gap, and what the stream goes on with.
        """
        if self._pieces and (self._end_at is None or self._pieces[0][0] < self._end_at):
            start, _, _, timestamp = self._pieces[0]
        elif self._end_at is not None and not self._ended:
            start, timestamp = self._end_at, self._timestamp
        else:
            return []
        gap = Gap(start - self._offset, timestamp, self._offset)
        self._offset = start
        return [gap, *self._advance()]

    def finish(self, reason: EndReason, timestamp: int | None = None) -> list[StreamEvent]:
        """Say that nothing follows.

        Args:
            reason: Why; a FIN that waited for missing bytes is the better reason.
            timestamp: When, in nanoseconds since 1970; by default, when the last segment was captured.

        Returns:
            All that waited, and the end; nothing if it has come before.
        """
        events: list[StreamEvent] = []
        while self._pieces:
            events += self.skip_hole()
        events += self.skip_hole()  # to the FIN
        if not self._ended:
            self._ended = True
            events.append(End(reason, self._timestamp if timestamp is None else timestamp, self._offset))
        return events

    def _position(self, sequence: int) -> int:
        """Where the byte with this number is in the stream, of all places 2**32 apart the one nearest to _offset."""
        expected = (self._first_sequence or 0) + self._offset
        return self._offset + ((sequence - expected + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000

    def _insert(self, start: int, end: int, data: bytes, timestamp: int) -> None:
        """Keep what is new of the bytes from start to end, none of which are known if `data` is empty."""
        cursor = max(start, self._offset)
        if cursor >= end:
            return
        pieces = self._pieces
        first = last = bisect_right(pieces, cursor, key=_start_of)
        if first and pieces[first - 1][1] > cursor:
            cursor = pieces[first - 1][1]
        new: list[_Piece] = []
        while cursor < end:
            known = pieces[last] if last < len(pieces) and pieces[last][0] < end else None
            stop = end if known is None else known[0]
            if cursor < stop:
                kept = data[cursor - start : stop - start]
                self.buffered += len(kept)
                new.append((cursor, stop, kept, timestamp))
            if known is None:
                break
            new.append(known)
            cursor = known[1]
            last += 1
        pieces[first:last] = new

    def _advance(self) -> list[StreamEvent]:
        """Hand out what is in order now."""
        events: list[StreamEvent] = []
        count = 0
        for start, end, data, timestamp in self._pieces:
            if start != self._offset:
                break
            events.append(Data(data, timestamp, start) if data else Gap(end - start, timestamp, start))
            self.buffered -= len(data)
            self._offset = end
            count += 1
        del self._pieces[:count]
        if self._end_at is not None and self._offset >= self._end_at:
            # What waits behind a FIN was never part of the stream.
            self._pieces.clear()
            self.buffered = 0
            self._ended = True
            events.append(End(EndReason.FIN, self._timestamp, self._offset))
        return events
