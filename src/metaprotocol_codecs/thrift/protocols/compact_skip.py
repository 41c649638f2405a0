"""Skips structs of Thrift's compact protocol.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re

from metaprotocol_codecs.thrift.protocols.skip import (
    BATCH,
    ONE,
    STRUCTS,
    TYPES,
    MatchAny,
    Skipper,
    batch_of,
    short_strings,
)
from metaprotocol_codecs.thrift.protocols.varint import LONGEST, read_varint, skip_varint
from metaprotocol_sdk import DecodeError

STOP = 0
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
# The same of a field, where a boolean is in the type.
_FIELD_WIDTHS = bytes({BYTE: 1, DOUBLE: 8, UUID: 16}.get(kind, 0) for kind in range(16))


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
_BATCHES = {
    STRUCT << 8 | STRUCT: re.compile(batch_of(_FIELD + rb"*+\x00"), re.DOTALL).match,
    STRING << 8 | STRING: re.compile(batch_of(_SHORT), re.DOTALL).match,
    I16 << 8 | I16: _VARINTS,
    I32 << 8 | I32: _VARINTS,
    I64 << 8 | I64: _VARINTS,
}


class CompactSkipper(Skipper):
    """Skips one struct of the compact protocol."""

    __slots__ = ()

    def run(self, data: bytes, position: int) -> int:
        top, stack = self._top, self._stack
        size = len(data)
        # Patterns are tried at the beginning of a container; after it, single steps are faster.
        fields_at_once = items_at_once = True
        try:
            while top and position <= size:
                types = top & TYPES
                if types == STRUCTS:
                    if fields_at_once:
                        fields_at_once = False
                        if _SIMPLE[data[position]]:
                            fields = _fields(data, position)
                            position = fields.end()
                            if fields.lastindex:
                                top = top - ONE or stack.pop()
                                continue
                    lead = data[position]
                    if lead == STOP:
                        position += 1
                        top = top - ONE or stack.pop()
                        continue
                    start = position + 1
                    if lead < 0x10:  # the field's id is written out
                        start = skip_varint(data, start)
                    kind = lead & 0x0F
                    if kind <= FALSE and kind:
                        position = start
                        continue
                else:
                    if items_at_once and top >= BATCH * ONE:
                        items = _BATCHES[types](data, position) if types in _BATCHES else None
                        if items:
                            position = items.end()
                            top -= BATCH * ONE
                            if top < ONE:
                                top = stack.pop()
                            continue
                        items_at_once = False
                    kind = types >> 8 if top & ONE else types & 0xFF
                    start = position
                begun = 0
                if I16 <= kind <= I64:
                    end = start + 1 if data[start] < 0x80 else skip_varint(data, start)
                elif kind == STRING:
                    length = data[start]
                    end = start + 1
                    if length >= 0x80:
                        length, end = read_varint(data, start)
                        if length >> 16:
                            self._check_size(length, end)
                    end += length
                elif kind == STRUCT:
                    begun, end = ONE, start
                    fields_at_once = True
                elif kind in (LIST, SET):
                    lead = data[start]
                    count, item = lead >> 4, lead & 0x0F
                    end = start + 1
                    if count == 15:
                        count, end = read_varint(data, end)
                    width = WIDTHS[item]
                    if count >> 16:
                        self._check_size(count, end, width or 1)
                    if width:
                        end += count * width
                    elif count:
                        begun = self._items(count, item, item, start)
                        items_at_once = True
                elif kind == MAP:
                    count, end = read_varint(data, start)
                    if count:
                        key, item = data[end] >> 4, data[end] & 0x0F
                        end += 1
                        width = WIDTHS[key] + WIDTHS[item] if WIDTHS[key] and WIDTHS[item] else 0
                        if count >> 16:
                            self._check_size(count, end, width or 2)
                        if width:
                            end += count * width
                        else:
                            begun = self._items(2 * count, key, item, start)
                            items_at_once = True
                elif WIDTHS[kind]:
                    end = start + WIDTHS[kind]
                else:
                    raise DecodeError(f"no field has the type {kind}", offset=position, field="type")
                if types != STRUCTS:
                    top -= ONE
                    if top < ONE:  # a container is forgotten before its last item
                        top = stack.pop()
                if begun == ONE and top and not top & TYPES:
                    top += ONE
                elif begun:
                    self._push(top, position)
                    top = begun
                position = end
        except IndexError:
            pass  # the data ends inside an item, which is read again when there is more
        self._top = top
        self.done = not top
        return position

    def _items(self, items: int, key: int, item: int, start: int) -> int:
        """Return the number for an open container with so many items of these types."""
        if key not in TYPE_NAMES or item not in TYPE_NAMES:
            wrong = key if key not in TYPE_NAMES else item
            raise DecodeError(f"no item has the type {wrong}", offset=start, field="type")
        return items * ONE | item << 8 | key


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
