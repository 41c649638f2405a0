"""A failure in full, for a person."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from metaprotocol_sdk.dump import printable
from metaprotocol_sdk.testing._report.picture import picture
from metaprotocol_sdk.testing._report.regression import regression_test
from metaprotocol_sdk.testing._result import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._result import Result
    from metaprotocol_sdk.testing._subject import Subject

_WIDTH = 100


def explain(subject: Subject, result: Result, before: Iterable[Result] = ()) -> str:
    """Return all that is to be said of a property that does not hold.

    Args:
        subject: The codec under test.
        result: What was found.
        before: What was explained before; what fails for the same cause as one of these is told in few lines.
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
        shown = [f"  {line}" for line in picture(subject, result.case)]
        lines += ["", *shown] if shown else []
        lines += ["", "  a regression test to paste:", ""]
        lines += [f"    {line}".rstrip() for line in regression_test(subject, result).splitlines()]
    return "\n".join(lines)


def _paragraph(title: str, text: str) -> list[str]:
    return textwrap.wrap(f"{title}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
