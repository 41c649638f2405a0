"""Names the bytes of a Dubbo message, for a person who reads them."""

from __future__ import annotations

from struct import error as struct_error
from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo import header, jsonb
from metaprotocol_codecs.dubbo.arguments import descriptors
from metaprotocol_codecs.dubbo.attachments import AttachmentsSpan, read_map
from metaprotocol_codecs.dubbo.fastjson2 import FASTJSON2, LENGTH, Fastjson2Span, chunk_of
from metaprotocol_codecs.dubbo.fastjson2 import read_map as read_jsonb_map
from metaprotocol_codecs.dubbo.request import read_argument_count, read_invocation
from metaprotocol_codecs.dubbo.response import KINDS, read_result
from metaprotocol_codecs.hessian2 import (
    Map,
    Reader,
    ReferenceTables,
    describe,
    read_error_text,
    read_string,
    read_text,
    skip_values,
)
from metaprotocol_codecs.hessian2.strings import NULL
from metaprotocol_sdk import Limits, Metadata, ProtocolError, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_DESCRIPTION = 1000
_BODY_STRINGS = ("dubbo", "path", "version", "method", "parameter_types")


def message_spans(metadata: Metadata, limits: Limits) -> list[Span]:
    """Return the spans of a message; what of a body cannot be read is one span that says why."""
    message = metadata.message
    spans = [_explain(span, message) for span in header.LAYOUT.spans(message)]
    if len(message) <= header.LAYOUT.size:
        return spans
    flags, status = message[2], message[3]
    serialization = flags & header.SERIALIZATION
    if serialization == FASTJSON2 and isinstance(metadata.state, Fastjson2Span):
        return [*spans, *_fastjson2_spans(message, flags, metadata.state, limits)]
    if serialization != header.HESSIAN2:
        name = header.SERIALIZATIONS.get(serialization, f"serialization {serialization}")
        return [*spans, Span(header.LAYOUT.size, len(message), "body", "", name)]
    try:
        spans.extend(_body(message, flags, status, limits))
    except ProtocolError as error:
        if spans[-1].end == len(message):
            return spans  # the bytes ran out after a field
        spans.append(Span(spans[-1].end, len(message), "unreadable", "", error.message))
    if spans[-1].end < len(message):
        spans.append(Span(spans[-1].end, len(message), "trailing", "", "no reader looks at these bytes"))
    return spans


def _explain(span: Span, message: bytes) -> Span:
    if span.name == "flags" and span.value:
        return Span(span.start, span.end, span.name, f"0x{message[2]:02x}", header.describe_flags(message[2]))
    if span.name == "status" and message[2] & header.REQUEST:
        return Span(span.start, span.end, span.name, span.value)
    return span


def _body(message: bytes, flags: int, status: int, limits: Limits) -> Iterator[Span]:
    start = header.LAYOUT.size
    if flags & header.EVENT:
        yield _string(start, "event", *read_string(message, start))
    elif flags & header.REQUEST:
        yield from _request(message, start, limits)
    elif status == header.OK:
        yield from _response(message, start, limits)
    else:
        yield _string(start, "error", *read_error_text(message, start))


def _request(message: bytes, position: int, limits: Limits) -> Iterator[Span]:
    types: list[str] = []
    for name in _BODY_STRINGS[:4]:
        span = _string(position, name, *read_text(message, position))
        yield span
        position = span.end
    count, end = read_argument_count(message, position) if position < len(message) else (None, position)
    if count is not None:
        yield Span(position, end, "argument_count", str(count), "as dubbox writes it")
        position = end
    if count is None or count < 0:
        span = _string(position, _BODY_STRINGS[4], *read_text(message, position))
        yield span
        position, types = span.end, descriptors(span.value)
    _, found, _, _ = read_invocation(message, header.LAYOUT.size)
    tables = ReferenceTables()
    values = _Values(message, position, limits)
    for number in range(found.values):
        end = skip_values(message, position, 1, tables)
        note = types[number] if types else ""
        yield Span(position, end, f"arguments.{number}", values.describe_next(), note)
        position = end
    yield from _attachments(message, found, tables, limits, values)


def _response(message: bytes, position: int, limits: Limits) -> Iterator[Span]:
    result = read_result(message, position)
    span = result.span
    yield Span(position, span.values_start, "kind", str(result.kind), KINDS[result.kind])
    values = _Values(message, span.values_start, limits)
    if span.values:
        value = values.describe_next()
        yield Span(span.values_start, span.start, "exception" if result.is_exception else "value", value)
    if result.has_attachments:
        yield from _attachments(message, span, result.tables, limits, values)


def _attachments(
    message: bytes, span: AttachmentsSpan, tables: ReferenceTables, limits: Limits, values: _Values
) -> Iterator[Span]:
    start = span.start
    if message[start : start + 1] == b"Q":
        end = skip_values(message, start, 1, tables)
        yield Span(start, end, "attachments", "", "the same map as an earlier value")
        return
    found = read_map(message, span, limits, tables)
    if message[start] == NULL:
        yield Span(start, found.end, "attachments", "", "null")
        return
    yield Span(start, found.entries_start, "attachments", "", f"a map of {len(found.entries)}")
    objects = None
    for number, (key_start, _, end, key, value) in enumerate(found.entries):
        name = f"attachments.{'?' if key is None else key}"
        if value is not None:
            yield Span(key_start, end, name, value)
            continue
        if objects is None:
            objects = values.describe_next_map()
        shown = objects[number] if number < len(objects) else ""
        yield Span(key_start, end, name, shown, "not a string")
    yield Span(found.end - 1, found.end, "end", "", "of the attachments")


class _Values:
    """Describes the values of a message one after the other, as far as the limits let them be built."""

    def __init__(self, message: bytes, position: int, limits: Limits) -> None:
        self._reader: Reader | None = Reader(message, position, limits)

    def describe_next(self) -> str:
        """Return what the next value is; "" from the first one on that cannot be built."""
        if self._reader is None:
            return ""
        try:
            return describe(self._reader.read(), _LONGEST_DESCRIPTION)
        except ProtocolError:
            self._reader = None
            return ""

    def describe_next_map(self) -> list[str]:
        """Return what the values of the next value, a map, are; none if it cannot be built."""
        if self._reader is None:
            return []
        try:
            found = self._reader.read()
        except ProtocolError:
            return []
        return [describe(value, _LONGEST_DESCRIPTION) for _, value in found.pairs] if isinstance(found, Map) else []


def _string(position: int, name: str, value: str | None, end: int) -> Span:
    return Span(position, end, name, value or "", "null" if value is None else "")


def _fastjson2_spans(message: bytes, flags: int, span: Fastjson2Span, limits: Limits) -> list[Span]:
    """Return the spans of a body that was read: each value with the length before it."""
    is_request = bool(flags & header.REQUEST)
    names = list(_BODY_STRINGS if is_request else ("kind", "value"))
    spans: list[Span] = []
    position = header.LAYOUT.size
    while position < span.start:
        start, end = chunk_of(message, position)
        number = len(spans)
        name = names[number] if number < len(names) else f"arguments.{number - len(names)}"
        is_text = is_request and number < len(names)
        value = (jsonb.read_text(message, start)[0] or "") if is_text else _describe_jsonb(message[start:end])
        spans.append(Span(position, end, name, value, "null" if is_text and message[start] == jsonb.NULL else "JSONB"))
        position = end
    if span.start < span.end:
        spans.extend(_map_spans(message, span, limits))
    if span.end < len(message):
        spans.append(Span(span.end, len(message), "trailing", "", "no reader looks at these bytes"))
    return spans


def _map_spans(message: bytes, span: Fastjson2Span, limits: Limits) -> Iterator[Span]:
    if message[span.start + LENGTH] == jsonb.NULL:
        yield Span(span.start, span.end, "attachments", "", "null")
        return
    entries = read_jsonb_map(message, span.start, limits)[0]
    yield Span(span.start, span.start + LENGTH + 1, "attachments", "", f"a map of {len(entries)}")
    for entry in entries:
        name = f"attachments.{entry.key}"
        if entry.value is not None:
            yield Span(entry.start, entry.end, name, entry.value)
        else:
            yield Span(
                entry.start, entry.end, name, _describe_jsonb(message[entry.value_start : entry.end]), "not a string"
            )
    yield Span(span.end - 1, span.end, "end", "", "of the attachments")


def _describe_jsonb(value: bytes) -> str:
    """Return a value for a person, or "" if it is not JSONB."""
    try:
        return describe(jsonb.read_value(value, 0), _LONGEST_DESCRIPTION)
    except (IndexError, ValueError, struct_error):
        return ""
