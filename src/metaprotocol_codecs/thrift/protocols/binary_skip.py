"""Skips structs of Thrift's binary protocol.

Source: doc/specs/thrift-binary-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re
from struct import Struct
from struct import error as struct_error

from metaprotocol_codecs.thrift.protocols.skip import BATCH, ONE, STRUCTS, TYPES, Skipper, in_batches, short_strings
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

# Fields (type, id, value) whose size a pattern can tell, and what is made of them. Nothing here backtracks.
_SHORT = short_strings()
_FIELD = rb"(?:[\x04\x0a].{10}|\x08.{6}|[\x02\x03].{3}|\x06.{4}|\x10.{18}|\x0b..\x00\x00\x00" + _SHORT + rb")"
_FIELDS = re.compile(_FIELD + rb"*+", re.DOTALL).match
_BATCHES = {
    STRUCT << 8 | STRUCT: re.compile(in_batches(_FIELD + rb"*+\x00"), re.DOTALL).match,
    STRING << 8 | STRING: re.compile(in_batches(rb"\x00\x00\x00" + _SHORT), re.DOTALL).match,
}

_flat = re.compile(_FIELD + rb"*+\x00", re.DOTALL).match
_read_i32 = Struct(">i").unpack_from


class BinarySkipper(Skipper):
    """Skips one struct of the binary protocol."""

    __slots__ = ()

    def run(self, data: bytes, position: int) -> int:
        top, stack = self._top, self._stack
        size = len(data)
        try:
            while top and position <= size:
                types = top & TYPES
                if types == STRUCTS:
                    fields = _FIELDS(data, position)
                    if fields:
                        position = fields.end()
                    kind = data[position]
                    if kind == STOP:
                        position += 1
                        top = top - ONE or stack.pop()
                        continue
                    width = _FIELD_WIDTHS[kind]
                    if width:
                        position += width
                        continue
                    start = position + 3
                else:
                    if top >= BATCH * ONE and types in _BATCHES:
                        items = _BATCHES[types](data, position)
                        if items:
                            position = items.end()
                            top -= (items.lastindex or 0) * ONE
                            if top < ONE:
                                top = stack.pop()
                            continue
                    kind = types >> 8 if top & ONE else types & 0xFF
                    start = position
                begun = 0
                if kind == STRING:
                    length = _read_i32(data, start)[0]
                    if length >> 16:
                        self._check_size(length, start + 4)
                    end = start + 4 + length
                elif kind == STRUCT:
                    begun, end = ONE, start
                elif kind in (LIST, SET):
                    begun, end = self._list(data, start)
                elif kind == MAP:
                    begun, end = self._map(data, start)
                elif WIDTHS[kind]:
                    end = start + WIDTHS[kind]
                else:
                    raise DecodeError(f"no field has the type {kind}", offset=position, field="type")
                if types != STRUCTS:
                    top -= ONE
                    if top < ONE:  # before its last item a container is forgotten
                        top = stack.pop()
                if begun == ONE and top and not top & TYPES:
                    top += ONE
                elif begun:
                    self._push(top, position)
                    top = begun
                position = end
        except (IndexError, struct_error):
            pass  # the data ends inside an item, which is looked at again when there is more
        self._top = top
        self.done = not top
        return position

    def _list(self, data: bytes, start: int) -> tuple[int, int]:
        """Return what a list or a set opens, and where its items are or end."""
        count = _read_i32(data, start + 1)[0]
        kind = data[start]
        end = start + 5
        if WIDTHS[kind]:
            width = WIDTHS[kind]
            if count >> 16:
                self._check_size(count, end, width)
            return 0, end + count * width
        return self._items(count, count, kind, kind, start, end), end

    def _map(self, data: bytes, start: int) -> tuple[int, int]:
        """Return what a map opens, and where its items are or end."""
        count = _read_i32(data, start + 2)[0]
        key, value = data[start], data[start + 1]
        end = start + 6
        if WIDTHS[key] and WIDTHS[value]:
            width = WIDTHS[key] + WIDTHS[value]
            if count >> 16:
                self._check_size(count, end, width)
            return 0, end + count * width
        return self._items(count, 2 * count, key, value, start, end), end

    def _items(self, count: int, items: int, key: int, value: int, start: int, end: int) -> int:
        if count >> 16:
            self._check_size(count, end)
        if not count:  # of nothing, any type will do
            return 0
        for kind in (key, value):
            if kind not in TYPE_NAMES:
                raise DecodeError(f"no item has the type {kind}", offset=start, field="type")
        return items * ONE | value << 8 | key


def flat_struct_end(data: bytes, start: int) -> int:
    """Return the end of the struct at a position, if one pattern can tell it, else -1: most structs are like that."""
    found = _flat(data, start)
    return found.end() if found else -1
