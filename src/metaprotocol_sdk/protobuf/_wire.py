"""The wire format of Protocol Buffers: varints, tags and fields, without their meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from metaprotocol_sdk._errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT: Final = 0
I64: Final = 1
LEN: Final = 2
GROUP: Final = 3
END_GROUP: Final = 4
I32: Final = 5

MAX_DEPTH: Final = 100
"""Levels of messages and groups in a message, as in protobuf's parsers."""
RawField: TypeAlias = tuple[int, int, int, int, int]
"""A `Field` as a plain tuple, which is made in a tenth of the time."""
_MAX_TAG = 2**32 - 1
_MAX_LENGTH = 2**31 - 1
_MASK = 2**64 - 1


class Field(NamedTuple):
    """One field as it stands in a message.

    Args:
        tag: Its number and wire type, `number << 3 | wire_type`. Wire types are 0 (varint), 1 (8 bytes), 2 (a length
            and as many bytes), 3 (a group, up to its end) and 5 (4 bytes).
        start: Index of the first byte of its tag.
        value_start: Index of the first byte of its value; of wire type 2, after the length.
        end: Index after its last byte.
        value: The number that it holds, as unsigned; 0 for wire types 2 and 3.
    """

    tag: int
    start: int
    value_start: int
    end: int
    value: int

    @property
    def number(self) -> int:
        """The field's number, 1 to 2**29 - 1."""
        return self.tag >> 3


def read_fields(message: bytes, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of a protobuf message, in their order.

    Args:
        message: The bytes that hold it.
        start: Index of its first byte.
        end: Index after its last byte.

    Raises:
        DecodeError: It is not a protobuf message.
    """
    return map(Field._make, scan_fields(message, start, end, MAX_DEPTH))


def scan_fields(message: bytes, start: int, end: int, depth: int) -> Iterator[RawField]:
    """Yield the fields of a protobuf message as plain tuples.

    Args:
        message: As in `read_fields`.
        start: As in `read_fields`.
        end: As in `read_fields`.
        depth: Levels of groups that may still begin.
    """
    position = start
    try:
        while position < end:
            at = position
            tag = message[at]
            position = at + 1
            if tag >= 0x80:
                tag, position = _read_limited(message, at, _MAX_TAG, "tag")
            value = 0
            value_start = position
            wire_type = tag & 7
            if tag < 8:
                raise DecodeError("a field has the number 0", offset=at, field="tag")
            if wire_type == LEN:
                size = message[position]
                value_start = position + 1
                if size >= 0x80:
                    size, value_start = _read_limited(message, position, _MAX_LENGTH, "length")
                position = value_start + size
            elif wire_type == VARINT:
                value = message[position]
                position += 1
                if value >= 0x80:
                    value, position = read_varint(message, position - 1)
            elif wire_type == I64:
                position += 8
                value = int.from_bytes(message[value_start:position], "little")
            elif wire_type == I32:
                position += 4
                value = int.from_bytes(message[value_start:position], "little")
            elif wire_type == GROUP:
                position = _skip_group(message, position, end, tag, depth)
            elif wire_type == END_GROUP:
                raise DecodeError("a group ends that did not begin", offset=at, field="tag")
            else:
                raise DecodeError(f"there is no wire type {wire_type}", offset=at, field="tag")
            if position > end:
                raise DecodeError(f"this field ends after its message, which ends at {end}", offset=at, field="value")
            yield tag, at, value_start, position, value
    except IndexError:
        raise DecodeError("the bytes end inside a field", offset=len(message), field="value") from None


def read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a varint as an unsigned number, and the index after it. Bits after the 64th are dropped.

    Raises:
        DecodeError: It has more than 10 bytes.
        IndexError: The message ends inside it.
    """
    value = shift = 0
    for at in range(position, position + 10):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, at + 1
        shift += 7
    raise DecodeError("a varint has more than 10 bytes", offset=position, field="varint")


def write_varint(value: int) -> bytes:
    """Return the shortest varint of a number, 0 to 2**64 - 1.

    Raises:
        ValueError: The number is out of range.
    """
    if not 0 <= value <= _MASK:
        raise ValueError(f"a varint holds 0 to 2**64 - 1, not {value}")
    raw = bytearray()
    while value >= 0x80:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)
    return bytes(raw)


def write_field(number: int, value: int | bytes | str) -> bytes:
    """Return one field: a varint, or bytes after their length.

    Args:
        number: The field's number, 1 to 2**29 - 1.
        value: A number, of which the lowest 64 bits are written, as protobuf writes negative ones; bytes, such as those
            of a message; or a text, in UTF-8.
    """
    if isinstance(value, int):
        return write_varint(number << 3) + write_varint(value & _MASK)
    raw = value.encode() if isinstance(value, str) else value
    return b"".join((write_varint(number << 3 | LEN), write_varint(len(raw)), raw))


def _read_limited(message: bytes, position: int, maximum: int, what: str) -> tuple[int, int]:
    """Return a varint of at most 5 bytes, which tags and lengths are, and the index after it."""
    value = shift = 0
    for at in range(position, position + 5):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > maximum:
                break
            return value, at + 1
        shift += 7
    raise DecodeError(f"a {what} is at most {maximum:,}, in at most 5 bytes", offset=position, field=what)


def _skip_group(message: bytes, position: int, end: int, tag: int, depth: int) -> int:
    """Return the index after the end of the group that a start tag has begun."""
    begun = [tag]
    while begun:
        if len(begun) > depth:
            raise DecodeError(f"there are more than {MAX_DEPTH} levels of groups", offset=position, field="tag")
        at = position
        tag, position = _read_limited(message, at, _MAX_TAG, "tag")
        wire_type = tag & 7
        if tag < 8:
            raise DecodeError("a field has the number 0", offset=at, field="tag")
        if wire_type == LEN:
            size, position = _read_limited(message, position, _MAX_LENGTH, "length")
            position += size
        elif wire_type == VARINT:
            _, position = read_varint(message, position)
        elif wire_type == I64:
            position += 8
        elif wire_type == I32:
            position += 4
        elif wire_type == GROUP:
            begun.append(tag)
        elif wire_type == END_GROUP and begun.pop() == tag - 1:
            pass
        else:
            raise DecodeError(f"the tag {tag} cannot stand in this group", offset=at, field="tag")
        if position > end:
            raise DecodeError(f"this field ends after its message, which ends at {end}", offset=at, field="value")
    return position
