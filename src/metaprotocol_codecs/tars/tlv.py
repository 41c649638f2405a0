"""The fields of Tars' encoding (also known as JCE): a byte of tag and type, and the value.

Readers look for their fields in the order of the tags, and skip what lies between. So a field counts if no earlier one
has its tag or a higher one.
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import NamedTuple

from metaprotocol_sdk import DecodeError
from metaprotocol_sdk.entries import decode_text, encode_text

INT1, INT2, INT4, INT8, FLOAT, DOUBLE, STRING1, STRING4, MAP, LIST, STRUCT, STRUCT_END, ZERO, BYTES = range(14)
_FIXED = {INT1: 1, INT2: 2, INT4: 4, INT8: 8, FLOAT: 4, DOUBLE: 8, ZERO: 0, STRUCT_END: 0}
_INTEGERS = {INT1: Struct(">b"), INT2: Struct(">h"), INT4: Struct(">i")}
_NO_COUNT = -1  # of a struct, which ends with a mark
_LONGEST = 0xFFFF_FFFF


class Field(NamedTuple):
    """One field: its type, where it begins, where its value begins, and where it ends."""

    type: int
    start: int
    value: int
    end: int


def read_fields(data: bytes, start: int) -> tuple[dict[int, Field], DecodeError | None]:
    """Return the fields that readers find, by tag, and the error that ended them before the end of the data."""
    found: dict[int, Field] = {}
    highest = -1
    try:
        while start < len(data):
            tag, kind, value = _head(data, start)
            end = _skip(data, kind, value)
            if tag > highest:
                found[tag] = Field(kind, start, value, end)
                highest = tag
            start = end
    except DecodeError as error:
        return found, error
    return found, None


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, type, and where the value begins."""
    try:
        tag, kind = data[at] >> 4, data[at] & 15
        if tag == 15:
            return data[at + 1], kind, at + 2
    except IndexError:
        raise DecodeError("the message ends where a field was expected", offset=at) from None
    return tag, kind, at + 1


def _skip(data: bytes, kind: int, at: int) -> int:
    """Return the position after a value. What is nested in it takes a byte each, and no recursion."""
    open_counts: list[int] = []
    while True:
        if kind in (LIST, MAP):
            count, at = _count(data, at)
            open_counts.append(count if kind == LIST else 2 * count)
        elif kind == STRUCT:
            open_counts.append(_NO_COUNT)
        elif kind == STRUCT_END and open_counts and open_counts[-1] == _NO_COUNT:
            open_counts.pop()
        else:
            at = _plain_end(data, kind, at)
        while open_counts and open_counts[-1] == 0:
            open_counts.pop()
        if not open_counts:
            return at
        if open_counts[-1] > 0:
            open_counts[-1] -= 1
        _, kind, at = _head(data, at)


def _plain_end(data: bytes, kind: int, at: int) -> int:
    if kind in (STRING1, STRING4):
        size = 1 if kind == STRING1 else 4
        end = at + size + int.from_bytes(data[at : at + size])
    elif kind == BYTES:
        if data[at : at + 1] != b"\0":
            raise DecodeError("these bytes do not say that they are bytes", offset=at)
        count, at = _count(data, at + 1)
        end = at + count
    elif kind in _FIXED and kind != STRUCT_END:
        end = at + _FIXED[kind]
    else:
        raise DecodeError(f"{kind} is not the type of a value; those are 0 to 10, 12 and 13", offset=at)
    if end > len(data):
        raise DecodeError("the message ends inside a field", offset=len(data))
    return end


def _count(data: bytes, at: int) -> tuple[int, int]:
    tag, kind, value = _head(data, at)
    if tag or kind not in (INT1, INT2, INT4, ZERO):
        raise DecodeError("this is not the size of a list, a map or bytes", offset=at)
    end = _plain_end(data, kind, value)
    count = read_integer(data, Field(kind, at, value, end))
    if count < 0:
        raise DecodeError(f"a size is negative: {count}", offset=at)
    return count, end


def read_integer(data: bytes, field: Field) -> int:
    """Return an integer of at most 4 bytes. Raises DecodeError for another type."""
    if field.type == ZERO:
        return 0
    if field.type not in _INTEGERS:
        raise DecodeError(f"an integer was expected, not the type {field.type}", offset=field.start)
    number: int = _INTEGERS[field.type].unpack_from(data, field.value)[0]
    return number


def read_text(data: bytes, field: Field) -> str:
    """Return a string. Raises DecodeError for another type."""
    if field.type not in (STRING1, STRING4):
        raise DecodeError(f"a string was expected, not the type {field.type}", offset=field.start)
    return decode_text(data[field.value + (1 if field.type == STRING1 else 4) : field.end])


def bytes_start(data: bytes, field: Field) -> int:
    """Return where the bytes of a field begin. Raises DecodeError for another type."""
    if field.type != BYTES:
        raise DecodeError(f"bytes were expected, not the type {field.type}", offset=field.start)
    return _count(data, field.value + 1)[1]


def read_entries(data: bytes, field: Field) -> Iterator[tuple[str, str, int, int]]:
    """Yield the entries of a map of strings: key, value, and where each begins and ends."""
    if field.type != MAP:
        raise DecodeError(f"a map was expected, not the type {field.type}", offset=field.start)
    count, at = _count(data, field.value)
    for _ in range(count):
        start, texts = at, []
        for expected in (0, 1):
            tag, kind, value = _head(data, at)
            if tag != expected:
                raise DecodeError("this is not an entry of a map", offset=at)
            end = _plain_end(data, kind, value)
            texts.append(read_text(data, Field(kind, at, value, end)))
            at = end
        yield texts[0], texts[1], start, at


def write_integer(tag: int, value: int) -> bytes:
    """Return a field with an integer of at most 4 bytes, as short as peers write it."""
    if not value:
        return bytes((tag << 4 | ZERO,))
    kind, size = next(
        (kind, size) for kind, size in ((INT1, 1), (INT2, 2), (INT4, 4)) if value >> 8 * size - 1 in (0, -1)
    )
    return bytes((tag << 4 | kind,)) + value.to_bytes(size, signed=True)


def write_text(tag: int, text: str) -> bytes:
    """Return a field with a string. Raises UnsupportedMutation for what is not read back."""
    raw = encode_text(text, _LONGEST)
    if len(raw) <= 0xFF:
        return bytes((tag << 4 | STRING1, len(raw))) + raw
    return bytes((tag << 4 | STRING4,)) + len(raw).to_bytes(4) + raw


def write_bytes(tag: int, raw: bytes) -> bytes:
    """Return a field with bytes."""
    return bytes((tag << 4 | BYTES, 0)) + write_integer(0, len(raw)) + raw


def write_entry(key: str, value: str) -> bytes:
    """Return an entry of a map."""
    return write_text(0, key) + write_text(1, value)


def write_map(tag: int, entries: Mapping[str, str]) -> bytes:
    """Return a field with a map of strings."""
    written = b"".join(write_entry(key, value) for key, value in entries.items())
    return bytes((tag << 4 | MAP,)) + write_integer(0, len(entries)) + written
