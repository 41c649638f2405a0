"""Thrift's compact protocol.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.protocols.compact_skip import (
    FALSE,
    I32,
    STRING,
    TRUE,
    TYPE_NAMES,
    CompactSkipper,
    flat_struct_end,
)
from metaprotocol_codecs.thrift.protocols.compact_values import CompactReader
from metaprotocol_codecs.thrift.protocols.protocol import (
    LONGEST_DESCRIPTION,
    FieldPlace,
    Head,
    Places,
    Protocol,
    skip_whole,
)
from metaprotocol_codecs.thrift.protocols.skip import STOP
from metaprotocol_codecs.thrift.protocols.values import describe
from metaprotocol_codecs.thrift.protocols.varint import from_zigzag, read_varint, skip_varint, to_zigzag, write_varint
from metaprotocol_sdk import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_codecs.thrift.idl import Type
    from metaprotocol_codecs.thrift.protocols.skip import Skipper
    from metaprotocol_codecs.thrift.protocols.walker import Walker
    from metaprotocol_sdk import Limits

PROTOCOL_ID = 0x82
VERSION = 1


class _Compact(Protocol):
    name = "compact"

    def struct_start(self, data: bytes, at: int) -> int:
        if data[at] != PROTOCOL_ID or data[at + 1] & 0x1F != VERSION:
            raise _no_message(data, at)
        middle = at + 3
        if data[at + 2] >= 0x80:
            middle = _read_id(data, at + 2)[1]
        length, start = data[middle], middle + 1
        if length >= 0x80:
            length, start = _read_length(data, middle)
        return start + length

    def skipper(self, limits: Limits) -> Skipper:
        return CompactSkipper(limits)

    def flat_end(self, data: bytes, start: int) -> int:
        return flat_struct_end(data, start)

    def message_end(self, data: bytes, at: int, start: int, limits: Limits) -> int:
        end = flat_struct_end(data, start)
        return end if end > 0 else skip_whole(CompactSkipper(limits), data, ~end)

    def read_head(self, data: bytes, at: int) -> Head:
        second = data[at + 1]
        if data[at] != PROTOCOL_ID or second & 0x1F != VERSION:
            raise _no_message(data, at)
        # Most sequence ids are of one byte or two, and most names are short.
        request_id, middle = data[at + 2], at + 3
        if request_id >= 0x80:
            high = data[middle]
            if high < 0x80:
                request_id, middle = request_id & 0x7F | high << 7, at + 4
            else:
                request_id, middle = _read_id(data, at + 2)
        length, start = data[middle], middle + 1
        if length >= 0x80:
            length, start = _read_length(data, middle)
        end = start + length
        if end > len(data):
            raise IndexError
        raw = data[start:end]
        try:
            return second >> 5, request_id, raw.decode(), end
        except UnicodeDecodeError:
            return second >> 5, request_id, str(raw, "utf-8", "surrogateescape"), end

    def places(self, data: bytes, at: int) -> Places:
        middle = skip_varint(data, at + 2)
        return Places(middle, self.struct_start(data, at), at + 2, middle, at + 1)

    def first_field(self, data: bytes, start: int) -> int | None:
        lead = data[start]
        if lead == STOP:
            return None
        return lead >> 4 or from_zigzag(read_varint(data, start + 1)[0])

    def fields(self, data: bytes, start: int, limits: Limits) -> Iterator[FieldPlace]:
        number = 0
        while (lead := data[start]) != STOP:
            kind = lead & 0x0F
            value = start + 1
            if lead >> 4:
                number += lead >> 4
            else:
                folded, value = read_varint(data, value)
                number = from_zigzag(folded)
            if kind in (TRUE, FALSE):
                yield FieldPlace(number, "bool", start, start, value)
                start = value
                continue
            if kind not in TYPE_NAMES:
                raise DecodeError(f"no field has the type {kind}", offset=start, field="type")
            end = skip_whole(CompactSkipper(limits, kind), data, value)
            yield FieldPlace(number, TYPE_NAMES[kind], start, value, end)
            start = end

    def describe(self, data: bytes, field: FieldPlace, known: Type | None, limits: Limits) -> str:
        reader = CompactReader(data, field.value_start, limits)
        return describe(reader, field.kind, known, most=LONGEST_DESCRIPTION, deepest=limits.max_depth)

    def walker(self, data: bytes, start: int, limits: Limits) -> Walker:
        return CompactReader(data, start, limits)

    def read_text(self, data: bytes, start: int, end: int) -> str:
        return str(data[skip_varint(data, start) : end], "utf-8", "surrogateescape")

    def read_integer(self, data: bytes, start: int, end: int) -> int:
        return from_zigzag(read_varint(data, start)[0])

    def write_text(self, text: str) -> bytes:
        written = text.encode("utf-8", "surrogateescape")
        return write_varint(len(written)) + written

    def write_id(self, request_id: int) -> bytes:
        return write_varint(request_id)

    def write_message(self, kind: int, name: str, request_id: int, struct: bytes) -> bytes:
        start = bytes((PROTOCOL_ID, kind << 5 | VERSION))
        return b"".join((start, self.write_id(request_id), self.write_text(name), struct))

    def write_exception(self, text: str, code: int) -> bytes:
        step = 1 << 4  # from one field id to the next
        fields = (bytes((step | STRING,)), self.write_text(text), bytes((step | I32,)), write_varint(to_zigzag(code)))
        return b"".join((*fields, b"\0"))


def _no_message(data: bytes, at: int) -> DecodeError:
    start = data[at : at + 2].hex(" ")
    return DecodeError(f"the compact protocol begins with 82 and version 1, not with {start}", offset=at)


def _read_id(data: bytes, at: int) -> tuple[int, int]:
    request_id, end = read_varint(data, at)
    if request_id >> 32:
        raise DecodeError(f"the sequence id {request_id:,} does not fit 32 bits", offset=at, field="seqid")
    return request_id, end


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    length, end = read_varint(data, at)
    if length >> 31:
        raise DecodeError(f"a name of {length:,} bytes", offset=at, field="name")
    return length, end


COMPACT = _Compact()
