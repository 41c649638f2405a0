"""Finds the request that a captured response answers."""

from __future__ import annotations

from collections import OrderedDict, deque

from metaprotocol_sdk import Codec, Correlation, Direction, MessageType, Metadata

MAX_WAITING = 65_536
"""Requests of one connection that are remembered until their answer comes; the oldest gives way."""

_ANSWERS = frozenset({MessageType.RESPONSE, MessageType.ERROR, MessageType.HEARTBEAT})


class Pairing:
    """Pairs the messages of one connection.

    Args:
        codec: The codec that decoded them.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._by_id: OrderedDict[tuple[Direction, int], tuple[Metadata, int]] = OrderedDict()
        self._in_order: dict[Direction, deque[tuple[Metadata, int]]] = {
            direction: deque(maxlen=MAX_WAITING) for direction in Direction
        }

    def take(self, metadata: Metadata, direction: Direction, timestamp: int) -> int | None:
        """Take the next message; if it is an answer, set its `request`.

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
        waiting = self._recall(metadata, direction)
        if waiting is None:
            return None
        metadata.request, asked = waiting
        self._codec.complete(metadata)
        return timestamp - asked if timestamp and asked else None

    def _remember(self, metadata: Metadata, direction: Direction, timestamp: int) -> None:
        if self._codec.correlation is Correlation.ID:
            self._by_id[direction, metadata.request_id] = metadata, timestamp
            if len(self._by_id) > MAX_WAITING:
                self._by_id.popitem(last=False)
        else:
            self._in_order[direction].append((metadata, timestamp))

    def _recall(self, metadata: Metadata, direction: Direction) -> tuple[Metadata, int] | None:
        asked = Direction.TO_CLIENT if direction is Direction.TO_SERVER else Direction.TO_SERVER
        if self._codec.correlation is Correlation.ID:
            return self._by_id.pop((asked, metadata.request_id), None)
        return self._in_order[asked].popleft() if self._in_order[asked] else None
