"""Values of Hessian 2.0 that Python has no type of its own for.

The others are `None`, `bool`, `int` (32 bits), `float`, `str`, `bytes` and, for lists without a type, `list`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

MILLISECONDS_PER_MINUTE = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Long(int):
    """A whole number of 64 bits, Java's `long`, where an `int` is one of 32.

    It equals the `int` of the same value; its class is what tells a writer which of the two to write.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Long({int(self)})"


@frozen
class Date:
    """A moment, Java's `Date`.

    Args:
        milliseconds: Since 1970-01-01T00:00:00Z, without leap seconds; 64 bits, signed.
    """

    milliseconds: int

    def __str__(self) -> str:
        try:
            moment = _EPOCH + timedelta(milliseconds=self.milliseconds)
        except OverflowError:  # Java's years go further than Python's
            return repr(self)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class TypedList(list[Any]):
    """A list that names its type: a collection's class, or `[` and an array's element type, such as `[int`.

    Args:
        type: The name.
        items: What is in it.
    """

    __slots__ = ("type",)

    def __init__(self, type: str, items: Iterable[Any] = ()) -> None:  # noqa: A002 (the wire format's word)
        super().__init__(items)
        self.type = type

    def __repr__(self) -> str:
        return f"TypedList({self.type!r}, {super().__repr__()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedList) and self.type == other.type and super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def _to_pairs(pairs: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return list(pairs.items() if isinstance(pairs, Mapping) else pairs)


@define
class Map:
    """A map as its writer sent it.

    It is no `dict`, because on the wire a key may be a list or a map, and 1 as an int, a long, a double and a
    boolean are four keys. `dict(map.pairs)` makes one where the keys are known to allow it.

    Args:
        pairs: The keys and values, in their order; a mapping will do.
        type: The name of the map's class; None for a map without a type, a `HashMap` in Java.
    """

    pairs: list[tuple[Any, Any]] = field(default=Factory(list), converter=_to_pairs)
    type: str | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key of the same class; of a key that comes twice the last counts, as in Java."""
        for name, value in reversed(self.pairs):
            if type(name) is type(key) and name == key:
                return value
        return default


@define
class Instance:
    """An object of a class that the message defines.

    Args:
        class_name: The class, such as `org.example.User`.
        fields: The values by field name, in the order of the class definition.
    """

    class_name: str
    fields: dict[str, Any] = Factory(dict)
