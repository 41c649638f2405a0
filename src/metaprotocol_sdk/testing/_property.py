"""A property of codecs: its text, the source of its cases, the check that decides it, and the result of trying it."""

from __future__ import annotations

import traceback
from bisect import bisect_right
from enum import IntEnum, StrEnum
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk import Capability, Metadata
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

    # A case that is built when its turn comes; None if that is not possible.
    Later = Callable[[], Case | None]


class Tier(IntEnum):
    """The order in which properties build on each other: after a failure in one tier later ones tell nothing new."""

    REGISTRY = 0
    """The codec can be made, and says what it is."""
    MESSAGE = 1
    """One whole message."""
    STREAM = 2
    """Messages on connections."""
    COST = 3
    """Time and memory. It comes before changes and hostile bytes, which make many long messages."""
    CHANGE = 4
    """Mutations and replies."""
    HOSTILE = 5
    """Bytes that no friend sent."""


class Level(StrEnum):
    """Required or recommended: decides whether a codec without a property fails."""

    REQUIRED = "required"
    """It fails."""
    RECOMMENDED = "recommended"
    """It is reported; it fails only in a strict run."""


@frozen
class Block:
    """Many cases that are built by number when their turn comes, because a list of them would be large.

    Args:
        count: The number of cases.
        build: Returns the case of a number below `count`; None if that is not possible.
    """

    count: int
    build: Callable[[int], Case | None]


@frozen
class Source:
    """The source of a property's cases: a sweep, which leaves nothing out, and a strategy, which goes anywhere.

    Args:
        sweep: Returns systematic cases, the simplest first.
        strategy: Returns a strategy for random cases, or None if the subject has nothing to begin with.
        weight: The cost of one case, as a multiple of that of other sources. The number of cases is divided by it.
        variants: Returns cases of one message that fuzzing has found: the message as it is, or with something to do to
            it. None if the cases are not made of one readable message.
    """

    sweep: Callable[[Subject], Iterable[Case | Later | Block]]
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None
    weight: int = 1
    variants: Callable[[Subject, Case, Metadata], Iterable[Later]] | None = None


def source(
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None,
    *,
    weight: int = 1,
    variants: Callable[[Subject, Case, Metadata], Iterable[Later]] | None = None,
) -> Callable[[Callable[[Subject], Iterable[Case | Later | Block]]], Source]:
    """Make a source of a function that yields its sweep."""
    return lambda sweep: Source(sweep, strategy, weight, variants)


def chosen(source: Source, subject: Subject) -> Iterator[Case]:
    """Yield the cases of a sweep, or as many as the effort allows: the same in every run, spread over all."""
    parts = list(source.sweep(subject))
    ends = list(accumulate(part.count if isinstance(part, Block) else 1 for part in parts))
    numbers: Sequence[int] = range(ends[-1] if ends else 0)
    most = None if subject.effort.sweep is None else subject.effort.sweep // source.weight
    if most is not None and len(numbers) > most:
        # Not at equal distances: they would share a rhythm with the loops that made the cases.
        numbers = sorted(Random(0).sample(numbers, most))  # noqa: S311
    for number in numbers:
        place = bisect_right(ends, number)
        part = parts[place]
        if isinstance(part, Block):
            built = part.build(number - (ends[place] - part.count))
        else:
            built = part() if callable(part) else part
        if built is not None:
            yield built


@frozen
class Property:
    """One thing that must hold of every codec.

    Args:
        id: Its permanent name, such as "MP-STREAM-001".
        tier: The tier, which says what it builds on.
        level: Required or recommended.
        title: The property, as a sentence.
        why: The consequences in a mesh if it does not hold.
        fix: The place to look at, and the usual remedy.
        source: The source of its cases.
        check: Raises `Violation` if the property does not hold of one case, and ends by `assume` if the case says
            nothing about it.
        claim: The capability without which nobody expects the property; None if it is expected of all codecs.
    """

    id: str
    tier: Tier
    level: Level
    title: str
    why: str
    fix: str
    source: Source = field(repr=False)
    check: Callable[[Subject, Case], object] = field(repr=False)
    claim: Capability | None = None

    @property
    def test_name(self) -> str:
        """The name of its test method, such as "test_mp_stream_001"."""
        return f"test_{self.id.lower().replace('-', '_')}"


PROVED: dict[str, Property] = {}
"""The properties by id, in the order in which their modules were imported."""


def prove(
    id: str,  # noqa: A002 - the word for it
    tier: Tier,
    source: Source,
    *,
    title: str,
    why: str,
    fix: str,
    level: Level = Level.REQUIRED,
    claim: Capability | None = None,
) -> Callable[[Callable[[Subject, Case], object]], Property]:
    """Make a check a property of the catalogue.

    Raises:
        ValueError: There is a property with this id.
    """

    def register(check: Callable[[Subject, Case], object]) -> Property:
        if id in PROVED:
            raise ValueError(f"there are two properties {id}")
        PROVED[id] = Property(id, tier, level, title, why, fix, source, check, claim)
        return PROVED[id]

    return register


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
