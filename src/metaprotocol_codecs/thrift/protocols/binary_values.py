"""Reads values of Thrift's binary protocol, or goes through them."""

from __future__ import annotations

from struct import Struct
from uuid import UUID

from metaprotocol_codecs.thrift.protocols import binary_skip as types
from metaprotocol_codecs.thrift.protocols.protocol import skip_whole
from metaprotocol_codecs.thrift.protocols.skip import STOP
from metaprotocol_codecs.thrift.protocols.values import Reader, Scalar
from metaprotocol_codecs.thrift.protocols.walker import Items

_read_field_id = Struct(">xh").unpack_from
_read_i32 = Struct(">i").unpack_from
_SCALARS = {
    "bool": Struct(">?"),
    "byte": Struct(">b"),
    "i16": Struct(">h"),
    "i32": Struct(">i"),
    "i64": Struct(">q"),
    "double": Struct(">d"),
}
_UUID_SIZE = 16
_NUMBERS = {name: number for number, name in types.TYPE_NAMES.items()}


class BinaryReader(Reader):
    """Reads values of the binary protocol."""

    def field(self, previous: int) -> tuple[str, int]:
        kind = self.data[self.position]
        if kind == STOP:
            self.position += 1
            return "", previous
        number: int = _read_field_id(self.data, self.position)[0]
        self.position += 3
        return types.TYPE_NAMES[kind], number

    def items(self, kind: str) -> Items:
        data, start = self.data, self.position
        count = _read_i32(data, start + (2 if kind == "map" else 1))[0]
        if kind == "map":
            key, item = types.TYPE_NAMES.get(data[start], ""), types.TYPE_NAMES.get(data[start + 1], "")
            self.position += 6
            return Items(count, key, item)
        item = types.TYPE_NAMES.get(data[start], "")
        self.position += 5
        return Items(count, "", item)

    def scalar(self, kind: str) -> Scalar:
        start = self.position
        if kind in _SCALARS:
            reader = _SCALARS[kind]
            value: Scalar = reader.unpack_from(self.data, start)[0]
            self.position += reader.size
            return value
        if kind == "uuid":
            size = _UUID_SIZE
        else:
            size = _read_i32(self.data, start)[0]
            start += 4
        self.position = start + size
        raw = self.data[start : self.position]
        return UUID(bytes=raw) if kind == "uuid" else raw

    def skip(self, kind: str) -> None:
        number = _NUMBERS[kind]
        if width := types.WIDTHS[number]:
            self.position += width
        elif kind == "string":
            self.position += 4 + _read_i32(self.data, self.position)[0]
        else:
            self.position = skip_whole(types.BinarySkipper(self._limits, number), self.data, self.position)
