"""Results for people and for machines: a failure with an annotated dump, a report as JSON and as JUnit's XML."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from metaprotocol_sdk import Direction, MessageDecoder, Span
from metaprotocol_sdk.dump import dump, printable
from metaprotocol_sdk.testing._case import ANYTHING
from metaprotocol_sdk.testing._property import Verdict
from metaprotocol_sdk.testing._regression import regression_test
from metaprotocol_sdk.testing._watchdog import Endless, watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Report, Result
    from metaprotocol_sdk.testing._subject import Subject

_WIDTH = 100
_SHOWN_BEFORE = 4  # messages of a history
_MOST_SHOWN = 60  # lines of the bytes of a case
_MOST_LINES = 40  # of a regression test, which a screen holds
_SECONDS = 1.0  # of processor time for making the picture of a case that may be endless
_ARROWS = {Direction.TO_SERVER: "to the server", Direction.TO_CLIENT: "to the client"}
# XML 1.0 has no place for these, not even escaped.
_FORBIDDEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


def explain(subject: Subject, result: Result, before: Iterable[Result] = ()) -> str:
    """Return everything that a person needs to know about a property that does not hold.

    Args:
        subject: The codec under test.
        result: The result of the property.
        before: The results that were explained before. A failure with the same cause as one of them gets a few lines.
    """
    found = result.property
    lines = [f"{found.id} {found.title}", f"  {printable(result.diagnosis, 600)}"]
    if result.verdict is Verdict.HOLDS_AGAIN:
        return "\n".join(lines)
    if (first := result.same_cause(before)) is not None:
        return "\n".join(
            [*lines, f"  the cause is that of {first.property.id}; tried alone, this shows a case of its own"]
        )
    lines += ["", *_paragraph("why it matters", found.why), *_paragraph("how to fix it", found.fix)]
    if result.case is not None:
        shown = [f"  {line}" for line in _picture(subject, result.case)]
        if len(shown) > _MOST_SHOWN:
            shown = [*shown[:_MOST_SHOWN], f"  ... {len(shown) - _MOST_SHOWN:,} more lines"]
        lines += ["", *shown] if shown else []
        test = regression_test(subject, result).splitlines()
        lines += ["", "  a regression test to paste:", ""]
        lines += [f"    {line}".rstrip() for line in test[:_MOST_LINES]]
        if len(test) > _MOST_LINES:
            lines += [
                f"    ... {len(test) - _MOST_LINES:,} more lines; `metaprotocol check --json` prints the whole test"
            ]
    return "\n".join(lines)


def _paragraph(title: str, text: str) -> list[str]:
    return textwrap.wrap(f"{title}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _picture(subject: Subject, case: Case) -> Iterator[str]:
    """Yield the lines that show a case to a person."""
    if len(case.before) > _SHOWN_BEFORE:
        yield f"{len(case.before) - _SHOWN_BEFORE:,} messages were sent before those that are shown"
    for direction, data in case.before[-_SHOWN_BEFORE:]:
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
    """Return the spans of all messages in some bytes, as far as a codec that may be broken can tell them."""
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


def as_json(report: Report, name: str, version: str, *, strict: bool) -> dict[str, Any]:
    """Return a report in the types of JSON.

    Args:
        report: The results.
        name: The codec's name.
        version: The kit's version.
        strict: True if recommended properties are required too.
    """
    return {
        "codec": name,
        "kit": version,
        "effort": report.subject.effort.name,
        "strict": strict,
        "ok": not report.bad(strict=strict),
        "results": [_row(report, result, strict=strict) for result in report.results],
    }


def _row(report: Report, result: Result, *, strict: bool) -> dict[str, Any]:
    found = result.property
    return {
        "id": found.id,
        "tier": found.tier.name.lower(),
        "level": found.level.value,
        "title": found.title,
        "verdict": result.label(),
        "bad": result.is_bad(strict=strict),
        "cases": result.cases,
        "telling": result.telling,
        "diagnosis": result.diagnosis,
        "case": None if result.case is None else repr(result.case),
        "regression_test": regression_test(report.subject, result) or None,
    }


def as_junit(report: Report, name: str, *, strict: bool) -> str:
    """Return a report as JUnit's XML, in which each property is a test.

    Args:
        report: The results.
        name: The codec's name.
        strict: True if recommended properties are required too.
    """
    bad = report.bad(strict=strict)
    skipped = [result for result in report.results if result not in bad and result.verdict is not Verdict.HOLDS]
    suite = ET.Element(
        "testsuite",
        name=f"metaprotocol check {name}",
        tests=str(len(report.results)),
        failures=str(len(bad)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for result in report.results:
        found = result.property
        test = ET.SubElement(suite, "testcase", classname=f"metaprotocol.{name}", name=_title(result))
        if result in bad:
            failure = ET.SubElement(test, "failure", message=_legal(result.diagnosis), type=found.id)
            failure.text = _legal(explain(report.subject, result, report.earlier(result)))
        elif result in skipped:
            ET.SubElement(test, "skipped", message=_legal(f"{result.label()}: {result.diagnosis}"))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _title(result: Result) -> str:
    return f"{result.property.id} {result.property.title}"


def _legal(text: str) -> str:
    return text.translate(_FORBIDDEN)
