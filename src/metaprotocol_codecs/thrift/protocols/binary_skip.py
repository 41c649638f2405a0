"""Skips structs of Thrift's binary protocol.

Source: doc/specs/thrift-binary-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re
from struct import Struct
from struct import error as struct_error

from metaprotocol_codecs.thrift.protocols.skip import (
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
from metaprotocol_sdk import DecodeError

BOOL, BYTE, DOUBLE, I16, I32, I64 = 2, 3, 4, 6, 8, 10
STRING, STRUCT, MAP, SET, LIST, UUID = 11, 12, 13, 14, 15, 16
TYPE_NAMES = {
    BOOL: "bool",
    BYTE: "byte",
    DOUBLE: "double",
    I16: "i16",
    I32: "i32",
    I64: "i64",
    STRING: "string",
    STRUCT: "struct",
    MAP: "map",
    SET: "set",
    LIST: "list",
    UUID: "uuid",
}

_WIDTH_OF = {BOOL: 1, BYTE: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, UUID: 16}
WIDTHS = bytes(_WIDTH_OF.get(kind, 0) for kind in range(256))
"""Bytes of a value of each type; 0 where the bytes themselves tell it."""
_FIELD_WIDTHS = bytes(3 + width if width else 0 for width in WIDTHS)

# Fields (type, id, value) whose size a pattern can tell, and structs of them. Nothing here backtracks.
_SHORT = short_strings()
_FIELD = rb"(?:[\x04\x0a].{10}|\x08.{6}|[\x02\x03].{3}|\x06.{4}|\x10.{18}|\x0b..\x00\x00\x00" + _SHORT + rb")"
_SIMPLE = bytes(width > 0 or kind == STRING for kind, width in enumerate(WIDTHS))
_fields: MatchAny = re.compile(_FIELD + rb"*+(\x00)?+", re.DOTALL).match  # type: ignore[assignment]
_BATCHES = {
    STRUCT << 8 | STRUCT: re.compile(batch_of(_FIELD + rb"*+\x00"), re.DOTALL).match,
    STRING << 8 | STRING: re.compile(batch_of(rb"\x00\x00\x00" + _SHORT), re.DOTALL).match,
}

_read_i32 = Struct(">i").unpack_from


def _skip_scalar_fields(skipper: Skipper, data: bytes, position: int) -> tuple[int, int, int]:
    try:
        while True:
            kind = data[position]
            width = _FIELD_WIDTHS[kind]
            if width:
                position += width
            elif kind == STRING:
                length = _read_i32(data, position + 3)[0]
                if length >> 16:
                    skipper.check_size(length, position + 7)
                position += 7 + length
            elif kind == STOP:
                return kind, position, 0
            elif kind in TYPE_NAMES:
                return kind, position, position + 3
            else:
                raise DecodeError(f"no field has the type {kind}", offset=position, field="type")
    except (IndexError, struct_error):
        return CUT, position, 0


def _skip_scalar_items(skipper: Skipper, data: bytes, position: int, top: int) -> tuple[int, int, bool]:
    try:
        while top >= ONE:
            kind = (top >> 8 if top & ONE else top) & 0xFF
            width = WIDTHS[kind]
            if width:
                position += width
            elif kind == STRING:
                length = _read_i32(data, position)[0]
                if length >> 16:
                    skipper.check_size(length, position + 4)
                position += 4 + length
            else:
                break
            top -= ONE
    except struct_error:
        return position, top, True
    return position, top, False


def _list_head(data: bytes, start: int) -> tuple[int, int, int]:
    return _read_i32(data, start + 1)[0], data[start], start + 5


def _map_head(data: bytes, start: int) -> tuple[int, int, int, int]:
    return _read_i32(data, start + 2)[0], data[start], data[start + 1], start + 6


class BinarySkipper(Skipper):
    """Skips one struct of the binary protocol."""

    __slots__ = ()

    run = run_of(  # type: ignore[assignment]  # mypy takes a function in a variable for one without self
        Structs(
            type_names=TYPE_NAMES,
            struct=STRUCT,
            map=MAP,
            widths=WIDTHS,
            scalars=_SIMPLE,
            simple=_SIMPLE,
            containers=bytes(kind if STRUCT <= kind <= LIST else 0 for kind in range(256)),
            head_size=3,
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
        if data[position] != STRING:
            return ~position
        length = _read_i32(data, position + 3)[0]
        if length < 0:
            return ~position
        position += 7 + length
