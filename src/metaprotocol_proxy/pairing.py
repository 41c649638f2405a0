"""Finds the request that a response answers."""

from __future__ import annotations

from collections import OrderedDict, deque

from metaprotocol_sdk import Codec, Correlation, Direction, MessageType, Metadata, ProtocolError

MAX_WAITING = 65_536
"""Requests of one connection that are remembered until their answer comes; the oldest gives way."""

MAX_WAITING_SIZE = 64 * 1024 * 1024
"""Bytes that these requests may hold on to, in messages and properties; the oldest gives way."""

_Key = tuple[Direction, int]
_Waiting = tuple[Metadata, int, int]
"""A request, its time, and how much it holds on to."""

_ANSWERS = frozenset({MessageType.RESPONSE, MessageType.ERROR, MessageType.HEARTBEAT})


class Pairing:
    """Pairs the messages of one connection.

    Args:
        codec: The codec that decoded them.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._by_id = codec.correlation is Correlation.ID
        # By the running number of the request among those of its direction.
        self._waiting: OrderedDict[_Key, _Waiting] = OrderedDict()
        # The numbers of the requests that carry an id, the oldest first: some clients give all theirs the same one.
        self._numbers: dict[_Key, deque[int]] = {}
        self._asked = dict.fromkeys(Direction, 0)
        self._answered = dict.fromkeys(Direction, 0)
        self._size = 0

    def take(self, metadata: Metadata, direction: Direction, timestamp: int = 0) -> int | None:
        """Take the next message; if it is an answer, set its `request` and let the codec complete it.

        What the codec cannot read then becomes the answer's `error`.

        Args:
            metadata: The message.
            direction: Which way it travels.
            timestamp: When, in nanoseconds; 0 if unknown.

        Returns:
            Nanoseconds from the request to this answer; None if this is none, or a time is unknown.
        """
        if metadata.expects_reply:
            self._remember(metadata, direction, timestamp)
            return None
        if metadata.message_type not in _ANSWERS:
            return None
        waiting = self._recall(metadata, direction.opposite)
        if waiting is None:
            return None
        metadata.request, asked, _ = waiting
        try:
            self._codec.complete(metadata)
        except ProtocolError as error:
            metadata.error = error.with_traceback(None)
        return timestamp - asked if timestamp and asked else None

    def asked(self, direction: Direction) -> int:
        """Return how many requests were taken that travel this way."""
        return self._asked[direction]

    def answered(self, direction: Direction) -> int:
        """Return how many requests that travel this way wait no longer."""
        return self._answered[direction]

    def waiting(self, direction: Direction) -> int:
        """Return how many requests that travel this way wait for an answer."""
        return self._asked[direction] - self._answered[direction]

    def give_up(self, direction: Direction) -> list[Metadata]:
        """Forget the requests that travel this way and wait for an answer; return them, the oldest first."""
        keys = [key for key in self._waiting if key[0] is direction]
        self._answered[direction] = self._asked[direction]
        self._numbers = {key: numbers for key, numbers in self._numbers.items() if key[0] is not direction}
        return [self._pop(key)[0] for key in keys]

    def _remember(self, metadata: Metadata, direction: Direction, timestamp: int) -> None:
        number = self._asked[direction]
        self._asked[direction] += 1
        if self._by_id:
            self._numbers.setdefault((direction, metadata.request_id), deque()).append(number)
        size = len(metadata.message) + sum(map(len, metadata.properties)) + sum(map(len, metadata.properties.values()))
        self._waiting[direction, number] = metadata, timestamp, size
        self._size += size
        while len(self._waiting) > MAX_WAITING or (self._size > MAX_WAITING_SIZE and len(self._waiting) > 1):
            self._forget(next(iter(self._waiting)))

    def _recall(self, metadata: Metadata, asked: Direction) -> _Waiting | None:
        if self._by_id:
            number = self._next_number((asked, metadata.request_id))
            if number is None:
                return None
        else:
            number = self._answered[asked]
            if number == self._asked[asked]:
                return None
        self._answered[asked] += 1
        key = asked, number
        return self._pop(key) if key in self._waiting else None

    def _next_number(self, key: _Key) -> int | None:
        numbers = self._numbers.get(key)
        if numbers is None:
            return None
        number = numbers.popleft()
        if not numbers:
            del self._numbers[key]
        return number

    def _forget(self, key: _Key) -> None:
        request = self._pop(key)[0]
        if self._by_id:  # in order, its answer still comes, and counts then
            self._next_number((key[0], request.request_id))
            self._answered[key[0]] += 1

    def _pop(self, key: _Key) -> _Waiting:
        waiting = self._waiting.pop(key)
        self._size -= waiting[2]
        return waiting
