"""Writes the compact protocol.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.thrift.strategies.values import Field, Kind
from metaprotocol_codecs.thrift.strategies.varint import varint, with_length, zigzag

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRUE, _FALSE = 1, 2
# A boolean has the type "true" as an item, and one of two types as a field.
_TYPES = {
    Kind.BOOL: _TRUE,
    Kind.BYTE: 3,
    Kind.I16: 4,
    Kind.I32: 5,
    Kind.I64: 6,
    Kind.DOUBLE: 7,
    Kind.STRING: 8,
    Kind.LIST: 9,
    Kind.SET: 10,
    Kind.MAP: 11,
    Kind.STRUCT: 12,
    Kind.UUID: 13,
}
_LONGEST_STEP = _LONG_SIZE = 15


class Compact:
    """Writes messages.

    Args:
        short: True if numbers of fields and sizes of lists have their short forms where they can. All writers do that,
            and all readers take the long forms too.
    """

    def __init__(self, *, short: bool = True) -> None:
        self._short = short

    def message(self, message_type: int, name: str, sequence: int, fields: Sequence[Field]) -> bytes:
        """Return a message."""
        head = bytes((0x82, message_type << 5 | 1)) + varint(sequence % 2**32) + with_length(name.encode())
        return head + self._struct(fields)

    def _struct(self, fields: Sequence[Field]) -> bytes:
        parts: list[bytes] = []
        last = 0
        for number, kind, value in fields:
            code = (_TRUE if value else _FALSE) if kind == Kind.BOOL else _TYPES[kind]
            step = number - last
            if self._short and 0 < step <= _LONGEST_STEP:
                parts.append(bytes((step << 4 | code,)))
            else:
                parts.append(bytes((code,)) + zigzag(number))
            if kind != Kind.BOOL:
                parts.append(self._value(kind, value))
            last = number
        return b"".join(parts) + b"\0"

    def _value(self, kind: Kind, value: Any) -> bytes:
        if kind == Kind.BOOL:
            return bytes((_TRUE if value else _FALSE,))
        if kind == Kind.BYTE:
            return struct.pack("b", value)
        if kind in (Kind.I16, Kind.I32, Kind.I64):
            return zigzag(value)
        if kind == Kind.DOUBLE:
            return struct.pack("<d", value)
        if kind == Kind.STRING:
            return with_length(value if isinstance(value, bytes) else value.encode())
        if kind == Kind.UUID:
            written: bytes = value.bytes
            return written
        if kind == Kind.STRUCT:
            return self._struct(value)
        if kind == Kind.MAP:
            if not value.pairs:
                return b"\0"
            pairs = (self._value(value.key, key) + self._value(value.item, item) for key, item in value.pairs)
            types = _TYPES[value.key] << 4 | _TYPES[value.item]
            return varint(len(value.pairs)) + bytes((types,)) + b"".join(pairs)
        size, code = len(value.items), _TYPES[value.kind]
        if self._short and size < _LONG_SIZE:
            head = bytes((size << 4 | code,))
        else:
            head = bytes((_LONG_SIZE << 4 | code,)) + varint(size)
        return head + b"".join(self._value(value.kind, item) for item in value.items)
