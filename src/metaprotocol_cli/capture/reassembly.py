"""TCP reassembly of one direction of one connection. Sans-IO: segments go in, the stream comes out."""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum, unique
from operator import itemgetter

from attrs import frozen

from metaprotocol_cli.capture.segment import FIN, RST, SYN

MAX_BUFFERED_BYTES = 4_194_304
"""Bytes that a stream keeps because earlier ones are missing: more than the windows that servers use."""
MAX_BUFFERED_PIECES = 1024
"""The number of pieces that hold these bytes; it bounds the work that an overlap can cause."""

_MAX_WINDOW = 65_535 << 14  # RFC 7323: no receiver accepts bytes that are further ahead
_NEAR = 1 << 24  # 16 MiB: the distance within which a packet is a late one of a stream that has ended


@unique
class EndReason(StrEnum):
    """The way in which one direction of a connection ended."""

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
        timestamp: The time when they were captured, in nanoseconds since 1970; 0 if unknown. Bytes that waited for
            those before them keep their own time.
        stream_offset: The number of bytes of the stream before them, gaps included.
    """

    data: bytes
    timestamp: int
    stream_offset: int


@frozen
class Gap:
    """Bytes of the stream that are not in the capture.

    Args:
        size: The number of bytes, at least 1.
        timestamp: The time when the next bytes were captured, as in `Data`.
        stream_offset: The number of bytes of the stream before the gap.
    """

    size: int
    timestamp: int
    stream_offset: int


@frozen
class End:
    """The end of the stream; it has exactly one.

    Args:
        reason: The way in which it ended.
        timestamp: The time of the last packet of this direction, or of the one that ended it, as in `Data`.
        stream_offset: The length of the stream, gaps included.
    """

    reason: EndReason
    timestamp: int
    stream_offset: int


StreamEvent = Data | Gap | End

# (start, end, bytes, timestamp); no bytes where the capture cut them off
_Piece = tuple[int, int, bytes, int]
_start_of = itemgetter(0)


class StreamReassembler:
    """Puts the segments of one direction in order and drops bytes that come twice.

    If segments overlap, the bytes that were captured first are kept. The receiver's choice depends on its kernel and is
    unknown. Bytes that were returned cannot be taken back, so only this rule gives the same stream however long a
    segment had to wait.

    A hole stays open until the peer acknowledges bytes after it (`acknowledge`), until too many bytes wait, or until
    `finish`. Then it is returned as a `Gap`.

    Args:
        max_bytes: Bytes that may wait for earlier ones.
        max_pieces: The number of pieces that may hold these bytes.
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
        self._offset = 0  # of the next byte that was not returned
        self._end_at: int | None = None  # the end that a FIN has announced
        self._ended = False
        self._timestamp = 0
        self._pieces: list[_Piece] = []  # bytes that wait: sorted, without overlap, all after _offset
        self.buffered = 0
        """The number of bytes that wait for earlier ones."""
        self.started_mid_stream = False
        """True if the SYN was not captured, so that the stream's real first byte is unknown."""

    @property
    def started(self) -> bool:
        """True if the stream's first byte is known."""
        return self._first_sequence is not None

    @property
    def ended(self) -> bool:
        """True if the end was returned."""
        return self._ended

    def starts_at(self, sequence: int) -> bool:
        """Return True if the stream's first byte has this sequence number."""
        return self._first_sequence == sequence

    def is_near(self, sequence: int) -> bool:
        """Return True if a segment with this sequence number may be a late one of this stream."""
        return not self.started or abs(self._position(sequence) - self._offset) <= _NEAR

    def feed(self, sequence: int, flags: int, payload: bytes, timestamp: int, missing: int = 0) -> list[StreamEvent]:
        """Take the next segment of this direction, as captured.

        Args:
            sequence: Its sequence number, 0 to 2**32 - 1.
            flags: Its TCP flags.
            payload: Its captured bytes.
            timestamp: The time when it was captured, in nanoseconds since 1970.
            missing: The number of bytes after those, which the capture cut off.

        Returns:
            The next events of the stream; none after an `End`.
        """
        if self._ended:
            return []
        if flags & RST:  # bytes that it may carry are not part of the stream
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
        if start == self._offset and payload and not missing and not self._pieces:  # the usual case
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
        """Take an acknowledgment number of the other direction: bytes before it will not be sent again.

        Only a hole with bytes waiting after it becomes a gap: packets of two directions are not always captured in
        order.

        Args:
            acknowledgment: The number, 0 to 2**32 - 1.

        Returns:
            The next events of the stream.
        """
        events: list[StreamEvent] = []
        while self._pieces and self._pieces[0][0] <= self._position(acknowledgment):
            events += self.skip_hole()
        if self._end_at is not None and not self._ended and self._end_at < self._position(acknowledgment):
            events += self.skip_hole()
        return events

    def skip_hole(self) -> list[StreamEvent]:
        """Stop waiting for the next missing bytes, if later ones are there.

        Returns:
            The gap, and the events after it.
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
        """End the stream.

        Args:
            reason: The reason, unless a FIN waits for missing bytes.
            timestamp: The time in nanoseconds since 1970; by default that of the last segment.

        Returns:
            The events of all bytes that waited, and the end; none if the stream has ended before.
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
        """Return the offset of the byte with this number: of all that are 2**32 apart, the one nearest to _offset."""
        expected = (self._first_sequence or 0) + self._offset
        return self._offset + ((sequence - expected + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000

    def _insert(self, start: int, end: int, data: bytes, timestamp: int) -> None:
        """Keep the new ones of the bytes from start to end; empty `data` stands for bytes that the capture cut off."""
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
        """Return the bytes that are in order now."""
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
            # Bytes after a FIN were never part of the stream.
            self._pieces.clear()
            self.buffered = 0
            self._ended = True
            events.append(End(EndReason.FIN, self._timestamp, self._offset))
        return events
