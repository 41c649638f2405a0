"""The values of JSONB, the binary form of fastjson2. On the way of a message only strings and ints are read.

A type code comes first, then often a length. Nested values are skipped by counting, as hessian2's are: no recursion,
nothing allocated by a declared size. All functions raise IndexError where the data ends, and ValueError if the value is
of another kind.

Source: JSONB, JSONReaderJSONB and JSONWriterJSONB of fastjson2 2.0.60.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Any

from attrs import Factory, define

from metaprotocol_codecs.hessian2.values import Date, Instance, Map, TypedList

ASCII_0, ASCII_47, ASCII, UTF8, _UTF16, _UTF16_LE, _UTF16_BE, _SYMBOL = 0x49, 0x78, *range(0x79, 0x7E), 0x7F
_BINARY, TYPED, _REFERENCE, _ARRAY_0, _ARRAY, END, OBJECT, NULL = 0x91, 0x92, 0x93, 0x94, 0xA4, 0xA5, 0xA6, 0xAF
_BIG_INTEGER, INT8 = 0xBB, 0xBD
STRINGS = frozenset(range(ASCII_0, _UTF16_BE + 1))


def _widths() -> bytes:
    """Return the size of every value whose type code tells it, by type code; 0 for the others."""
    widths = bytearray(256)
    for first, last, width in (
        (0x00, 0x2F, 1),  # int of 1 byte
        (0x30, 0x3F, 2),  # int of 2 bytes
        (0x40, 0x47, 3),  # int of 3 bytes
        (0x48, 0x48, 5),  # int
        (0xA9, 0xA9, 5),  # local date
        (0xAB, 0xAB, 9),  # moment in milliseconds
        (0xAC, 0xAD, 5),  # moment in seconds or minutes
        (0xAF, 0xB3, 1),  # null, false, true, 0.0, 1.0
        (0xB5, 0xB5, 9),  # double
        (0xB7, 0xB7, 5),  # float
        (0xBC, 0xBC, 3),  # short
        (0xBD, 0xBD, 2),  # byte
        (0xBE, 0xBE, 9),  # long
        (0xBF, 0xBF, 5),  # long of 4 bytes
        (0xC0, 0xC7, 3),  # long of 3 bytes
        (0xC8, 0xD7, 2),  # long of 2 bytes
        (0xD8, 0xEF, 1),  # long of 1 byte
        (0xF0, 0xFF, 1),  # int of 1 byte, negative
    ):
        widths[first : last + 1] = bytes((width,)) * (last + 1 - first)
    for size in range(ASCII_47 - ASCII_0 + 1):
        widths[ASCII_0 + size] = 1 + size
    return bytes(widths)


WIDTHS = _widths()
# Values that begin with a type code and some bytes, and go on with other values: bytes with the code, number of values.
_COMPOUND = {
    0x90: (1, 1),  # character: an int
    0xA7: (4, 1),  # local time: nanoseconds
    0xA8: (8, 1),  # local date and time: nanoseconds
    0xAA: (8, 2),  # moment with a time zone: nanoseconds, the zone
    0xAE: (1, 2),  # moment: seconds, nanoseconds
    0xB4: (1, 1),  # double that is a long
    0xB6: (1, 1),  # float that is an int
    0xB8: (1, 1),  # decimal that is a long
    0xB9: (1, 2),  # decimal: scale, digits
    0xBA: (1, 1),  # big integer that is a long
    _REFERENCE: (1, 1),  # the path of the value that it refers to
}


_LONGEST_NUMBER = 64  # bytes of an integer that is shown as digits
_CONSTANTS = {0xB0: False, 0xB1: True, 0xB2: 0.0, 0xB3: 1.0}
# By type code: that of zero, and the bytes that follow.
_LONG_BY_TAG = {
    **dict.fromkeys(range(0xC0, 0xC8), (0xC4, 2)),
    **dict.fromkeys(range(0xC8, 0xD8), (0xD0, 1)),
    **dict.fromkeys(range(0xD8, 0xF0), (0xE0, 0)),
}
# Numbers of other types that are written as an integer.
_AS_INTEGERS = frozenset({0xB4, 0xB6, 0xB8, 0xBA})
_read_date = Struct(">HBB").unpack_from
_FIXED = {
    0xAB: Struct(">q"),
    0xAC: Struct(">i"),
    0xAD: Struct(">i"),
    0xB5: Struct(">d"),
    0xB7: Struct(">f"),
    0xBC: Struct(">h"),
    INT8: Struct(">b"),
    0xBE: Struct(">q"),
    0xBF: Struct(">i"),
}
_beyond_latin1 = re.compile("[^\0-\xff]").search


def read_text(data: bytes, position: int) -> tuple[str | None, int]:
    """Return a string or null, and the position after it.

    ASCII text in UTF-8 or UTF-16 is refused. No writer of fastjson2 writes it so, and on Java 9 and later its reader
    makes a String of it that equals no other: `version` in this form is not the key `version`.
    """
    tag = data[position]
    position += 1
    if tag == NULL:
        return None, position
    if ASCII_0 <= tag <= ASCII_47:
        size = tag - ASCII_0
    elif tag in (ASCII, UTF8, _UTF16_LE, _UTF16_BE):
        size, position = read_int(data, position)
    else:
        raise ValueError("not a string")
    end = position + size
    raw = data[position:end]
    if size < 0 or len(raw) < size:
        raise IndexError
    if tag <= ASCII:
        return raw.decode("latin-1"), end  # what it calls ASCII may be any byte
    if tag == _UTF16_LE:
        text = raw.decode("utf-16-le", "surrogatepass")  # Java keeps half of a surrogate pair in this form alone
    else:
        text = raw.decode("utf-8" if tag == UTF8 else "utf-16-be")
    if text.isascii():
        raise ValueError("ASCII text in a form that Java does not compare")
    return text, end


def is_comparable(data: bytes, position: int, text: str | None) -> bool:
    """Return True if Java finds a string that was read at a position equal to the same text.

    It does not where Latin-1 text is in UTF-8 or UTF-16; see `read_text`.
    """
    return text is None or data[position] <= ASCII or _beyond_latin1(text) is not None


def read_int(data: bytes, position: int) -> tuple[int, int]:
    """Return an int of any width, and the position after it."""
    tag = data[position]
    if tag <= 0x2F:
        return tag, position + 1
    if tag >= 0xF0:
        return tag - 0x100, position + 1
    if tag <= 0x3F:
        return (tag - 0x38 << 8) + data[position + 1], position + 2
    if tag <= 0x47:
        return (tag - 0x44 << 16) + (data[position + 1] << 8) + data[position + 2], position + 3
    if tag != 0x48 or position + 5 > len(data):
        raise ValueError("not an int")
    return int.from_bytes(data[position + 1 : position + 5], signed=True), position + 5


def skip_value(data: bytes, position: int) -> int:
    """Return the position after a value of any kind."""
    pending = 1
    # What is pending around an open object.
    stack: list[int] = []
    while pending or stack:
        if not pending:
            if data[position] == END:
                position += 1
                pending = stack.pop()
                continue
            pending = 2  # a key and its value
        pending -= 1
        tag = data[position]
        if width := WIDTHS[tag]:
            position += width
        elif ASCII <= tag <= _UTF16_BE or tag in (_BINARY, _BIG_INTEGER):
            size, position = read_int(data, position + 1)
            if size < 0:
                raise ValueError("a negative length")
            position += size
        elif _ARRAY_0 <= tag <= _ARRAY:
            size, position = (tag - _ARRAY_0, position + 1) if tag < _ARRAY else read_int(data, position + 1)
            if size < 0:
                raise ValueError("a negative length")
            pending += size
        elif tag == OBJECT:
            stack.append(pending)
            pending = 0
            position += 1
        elif tag in (_SYMBOL, TYPED):
            # A name and the number that it gets, or later the number alone. A type has a value too.
            pending += (tag == TYPED) + 1 + (data[position + 1] in STRINGS)
            position += 1
        elif tag in _COMPOUND:
            size, inner = _COMPOUND[tag]
            pending += inner
            position += size
        else:
            raise ValueError("no such type code")
    if position > len(data):
        raise IndexError
    return position


def write_text(text: str) -> bytes:
    """Return a string as JSONB: Latin-1 if it can be, see `read_text`, otherwise UTF-8.

    Raises:
        UnicodeEncodeError: It holds half of a surrogate pair.
    """
    # The reader may take a short name of other bytes for another name; one with its length it does not remember.
    if text.isascii() and len(text) <= ASCII_47 - ASCII_0 and "\0" not in text:
        return bytes((ASCII_0 + len(text),)) + text.encode("ascii")
    tag, raw = (UTF8, text.encode("utf-8")) if _beyond_latin1(text) else (ASCII, text.encode("latin-1"))
    return bytes((tag, 0x48)) + len(raw).to_bytes(4) + raw


@define
class _Open:
    """An array or an object that is being read.

    Args:
        name: The name of its class, if the message has one.
        size: The number of items of an array; -1 for an object, whose keys and values end with a mark.
    """

    name: str | None
    size: int
    items: list[Any] = Factory(list)

    def value(self) -> Any:
        """Return what was read."""
        if self.size >= 0:
            return self.items if self.name is None else TypedList(self.name, self.items)
        pairs = list(zip(self.items[::2], self.items[1::2], strict=True))
        if self.name is None or not all(isinstance(key, str) for key, _ in pairs):
            return Map(pairs, self.name)
        return Instance(self.name, dict(pairs))


def read_value(data: bytes, position: int) -> Any:
    """Build the value at a position, for a person to look at; a reference is shown as `{'$ref': path}`.

    Returns:
        What the reader of hessian2 returns for the same value.
    """
    symbols: dict[int, str] = {}
    stack: list[_Open] = []
    while True:
        name = None
        while data[position] == TYPED:
            name, position = _read_symbol(data, position + 1, symbols)
        tag = data[position]
        value: Any = None
        if tag == OBJECT:
            stack.append(_Open(name, -1))
            position += 1
        elif _ARRAY_0 <= tag <= _ARRAY:
            size, position = (tag - _ARRAY_0, position + 1) if tag < _ARRAY else read_int(data, position + 1)
            stack.append(_Open(name, max(size, 0)))
        else:
            value, position = _read_scalar(data, position, symbols)
            if name is not None:
                value = Instance(name, {"value": value})
            if not stack:
                return value
            stack[-1].items.append(value)
        while len(top := stack[-1].items) == stack[-1].size or (
            stack[-1].size < 0 and len(top) % 2 == 0 and data[position] == END
        ):
            done = stack.pop()
            position += done.size < 0
            if not stack:
                return done.value()
            stack[-1].items.append(done.value())


def _read_symbol(data: bytes, position: int, symbols: dict[int, str]) -> tuple[str, int]:
    """Return a name that comes with the number that it gets, or as the number that it got."""
    if data[position] not in STRINGS:
        number, position = read_int(data, position)
        return symbols.get(number, f"symbol {number}"), position
    name, position = read_text(data, position)
    number, position = read_int(data, position)
    symbols[number] = name or ""
    return symbols[number], position


def _read_scalar(data: bytes, position: int, symbols: dict[int, str]) -> tuple[Any, int]:
    while (tag := data[position]) in _AS_INTEGERS:
        position += 1
    if tag in STRINGS or tag == NULL:
        return read_text(data, position)
    if tag <= 0x48 or tag >= 0xF0:
        return read_int(data, position)
    start = position + 1
    if tag == _SYMBOL:
        return _read_symbol(data, start, symbols)
    if tag == _REFERENCE:
        path, end = read_text(data, start)
        return Map([("$ref", path)]), end
    if tag in (_BINARY, _BIG_INTEGER):
        size, start = read_int(data, start)
        raw = data[start : start + max(size, 0)]
        is_number = tag == _BIG_INTEGER and size <= _LONGEST_NUMBER
        return int.from_bytes(raw, signed=True) if is_number else raw, start + max(size, 0)
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], start
    if tag in _LONG_BY_TAG:
        zero, size = _LONG_BY_TAG[tag]
        return (tag - zero << 8 * size) + int.from_bytes(data[start : start + size]), start + size
    if tag in _FIXED:
        kind = _FIXED[tag]
        number = kind.unpack_from(data, start)[0]
        unit = {0xAB: 1, 0xAC: 1000, 0xAD: 60_000}.get(tag)
        return Date(number * unit) if unit else number, start + kind.size
    end = skip_value(data, position)
    if tag == 0x90:
        return chr(read_int(data, start)[0] & 0xFFFF), end
    if tag in (0xA8, 0xA9):
        year, *rest = _read_date(data, start)
        date = f"{year:04}-{rest[0]:02}-{rest[1]:02}"
        return date if tag == 0xA9 else f"{date}T{data[start + 4]:02}:{data[start + 5]:02}:{data[start + 6]:02}", end
    if tag == 0xB9:
        scale, start = read_int(data, start)
        # Hostile bytes would nest them without an end.
        digits = _read_scalar(data, start, symbols)[0] if data[start] not in {tag, *_AS_INTEGERS} else None
        return Instance("java.math.BigDecimal", {"scale": scale, "digits": digits}), end
    return data[position:end], end
