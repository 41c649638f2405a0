"""Invocations in two other serializations that can be read without building arguments: fastjson and protobuf.

Only their plain form is read, which is what Dubbo writes. Anything else is left to the provider: the message then has
the metadata of its header and says why the rest is missing. Source: FastJsonObjectInput and GenericProtobufObjectInput
of Apache Dubbo 2.7.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from metaprotocol_codecs.dubbo.arguments import descriptors, parameters_of
from metaprotocol_codecs.dubbo.header import SERIALIZATIONS, not_read
from metaprotocol_codecs.dubbo.request import GENERIC_METHODS, request_properties
from metaprotocol_sdk import DecodeError, Limits

FASTJSON = 6
PROTOBUF = 22

# As Java's BufferedReader splits lines.
_LINE_END = re.compile(rb"\r\n|\r|\n")
_STRING = rb'"(?:[^"\\\x00-\x1f]|\\.)*+"'
_FLAT_OBJECT = re.compile(rb"\{(?:" + _STRING + rb":" + _STRING + rb"(?:,(?=\")|(?=\})))*+\}")
_PAIRS = re.compile(rb"(" + _STRING + rb"):(" + _STRING + rb")")


class ForeignInvocation(NamedTuple):
    """The plain parts of an invocation."""

    strings: list[str | None]
    """Dubbo version, path, service version, method, parameter types."""
    attachments: dict[str, str]
    unclear: str = ""
    """The reason why a provider may see other attachments; "" if it does not."""


def read_foreign(message: bytes, position: int, serialization: int, limits: Limits) -> tuple[dict[str, str], str]:
    """Read a request's body in another serialization than hessian2, and say why properties may be missing.

    Args:
        message: A Dubbo message.
        position: Where its body begins.
        serialization: The id of the serialization.
        limits: Bounds of what is built.

    Returns:
        Its properties, none if it is not plain; and the reason why the provider may see others, or "".
    """
    read = {FASTJSON: _read_fastjson, PROTOBUF: _read_protobuf}.get(serialization)
    if read is None:
        return {}, not_read(serialization)
    try:
        found = read(message, position, limits)
    except (DecodeError, IndexError, ValueError):
        found = None
    if found is None:
        name = SERIALIZATIONS[serialization]
        return {}, f"the body in the serialization {name} is not written as Dubbo's clients write it"
    unclear = found.unclear
    if not unclear and found.strings[3] in GENERIC_METHODS:
        unclear = "the method that a generic call names is not read in this serialization"
    return request_properties(found.strings, found.attachments, unclear)


def _read_fastjson(message: bytes, position: int, limits: Limits) -> ForeignInvocation | None:
    """One JSON value a line: five strings, the arguments, the attachments."""
    lines = _LINE_END.split(message[position:], maxsplit=5)
    strings = [_json_string(line) for line in lines[:5]]
    arguments = parameters_of(strings[4], position).size
    if arguments > limits.max_elements:
        return None
    *_, attachments, rest = _LINE_END.split(lines[5], maxsplit=arguments + 1)
    if rest or not _FLAT_OBJECT.fullmatch(attachments):
        return None
    pairs = _PAIRS.findall(attachments)
    if len(pairs) > limits.max_elements:
        return None
    found = {json.loads(key): json.loads(value) for key, value in pairs}
    # fastjson does not take these two for keys: they name a class, and another part of the document.
    return None if "@type" in found or "$ref" in found else ForeignInvocation(strings, found)


def _json_string(line: bytes) -> str | None:
    if line == b"null":
        return None
    if line[:1] != b'"':
        raise ValueError("not a JSON string")
    text: str = json.loads(line)
    return text


def _read_protobuf(message: bytes, position: int, limits: Limits) -> ForeignInvocation | None:
    """Messages, each after its length: five of type StringValue, the arguments, a map of strings."""
    strings: list[str | None] = []
    for _ in range(5):
        value, position = _delimited(message, position)
        strings.append(_single_field(value, 0x0A))
    unclear = ""
    parameters_of(strings[4], position)  # refuses what are not descriptors
    for descriptor in descriptors(strings[4] or ""):
        if not descriptor.startswith("L") or descriptor.startswith(("Ljava/", "Ljavax/")):
            unclear = (
                f"{descriptor[:80]!r} is not a protobuf message, so a provider before 3.0 reads nothing for it and "
                "takes its bytes for the attachments"
            )
        _, position = _delimited(message, position)
    entries, position = _delimited(message, position)
    if position != len(message):
        return None
    attachments: dict[str, str] = {}
    at = 0
    while at < len(entries):
        if entries[at] != 0x0A or len(attachments) == limits.max_elements:
            return None
        entry, at = _delimited(entries, at + 1)
        if entry[:1] != b"\x0a":
            return None
        key, value_at = _delimited(entry, 1)
        attachments[key.decode()] = _single_field(entry[value_at:], 0x12)
    return ForeignInvocation(strings, attachments, unclear)


def _single_field(raw: bytes, tag: int) -> str:
    """Return the string of a message that has this field alone, or nothing for the empty string."""
    if not raw:
        return ""
    value, end = _delimited(raw, 1)
    if raw[0] != tag or end != len(raw):
        raise ValueError("not a single string field")
    return value.decode()


def _delimited(raw: bytes, position: int) -> tuple[bytes, int]:
    """Return the bytes after a varint that says their number, and the position after them."""
    size = 0
    for shift in range(0, 35, 7):
        byte = raw[position]
        position += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise ValueError("a length has more than 5 bytes")
    end = position + size
    if end > len(raw):
        raise IndexError
    return raw[position:end], end
