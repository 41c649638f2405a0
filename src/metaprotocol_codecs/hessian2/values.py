"""Values of Hessian 2.0 without a type of their own in Python, and the text by which values are shown.

The other values are `None`, `bool`, `int` (32 bits), `float`, `str`, `bytes` and, for lists without a type, `list`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MILLISECONDS_PER_MINUTE = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MORE = "…"
# Characters or bytes that are shown of one string or binary.
_LONGEST_SCALAR = 80


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


def describe(value: Any, most: int) -> str:
    """Return a value in one line, such as `org.example.User(name='x', age=3, friends=[…])`.

    Control characters are escaped. What contains itself is shown with … inside, and so are long strings and
    binaries; a text that ends with … goes on. The cost is bounded by `most`, whatever the value's size and depth.

    Args:
        value: What a `Reader` returns.
        most: Characters to return, at least 1.
    """
    parts: list[str] = []
    length = 0
    # A container's pieces are its text and, as a tuple of one, each value in it.
    open_pieces: list[Iterator[str | tuple[Any]]] = [iter([(value,)])]
    open_values: dict[int, Any] = {}
    while open_pieces and length <= most:
        piece = next(open_pieces[-1], None)
        if piece is None:
            open_pieces.pop()
            if open_values:
                open_values.popitem()
            continue
        if isinstance(piece, str):
            text = piece
        elif not isinstance(piece[0], list | dict | Map | Instance):
            text = _scalar(piece[0])
        elif id(piece[0]) in open_values:
            text = _MORE.join(_brackets(piece[0]))
        else:
            open_values[id(piece[0])] = piece[0]
            open_pieces.append(_pieces(piece[0]))
            continue
        parts.append(text)
        length += len(text)
    text = "".join(parts)
    return text if len(text) <= most else text[: most - 1] + _MORE


def _pieces(value: Any) -> Iterator[str | tuple[Any]]:
    opening, closing = _brackets(value)
    yield opening
    separator = ""
    if isinstance(value, list):
        for item in value:
            yield separator
            yield (item,)
            separator = ", "
    elif isinstance(value, Instance):
        for name, item in value.fields.items():
            yield f"{separator}{_name(name)}="
            yield (item,)
            separator = ", "
    else:
        pairs: Iterable[tuple[Any, Any]] = value.pairs if isinstance(value, Map) else value.items()
        for key, item in pairs:
            yield separator
            yield (key,)
            yield ": "
            yield (item,)
            separator = ", "
    yield closing


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Instance):
        return _name(value.class_name) + "(", ")"
    if isinstance(value, TypedList):
        return _name(value.type) + " [", "]"
    if isinstance(value, list):
        return "[", "]"
    if isinstance(value, Map) and value.type is not None:
        return _name(value.type) + " {", "}"
    return "{", "}"


def _scalar(value: Any) -> str:
    if isinstance(value, str | bytes):
        return repr(value[:_LONGEST_SCALAR]) + _MORE * (len(value) > _LONGEST_SCALAR)
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(int(value))
    return str(value) if isinstance(value, Date) else f"<{type(value).__name__}>"


def _name(name: str) -> str:
    """Return a name in which nothing can be taken for the text around it; most can be shown as they are."""
    shown = name[:_LONGEST_SCALAR]
    if not all(part.isidentifier() for part in shown.lstrip("[").replace("$", "_").split(".")):
        shown = repr(shown)
    return shown + _MORE * (len(name) > _LONGEST_SCALAR)
