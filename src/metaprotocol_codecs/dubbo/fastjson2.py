"""Dubbo bodies in fastjson2, the default serialization since Dubbo 3.2: JSONB values, each after its length.

Strings and attachments are read, arguments and results are skipped by their length. A form that Dubbo's clients do not
write is left to the provider, and the message then says why its properties are missing.

Source: FastJson2ObjectOutput and FastJson2ObjectInput of Apache Dubbo 3.2 and 3.3; JSONReaderJSONB of fastjson2 2.0.60.
"""

from __future__ import annotations

from typing import NamedTuple

from metaprotocol_codecs.dubbo.arguments import parameters_of
from metaprotocol_codecs.dubbo.jsonb import (
    ASCII,
    ASCII_0,
    END,
    INT8,
    NULL,
    OBJECT,
    STRINGS,
    TYPED,
    WIDTHS,
    is_comparable,
    read_int,
    read_text,
    skip_value,
    write_text,
)
from metaprotocol_codecs.dubbo.request import GENERIC_METHODS, generic_method_name, request_properties
from metaprotocol_codecs.dubbo.response import (
    EXCEPTION,
    EXCEPTION_WITH_ATTACHMENTS,
    FIELDS,
    KINDS,
    NULL_VALUE,
    NULL_WITH_ATTACHMENTS,
)
from metaprotocol_sdk import DecodeError, Limits, Mutation, UnsupportedMutation

FASTJSON2 = 23

NOT_PLAIN = "the body in the serialization fastjson2 is not written as Dubbo's clients write it"

LENGTH = 4
"""Bytes of the length before each value."""
KIND_OFFSET = LENGTH + 1
"""The offset of a response's kind in its body: after a length, in a value of one byte."""
# Classes of java.lang that fastjson2 names without their package (TypeUtils.NAME_MAPPINGS).
_SHORT_NAMES = (
    "Exception RuntimeException IllegalAccessError IllegalAccessException IllegalArgumentException "
    "IllegalMonitorStateException IllegalStateException IllegalThreadStateException IndexOutOfBoundsException "
    "InstantiationError InstantiationException InternalError InterruptedException LinkageError "
    "NegativeArraySizeException NoClassDefFoundError NoSuchFieldError NoSuchFieldException NoSuchMethodError "
    "NoSuchMethodException NullPointerException NumberFormatException OutOfMemoryError SecurityException "
    "StackOverflowError StringIndexOutOfBoundsException TypeNotPresentException VerifyError"
)
_OF_JAVA_LANG = frozenset(_SHORT_NAMES.split())
# Clients write these as an int, and providers read a number or its text (RpcUtils.getTimeout).
_NUMBERS = frozenset({"timeout", "_TO", "_to"})


class Entry(NamedTuple):
    """One attachment."""

    start: int
    """The offset of its key."""
    value_start: int
    """The offset of its value."""
    end: int
    """The offset after it."""
    key: str
    value: str | None
    """The value; None if it is not a string."""


class Fastjson2Span(NamedTuple):
    """The attachments of a message."""

    start: int
    """The offset of the length before them."""
    end: int
    """The offset after them, or `start` in a response without any."""
    path: str | None = None
    """The path in the body of a request."""
    version: str | None = None
    """The version in the body of a request."""


def read_fastjson2_request(
    message: bytes, position: int, limits: Limits
) -> tuple[dict[str, str], Fastjson2Span | None, str]:
    """Return the properties of a request, where its attachments are, and why the provider may see others.

    Args:
        message: A Dubbo message.
        position: The offset of its body.
        limits: Bounds of what is built.
    """
    strings: list[str | None] = []
    try:
        for _ in range(5):
            start = position + LENGTH
            text, position = _text_chunk(message, position)
            if not is_comparable(message, start, text):
                raise ValueError("not a name that Java finds")
            strings.append(text)
        arguments_start = position
        for _ in range(parameters_of(strings[4], position).size):
            position = chunk_of(message, position)[1]
        entries, end = read_map(message, position, limits)
    except (DecodeError, IndexError, ValueError):
        return {}, None, NOT_PLAIN
    attachments, unclear = _values(message, entries)
    generic_method = None
    if strings[3] in GENERIC_METHODS and position > arguments_start:
        try:
            generic_method = generic_method_name(_text_chunk(message, arguments_start)[0])
        except (IndexError, ValueError):
            unclear = unclear or "the first argument of a generic call is not a string, so the method is unknown"
    properties, unclear = request_properties(strings, attachments, unclear, generic_method)
    return properties, Fastjson2Span(position, end, strings[1], strings[2]), unclear


def read_fastjson2_response(
    message: bytes, position: int, limits: Limits
) -> tuple[dict[str, str], Fastjson2Span | None, bool, str]:
    """Read the body of a response of status OK.

    Args:
        message: A Dubbo message.
        position: The offset of its body.
        limits: Bounds of what is built.

    Returns:
        Its properties; where its attachments are; True if it is an exception; and why the client may see others.
    """
    properties: dict[str, str] = {}
    unclear = ""
    try:
        start, position = chunk_of(message, position)
        if position - start != 2 or message[start] != INT8:
            raise ValueError("not a kind of response")
        kind = message[start + 1]
        if kind not in KINDS:
            raise ValueError("no such kind of response")
        is_exception = kind in (EXCEPTION, EXCEPTION_WITH_ATTACHMENTS)
        value_start = position
        if kind not in (NULL_VALUE, NULL_WITH_ATTACHMENTS):
            value_start, position = chunk_of(message, position)
        span = Fastjson2Span(position, position)
        if kind >= EXCEPTION_WITH_ATTACHMENTS:
            entries, end = read_map(message, position, limits)
            span = Fastjson2Span(position, end)
            attachments, unclear = _values(message, entries)
            properties = {
                name: value for name, value in attachments.items() if value is not None and name not in FIELDS
            }
        if is_exception and message[value_start] == TYPED and message[value_start + 1] in STRINGS:
            name = read_text(message, value_start + 1)[0] or ""
            properties["exception"] = f"java.lang.{name}" if name in _OF_JAVA_LANG else name
    except (IndexError, ValueError):
        return {}, None, False, NOT_PLAIN
    return properties, span, is_exception, unclear


def read_fastjson2_text(message: bytes, position: int) -> str | None:
    """Return the string that a body begins with, or None if it is null or something else."""
    try:
        return _text_chunk(message, position)[0]
    except (IndexError, ValueError):
        return None


def edit_fastjson2_attachments(
    message: bytes, span: Fastjson2Span, mutation: Mutation, limits: Limits
) -> list[tuple[int, int, bytes]]:
    """Return the edits that apply a mutation to the attachments; see `mutation.edit_attachments`.

    Raises:
        UnsupportedMutation: A key or a value cannot be written, or later values may refer to what would go.
    """
    entries = read_map(message, span.start, limits)[0] if span.start < span.end else []
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.key in mutation:
            places.setdefault(entry.key, []).append(entry)
    edits: list[tuple[int, int, bytes]] = []
    added: list[bytes] = []
    count = len(entries)
    for key, value in mutation.items():
        at = places.get(key)
        if value is None:
            gone = [(entry, entry.start, b"") for entry in at or ()]
            count -= len(gone)
        elif at is None:
            added += (_write_text(key, key, limits.max_key_length), _write_text(key, value, limits.max_value_length))
            count += 1
            continue
        elif at[-1].value == value:
            continue
        else:
            gone = [(at[-1], at[-1].value_start, _write_text(key, value, limits.max_value_length))]
        for entry, start, written in gone:
            # An object defines names for later ones, and others refer to it by its path.
            if entry.value is None and not WIDTHS[message[entry.value_start]]:
                raise UnsupportedMutation(f"the attachment {key[:80]!r} is an object, to which later ones may refer")
            edits.append((start, entry.end, written))
    if not edits and not added:
        return []
    if count > limits.max_elements:
        raise UnsupportedMutation(f"there would be {count:,} attachments, over the limit of {limits.max_elements:,}")
    if span.start == span.end:
        written = bytes((OBJECT, *b"".join(added), END))
        return [(span.start, span.start, len(written).to_bytes(LENGTH) + written)]
    edits.sort()
    start = span.start + LENGTH
    if message[start] == NULL:
        edits = [(start, span.end, bytes((OBJECT, *b"".join(added), END)))]
    elif added:
        edits.append((span.end - 1, span.end - 1, b"".join(added)))
    size = span.end - start + sum(len(written) - (end - begin) for begin, end, written in edits)
    return [(span.start, start, size.to_bytes(LENGTH)), *edits]


def _values(message: bytes, entries: list[Entry]) -> tuple[dict[str, str | None], str]:
    """Return the attachments, the last of a key that comes twice, and why Java may see others."""
    attachments: dict[str, str | None] = {}
    unclear = ""
    for start, value_start, _, key, value in entries:
        attachments[key] = value
        if unclear:
            continue
        tag = message[start]
        # Also where a string of the same key comes later: only the class of an object tells where its reader stops.
        if value is None and message[value_start] != NULL:
            unclear = f"the attachment {key[:80]!r} is not a string, which some providers turn into one"
        elif tag > ASCII:
            if not is_comparable(message, start, key):
                unclear = f"the attachment {key[:80]!r} is not found by its name on Java 9 and later"
        # JSONReaderJSONB remembers names of 9 to 16 bytes by two numbers made of them. Those of "a\0bcdefghi" and of
        # "abcdefghi" are the same, and the name that came first is returned for both.
        elif ASCII_0 + 9 <= tag <= ASCII_0 + 16 and ("\0" in key or not key.isascii()):
            unclear = f"the attachment {key[:80]!r} may be read as one of another name"
    return attachments, unclear


def chunk_of(message: bytes, position: int) -> tuple[int, int]:
    """Return the offsets of the value after the length at a position, and after it; raises IndexError."""
    start = position + LENGTH
    end = start + int.from_bytes(message[position:start])
    if end > len(message) or end == start:
        raise IndexError
    return start, end


def _text_chunk(message: bytes, position: int) -> tuple[str | None, int]:
    start, end = chunk_of(message, position)
    text, text_end = read_text(message, start)
    if text_end != end:
        raise ValueError("bytes follow the string")
    return text, end


def read_map(message: bytes, position: int, limits: Limits) -> tuple[list[Entry], int]:
    """Return the attachments after the length at a position, and the offset after them.

    Raises:
        IndexError: The message ends inside them.
        ValueError: They are not written as Dubbo's clients write them, or pass the limits.
    """
    start, end = chunk_of(message, position)
    if message[start] == NULL and end == start + 1:
        return [], end
    if message[start] != OBJECT:
        raise ValueError("not a map")
    entries: list[Entry] = []
    position = start + 1
    while message[position] != END:
        if len(entries) == limits.max_elements:
            raise ValueError("too many attachments")
        key, value_start = read_text(message, position)
        # "@type" makes an object of another class of the map.
        if key is None or key == "@type" or value_start - position > limits.max_key_length:
            raise ValueError("not a key")
        tag = message[value_start]
        value = None
        if tag in STRINGS:
            value, value_end = read_text(message, value_start)
            if value_end - value_start > limits.max_value_length:
                raise ValueError("too long")
        else:
            value_end = skip_value(message, value_start)
            if key in _NUMBERS and (tag <= 0x48 or tag >= 0xF0):
                value = str(read_int(message, value_start)[0])
        entries.append(Entry(position, value_start, value_end, key, value))
        position = value_end
    if position + 1 != end:
        raise ValueError("the map does not end where its length says")
    return entries, end


def _write_text(key: str, text: str, maximum: int) -> bytes:
    """Return a key or value as JSONB; `key` is for the error."""
    try:
        written = write_text(text)
    except UnicodeEncodeError:
        raise UnsupportedMutation(f"the attachment {key[:80]!r} holds half of a surrogate pair") from None
    if key == "@type":
        raise UnsupportedMutation("to fastjson2 the attachment '@type' is the class of the map")
    if len(written) > maximum:
        raise UnsupportedMutation(f"the attachment {key[:80]!r} would take {len(written):,} bytes, over {maximum:,}")
    return written
