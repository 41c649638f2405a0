"""Goes through the values of a struct and tells their types, without building a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from metaprotocol_sdk import Limits

CONTAINERS = frozenset({"struct", "list", "set", "map"})
"""The types whose values hold others."""


@frozen
class Items:
    """The head of a list, a set or a map: the number of entries, and their types; `key` is "" unless it is a map."""

    count: int
    key: str
    item: str


class Walker(ABC):
    """Goes from value to value. Types have the names that the interface definition language has for them.

    Args:
        data: The bytes that hold the values, which a skipper has found to be sound.
        position: The index at which the first one begins.
        limits: The bounds of what is stepped over.
    """

    def __init__(self, data: bytes, position: int, limits: Limits) -> None:
        self.data = data
        self.position = position
        self._limits = limits

    @abstractmethod
    def field(self, previous: int) -> tuple[str, int]:
        """Read the head of the field after the one with the id `previous`: its type, "" at the struct's end, and id."""

    @abstractmethod
    def items(self, kind: str) -> Items:
        """Read the head of a list, a set or a map."""

    @abstractmethod
    def skip(self, kind: str) -> None:
        """Step over a value."""

    @abstractmethod
    def skip_scalars(self, kind: str, items: Items, start: int) -> None:
        """Step over the rest of a list, a set or a map whose items are scalars.

        Args:
            kind: Its type.
            items: Its head, which was just read.
            start: The index at which the head begins.
        """

    # Only JSON has separators to read.

    def begin_struct(self) -> None:
        """Read the separator before the first field."""

    def end_field(self) -> None:
        """Read the separator after a field's value."""

    def before_item(self, kind: str, left: int) -> None:
        """Read the separator before an item, which `left` more follow; an entry of a map counts twice."""

    def end_items(self, kind: str) -> None:
        """Read the separator after the last item."""
