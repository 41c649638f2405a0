"""Skips structs of Thrift's compact protocol.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re

from metaprotocol_codecs.thrift.protocols.skip import (
    BATCH,
    CUT,
    ONE,
    STOP,
    MatchAny,
    Skipper,
    Structs,
    batch_of,
    run_of,
    short_strings,
)
from metaprotocol_codecs.thrift.protocols.varint import LONGEST, read_varint, skip_varint
from metaprotocol_sdk import DecodeError

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE = 1, 2, 3, 4, 5, 6, 7
STRING, LIST, SET, MAP, STRUCT, UUID = 8, 9, 10, 11, 12, 13
TYPE_NAMES = {
    TRUE: "bool",
    FALSE: "bool",
    BYTE: "byte",
    I16: "i16",
    I32: "i32",
    I64: "i64",
    DOUBLE: "double",
    STRING: "string",
    LIST: "list",
    SET: "set",
    MAP: "map",
    STRUCT: "struct",
    UUID: "uuid",
}

# Bytes of a value of each type in a container; 0 where the bytes themselves tell it.
_WIDTH_OF = {TRUE: 1, FALSE: 1, BYTE: 1, DOUBLE: 8, UUID: 16}
WIDTHS = bytes(_WIDTH_OF.get(kind, 0) for kind in range(16))


def _leads(*kinds: int) -> bytes:
    """Return a pattern of the first byte of a field: the step to its id, 1 to 15, and one of these types."""
    return b"[" + b"".join(rb"\x%02x" % (step << 4 | kind) for kind in kinds for step in range(1, 16)) + b"]"


# Fields whose size a pattern can tell, and structs of them. Nothing here backtracks.
_VARINT = rb"[\x80-\xff]{0,%d}+[\x00-\x7f]" % (LONGEST - 1)
_SHORT = short_strings()
_FIELD = b"(?:" + b"|".join(
    (
        _leads(I16, I32, I64) + _VARINT,
        _leads(STRING) + _SHORT,
        _leads(TRUE, FALSE),
        _leads(DOUBLE) + b".{8}",
        _leads(BYTE) + b".",
        _leads(UUID) + b".{16})",
    )
)
_SIMPLE = bytes(lead >> 4 > 0 and lead & 0x0F in (*range(TRUE, LIST), UUID) for lead in range(256))
_fields: MatchAny = re.compile(_FIELD + rb"*+(\x00)?+", re.DOTALL).match  # type: ignore[assignment]
_VARINTS = re.compile(batch_of(_VARINT), re.DOTALL).match
_INTEGERS = frozenset(kind << 8 | kind for kind in (I16, I32, I64))
# By their number, integers that are fewer than a batch: the rest of nearly every list of them.
_FEW_VARINTS = [re.compile(b"(?:%b){%d}+" % (_VARINT, count), re.DOTALL).match for count in range(BATCH)]
_BATCHES = {
    STRUCT << 8 | STRUCT: re.compile(batch_of(_FIELD + rb"*+\x00"), re.DOTALL).match,
    STRING << 8 | STRING: re.compile(batch_of(_SHORT), re.DOTALL).match,
    I16 << 8 | I16: _VARINTS,
    I32 << 8 | I32: _VARINTS,
    I64 << 8 | I64: _VARINTS,
}


def _skip_scalar_fields(skipper: Skipper, data: bytes, position: int) -> tuple[int, int, int]:
    try:
        while True:
            lead = data[position]
            if lead == STOP:
                return lead, position, 0
            start = position + 1
            if lead < 0x10:  # the field's id is written out
                start = skip_varint(data, start)
            kind = lead & 0x0F
            if I16 <= kind <= I64:
                position = start + 1 if data[start] < 0x80 else skip_varint(data, start)
            elif kind == STRING:
                position = _skip_string(skipper, data, start)
            elif TRUE <= kind <= FALSE:
                position = start
            elif width := WIDTHS[kind]:
                position = start + width
            elif kind in TYPE_NAMES:
                return kind, position, start
            else:
                raise DecodeError(f"no field has the type {kind}", offset=position, field="type")
    except IndexError:
        return CUT, position, 0


def _skip_scalar_items(skipper: Skipper, data: bytes, position: int, top: int) -> tuple[int, int, bool]:
    count = top >> 16
    if count < BATCH and top & 0xFFFF in _INTEGERS and (few := _FEW_VARINTS[count](data, position)):
        return few.end(), top & 0xFFFF, False
    try:
        while top >= ONE:
            kind = (top >> 8 if top & ONE else top) & 0xFF
            if I16 <= kind <= I64:
                position = position + 1 if data[position] < 0x80 else skip_varint(data, position)
            elif kind == STRING:
                length = data[position]
                position = position + 1 + length if length < 0x80 else _skip_string(skipper, data, position)
            elif width := WIDTHS[kind]:
                position += width
            else:
                break
            top -= ONE
    except IndexError:
        return position, top, True
    return position, top, False


def _skip_string(skipper: Skipper, data: bytes, start: int) -> int:
    length = data[start]
    if length < 0x80:
        return start + 1 + length
    length, end = read_varint(data, start)
    if length >> 16:
        skipper.check_size(length, end)
    return end + length


def _list_head(data: bytes, start: int) -> tuple[int, int, int]:
    lead = data[start]
    if lead < 0xF0:
        return lead >> 4, lead & 0x0F, start + 1
    count, end = read_varint(data, start + 1)
    return count, lead & 0x0F, end


def _map_head(data: bytes, start: int) -> tuple[int, int, int, int]:
    count, end = read_varint(data, start)
    return (count, data[end] >> 4, data[end] & 0x0F, end + 1) if count else (0, STOP, STOP, end)


class CompactSkipper(Skipper):
    """Skips one struct of the compact protocol."""

    __slots__ = ()

    run = run_of(  # type: ignore[assignment]  # mypy takes a function in a variable for one without self
        Structs(
            type_names=TYPE_NAMES,
            struct=STRUCT,
            map=MAP,
            widths=WIDTHS,
            scalars=bytes(kind in (*range(TRUE, LIST), UUID) for kind in range(16)),
            simple=_SIMPLE,
            containers=bytes(
                lead & 0x0F if lead >= 0x10 and LIST <= lead & 0x0F <= STRUCT else 0 for lead in range(256)
            ),
            head_size=1,
            plain_fields=_fields,
            batches=_BATCHES,
            skip_scalar_fields=_skip_scalar_fields,
            skip_scalar_items=_skip_scalar_items,
            list_head=_list_head,
            map_head=_map_head,
        )
    )


def flat_struct_end(data: bytes, start: int) -> int:
    """Return the end of the struct at a position if it holds no container: most structs are like that.

    Otherwise return `~position` of a field from where a skipper can go on.

    Raises:
        IndexError: The data ends inside it.
        struct.error: The same.
    """
    position = start
    while True:
        fields = _fields(data, position)
        position = fields.end()
        if fields.lastindex:
            return position
        # A long string, whose length no pattern tells.
        if data[position] & 0x0F != STRING or data[position] < 0x10:
            return ~position
        length, end = read_varint(data, position + 1)
        if length >> 31:
            return ~position
        position = end + length
