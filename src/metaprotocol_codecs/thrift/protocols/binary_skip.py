"""Skips structs of Thrift's binary protocol.

Source: doc/specs/thrift-binary-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re
from struct import Struct
from struct import error as struct_error

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
from metaprotocol_sdk import DecodeError

STOP = 0
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


class BinarySkipper(Skipper):
    """Skips one struct of the binary protocol."""

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
                    while True:
                        kind = data[position]
                        width = _FIELD_WIDTHS[kind]
                        if width:
                            position += width
                        elif kind == STRING:
                            length = _read_i32(data, position + 3)[0]
                            if length >> 16:
                                self._check_size(length, position + 7)
                            position += 7 + length
                        else:
                            break
                    if kind == STOP:
                        position += 1
                        top = top - ONE or stack.pop()
                        continue
                    start = position + 3
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
                if kind == STRUCT:
                    begun, end = ONE, start
                    fields_at_once = True
                elif kind in (LIST, SET):
                    item = data[start]
                    count = _read_i32(data, start + 1)[0]
                    end = start + 5
                    width = WIDTHS[item]
                    if count >> 16:
                        self._check_size(count, end, width or 1)
                    if width:
                        end += count * width
                    elif count:
                        begun = self._items(count, item, item, start)
                        items_at_once = True
                elif kind == MAP:
                    key, item = data[start], data[start + 1]
                    count = _read_i32(data, start + 2)[0]
                    end = start + 6
                    width = WIDTHS[key] + WIDTHS[item] if WIDTHS[key] and WIDTHS[item] else 0
                    if count >> 16:
                        self._check_size(count, end, width or 2)
                    if width:
                        end += count * width
                    elif count:
                        begun = self._items(2 * count, key, item, start)
                        items_at_once = True
                elif kind == STRING:
                    length = _read_i32(data, start)[0]
                    end = start + 4 + length
                    if length >> 16:
                        self._check_size(length, start + 4)
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
        except (IndexError, struct_error):
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
        if data[position] != STRING:
            return ~position
        length = _read_i32(data, position + 3)[0]
        if length < 0:
            return ~position
        position += 7 + length
