"""Thrift's JSON protocol, as TJSONProtocol writes it: `[1,"name",type,id,{"1":{"str":"hello"}}]`.

Source: TJSONProtocol of Apache Thrift's C++, Java and Python libraries.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.protocols.json_skip import STRING, JsonSkipper
from metaprotocol_codecs.thrift.protocols.json_walker import SCALAR, TYPE_NAMES, JsonWalker
from metaprotocol_codecs.thrift.protocols.protocol import (
    LONGEST_DESCRIPTION,
    FieldPlace,
    Head,
    Places,
    Protocol,
    signed,
    skip_whole,
)
from metaprotocol_codecs.thrift.protocols.values import MORE
from metaprotocol_sdk import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_codecs.thrift.idl import Type
    from metaprotocol_codecs.thrift.protocols.skip import MatchAny, Skipper
    from metaprotocol_codecs.thrift.protocols.walker import Walker
    from metaprotocol_sdk import Limits

# JSON's blanks may stand between all parts.
_HEAD = re.compile(
    rb"\[ *+1 *+, *+(%s) *+, *+([0-9]{1,3}) *+, *+(-?[0-9]{1,10}) *+, *+".replace(rb" ", rb"[ \t\r\n]") % STRING
).match
_FIRST_FIELD = re.compile(rb'\{[ \t\r\n]*+(?:\}|"(-?[0-9]{1,5})")').match
_FIELD = re.compile(rb'[{,] *+"(-?[0-9]{1,5})" *+: *+\{ *+"([a-z0-9]{2,3})" *+: *+'.replace(rb" ", rb"[ \t\r\n]")).match
_blanks: MatchAny = re.compile(rb"[ \t\r\n]*+").match  # type: ignore[assignment]


class _Json(Protocol):
    name = "json"

    def struct_start(self, data: bytes, at: int) -> int:
        return at

    def skipper(self, limits: Limits) -> Skipper:
        return JsonSkipper(limits)

    def flat_end(self, data: bytes, start: int) -> int:
        return ~start

    def message_end(self, data: bytes, at: int, start: int, limits: Limits) -> int:
        if data[start] != _OBJECT_BEGIN:
            raise DecodeError("the arguments or the result begin with a brace", offset=start, field="struct")
        return skip_whole(JsonSkipper(limits), data, at)

    def read_head(self, data: bytes, at: int) -> Head:
        head = _match_head(data, at)
        name, kind, number = head.groups()
        request_id = int(number)
        if not -(1 << 31) <= request_id < 1 << 31:
            raise DecodeError(
                f"the sequence id {request_id:,} does not fit 32 bits", offset=head.start(3), field="seqid"
            )
        return int(kind), request_id & 0xFFFFFFFF, _unquote(name), head.end()

    def places(self, data: bytes, at: int) -> Places:
        head = _match_head(data, at)
        return Places(head.start(1), head.end(1), head.start(3), head.end(3), head.start(2))

    def first_field(self, data: bytes, start: int) -> int | None:
        found = _FIRST_FIELD(data, start)
        if not found:
            raise DecodeError("a field begins with its id in quotes", offset=start, field="field")
        return None if found[1] is None else int(found[1])

    def fields(self, data: bytes, start: int, limits: Limits) -> Iterator[FieldPlace]:
        if _FIRST_FIELD(data, start) and self.first_field(data, start) is None:
            return
        while data[start] != _OBJECT_END:
            field = _FIELD(data, start)
            kind = TYPE_NAMES.get(field[2].decode("ascii")) if field else None
            if not field or not kind:
                raise DecodeError("a field has an id and a type in quotes", offset=start, field="field")
            value = field.end()
            if data[value] in b"{[":
                end = skip_whole(JsonSkipper(limits), data, value)
            elif scalar := SCALAR(data, value):
                end = scalar.end()
            else:
                raise DecodeError("no value begins so", offset=value, field="value")
            bracket = _blanks(data, end).end()
            if data[bracket] != _OBJECT_END:
                raise DecodeError("a field ends with a bracket", offset=bracket, field="field")
            yield FieldPlace(int(field[1]), kind, start, value, end)
            start = _blanks(data, bracket + 1).end()

    def describe(self, data: bytes, field: FieldPlace, known: Type | None, limits: Limits) -> str:
        shown = data[field.value_start : min(field.end, field.value_start + LONGEST_DESCRIPTION)]
        text = str(shown, "utf-8", "ignore" if len(shown) == LONGEST_DESCRIPTION else "surrogateescape")
        number = (
            known.numbers.get(self.read_integer(data, field.value_start, field.end))
            if known and known.numbers
            else None
        )
        return number or (text + MORE if field.end - field.value_start > len(shown) else text)

    def walker(self, data: bytes, start: int, limits: Limits) -> Walker:
        return JsonWalker(data, start, limits)

    def read_text(self, data: bytes, start: int, end: int) -> str:
        return _unquote(data[start:end])

    def read_integer(self, data: bytes, start: int, end: int) -> int:
        try:
            return int(data[start:end])
        except ValueError:
            raise DecodeError("this is not an integer", offset=start, field="value") from None

    def write_text(self, text: str) -> bytes:
        try:
            return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return json.dumps(text).encode("ascii")

    def write_id(self, request_id: int) -> bytes:
        return str(signed(request_id)).encode("ascii")

    def write_message(self, kind: int, name: str, request_id: int, struct: bytes) -> bytes:
        return b"[1,%b,%d,%d,%b]" % (self.write_text(name), kind, signed(request_id), struct)

    def write_exception(self, text: str, code: int) -> bytes:
        return b'{"1":{"str":%b},"2":{"i32":%d}}' % (self.write_text(text), code)


_OBJECT_BEGIN, _OBJECT_END = b"{}"


def _match_head(data: bytes, at: int) -> re.Match[bytes]:
    head = _HEAD(data, at)
    if not head:
        raise DecodeError(
            'a message in JSON begins with [1,"method",type,id, and this one does not', offset=at, field="head"
        )
    return head


def _unquote(token: bytes) -> str:
    """Return the text of a string with quotes and sound escapes."""
    text = str(token, "utf-8", "surrogateescape")
    return str(json.loads(text, strict=False)) if "\\" in text else text[1:-1]


JSON = _Json()
