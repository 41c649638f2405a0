"""Reads values of Thrift's compact protocol, or goes through them."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING
from uuid import UUID

from metaprotocol_codecs.thrift.protocols import compact_skip as types
from metaprotocol_codecs.thrift.protocols.protocol import skip_whole
from metaprotocol_codecs.thrift.protocols.skip import STOP
from metaprotocol_codecs.thrift.protocols.values import Reader, Scalar
from metaprotocol_codecs.thrift.protocols.varint import from_zigzag, read_varint, skip_varint
from metaprotocol_codecs.thrift.protocols.walker import Items

if TYPE_CHECKING:
    from metaprotocol_sdk import Limits

# The specification has doubles little endian, and so do all libraries.
_read_double = Struct("<d").unpack_from
_read_byte = Struct(">b").unpack_from
_UUID_SIZE = 16
_NUMBERS = {name: number for number, name in types.TYPE_NAMES.items()}


class CompactReader(Reader):
    """Reads values of the compact protocol."""

    def __init__(self, data: bytes, position: int, limits: Limits) -> None:
        super().__init__(data, position, limits)
        self._bool: bool | None = None  # the value of a field that its type tells

    def field(self, previous: int) -> tuple[str, int]:
        lead = self.data[self.position]
        if lead == STOP:
            self.position += 1
            return "", previous
        name = types.TYPE_NAMES[lead & 0x0F]
        number = previous + (lead >> 4)
        self.position += 1
        if not lead >> 4:
            folded, self.position = read_varint(self.data, self.position)
            number = from_zigzag(folded)
        if name == "bool":
            self._bool = lead & 0x0F == types.TRUE
        return name, number

    def items(self, kind: str) -> Items:
        if kind == "map":
            count, self.position = read_varint(self.data, self.position)
            if not count:
                return Items(0, "", "")
            lead = self.data[self.position]
            key, item = types.TYPE_NAMES[lead >> 4], types.TYPE_NAMES[lead & 0x0F]
            self.position += 1
            return Items(count, key, item)
        lead = self.data[self.position]
        count = lead >> 4
        item = types.TYPE_NAMES.get(lead & 0x0F, "")
        self.position += 1
        if count == 15:
            count, self.position = read_varint(self.data, self.position)
        return Items(count, "", item)

    def scalar(self, kind: str) -> Scalar:
        start = self.position
        if kind == "bool":
            if self._bool is not None:
                value, self._bool = self._bool, None
                return value
            self.position += 1
            return self.data[start] & 0x0F == types.TRUE
        if kind == "byte":
            self.position += 1
            number: int = _read_byte(self.data, start)[0]
            return number
        if kind in ("i16", "i32", "i64"):
            folded, self.position = read_varint(self.data, start)
            return from_zigzag(folded)
        if kind == "double":
            self.position += 8
            fraction: float = _read_double(self.data, start)[0]
            return fraction
        size = _UUID_SIZE
        if kind != "uuid":
            size, start = read_varint(self.data, start)
        self.position = start + size
        raw = self.data[start : self.position]
        return UUID(bytes=raw) if kind == "uuid" else raw

    def skip(self, kind: str) -> None:
        number = _NUMBERS[kind]
        if kind == "bool" and self._bool is not None:
            self._bool = None
        elif width := types.WIDTHS[number]:
            self.position += width
        elif kind in ("i16", "i32", "i64"):
            self.position = skip_varint(self.data, self.position)
        elif kind == "string":
            size, start = read_varint(self.data, self.position)
            self.position = start + size
        else:
            self.position = skip_whole(types.CompactSkipper(self._limits, number), self.data, self.position)
