"""Writes the JSON protocol, which no specification but its writers describe.

Source: TJSONProtocol of Apache Thrift's C++, Java and Python libraries.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.thrift.strategies.values import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {
    Kind.BOOL: "tf",
    Kind.BYTE: "i8",
    Kind.I16: "i16",
    Kind.I32: "i32",
    Kind.I64: "i64",
    Kind.DOUBLE: "dbl",
    Kind.STRING: "str",
    Kind.LIST: "lst",
    Kind.SET: "set",
    Kind.MAP: "map",
    Kind.STRUCT: "rec",
    Kind.UUID: "uid",
}


class Json:
    """Writes messages.

    Args:
        ascii_only: True to write characters outside ASCII as escapes.
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only

    def message(self, message_type: int, name: str, sequence: int, fields: Sequence[Field]) -> bytes:
        """Return a message."""
        return f"[1,{self._text(name)},{message_type},{sequence},{self._struct(fields)}]".encode()

    def _struct(self, fields: Sequence[Field]) -> str:
        written = (f'"{number}":{{"{_NAMES[kind]}":{self._value(kind, value)}}}' for number, kind, value in fields)
        return f"{{{','.join(written)}}}"

    def _value(self, kind: Kind, value: Any) -> str:
        if kind == Kind.STRUCT:
            return self._struct(value)
        if kind == Kind.MAP:
            pairs = (f"{self._key(value.key, key)}:{self._value(value.item, item)}" for key, item in value.pairs)
            types = f'"{_NAMES[value.key]}","{_NAMES[value.item]}"'
            return f"[{types},{len(value.pairs)},{{{','.join(pairs)}}}]"
        if kind in (Kind.LIST, Kind.SET):
            items = "".join(f",{self._value(value.kind, item)}" for item in value.items)
            return f'["{_NAMES[value.kind]}",{len(value.items)}{items}]'
        return self._scalar(kind, value)

    def _key(self, kind: Kind, value: Any) -> str:
        """Return a key of a map, which is in quotes whatever it is."""
        written = self._scalar(kind, value)
        return written if written.startswith('"') else f'"{written}"'

    def _scalar(self, kind: Kind, value: Any) -> str:
        if kind == Kind.STRING:
            return self._text(value if isinstance(value, str) else base64.b64encode(value).decode())
        if kind == Kind.UUID:
            return f'"{value}"'
        if kind == Kind.BOOL:
            return str(int(value))
        if kind != Kind.DOUBLE:
            return str(value)
        if math.isnan(value):
            return '"NaN"'
        if math.isinf(value):
            return '"Infinity"' if value > 0 else '"-Infinity"'
        return f"{value:.17g}"

    def _text(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self._ascii_only)
