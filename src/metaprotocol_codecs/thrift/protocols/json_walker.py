"""Goes through the values of Thrift's JSON protocol, as TJSONProtocol writes them.

A field is `"1":{"i32":5}`, a list `["i32",2,5,6]`, and a map `["str","i32",1,{"a":5}]`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.protocols.json_skip import STRING, JsonSkipper
from metaprotocol_codecs.thrift.protocols.protocol import skip_whole
from metaprotocol_codecs.thrift.protocols.walker import CONTAINERS, Items, Walker
from metaprotocol_sdk import DecodeError, Limits

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.protocols.skip import MatchAny

TYPE_NAMES = {
    "tf": "bool",
    "i8": "byte",
    "i16": "i16",
    "i32": "i32",
    "i64": "i64",
    "dbl": "double",
    "str": "string",
    "rec": "struct",
    "map": "map",
    "lst": "list",
    "set": "set",
    "uid": "uuid",
}
SCALAR = re.compile(rb"[-+.0-9A-Za-z]++|" + STRING).match
"""Matches a value that is neither an object nor an array."""


def _match(pattern: bytes) -> MatchAny:
    """Return the `match` of a pattern in which a space stands for any blanks."""
    match: MatchAny = re.compile(pattern.replace(b" ", rb"[ \t\r\n]*+")).match  # type: ignore[assignment]
    return match


_field = _match(rb' "(-?[0-9]{1,5})" : \{ "([a-z0-9]{2,3})" : ')
_list = _match(rb' \[ "([a-z0-9]{2,3})" , ([0-9]{1,10}) ')
_map = _match(rb' \[ "([a-z0-9]{2,3})" , "([a-z0-9]{2,3})" , ([0-9]{1,10}) , \{ ')
_blanks = _match(b" ")


class JsonWalker(Walker):
    """Goes through values of the JSON protocol."""

    def __init__(self, data: bytes, position: int, limits: Limits) -> None:
        super().__init__(data, position, limits)
        self._first = False  # True right after a bracket was opened

    def begin_struct(self) -> None:
        self._take(b"{")
        self._first = True

    def field(self, previous: int) -> tuple[str, int]:
        if self._is_next(b"}"):
            self._first = False
            return "", previous
        if not self._first:
            self._take(b",")
        found = self._read(_field, "a field with its id and its type in quotes")
        return self._type(found[2]), int(found[1])

    def end_field(self) -> None:
        self._take(b"}")
        self._first = False

    def items(self, kind: str) -> Items:
        if kind == "map":
            found = self._read(_map, "a map with its types and its size")
            self._first = True
            return Items(int(found[3]), self._type(found[1]), self._type(found[2]))
        found = self._read(_list, f"a {kind} with its type and its size")
        self._first = False
        return Items(int(found[2]), "", self._type(found[1]))

    def before_item(self, kind: str, left: int) -> None:
        if kind == "map" and not left % 2:
            self._take(b":")
        elif not self._first:
            self._take(b",")
        self._first = False

    def end_items(self, kind: str) -> None:
        if kind == "map":
            self._take(b"}")
        self._take(b"]")
        self._first = False

    def skip(self, kind: str) -> None:
        self.position = _blanks(self.data, self.position).end()
        if kind in CONTAINERS and self.data[self.position] in b"{[":
            self.position = skip_whole(JsonSkipper(self._limits), self.data, self.position)
        elif kind not in CONTAINERS and (scalar := SCALAR(self.data, self.position)):
            self.position = scalar.end()
        else:
            raise DecodeError(f"no value of the type {kind} begins so", offset=self.position, field="value")
        self._first = False

    def skip_scalars(self, kind: str, items: Items, start: int) -> None:
        for left in reversed(range(items.count * 2 if kind == "map" else items.count)):
            self.before_item(kind, left)
            self.skip("string" if kind == "map" and left % 2 else items.item)
        self.end_items(kind)

    def _read(self, match: MatchAny, what: str) -> re.Match[bytes]:
        found = match(self.data, self.position)
        if not found:
            raise DecodeError(f"{what} should stand here", offset=self.position, field="struct")
        self.position = found.end()
        return found

    def _type(self, name: bytes) -> str:
        kind = TYPE_NAMES.get(name.decode("ascii"))
        if kind is None:
            raise DecodeError(f"there is no type {name.decode('ascii')}", offset=self.position, field="type")
        return kind

    def _is_next(self, sign: bytes) -> bool:
        """Step over a sign and return True, if it is the next one."""
        position = _blanks(self.data, self.position).end()
        if not self.data.startswith(sign, position):
            return False
        self.position = position + 1
        return True

    def _take(self, sign: bytes) -> None:
        if not self._is_next(sign):
            raise DecodeError(f"{sign.decode()} should stand here", offset=self.position, field="struct")
