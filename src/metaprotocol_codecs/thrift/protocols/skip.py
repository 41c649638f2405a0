"""The base of the skippers of Thrift's protocols.

A skipper walks over one struct and finds its end without building a value. It takes the bytes in pieces of any size,
does not recurse, and keeps only the containers that are open at its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from metaprotocol_sdk import DecodeError, LimitExceeded

if TYPE_CHECKING:
    import re

    from metaprotocol_sdk import Limits

BATCH = 16
"""The number of items of a container that are skipped at once."""

# An open container is one number: the items to come, times ONE, plus the types of the items: the low byte is the type
# of keys, the next that of values. A map of n entries has 2n items, so that an odd number means that
# a value comes; in a list both types are the same. Type 0 stands for structs in structs, and the number is how many
# of them are open.
ONE = 1 << 16
TYPES = ONE - 1
STRUCTS = 0


MatchAny = Callable[[bytes, int], "re.Match[bytes]"]
"""The `match` of a pattern that always matches, if only the empty string."""


class Skipper(ABC):
    """Skips one struct, or one value of another type; with JSON, one message.

    Args:
        limits: `max_message_size` bounds every declared size, and `max_elements` the number of containers that are open
            at a time. That does not bound the depth: structs in structs take no memory, nor does a container at its
            last item. Servers differ in the depth they accept (Go 64, Java as much as its stack holds), and none
            comes near the default.
        kind: The type of the value, by the protocol's number; by default a struct.
    """

    __slots__ = ("_limits", "_stack", "_top", "base", "done")

    def __init__(self, limits: Limits, kind: int = STRUCTS) -> None:
        self._limits = limits
        self._top = ONE | kind << 8 | kind
        self._stack = [0]
        self.base = 0
        """The index in the message of the data's first byte; may be set between runs."""
        self.done = False

    @abstractmethod
    def run(self, data: bytes, position: int) -> int:
        """Go on at a position, as far as the data reaches.

        Args:
            data: The bytes of the message from `base` on.
            position: The index at which the last run stopped; nothing is done if it lies after the data.

        Returns:
            The end of the struct if `done` is now set. Otherwise the index at which the next run goes on, which may
            lie after the data; the bytes before it are no longer needed.

        Raises:
            DecodeError: The bytes are not a struct.
            LimitExceeded: A size passes the limits. The offsets of both count from the data's first byte.
        """

    def _check_size(self, count: int, position: int, width: int = 1) -> None:
        """Check a number of items, each of at least `width` bytes, the first of which begins at a position."""
        if not 0 <= count < 1 << 31:
            raise DecodeError(f"a size is {count:,}, and must be 0 to 2,147,483,647", offset=position, field="size")
        total = self.base + position + count * width
        largest = self._limits.max_message_size
        if total > largest:
            raise LimitExceeded("max_message_size", total, largest, offset=position, field="size")

    def _push(self, top: int, position: int) -> None:
        """Remember the container around one that begins before a position."""
        most = self._limits.max_elements
        if len(self._stack) > most:
            raise LimitExceeded("max_elements", most + 1, most, offset=position)
        self._stack.append(top)


def short_strings() -> bytes:
    """Return a pattern of a length byte of 0 to 63 and as many bytes."""
    groups = []
    for low in range(0, 64, 8):
        strings = b"|".join(rb"\x%02x.{%d}" % (length, length) for length in range(low, low + 8))
        groups.append(rb"(?=[\x%02x-\x%02x])(?:%s)" % (low, low + 7, strings))
    return b"(?:" + b"|".join(groups) + b")"


def batch_of(item: bytes) -> bytes:
    """Return a pattern of `BATCH` items."""
    return b"(?:%b){%d}+" % (item, BATCH)
