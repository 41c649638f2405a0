"""Shows values to a person, in one line: `{1: 42, 2: 'boom', 3: ['a', 'b']}`, with names where they are known."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import define

from metaprotocol_codecs.thrift.protocols.walker import CONTAINERS, Items, Walker

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.idl import Type

MORE = "…"
# Characters or bytes that are shown of one string.
_LONGEST_SCALAR = 80
# Bytes of a character in UTF-8.
_LONGEST_CHARACTER = 4

Scalar = bool | int | float | bytes | UUID


class Reader(Walker):
    """Reads one value piece by piece."""

    @abstractmethod
    def scalar(self, kind: str) -> Scalar:
        """Read a value of a type that holds no others."""

    def skip_scalars(self, kind: str, items: Items, start: int) -> None:
        self.position = start
        self.skip(kind)


@define
class _Open:
    """A container that is being shown."""

    kind: str
    closing: str
    type: Type | None
    items: Items | None = None
    left: int = 0
    """The number of values to come in a list, a set or a map; each entry of a map has two."""
    field: int = 0
    """The id of a struct's last field."""
    begun: bool = False


def describe(reader: Reader, kind: str, known: Type | None, *, most: int, deepest: int) -> str:
    """Return a value in one line; a text that ends with … goes on. The cost is bounded by `most`.

    Args:
        reader: The reader, at the value.
        kind: The value's type.
        known: The same as the interface definition has it; None if it is not known.
        most: Characters to return, at least 1.
        deepest: The most containers that may be open at a time.
    """
    parts: list[str] = []
    length = 0
    stack: list[_Open] = []
    while length <= most:
        if kind in CONTAINERS:
            if len(stack) == deepest:
                return _shortened("".join((*parts, MORE)), most)
            opened = _open(reader, kind, known)
            stack.append(opened)
            text = "[" if opened.closing == "]" else "{"
        else:
            text = _scalar(reader.scalar(kind), known)
        parts.append(text)
        length += len(text)
        while stack:
            text, kind, known = _next(reader, stack[-1])
            parts.append(text)
            length += len(text)
            if kind:
                break
            stack.pop()
        else:
            break
    return _shortened("".join(parts), most)


def _open(reader: Reader, kind: str, known: Type | None) -> _Open:
    if kind == "struct":
        return _Open(kind, "}", known)
    items = reader.items(kind)
    return _Open(kind, "]" if kind == "list" else "}", known, items, items.count * (2 if kind == "map" else 1))


def _next(reader: Reader, inside: _Open) -> tuple[str, str, Type | None]:
    """Return the text before the next value of a container, and its type; at the end its bracket, and no type."""
    separator = ", " if inside.begun else ""
    inside.begun = True
    if inside.items is None:
        kind, inside.field = reader.field(inside.field)
        field = inside.type.fields.get(inside.field) if inside.type else None
        if not kind:
            return inside.closing, "", None
        name = field.name if field else str(inside.field)
        return f"{separator}{name}: ", kind, field.type if field else None
    if not inside.left:
        return inside.closing, "", None
    inside.left -= 1
    known = inside.type
    if inside.kind != "map":
        return separator, inside.items.item, known.item if known else None
    if inside.left % 2:
        return separator, inside.items.key, known.key if known else None
    return ": ", inside.items.item, known.item if known else None


def _scalar(value: Scalar, known: Type | None) -> str:
    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, bool):
        return str(value).lower()
    if known is not None and isinstance(value, int) and value in known.numbers:
        return known.numbers[value]
    return str(value)


def text_of(value: bytes) -> str:
    """Return a string as text if it is UTF-8, else as hex digits; long ones are shortened."""
    shown = value[:_LONGEST_SCALAR]
    more = "" if len(value) == len(shown) else MORE
    try:
        return repr(shown.decode()) + more
    except UnicodeDecodeError as error:
        if more and error.end == len(shown) and len(shown) - error.start < _LONGEST_CHARACTER:
            return repr(shown[: error.start].decode()) + more  # the cut is in the middle of a character
        return "0x" + shown.hex() + more


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + MORE
