"""What was found, as JSON and as JUnit's XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from metaprotocol_sdk.testing._report.regression import regression_test
from metaprotocol_sdk.testing._report.text import explain
from metaprotocol_sdk.testing._result import Verdict

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._result import Report, Result

# XML 1.0 has no place for these, not even escaped.
_FORBIDDEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


def as_json(report: Report, name: str, version: str, *, strict: bool) -> dict[str, Any]:
    """Return a report in the types of JSON.

    Args:
        report: What was found.
        name: The codec's name.
        version: The kit's version.
        strict: Whether recommended properties are required too.
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
        report: What was found.
        name: The codec's name.
        strict: Whether recommended properties are required too.
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
