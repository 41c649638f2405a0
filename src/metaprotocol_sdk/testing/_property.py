"""A property of codecs: its id and text, the check that decides it, and the source of its cases."""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum, StrEnum
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from attrs import field, frozen

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
    CHANGE = 3
    """Mutations and replies."""
    COST = 4
    """Time and memory. It comes before hostile bytes, which are many long messages."""
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
