"""Thrift's binary protocol: strict, where a version begins each message, and the older way without one.

Source: doc/specs/thrift-binary-protocol.md of Apache Thrift.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NoReturn

from metaprotocol_codecs.thrift.protocols.binary_skip import (
    I32,
    STRING,
    TYPE_NAMES,
    BinarySkipper,
    flat_struct_end,
)
from metaprotocol_codecs.thrift.protocols.binary_values import BinaryReader
from metaprotocol_codecs.thrift.protocols.protocol import (
    CALL,
    LONGEST_DESCRIPTION,
    FieldPlace,
    Head,
    Places,
    Protocol,
    skip_whole,
)
from metaprotocol_codecs.thrift.protocols.skip import STOP
from metaprotocol_codecs.thrift.protocols.values import describe
from metaprotocol_sdk import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_codecs.thrift.idl import Type
    from metaprotocol_codecs.thrift.protocols.skip import Skipper
    from metaprotocol_codecs.thrift.protocols.walker import Walker
    from metaprotocol_sdk import Limits

VERSION = 0x8001
_NO_LENGTH = 1 << 31  # negative, since lengths are signed

_read_strict = Struct(">HxBI").unpack_from
STRICT_HEADS = tuple(Struct(f">II{size}sI").unpack_from for size in range(256))
"""By the last byte of the name's length, the reader of the head of a strict message: version and type, the length, the
name if it is no longer, and the sequence id."""
STRICT_CALL = VERSION << 16 | CALL
"""The first bytes of nearly all strict calls; the third byte, here 0, means nothing."""
_read_u32 = Struct(">I").unpack_from
_read_type_and_id = Struct(">BI").unpack_from
_read_field_id = Struct(">xh").unpack_from


class _Binary(Protocol):
    """The common part of strict and non-strict messages."""

    name = "binary"

    def skipper(self, limits: Limits) -> Skipper:
        return BinarySkipper(limits)

    def flat_end(self, data: bytes, start: int) -> int:
        return flat_struct_end(data, start)

    def message_end(self, data: bytes, at: int, start: int, limits: Limits) -> int:
        end = flat_struct_end(data, start)
        return end if end > 0 else skip_whole(BinarySkipper(limits), data, ~end)

    def first_field(self, data: bytes, start: int) -> int | None:
        if data[start] == STOP:
            return None
        number: int = _read_field_id(data, start)[0]
        return number

    def fields(self, data: bytes, start: int, limits: Limits) -> Iterator[FieldPlace]:
        while (kind := data[start]) != STOP:
            number = _read_field_id(data, start)[0]
            if kind not in TYPE_NAMES:
                raise DecodeError(f"no field has the type {kind}", offset=start, field="type")
            end = skip_whole(BinarySkipper(limits, kind), data, start + 3)
            yield FieldPlace(number, TYPE_NAMES[kind], start, start + 3, end)
            start = end

    def describe(self, data: bytes, field: FieldPlace, known: Type | None, limits: Limits) -> str:
        reader = BinaryReader(data, field.value_start, limits)
        return describe(reader, field.kind, known, most=LONGEST_DESCRIPTION, deepest=limits.max_depth)

    def walker(self, data: bytes, start: int, limits: Limits) -> Walker:
        return BinaryReader(data, start, limits)

    def read_text(self, data: bytes, start: int, end: int) -> str:
        return str(data[start + 4 : end], "utf-8", "surrogateescape")

    def read_integer(self, data: bytes, start: int, end: int) -> int:
        return int.from_bytes(data[start:end], signed=True)

    def write_text(self, text: str) -> bytes:
        written = text.encode("utf-8", "surrogateescape")
        return len(written).to_bytes(4) + written

    def write_id(self, request_id: int) -> bytes:
        return request_id.to_bytes(4)

    def write_exception(self, text: str, code: int) -> bytes:
        return b"".join(
            (bytes((STRING, 0, 1)), self.write_text(text), bytes((I32, 0, 2)), code.to_bytes(4, signed=True), b"\0")
        )


class _Strict(_Binary):
    def struct_start(self, data: bytes, at: int) -> int:
        length: int
        version, _, length = _read_strict(data, at)
        if version != VERSION:
            raise DecodeError(f"the binary protocol has no version {version:04x}", offset=at, field="version")
        return at + 12 + length if length < _NO_LENGTH else _refuse_name(length, at + 4)

    def read_head(self, data: bytes, at: int) -> Head:
        size = data[at + 7]
        word, length, raw, request_id = STRICT_HEADS[size](data, at)
        if word >> 16 == VERSION and length == size:
            try:
                return word & 0xFF, request_id, raw.decode(), at + 12 + size
            except UnicodeDecodeError:
                pass
        version, kind, length = _read_strict(data, at)
        if version != VERSION:
            raise DecodeError(f"the binary protocol has no version {version:04x}", offset=at, field="version")
        end = at + 8 + length
        return kind, _read_u32(data, end)[0], str(data[at + 8 : end], "utf-8", "surrogateescape"), end + 4

    def places(self, data: bytes, at: int) -> Places:
        end = self.struct_start(data, at)
        return Places(at + 4, end - 4, end - 4, end, at + 2)

    def write_message(self, kind: int, name: str, request_id: int, struct: bytes) -> bytes:
        return b"".join(
            (VERSION.to_bytes(2), bytes((0, kind)), self.write_text(name), self.write_id(request_id), struct)
        )


class _NonStrict(_Binary):
    def struct_start(self, data: bytes, at: int) -> int:
        length: int = _read_u32(data, at)[0]
        return at + 9 + length if length < _NO_LENGTH else _refuse_name(length, at)

    def read_head(self, data: bytes, at: int) -> Head:
        end = at + 4 + _read_u32(data, at)[0]
        kind, request_id = _read_type_and_id(data, end)
        return kind, request_id, str(data[at + 4 : end], "utf-8", "surrogateescape"), end + 5

    def places(self, data: bytes, at: int) -> Places:
        end = self.struct_start(data, at)
        return Places(at, end - 5, end - 4, end, end - 5)

    def write_message(self, kind: int, name: str, request_id: int, struct: bytes) -> bytes:
        return b"".join((self.write_text(name), bytes((kind,)), self.write_id(request_id), struct))


def _refuse_name(length: int, at: int) -> NoReturn:
    raise DecodeError(f"a name of {length - (1 << 32)} bytes", offset=at, field="name")


STRICT = _Strict()
NON_STRICT = _NonStrict()
