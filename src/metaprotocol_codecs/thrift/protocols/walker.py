"""What goes through the values of a struct and tells their types, without building one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

CONTAINERS = frozenset({"struct", "list", "set", "map"})
"""The types whose values hold others."""


@frozen
class Items:
    """The head of a list, a set or a map: the number of entries, and their types; that of keys is "" but for maps."""

    count: int
    key: str
    item: str


class Walker(ABC):
    """Goes from value to value. Types have the names that the interface definition language has for them.

    Args:
        data: What holds the values, which a skipper has found to be sound.
        position: Where the first one begins.
    """

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    @abstractmethod
    def field(self, previous: int) -> tuple[str, int]:
        """Read the head of a field behind the one with the id `previous`: its type, "" at the struct's end, and id."""

    @abstractmethod
    def items(self, kind: str) -> Items:
        """Read the head of a list, a set or a map."""

    @abstractmethod
    def skip(self, kind: str) -> None:
        """Step over a value."""

    @abstractmethod
    def skip_scalars(self, kind: str, items: Items, start: int) -> None:
        """Step over the rest of a list, a set or a map whose items are no containers.

        Args:
            kind: Its type.
            items: Its head, which was just read.
            start: Where that begins.
        """

    # Only JSON has something to read at these places.

    def begin_struct(self) -> None:
        """Read what stands before the first field."""

    def end_field(self) -> None:
        """Read what stands behind a field's value."""

    def before_item(self, kind: str, left: int) -> None:
        """Read what stands before an item: `left` more come behind it, of a map's two for each entry."""

    def end_items(self, kind: str) -> None:
        """Read what stands behind the last item."""
