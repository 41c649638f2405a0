"""Finds the request that a response answers."""

from __future__ import annotations

from collections import OrderedDict

from metaprotocol_sdk import Codec, Correlation, Direction, MessageType, Metadata, ProtocolError

MAX_WAITING = 65_536
"""Requests of one connection that are remembered until their answer comes; the oldest gives way."""

MAX_WAITING_SIZE = 64 * 1024 * 1024
"""Bytes that these requests may hold on to, in messages and properties; the oldest gives way."""

_ANSWERS = frozenset({MessageType.RESPONSE, MessageType.ERROR, MessageType.HEARTBEAT})


class Pairing:
    """Pairs the messages of one connection.

    Args:
        codec: The codec that decoded them.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._by_id = codec.correlation is Correlation.ID
        # By id, or by a running number where answers come in the order of the questions.
        self._waiting: OrderedDict[tuple[Direction, int], tuple[Metadata, int, int]] = OrderedDict()
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
        return [self._pop(key)[0] for key in keys]

    def _remember(self, metadata: Metadata, direction: Direction, timestamp: int) -> None:
        key = direction, metadata.request_id if self._by_id else self._asked[direction]
        if key in self._waiting:  # an id that is used again before its answer came
            self._forget(key)
        size = len(metadata.message) + sum(map(len, metadata.properties)) + sum(map(len, metadata.properties.values()))
        self._waiting[key] = metadata, timestamp, size
        self._asked[direction] += 1
        self._size += size
        while len(self._waiting) > MAX_WAITING or (self._size > MAX_WAITING_SIZE and len(self._waiting) > 1):
            self._forget(next(iter(self._waiting)))

    def _recall(self, metadata: Metadata, asked: Direction) -> tuple[Metadata, int, int] | None:
        if self._by_id:
            key = asked, metadata.request_id
            found = key in self._waiting
        else:
            key = asked, self._answered[asked]
            found = self._answered[asked] < self._asked[asked]
        if found:
            self._answered[asked] += 1
        return self._pop(key) if key in self._waiting else None

    def _forget(self, key: tuple[Direction, int]) -> None:
        self._pop(key)
        if self._by_id:  # in order, its answer still comes, and counts then
            self._answered[key[0]] += 1

    def _pop(self, key: tuple[Direction, int]) -> tuple[Metadata, int, int]:
        waiting = self._waiting.pop(key)
        self._size -= waiting[2]
        return waiting
