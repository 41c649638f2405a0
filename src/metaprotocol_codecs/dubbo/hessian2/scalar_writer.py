"""Writes the values of Hessian 2.0 that hold no other values, in the bytes that Apache hessian-lite 4 writes.

Every number takes its shortest form. Two differences, so that every reader gets every bit of a double: -0.0 keeps its
sign, and a number is written in thousandths only where multiplying by 0.001 and dividing by 1000 give the same.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo.hessian2.values import MILLISECONDS_PER_MINUTE, Date
from metaprotocol_sdk import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        return _SHORT_HEADS[size] + text.encode("ascii")
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
