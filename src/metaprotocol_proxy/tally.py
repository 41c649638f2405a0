"""What came through a relay, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from metaprotocol_sdk import Direction, MessageType


@define
class Tally:
    """Counts of one connection, or of several.

    Args:
        messages: Messages by direction and type, the unreadable ones among them.
        unreadable: Messages that could not be read.
        unchanged: Messages that could not carry what was to be changed, and were passed on as they were.
        answered: Requests that were answered in the server's place.
        broken: Connections that failed: the server could not be reached or left requests unanswered, a stream could
            not be followed, or the codec could not be used.
        refused: Connections that were closed at once, since there was no file descriptor left.
        size: Bytes received, by direction.
    """

    messages: Counter[tuple[Direction, MessageType]] = Factory(Counter)
    unreadable: int = 0
    unchanged: int = 0
    answered: int = 0
    broken: int = 0
    refused: int = 0
    size: Counter[Direction] = Factory(Counter)

    def add(self, other: Tally) -> None:
        """Add another one's counts to these."""
        self.messages.update(other.messages)
        self.unreadable += other.unreadable
        self.unchanged += other.unchanged
        self.answered += other.answered
        self.broken += other.broken
        self.refused += other.refused
        self.size.update(other.size)

    def by_type(self, direction: Direction) -> dict[MessageType, int]:
        """Return how many messages of each type travelled this way."""
        return {message_type: number for (way, message_type), number in self.messages.items() if way is direction}

    def count(self, direction: Direction) -> int:
        """Return how many messages travelled this way."""
        return sum(self.by_type(direction).values())

    @property
    def sound(self) -> bool:
        """Whether every connection was served, and every message read, and changed as it was to be."""
        return not (self.unreadable or self.unchanged or self.broken or self.refused)
