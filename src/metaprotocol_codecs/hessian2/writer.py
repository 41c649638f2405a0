"""Writes values of Hessian 2.0 as Apache hessian-lite 4 does, so that Java reads them.

Every number takes its shortest form. Two differences, so that every reader gets every bit of a double: -0.0 keeps its
sign, and a number is written in thousandths only where multiplying by 0.001 and dividing by 1000 give the same.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.hessian2.values import (
    MILLISECONDS_PER_MINUTE,
    Date,
    Instance,
    Long,
    Map,
    TypedList,
)
from metaprotocol_sdk import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_INT = Struct(">i")
_LONG = Struct(">q")
_DOUBLE = Struct(">d")

# Hessian2Output.writeString's bound, in UTF-16 units.
_STRING_CHUNK = 0x8000
# Hessian2Output has a buffer of 8 KiB, and 3 bytes of it are the chunk's own head.
_BINARY_CHUNK = 8189
_SHORT_HEADS = [bytes((size,)) for size in range(32)]
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def write_string(text: str) -> bytes:
    """Return a string as Java's writer counts and writes it.

    Its length is in UTF-16 units. A character beyond U+FFFF is written as its two surrogates, 3 bytes each, and so is
    a surrogate that stands alone. No chunk ends between two surrogates.

    Args:
        text: The string, of any length.
    """
    size = len(text)
    if text.isascii() and size < 32:
        return _SHORT_HEADS[size] + text.encode()
    units = text if text.isascii() else _ASTRAL.sub(_surrogates, text)
    if len(units) <= 1023:
        return _last_string_chunk(units)
    return b"".join(_string_chunks(units))


def _surrogates(match: re.Match[str]) -> str:
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _string_chunks(units: str) -> Iterator[bytes]:
    start = 0
    while len(units) - start > _STRING_CHUNK:
        end = start + _STRING_CHUNK
        if "\ud800" <= units[end - 1] <= "\udbff":
            end -= 1
        yield b"R" + (end - start).to_bytes(2) + units[start:end].encode("utf-8", "surrogatepass")
        start = end
    yield _last_string_chunk(units[start:])


def _last_string_chunk(units: str) -> bytes:
    size = len(units)
    if size < 32:
        head = _SHORT_HEADS[size]
    elif size < 1024:
        head = bytes((0x30 + (size >> 8), size & 0xFF))
    else:
        head = b"S" + size.to_bytes(2)
    return head + units.encode("utf-8", "surrogatepass")


def write_binary(value: bytes) -> bytes:
    """Return a binary, in chunks where it is long."""
    chunks: list[bytes] = []
    start = 0
    while len(value) - start > _BINARY_CHUNK:
        chunks += (b"A", _BINARY_CHUNK.to_bytes(2), value[start : start + _BINARY_CHUNK])
        start += _BINARY_CHUNK
    size = len(value) - start
    if size < 16:
        head = bytes((0x20 + size,))
    elif size < 1024:
        head = bytes((0x34 + (size >> 8), size & 0xFF))
    else:
        head = b"B" + size.to_bytes(2)
    return b"".join((*chunks, head, value[start:]))


def write_int(value: int) -> bytes:
    """Return a whole number as an int if 32 bits hold it, else as a long.

    Raises:
        EncodeError: 64 bits do not hold it.
    """
    if -16 <= value <= 47:
        return bytes((0x90 + value,))
    if -0x800 <= value <= 0x7FF:
        return bytes((0xC8 + (value >> 8), value & 0xFF))
    if -0x40000 <= value <= 0x3FFFF:
        return bytes((0xD4 + (value >> 16), value >> 8 & 0xFF, value & 0xFF))
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return b"I" + _INT.pack(value)
    return write_long(value)


def write_long(value: int) -> bytes:
    """Return a whole number as a long.

    Raises:
        EncodeError: 64 bits do not hold it.
    """
    if -8 <= value <= 15:
        return bytes((0xE0 + value,))
    if -0x800 <= value <= 0x7FF:
        return bytes((0xF8 + (value >> 8), value & 0xFF))
    if -0x40000 <= value <= 0x3FFFF:
        return bytes((0x3C + (value >> 16), value >> 8 & 0xFF, value & 0xFF))
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return b"\x59" + _INT.pack(value)
    return b"L" + _pack_long(value, "a long")


def write_double(value: float) -> bytes:
    """Return a floating-point number in the shortest form that keeps every bit."""
    if value == 0:
        return b"\x5b" if str(value) == "0.0" else b"D" + _DOUBLE.pack(value)
    if value == 1:
        return b"\x5c"
    if -2147483.648 <= value <= 2147483.647:
        whole = int(value)
        if whole == value and -0x80 <= whole <= 0x7F:
            return b"\x5d" + whole.to_bytes(1, signed=True)
        if whole == value and -0x8000 <= whole <= 0x7FFF:
            return b"\x5e" + whole.to_bytes(2, signed=True)
        thousandths = int(value * 1000)
        # Java multiplies, others divide, and for one number in seven the last bits differ. Then neither is right.
        if 0.001 * thousandths == value == thousandths / 1000:
            return b"\x5f" + _INT.pack(thousandths)
    return b"D" + _DOUBLE.pack(value)


def write_date(value: Date) -> bytes:
    """Return a moment, in minutes where it is a whole number of them that 32 bits hold.

    Raises:
        EncodeError: 64 bits do not hold it.
    """
    minutes, rest = divmod(value.milliseconds, MILLISECONDS_PER_MINUTE)
    if not rest and -0x80000000 <= minutes <= 0x7FFFFFFF:
        return b"\x4b" + _INT.pack(minutes)
    return b"\x4a" + _pack_long(value.milliseconds, "a date")


def _pack_long(value: int, what: str) -> bytes:
    if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        raise EncodeError(f"{what} has 64 bits, and a number of {value.bit_length()} bits does not fit")
    return _LONG.pack(value)


_END = object()
_SCALARS: list[tuple[type | tuple[type, ...], Callable[[Any], bytes]]] = [
    (str, write_string),
    (bool, lambda value: b"T" if value else b"F"),
    (Long, write_long),
    (int, write_int),
    (float, write_double),
    (bytes, write_binary),
    (Date, write_date),
    (type(None), lambda _: b"N"),
]


def write_value(value: Any) -> bytes:
    """Return one value that stands for itself; see `Writer.write`."""
    return Writer().write(value)


class Writer:
    """Writes the values of one message, which share class definitions, type names and references."""

    __slots__ = ("_classes", "_references", "_types")

    def __init__(self) -> None:
        self._classes: dict[tuple[str, tuple[str, ...]], int] = {}
        self._types: dict[str, int] = {}
        # By identity; the value itself is kept so that its id is not given to another one.
        self._references: dict[int, tuple[int, Any]] = {}

    def write(self, value: Any) -> bytes:
        """Return the next value.

        A list, a map or an object that was written before, in this value or an earlier one, becomes a reference to
        it. Once this has raised, the writer is of no further use.

        Args:
            value: What `Reader.read` returns; a `dict` is written as a map without a type, and an `int` of more than
                32 bits as a long.

        Raises:
            EncodeError: A value is of another class, a name is not a string, or a number has more than 64 bits.
        """
        parts: list[bytes] = []
        pending: list[Iterator[Any]] = [iter((value,))]
        while pending:
            for item in pending[-1]:
                inner = self._write_one(item, parts)
                if inner is not None:
                    pending.append(iter(inner))
                    break
            else:
                pending.pop()
        return b"".join(parts)

    def _write_one(self, value: Any, parts: list[bytes]) -> Iterable[Any] | None:
        """Write a scalar, or a container's head; then return what is in it."""
        if value is _END:
            parts.append(b"Z")
            return None
        for kind, write in _SCALARS:
            if isinstance(value, kind):
                parts.append(write(value))
                return None
        if not isinstance(value, list | dict | Map | Instance):
            raise EncodeError(f"hessian2 has no value for {type(value).__name__}")
        if id(value) in self._references:
            parts.append(b"Q" + write_int(self._references[id(value)][0]))
            return None
        self._references[id(value)] = (len(self._references), value)
        if isinstance(value, list):
            parts.append(self._list_head(value))
            return value
        if isinstance(value, Instance):
            parts.append(self._object_head(value))
            return value.fields.values()
        if isinstance(value, dict):
            parts.append(b"H")
            return _flat(value.items())
        parts.append(b"H" if value.type is None else b"M" + self._type(value.type))
        return _flat(value.pairs)

    def _list_head(self, value: list[Any]) -> bytes:
        size = len(value)
        if isinstance(value, TypedList):
            if size < 8:
                return bytes((0x70 + size,)) + self._type(value.type)
            return b"V" + self._type(value.type) + write_int(size)
        return bytes((0x78 + size,)) if size < 8 else b"X" + write_int(size)

    def _object_head(self, value: Instance) -> bytes:
        definition = b""
        names = tuple(value.fields)
        number = self._classes.get((value.class_name, names))
        if number is None:
            definition = b"C" + _name(value.class_name) + write_int(len(names)) + b"".join(map(_name, names))
            number = self._classes[value.class_name, names] = len(self._classes)
        return definition + (bytes((0x60 + number,)) if number < 16 else b"O" + write_int(number))

    def _type(self, name: str) -> bytes:
        number = self._types.get(name)
        if number is not None:
            return write_int(number)
        self._types[name] = len(self._types)
        return _name(name)


def _name(name: str) -> bytes:
    if not isinstance(name, str):
        raise EncodeError(f"the name of a class, a field or a type is a string, not {type(name).__name__}")
    return write_string(name)


def _flat(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
    for key, value in pairs:
        yield key
        yield value
    yield _END
