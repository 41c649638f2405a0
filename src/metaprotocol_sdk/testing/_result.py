"""What the kit found out about one property, and about all of them."""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from metaprotocol_sdk.testing._catalogue import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._catalogue import Property
    from metaprotocol_sdk.testing._subject import Subject


class Verdict(StrEnum):
    """What is known of a property."""

    HOLDS = "holds"
    """It holds of all cases that were tried."""
    FAILS = "fails"
    """There is a case of which it does not hold."""
    DEVIATES = "deviates"
    """It fails, and a declared deviation says why."""
    HOLDS_AGAIN = "holds again"
    """A deviation is declared, and there is none."""
    NOTHING = "nothing to check"
    """No case says anything about it."""
    UNCLAIMED = "not claimed"
    """It is about a capability that the codec does not claim."""
    NOT_RUN = "not run"
    """A property failed that it builds on."""


@frozen
class Result:
    """What was found out about one property.

    Args:
        property: The property.
        verdict: What is known of it.
        cases: How many cases were tried.
        telling: How many of them said something about it.
        diagnosis: What was seen and what was expected, or why nothing was tried; "" if it holds.
        case: The case that fails, as small as could be found; None if none does.
        cause: The exception behind it, or None.
    """

    property: Property
    verdict: Verdict
    cases: int = 0
    telling: int = 0
    diagnosis: str = ""
    case: Case | None = None
    cause: BaseException | None = field(default=None, eq=False, repr=False)

    def label(self) -> str:
        """Return the verdict as tables and reports say it: that of a recommended property tells that it is one."""
        if self.verdict is Verdict.FAILS and self.property.level is Level.RECOMMENDED:
            return f"{self.verdict} ({self.property.level})"
        return str(self.verdict)

    def same_cause(self, others: Iterable[Result]) -> Result | None:
        """Return the first of other results that fails for the same cause, or None.

        It is the same if the same line raised the same kind of exception, or if there is none and the same was seen.

        Args:
            others: What was found of other properties.
        """
        if self.verdict is not Verdict.FAILS:
            return None
        failing = (other for other in others if other.verdict is Verdict.FAILS and other is not self)
        return next((other for other in failing if _cause(other) == _cause(self)), None)

    def is_bad(self, *, strict: bool = False) -> bool:
        """Whether the codec fails for it.

        Args:
            strict: Whether recommended properties are required too.
        """
        if self.verdict is Verdict.HOLDS_AGAIN:
            return True
        return self.verdict is Verdict.FAILS and (strict or self.property.level is Level.REQUIRED)


def _cause(result: Result) -> object:
    if result.cause is None:
        return result.diagnosis
    frames = list(traceback.walk_tb(result.cause.__traceback__))
    place = (frames[-1][0].f_code, frames[-1][1]) if frames else None
    return type(result.cause), place


@frozen
class Report:
    """What was found out about a codec.

    Args:
        subject: The codec.
        results: One for each property, in the catalogue's order.
    """

    subject: Subject = field(repr=False)
    results: list[Result] = Factory(list)

    def bad(self, *, strict: bool = False) -> list[Result]:
        """Return the results for which the codec fails.

        Args:
            strict: Whether recommended properties are required too.
        """
        return [result for result in self.results if result.is_bad(strict=strict)]

    def earlier(self, result: Result) -> list[Result]:
        """Return the results before one of them."""
        return self.results[: self.results.index(result)]

    def failing(self) -> set[str]:
        """Return the ids of all properties that do not hold, recommended ones and declared deviations among them."""
        return {result.property.id for result in self.results if result.verdict in (Verdict.FAILS, Verdict.DEVIATES)}
