"""The result of one property, and the report of all."""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from metaprotocol_sdk.testing._property import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Property
    from metaprotocol_sdk.testing._subject import Subject


class Verdict(StrEnum):
    """The result of trying a property, in a word."""

    HOLDS = "holds"
    """It holds for all cases that were tried."""
    FAILS = "fails"
    """There is a case for which it does not hold."""
    DEVIATES = "deviates"
    """It fails, and a declared deviation says why."""
    HOLDS_AGAIN = "holds again"
    """A deviation is declared, and the property holds."""
    NOTHING = "nothing to check"
    """No case says anything about it."""
    UNCLAIMED = "not claimed"
    """It is about a capability that the codec does not claim."""
    NOT_RUN = "not run"
    """A property failed that it builds on."""


@frozen
class Result:
    """The result of one property.

    Args:
        property: The property.
        verdict: The verdict.
        cases: The number of cases that were tried.
        telling: The number of them that said something about it.
        diagnosis: The facts that were seen and expected, or the reason why nothing was tried; "" if it holds.
        case: The case that fails, as small as could be found; None if none does.
        cause: The exception that led to the failure, or None.
    """

    property: Property
    verdict: Verdict
    cases: int = 0
    telling: int = 0
    diagnosis: str = ""
    case: Case | None = None
    cause: BaseException | None = field(default=None, eq=False, repr=False)

    def label(self) -> str:
        """Return the verdict for tables and reports; a failure says if the property is only recommended."""
        if self.verdict is Verdict.FAILS and self.property.level is Level.RECOMMENDED:
            return f"{self.verdict} ({self.property.level})"
        return str(self.verdict)

    def same_cause(self, others: Iterable[Result]) -> Result | None:
        """Return the first of other results that fails for the same cause, or None.

        It is the same if the same line raised the same kind of exception, or if there is none and the same was seen.

        Args:
            others: The results of other properties.
        """
        if self.verdict is not Verdict.FAILS:
            return None
        failing = (other for other in others if other.verdict is Verdict.FAILS and other is not self)
        return next((other for other in failing if _cause(other) == _cause(self)), None)

    def is_bad(self, *, strict: bool = False) -> bool:
        """Return True if the codec fails for it.

        Args:
            strict: True if recommended properties are required too.
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
    """The results of a codec.

    Args:
        subject: The codec.
        results: One for each property, in the catalogue's order.
    """

    subject: Subject = field(repr=False)
    results: list[Result] = Factory(list)

    def bad(self, *, strict: bool = False) -> list[Result]:
        """Return the results for which the codec fails.

        Args:
            strict: True if recommended properties are required too.
        """
        return [result for result in self.results if result.is_bad(strict=strict)]

    def earlier(self, result: Result) -> list[Result]:
        """Return the results before one of them."""
        return self.results[: self.results.index(result)]

    def failing(self) -> set[str]:
        """Return the ids of all properties that do not hold, recommended ones and declared deviations among them."""
        return {result.property.id for result in self.results if result.verdict in (Verdict.FAILS, Verdict.DEVIATES)}
