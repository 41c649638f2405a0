"""The spans of a message: its fields, for a person who reads the bytes."""

from __future__ import annotations

from itertools import pairwise
from struct import error as struct_error
from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.detection import EMPTY_FRAME, UNFRAMED
from metaprotocol_codecs.thrift.idl import Field, Type
from metaprotocol_codecs.thrift.names import split_name
from metaprotocol_codecs.thrift.protocols import CALL, EXCEPTION, MESSAGE_TYPES, NON_STRICT, ONEWAY, signed
from metaprotocol_codecs.thrift.replies import EXCEPTION_TYPES
from metaprotocol_codecs.thrift.theader import spans as header_spans
from metaprotocol_codecs.thrift.theader import transforms
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE, read_header
from metaprotocol_sdk import DecodeError, Limits, Metadata, ProtocolError, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaprotocol_codecs.thrift.idl import Idl
    from metaprotocol_codecs.thrift.protocols import Protocol

_EXCEPTION_FIELDS = {1: Field("message", Type("string")), 2: Field("type", Type("i32", numbers=EXCEPTION_TYPES))}


def message_spans(metadata: Metadata, idl: Idl | None, limits: Limits) -> list[Span]:
    """Return the spans of a message. Bytes that cannot be read are one span that says why.

    Args:
        metadata: A message.
        idl: The interface definition, if there is one.
        limits: Bounds for the values that are shown.
    """
    size = len(metadata.message)
    spans: list[Span] = []
    try:
        for span in _spans(metadata, idl, limits):
            spans.append(span)  # noqa: PERF402 - the spans before an error are kept
    except ProtocolError as error:
        spans.append(Span(spans[-1].end if spans else 0, size, "unreadable", "", error.message))
    except (IndexError, struct_error):
        spans.append(Span(spans[-1].end if spans else 0, size, "unreadable", "", "the message ends early"))
    # In JSON, a separator belongs to the part before it.
    edges = [*(span.start for span in spans), size]
    parts = [Span(a, b, s.name, s.value, s.meaning) for (a, b), s in zip(pairwise(edges), spans, strict=True)]
    return [part for part in parts if part.start < part.end]


def _spans(metadata: Metadata, idl: Idl | None, limits: Limits) -> Iterator[Span]:
    message = metadata.message
    if metadata.state is None:
        yield from _without_message(metadata, limits)
        return
    form, protocol, _, header = metadata.state
    if form.transport != UNFRAMED:
        yield _frame_length(message)
    if header is None:
        yield from _message(protocol, message, form.at, idl, limits)
        return
    yield from header_spans.spans_of(message, header)
    if header.transforms:
        data = transforms.undo(message, header.transforms, header.end, limits)
        parts = [f"{span.name} {span.value}" for span in _message(protocol, data, 0, idl, limits) if span.value]
        yield Span(header.end, len(message), "payload", ", ".join(parts), f"{len(data):,} bytes when unpacked")
    else:
        yield from _message(protocol, message, header.end, idl, limits)


def _frame_length(message: bytes) -> Span:
    return Span(0, LENGTH_SIZE, "frame_length", str(int.from_bytes(message[:LENGTH_SIZE])))


def _without_message(metadata: Metadata, limits: Limits) -> Iterator[Span]:
    """Yield the spans of bytes that hold no message, or none that could be read."""
    message = metadata.message
    if message == EMPTY_FRAME:
        yield Span(0, LENGTH_SIZE, "frame_length", "0")
        return
    if header_spans.begins_header(message):
        yield _frame_length(message)
        header = read_header(message, limits)
        yield from header_spans.spans_of(message, header)
        if header.end == len(message):
            return
    raise metadata.error or DecodeError("the message cannot be read")


def _message(protocol: Protocol, data: bytes, at: int, idl: Idl | None, limits: Limits) -> Iterator[Span]:
    kind, request_id, name, start = protocol.read_head(data, at)
    service, method = split_name(name)
    places = protocol.places(data, at)
    number = signed(request_id)
    parts = [
        (at, "version", "", protocol.name),
        (places.type_start, "type", str(kind), MESSAGE_TYPES.get(kind, "")),
        (places.name_start, "method", name, f"{method} of the service {service}" if service is not None else ""),
        (places.id_start, "seqid", str(number), f"request id {request_id}" if number < 0 else ""),
    ]
    parts.sort(key=lambda part: part[0])
    if protocol is NON_STRICT:
        del parts[0]
    for (begin, label, value, meaning), end in zip(parts, [*(part[0] for part in parts[1:]), start], strict=True):
        yield Span(begin, end, label, value, meaning)
    known = idl.find(service, method) if idl else None
    fields: Mapping[int, Field]
    if kind == EXCEPTION:
        what, fields = "exception", _EXCEPTION_FIELDS
    elif kind in (CALL, ONEWAY):
        what, fields = "arguments", known.arguments if known else {}
    else:
        what, fields = "result", known.results if known else {}
    yield from _struct(protocol, data, at, start, what, fields, limits)


def _struct(
    protocol: Protocol,
    data: bytes,
    at: int,
    start: int,
    what: str,
    known: Mapping[int, Field],
    limits: Limits,
) -> Iterator[Span]:
    stop = start
    for place in protocol.fields(data, start, limits):
        field = known.get(place.number)
        value = protocol.describe(data, place, field.type if field else None, limits)
        label = f"{what}.{field.name if field else place.number}"
        yield Span(place.start, place.end, label, value, field.type.name if field else place.kind)
        stop = place.end
    end = protocol.message_end(data, at, start, limits)
    yield Span(stop, end, "stop", "", "the end of the struct")
    if end < len(data):
        yield Span(end, len(data), "trailing", "", "after the message, in its frame")
