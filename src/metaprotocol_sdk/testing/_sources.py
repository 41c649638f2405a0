"""Where the cases of a property come from: a sweep, which leaves nothing out, and a strategy, which goes anywhere."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

    # A case that is built when its turn comes; None if it can't be.
    Later = Callable[[], Case | None]


@frozen
class Source:
    """Where cases come from.

    Args:
        sweep: Returns systematic cases, the simplest first.
        strategy: Returns what generates random ones, or None for a subject that gives nothing to begin with.
        weight: How much more one case costs than those of other sources; so many times fewer are chosen.
    """

    sweep: Callable[[Subject], Iterable[Case | Later]]
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None
    weight: int = 1


def source(
    strategy: Callable[[Subject], SearchStrategy[Case] | None] = lambda subject: None,
    *,
    weight: int = 1,
) -> Callable[[Callable[[Subject], Iterable[Case | Later]]], Source]:
    """Make a source of a function that yields its sweep."""
    return lambda sweep: Source(sweep, strategy, weight)


def chosen(source: Source, subject: Subject) -> Iterator[Case]:
    """Yield the cases of a sweep, or as many as the effort allows: the same ones every time, spread over all."""
    most = subject.effort.sweep
    cases: Iterable[Case | Later]
    if most is None:
        cases = source.sweep(subject)
    else:
        if source.sweep not in subject.swept:
            subject.swept[source.sweep] = _some(list(source.sweep(subject)), most)
        cases = _some(subject.swept[source.sweep], most // source.weight)
    for case in cases:
        built = case() if callable(case) else case
        if built is not None:
            yield built


def _some(cases: list[Case | Later], most: int) -> list[Case | Later]:
    if len(cases) <= most:
        return cases
    # Not at equal distances: they would share a rhythm with the loops that made the cases.
    return [cases[number] for number in sorted(Random(0).sample(range(len(cases)), most))]  # noqa: S311
