"""Where the cases of a property come from: a sweep, which leaves nothing out, and a strategy, which goes anywhere."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

    # A case that is built when its turn comes; None if it can't be.
    Later = Callable[[], Case | None]


@frozen
class Block:
    """Many cases that are built by number when their turn comes, because a list of them would be large.

    Args:
        count: How many there are.
        build: Returns the case of a number below that; None if it can't be.
    """

    count: int
    build: Callable[[int], Case | None]


@frozen
class Source:
    """Where cases come from.

    Args:
        sweep: Returns systematic cases, the simplest first.
        strategy: Returns what generates random ones, or None for a subject that gives nothing to begin with.
        weight: How much more one case costs than those of other sources; so many times fewer are chosen.
    """

    sweep: Callable[[Subject], Iterable[Case | Later | Block]]
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None
    weight: int = 1


def source(
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None,
    *,
    weight: int = 1,
) -> Callable[[Callable[[Subject], Iterable[Case | Later | Block]]], Source]:
    """Make a source of a function that yields its sweep."""
    return lambda sweep: Source(sweep, strategy, weight)


def chosen(source: Source, subject: Subject) -> Iterator[Case]:
    """Yield the cases of a sweep, or as many as the effort allows: the same ones every time, spread over all."""
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
