"""Dubbo bodies in fastjson2, the default serialization since Dubbo 3.2: JSONB values, each after its length.

Strings and attachments are read, arguments and results are skipped by their length. Nested attachments are skipped by
counting, as hessian2 values are: no recursion, nothing allocated by a declared size. A form that Dubbo's clients do not
write is left to the provider, and the message then says why its properties are missing.

Source: FastJson2ObjectOutput and FastJson2ObjectInput of Apache Dubbo 3.2 and 3.3; JSONB, JSONReaderJSONB and
JSONWriterJSONB of fastjson2 2.0.60.
"""

from __future__ import annotations

from typing import NamedTuple

from metaprotocol_codecs.dubbo.arguments import parameters_of
from metaprotocol_codecs.dubbo.header import LAYOUT, REQUEST
from metaprotocol_codecs.dubbo.request import GENERIC_METHODS, generic_method_name, request_properties
from metaprotocol_codecs.dubbo.response import (
    EXCEPTION,
    EXCEPTION_WITH_ATTACHMENTS,
    FIELDS,
    KINDS,
    NULL_VALUE,
    NULL_WITH_ATTACHMENTS,
)
from metaprotocol_sdk import DecodeError, Limits, Mutation, Span, UnsupportedMutation

FASTJSON2 = 23

NOT_PLAIN = "the body in the serialization fastjson2 is not written as Dubbo's clients write it"

_LENGTH = 4
_BODY_STRINGS = ("dubbo", "path", "version", "method", "parameter_types")
_ASCII_0, _ASCII_47, _ASCII, _UTF8, _UTF16, _UTF16_LE, _UTF16_BE, _SYMBOL = 0x49, 0x78, *range(0x79, 0x7E), 0x7F
_BINARY, _TYPED, _REFERENCE, _ARRAY_0, _ARRAY, _END, _OBJECT, _NULL = 0x91, 0x92, 0x93, 0x94, 0xA4, 0xA5, 0xA6, 0xAF
_BIG_INTEGER, _INT8 = 0xBB, 0xBD
_STRINGS = frozenset(range(_ASCII_0, _UTF16_BE + 1))
# Clients write these as an int, and providers read a number or its text (RpcUtils.getTimeout).
_NUMBERS = frozenset({"timeout", "_TO", "_to"})


def _widths() -> bytes:
    """Return the size of every value whose type code tells it, by type code; 0 for the others."""
    widths = bytearray(256)
    for first, last, width in (
        (0x00, 0x2F, 1),  # int of 1 byte
        (0x30, 0x3F, 2),  # int of 2 bytes
        (0x40, 0x47, 3),  # int of 3 bytes
        (0x48, 0x48, 5),  # int
        (0xA9, 0xA9, 5),  # local date
        (0xAB, 0xAB, 9),  # moment in milliseconds
        (0xAC, 0xAD, 5),  # moment in seconds or minutes
        (0xAF, 0xB3, 1),  # null, false, true, 0.0, 1.0
        (0xB5, 0xB5, 9),  # double
        (0xB7, 0xB7, 5),  # float
        (0xBC, 0xBC, 3),  # short
        (0xBD, 0xBD, 2),  # byte
        (0xBE, 0xBE, 9),  # long
        (0xBF, 0xBF, 5),  # long of 4 bytes
        (0xC0, 0xC7, 3),  # long of 3 bytes
        (0xC8, 0xD7, 2),  # long of 2 bytes
        (0xD8, 0xEF, 1),  # long of 1 byte
        (0xF0, 0xFF, 1),  # int of 1 byte, negative
    ):
        widths[first : last + 1] = bytes((width,)) * (last + 1 - first)
    for size in range(_ASCII_47 - _ASCII_0 + 1):
        widths[_ASCII_0 + size] = 1 + size
    return bytes(widths)


_WIDTHS = _widths()
# Values that begin with a type code and some bytes, and go on with other values: bytes with the code, number of values.
_COMPOUND = {
    0x90: (1, 1),  # character: an int
    0xA7: (4, 1),  # local time: nanoseconds
    0xA8: (8, 1),  # local date and time: nanoseconds
    0xAA: (8, 2),  # moment with a time zone: nanoseconds, the zone
    0xAE: (1, 2),  # moment: seconds, nanoseconds
    0xB4: (1, 1),  # double that is a long
    0xB6: (1, 1),  # float that is an int
    0xB8: (1, 1),  # decimal that is a long
    0xB9: (1, 2),  # decimal: scale, digits
    0xBA: (1, 1),  # big integer that is a long
    _REFERENCE: (1, 1),  # the path of the value that it refers to
}


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
    """The offset after them."""
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
            text, position = _text_chunk(message, position)
            strings.append(text)
        arguments_start = position
        for _ in range(parameters_of(strings[4], position).size):
            position = _chunk(message, position)[1]
        entries, end = _read_map(message, position, limits)
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
    span = None
    unclear = ""
    try:
        start, position = _chunk(message, position)
        if position - start != 2 or message[start] != _INT8:
            raise ValueError("not a kind of response")
        kind = message[start + 1]
        if kind not in KINDS:
            raise ValueError("no such kind of response")
        is_exception = kind in (EXCEPTION, EXCEPTION_WITH_ATTACHMENTS)
        value_start = position
        if kind not in (NULL_VALUE, NULL_WITH_ATTACHMENTS):
            value_start, position = _chunk(message, position)
        if kind >= EXCEPTION_WITH_ATTACHMENTS:
            entries, end = _read_map(message, position, limits)
            span = Fastjson2Span(position, end)
            attachments, unclear = _values(message, entries)
            properties = {
                name: value for name, value in attachments.items() if value is not None and name not in FIELDS
            }
        if is_exception and message[value_start] == _TYPED and message[value_start + 1] in _STRINGS:
            properties["exception"] = _read_text(message, value_start + 1)[0] or ""
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
    entries, _ = _read_map(message, span.start, limits)
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
            if entry.value is None and not _WIDTHS[message[entry.value_start]]:
                raise UnsupportedMutation(f"the attachment {key[:80]!r} is an object, to which later ones may refer")
            edits.append((start, entry.end, written))
    if not edits and not added:
        return []
    if count > limits.max_elements:
        raise UnsupportedMutation(f"there would be {count:,} attachments, over the limit of {limits.max_elements:,}")
    edits.sort()
    start = span.start + _LENGTH
    if message[start] == _NULL:
        edits = [(start, span.end, bytes((_OBJECT, *b"".join(added), _END)))]
    elif added:
        edits.append((span.end - 1, span.end - 1, b"".join(added)))
    size = span.end - start + sum(len(written) - (end - begin) for begin, end, written in edits)
    return [(span.start, start, size.to_bytes(_LENGTH)), *edits]


def fastjson2_spans(message: bytes, flags: int, span: Fastjson2Span, limits: Limits) -> list[Span]:
    """Return the spans of a body that was read: each value with the length before it.

    Args:
        message: A Dubbo message.
        flags: Its flag byte.
        span: Its attachments.
        limits: Bounds of what is built.
    """
    is_request = bool(flags & REQUEST)
    names = list(_BODY_STRINGS if is_request else ("kind", "value"))
    spans: list[Span] = []
    position = LAYOUT.size
    while position < span.start:
        start, end = _chunk(message, position)
        number = len(spans)
        name = names[number] if number < len(names) else f"arguments.{number - len(names)}"
        is_text = is_request and number < len(names)
        value = (_read_text(message, start)[0] if is_text else "") or ""
        spans.append(Span(position, end, name, value, "null" if is_text and message[start] == _NULL else "JSONB"))
        position = end
    entries, end = _read_map(message, position, limits)
    if message[position + _LENGTH] == _NULL:
        spans.append(Span(position, end, "attachments", "", "null"))
    else:
        spans.append(Span(position, position + _LENGTH + 1, "attachments", "", f"a map of {len(entries)}"))
        for entry in entries:
            meaning = "" if entry.value is not None else "not a string"
            spans.append(Span(entry.start, entry.end, f"attachments.{entry.key}", entry.value or "", meaning))
        spans.append(Span(end - 1, end, "end", "", "of the attachments"))
    if end < len(message):
        spans.append(Span(end, len(message), "trailing", "", "no reader looks at these bytes"))
    return spans


def _values(message: bytes, entries: list[Entry]) -> tuple[dict[str, str | None], str]:
    """Return the attachments, the last of a key that comes twice, and why Java may see others."""
    attachments: dict[str, str | None] = {}
    objects: dict[str, bool] = {}
    for entry in entries:
        # JSONReaderJSONB remembers names of 9 to 16 bytes by two numbers made of them. Those of "a\0bcdefghi" and of
        # "abcdefghi" are the same, and the name that came first is returned for both.
        size = message[entry.start] - _ASCII_0
        if 9 <= size <= 16 and not (entry.key.isascii() and "\0" not in entry.key):
            return {**attachments, **{each.key: each.value for each in entries}}, (
                f"the attachment {entry.key[:80]!r} may be read as one of another name"
            )
        attachments[entry.key] = entry.value
        objects[entry.key] = entry.value is None and message[entry.value_start] != _NULL
    for key, is_object in objects.items():
        if is_object:
            return attachments, f"the attachment {key[:80]!r} is not a string, which some providers turn into one"
    return attachments, ""


def _chunk(message: bytes, position: int) -> tuple[int, int]:
    """Return the offsets of the value after a length, and after it."""
    start = position + _LENGTH
    end = start + int.from_bytes(message[position:start])
    if end > len(message) or end == start:
        raise IndexError
    return start, end


def _text_chunk(message: bytes, position: int) -> tuple[str | None, int]:
    start, end = _chunk(message, position)
    text, text_end = _read_text(message, start)
    if text_end != end:
        raise ValueError("bytes follow the string")
    return text, end


def _read_map(message: bytes, position: int, limits: Limits) -> tuple[list[Entry], int]:
    start, end = _chunk(message, position)
    if message[start] == _NULL and end == start + 1:
        return [], end
    if message[start] != _OBJECT:
        raise ValueError("not a map")
    entries: list[Entry] = []
    position = start + 1
    while message[position] != _END:
        if len(entries) == limits.max_elements:
            raise ValueError("too many attachments")
        key, value_start = _read_text(message, position)
        # "@type" makes an object of another class of the map.
        if key is None or key == "@type" or value_start - position > limits.max_key_length:
            raise ValueError("not a key")
        tag = message[value_start]
        value = None
        if tag in _STRINGS:
            value, value_end = _read_text(message, value_start)
            if value_end - value_start > limits.max_value_length:
                raise ValueError("too long")
        else:
            value_end = _skip_value(message, value_start)
            if key in _NUMBERS and (tag <= 0x48 or tag >= 0xF0):
                value = str(_read_int(message, value_start)[0])
        entries.append(Entry(position, value_start, value_end, key, value))
        position = value_end
    if position + 1 != end:
        raise ValueError("the map does not end where its length says")
    return entries, end


def _read_text(data: bytes, position: int) -> tuple[str | None, int]:
    """Read a string or null. Raises IndexError where the data ends, ValueError if it is something else."""
    tag = data[position]
    position += 1
    if tag == _NULL:
        return None, position
    if _ASCII_0 <= tag <= _ASCII_47:
        size = tag - _ASCII_0
    elif tag in (_ASCII, _UTF8, _UTF16_LE, _UTF16_BE):
        size, position = _read_int(data, position)
    else:
        raise ValueError("not a string")
    end = position + size
    raw = data[position:end]
    if size < 0 or len(raw) < size:
        raise IndexError
    if tag <= _ASCII:
        return raw.decode("latin-1"), end  # what it calls ASCII may be any byte
    if tag == _UTF8:
        return raw.decode("utf-8"), end
    return raw.decode("utf-16-le" if tag == _UTF16_LE else "utf-16-be", "surrogatepass"), end


def _read_int(data: bytes, position: int) -> tuple[int, int]:
    tag = data[position]
    if tag <= 0x2F:
        return tag, position + 1
    if tag >= 0xF0:
        return tag - 0x100, position + 1
    if tag <= 0x3F:
        return (tag - 0x38 << 8) + data[position + 1], position + 2
    if tag <= 0x47:
        return (tag - 0x44 << 16) + (data[position + 1] << 8) + data[position + 2], position + 3
    if tag != 0x48 or position + 5 > len(data):
        raise ValueError("not an int")
    return int.from_bytes(data[position + 1 : position + 5], signed=True), position + 5


def _skip_value(data: bytes, position: int) -> int:
    """Return the position after a value. Raises IndexError or ValueError if there is none."""
    pending = 1
    # What is pending around an open object.
    stack: list[int] = []
    while pending or stack:
        if not pending:
            if data[position] == _END:
                position += 1
                pending = stack.pop()
                continue
            pending = 2  # a key and its value
        pending -= 1
        tag = data[position]
        if width := _WIDTHS[tag]:
            position += width
        elif _ASCII <= tag <= _UTF16_BE or tag in (_BINARY, _BIG_INTEGER):
            size, position = _read_int(data, position + 1)
            if size < 0:
                raise ValueError("a negative length")
            position += size
        elif _ARRAY_0 <= tag <= _ARRAY:
            size, position = (tag - _ARRAY_0, position + 1) if tag < _ARRAY else _read_int(data, position + 1)
            if size < 0:
                raise ValueError("a negative length")
            pending += size
        elif tag == _OBJECT:
            stack.append(pending)
            pending = 0
            position += 1
        elif tag in (_SYMBOL, _TYPED):
            # A name and the number that it gets, or later the number alone. A type has a value too.
            pending += (tag == _TYPED) + 1 + (data[position + 1] in _STRINGS)
            position += 1
        elif tag in _COMPOUND:
            size, inner = _COMPOUND[tag]
            pending += inner
            position += size
        else:
            raise ValueError("no such type code")
    if position > len(data):
        raise IndexError
    return position


def _write_text(key: str, text: str, maximum: int) -> bytes:
    """Return a string as JSONB; `key` is for the error."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsupportedMutation(f"the attachment {key[:80]!r} holds half of a surrogate pair") from None
    if key == "@type":
        raise UnsupportedMutation("to fastjson2 the attachment '@type' is the class of the map")
    if text.isascii() and len(raw) <= _ASCII_47 - _ASCII_0:
        written = bytes((_ASCII_0 + len(raw),)) + raw
    else:
        written = bytes((_ASCII if text.isascii() else _UTF8, 0x48)) + len(raw).to_bytes(4) + raw
    if len(written) > maximum:
        raise UnsupportedMutation(f"the attachment {key[:80]!r} would take {len(written):,} bytes, over {maximum:,}")
    return written
