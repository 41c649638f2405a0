"""A failing case as an annotated dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, MessageDecoder, Span
from metaprotocol_sdk.dump import dump
from metaprotocol_sdk.testing._violation import ANYTHING
from metaprotocol_sdk.testing._work.watchdog import Endless, watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_SECONDS = 1.0  # for what may be endless
_ARROWS = {Direction.TO_SERVER: "to the server", Direction.TO_CLIENT: "to the client"}


def picture(subject: Subject, case: Case) -> Iterator[str]:
    """Yield the lines that show a case to a person."""
    for direction, data in case.before:
        name = "may be sent" if case.steps else "was sent before"
        yield from _bytes(subject, case, data, direction, name)
    if case.steps:
        yield "what happened, each with its connection and its message or number of bytes:"
        yield from (f"  {name} on connection {connection}: {number}" for name, connection, number in case.steps)
    if case.request is not None:
        yield from _bytes(subject, case, case.request, Direction.TO_SERVER, "the request that it answers")
    if case.data:
        yield from _bytes(subject, case, case.data, case.direction, "the input")
    if case.cuts:
        places = ", ".join(map(str, case.cuts[:30])) + (" …" if len(case.cuts) > 30 else "")
        yield f"cut at {places}"
    if case.other is not None:
        yield from _bytes(subject, case, case.other, case.direction, "`other`")
    if case.mutation is not None:
        yield f"mutation: {_short(case.mutation)}"
    if case.request_id is not None:
        yield f"new id: {case.request_id}"
    if case.error is not None:
        code = "" if case.error.code is None else f", code {case.error.code}"
        yield f"error to report: {case.error.type.name}{code}, {_short(case.error.message)}"


def _bytes(subject: Subject, case: Case, data: bytes, direction: Direction, name: str) -> Iterator[str]:
    yield f"{name}, {len(data):,} bytes {_ARROWS[direction]}:"
    yield from (str(line) for line in dump(data, _spans(subject, case, data, direction)))


def _spans(subject: Subject, case: Case, data: bytes, direction: Direction) -> list[Span]:
    """Return the spans of all messages in some bytes, as far as the codec, which is perhaps broken, can tell."""
    spans: list[Span] = []
    at = 0
    try:
        with watchdog(_SECONDS) as limit, limit():
            codec = subject.connection(case)
            messages = MessageDecoder(codec, direction).feed(data)
            for number, metadata in enumerate(messages):
                prefix = f"{number}." if len(messages) > 1 else ""
                spans += [
                    Span(at + span.start, at + span.end, prefix + span.name, span.value, span.meaning)
                    for span in codec.spans(metadata)
                ]
                at += len(metadata.message)
    except (*ANYTHING, Endless):  # this is what is being reported
        spans, at = [], 0
    if not spans and subject.codec.layout is not None:
        spans = subject.codec.layout.spans(data)
        at = spans[-1].end if spans else 0
    if at < len(data):
        spans.append(Span(at, len(data), "the rest" if spans else "bytes"))
    return spans


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}… ({len(text):,} characters)"
