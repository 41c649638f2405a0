"""Valid messages of each kind, for the conformance kit, fuzzing and the docs."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.dubbo.fastjson2 import FASTJSON2
from metaprotocol_codecs.dubbo.header import EVENT, HESSIAN2, OK, REQUEST, TWO_WAY
from metaprotocol_codecs.dubbo.jsonb import END, INT8, OBJECT, write_text
from metaprotocol_codecs.dubbo.response import (
    EXCEPTION,
    EXCEPTION_WITH_ATTACHMENTS,
    NULL_VALUE,
    NULL_WITH_ATTACHMENTS,
    VALUE,
    VALUE_WITH_ATTACHMENTS,
)
from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList, Writer
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

_write_header = Struct(">HBBQI").pack
_SERVICE = "org.apache.dubbo.demo.Greeter"
_ATTACHMENTS = {"path": _SERVICE, "interface": _SERVICE, "version": "1.0.0", "group": "blue", "timeout": "1000"}
_SERVER_ERROR = 70
_INT8 = bytes((INT8,))


def examples() -> Iterator[tuple[Direction, bytes]]:
    """Yield the messages, as Apache Dubbo for Java would write them."""
    user = Instance("org.apache.dubbo.demo.User", {"name": "Zoë", "age": 42, "born": Date(0), "tags": ["a", "b"]})
    values = [TypedList("[int", [1, 2, 3]), Map([("one", Long(1)), ("half", 0.5)]), b"\0\1", None, True, user]
    to_server, to_client = Direction.TO_SERVER, Direction.TO_CLIENT
    yield to_server, _request(REQUEST | TWO_WAY, 1, "hello", "Ljava/lang/String;", ["world 😀"], _ATTACHMENTS)
    yield to_server, _request(REQUEST | TWO_WAY, 2, "save", "Ljava/util/List;", [[*values, user, values]], {"a": "1"})
    yield to_server, _request(REQUEST | TWO_WAY, 3, "ping", "", [], None)
    yield to_server, _request(REQUEST, 4, "log", "ILjava/lang/String;", [7, "one-way"], {"path": _SERVICE})
    yield to_client, _response(1, VALUE_WITH_ATTACHMENTS, "hello world", {"dubbo": "2.0.2", "host": "a"})
    yield to_client, _response(2, VALUE, values)
    yield to_client, _response(3, NULL_VALUE)
    yield to_client, _response(3, NULL_WITH_ATTACHMENTS, {"dubbo": "2.0.2"})
    yield to_client, _response(2, EXCEPTION, Instance("java.lang.IllegalStateException", {"detailMessage": "no"}))
    failure = Instance("java.io.IOException", {"detailMessage": "disk full", "stackTrace": TypedList("[t", [])})
    yield to_client, _response(2, EXCEPTION_WITH_ATTACHMENTS, failure, {"trace": "7"})
    yield to_client, _message(0, _SERVER_ERROR, 3, "no such method")
    text, number, nothing = write_text("world 😀"), b"\x2a", b"\xa6\xa5"
    yield to_server, _fastjson2_request(8, "hello", "Ljava/lang/String;", [text], _ATTACHMENTS)
    yield to_server, _fastjson2_request(9, "save", "ILjava/util/Map;", [number, nothing], {"größe": "世", "empty": ""})
    yield to_client, _fastjson2(0, OK, 8, [_INT8 + bytes((VALUE_WITH_ATTACHMENTS,)), text, _fastjson2_map({"a": "1"})])
    yield to_client, _fastjson2(0, OK, 9, [_INT8 + bytes((NULL_WITH_ATTACHMENTS,)), _fastjson2_map({})])
    yield to_client, _fastjson2(0, OK, 9, [_INT8 + bytes((VALUE,)), number])
    yield to_server, _message(REQUEST | TWO_WAY | EVENT, 0, 5, None)
    yield to_client, _message(EVENT, OK, 5, None)
    yield to_client, _message(REQUEST | TWO_WAY | EVENT, 0, 6, None)
    yield to_client, _message(REQUEST | EVENT, 0, 7, "R")


def _request(
    flags: int, request_id: int, method: str, types: str, arguments: list[Any], attachments: dict[str, str] | None
) -> bytes:
    head = ("2.0.2", _SERVICE, "1.0.0", method, types)
    return _message(flags, 0, request_id, *head, *arguments, attachments)


def _response(request_id: int, kind: int, *values: object) -> bytes:
    return _message(0, OK, request_id, kind, *values)


def _fastjson2_request(
    request_id: int, method: str, types: str, arguments: list[bytes], attachments: dict[str, str]
) -> bytes:
    head = [write_text(text) for text in ("2.0.2", _SERVICE, "1.0.0", method, types)]
    return _fastjson2(REQUEST | TWO_WAY, 0, request_id, [*head, *arguments, _fastjson2_map(attachments)])


def _fastjson2_map(entries: dict[str, str]) -> bytes:
    texts = (write_text(text) for entry in entries.items() for text in entry)
    return bytes((OBJECT, *b"".join(texts), END))


def _fastjson2(flags: int, status: int, request_id: int, values: list[bytes]) -> bytes:
    body = b"".join(len(value).to_bytes(4) + value for value in values)
    return _write_header(0xDABB, flags | FASTJSON2, status, request_id, len(body)) + body


def _message(flags: int, status: int, request_id: int, *values: object) -> bytes:
    writer = Writer()
    body = b"".join(writer.write(value) for value in values)
    return _write_header(0xDABB, flags | HESSIAN2, status, request_id, len(body)) + body
