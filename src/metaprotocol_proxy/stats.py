"""Counters of relayed connections."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from metaprotocol_sdk import Direction, MessageType


@define
class Stats:
    """Counters of one connection, or the sums of several.

    Args:
        messages: Messages by direction and type, including unreadable ones.
        unreadable: Messages that could not be read.
        unchanged: Messages that could not carry the change that a rule asks for, and were passed on as they came.
        answered: Requests that the relay answered instead of the server.
        failed: Connections that failed: the server could not be reached or left requests unanswered, a side sent bytes
            that are not the protocol's, or the codec raised an exception.
        refused: Connections that were closed at once because no file descriptor was left.
        size: Bytes received, by direction.
        opaque: Bytes among them that came after the end of the protocol, by direction; they were passed on unread.
    """

    messages: Counter[tuple[Direction, MessageType]] = Factory(Counter)
    unreadable: int = 0
    unchanged: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    size: Counter[Direction] = Factory(Counter)
    opaque: Counter[Direction] = Factory(Counter)

    def add(self, other: Stats) -> None:
        """Add the counters of another object to these."""
        self.messages.update(other.messages)
        self.unreadable += other.unreadable
        self.unchanged += other.unchanged
        self.answered += other.answered
        self.failed += other.failed
        self.refused += other.refused
        self.size.update(other.size)
        self.opaque.update(other.opaque)

    def by_type(self, direction: Direction) -> dict[MessageType, int]:
        """Return the number of messages of each type in one direction."""
        return {message_type: number for (way, message_type), number in self.messages.items() if way is direction}

    def count(self, direction: Direction) -> int:
        """Return the number of messages in one direction."""
        return sum(self.by_type(direction).values())

    @property
    def ok(self) -> bool:
        """True if every connection was served, every message was read, and every change was applied."""
        return not (self.unreadable or self.unchanged or self.failed or self.refused)
