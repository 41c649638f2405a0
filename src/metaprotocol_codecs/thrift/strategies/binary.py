"""Writes the binary protocol.

Source: doc/specs/thrift-binary-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.thrift.strategies.values import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERS = {Kind.BOOL: ">?", Kind.BYTE: ">b", Kind.I16: ">h", Kind.I32: ">i", Kind.I64: ">q", Kind.DOUBLE: ">d"}


def strict(message_type: int, name: str, sequence: int, fields: Sequence[Field]) -> bytes:
    """Return a message that begins with its version."""
    return struct.pack(">HBB", 0x8001, 0, message_type) + _text(name) + struct.pack(">i", sequence) + _struct(fields)


def non_strict(message_type: int, name: str, sequence: int, fields: Sequence[Field]) -> bytes:
    """Return a message of the older way, which begins with its name."""
    return _text(name) + struct.pack(">bi", message_type, sequence) + _struct(fields)


def _struct(fields: Sequence[Field]) -> bytes:
    written = (struct.pack(">bh", kind, number) + _value(kind, value) for number, kind, value in fields)
    return b"".join(written) + b"\0"


def _value(kind: Kind, value: Any) -> bytes:
    if kind in _NUMBERS:
        return struct.pack(_NUMBERS[kind], value)
    if kind == Kind.STRING:
        return _text(value)
    if kind == Kind.UUID:
        written: bytes = value.bytes
        return written
    if kind == Kind.STRUCT:
        return _struct(value)
    if kind == Kind.MAP:
        pairs = (_value(value.key, key) + _value(value.item, item) for key, item in value.pairs)
        return struct.pack(">bbi", value.key, value.item, len(value.pairs)) + b"".join(pairs)
    return struct.pack(">bi", value.kind, len(value.items)) + b"".join(_value(value.kind, item) for item in value.items)


def _text(text: str | bytes) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">i", len(data)) + data
