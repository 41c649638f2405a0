"""Finds the request that a response answers, and keeps the streams that are open."""

from __future__ import annotations

from collections import OrderedDict, deque

from attrs import define

from metaprotocol_sdk import Codec, Correlation, Direction, MessageType, Metadata, ProtocolError, Status

MAX_PENDING = 65_536
"""Pending requests in one direction of a connection, and open streams. The oldest is forgotten to make room."""

MAX_PENDING_SIZE = 64 * 1024 * 1024
"""Bytes of messages and properties that the pending requests of one direction, and the open streams, hold. The oldest
is forgotten to make room."""

_RESPONSES = frozenset({MessageType.RESPONSE, MessageType.EXCEPTION})
_ANSWERS = _RESPONSES | {MessageType.HEARTBEAT}
_STREAM_CLOSES = frozenset({MessageType.STREAM_CLOSE_ONE_WAY, MessageType.STREAM_CLOSE_TWO_WAY})

_Entry = tuple[Metadata, int, int]
"""A request, its timestamp, and the bytes that it holds."""


class Correlator:
    """Pairs the requests and the responses of one connection, in both directions.

    A response is paired by the codec's `correlation`. The answer to a `STREAM_INIT` is paired by its stream id.

    Args:
        codec: The codec that decoded the messages.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._pending = {direction: _Pending(codec.correlation is Correlation.ID) for direction in Direction}
        self._streams = _Streams()

    def correlate(self, message: Metadata, direction: Direction, timestamp: int = 0) -> int | None:
        """Take the next message. If it answers a request, set its `request` and let the codec complete it.

        A `ProtocolError` of the codec becomes the `error` of the answer.

        Args:
            message: The message.
            direction: The way it travels.
            timestamp: Its time in nanoseconds; 0 if unknown.

        Returns:
            Nanoseconds from the request to this answer; None if the message is not an answer or a time is unknown.
        """
        entry = None
        if message.stream_id is not None:
            entry = self._streams.take(message, message.stream_id, direction, timestamp)
        if message.message_type is MessageType.STREAM_INIT:
            pass  # the streams have it
        elif message.expects_reply:
            self._pending[direction].add(message, timestamp)
        elif entry is None and message.message_type in _ANSWERS:
            entry = self._pending[direction.opposite].pop_answered_by(message)
        if entry is None:
            return None
        message.request, asked, _ = entry
        try:
            self._codec.complete(message)
        except ProtocolError as error:
            message.error = error.with_traceback(None)
        return timestamp - asked if timestamp and asked else None

    def pending(self, direction: Direction) -> int:
        """Return the number of requests in this direction that wait for an answer; streams are not among them."""
        return self._pending[direction].count

    def next_number(self, direction: Direction) -> int:
        """Return the number of the next request in this direction; the first is 0."""
        return self._pending[direction].next_number

    def oldest_number(self, direction: Direction) -> int:
        """Return the number of the oldest pending request in this direction; `next_number` if none is pending."""
        return self._pending[direction].oldest_number

    def pop_oldest(self, direction: Direction) -> tuple[int, Metadata] | None:
        """Remove the oldest pending request in this direction; return its number and itself, or None."""
        return self._pending[direction].pop_oldest()

    def pop_stream(self) -> tuple[Metadata, bool] | None:
        """Remove the oldest open stream; return the message that opened it, and True if the server accepted it."""
        return self._streams.pop_oldest()


class _Pending:
    """The pending requests of one direction."""

    def __init__(self, by_id: bool) -> None:
        self._by_id = by_id
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        # The numbers of the pending requests with each id, the oldest first: some clients use one id for all requests.
        self._numbers: dict[int, deque[int]] = {}
        self._size = 0
        # Without ids, the number of the request that the next answer belongs to.
        self._next_answered = 0
        self.next_number = 0

    @property
    def count(self) -> int:
        # Without ids, the answer to a forgotten request still comes, and has to be counted.
        return len(self._entries) if self._by_id else self.next_number - self._next_answered

    @property
    def oldest_number(self) -> int:
        return next(iter(self._entries), self.next_number) if self._by_id else self._next_answered

    def add(self, request: Metadata, timestamp: int) -> None:
        number = self.next_number
        self.next_number += 1
        if self._by_id:
            self._numbers.setdefault(request.request_id, deque()).append(number)
        size = _size_of(request)
        self._entries[number] = request, timestamp, size
        self._size += size
        while len(self._entries) > MAX_PENDING or (self._size > MAX_PENDING_SIZE and len(self._entries) > 1):
            self._pop(next(iter(self._entries)))

    def pop_answered_by(self, response: Metadata) -> _Entry | None:
        if self._by_id:
            numbers = self._numbers.get(response.request_id)
            return None if numbers is None else self._pop(numbers[0])
        if self._next_answered == self.next_number:
            return None
        self._next_answered += 1
        number = self._next_answered - 1
        return self._pop(number) if number in self._entries else None

    def pop_oldest(self) -> tuple[int, Metadata] | None:
        number = next(iter(self._entries), None)
        if number is None:
            return None
        self._next_answered = number + 1
        return number, self._pop(number)[0]

    def _pop(self, number: int) -> _Entry:
        entry = self._entries.pop(number)
        self._size -= entry[2]
        if self._by_id:
            request_id = entry[0].request_id
            numbers = self._numbers[request_id]
            numbers.popleft()  # the entries with an id are removed in their order, so it is this one
            if not numbers:
                del self._numbers[request_id]
        return entry


@define
class _Stream:
    entry: _Entry
    accepted: bool
    half_closed: Direction | None = None


class _Streams:
    """The open streams of a connection; a client opens them, and each side may end them."""

    def __init__(self) -> None:
        self._streams: OrderedDict[int, _Stream] = OrderedDict()
        self._size = 0

    def take(self, message: Metadata, stream_id: int, direction: Direction, timestamp: int) -> _Entry | None:
        """Take a message with a stream id; return the entry of the `STREAM_INIT` that it answers."""
        message_type = message.message_type
        if message_type is MessageType.STREAM_INIT and direction is Direction.TO_SERVER:
            self._open(stream_id, message, timestamp)
            return None
        stream = self._streams.get(stream_id)
        if stream is None:
            return None
        if message_type is MessageType.STREAM_INIT or (message_type in _RESPONSES and not stream.accepted):
            if message.status is Status.ERROR:
                self._remove(stream_id)
            stream.accepted = True
            return stream.entry
        if message_type in _STREAM_CLOSES:
            one_way = message_type is MessageType.STREAM_CLOSE_ONE_WAY
            if one_way and stream.half_closed in (None, direction):
                stream.half_closed = direction
            else:
                self._remove(stream_id)
        return None

    def pop_oldest(self) -> tuple[Metadata, bool] | None:
        stream_id = next(iter(self._streams), None)
        if stream_id is None:
            return None
        stream = self._remove(stream_id)
        return stream.entry[0], stream.accepted

    def _open(self, stream_id: int, message: Metadata, timestamp: int) -> None:
        if stream_id in self._streams:
            self._remove(stream_id)
        size = _size_of(message)
        self._streams[stream_id] = _Stream((message, timestamp, size), accepted=not message.expects_reply)
        self._size += size
        while len(self._streams) > MAX_PENDING or (self._size > MAX_PENDING_SIZE and len(self._streams) > 1):
            self._remove(next(iter(self._streams)))

    def _remove(self, stream_id: int) -> _Stream:
        stream = self._streams.pop(stream_id)
        self._size -= stream.entry[2]
        return stream


def _size_of(request: Metadata) -> int:
    properties = request.properties
    return len(request.message) + sum(map(len, properties)) + sum(map(len, properties.values()))
