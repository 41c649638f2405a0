"""Messages of one kind and several sizes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, EncodeError, Mutation
from metaprotocol_sdk.testing._properties.hostile import windows, with_repeated
from metaprotocol_sdk.testing._property import Source, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject


def _windows(subject: Subject) -> Iterable[Later]:
    """Each part of each message as what is to be repeated: `cuts` says where it is."""
    for case in subject.brief:
        for at, size in windows(case):
            yield partial(case.having, cuts=(at, at + size), request=None)


repeated_parts = Source(_windows, weight=40)
few_repeated_parts = Source(_windows, weight=400)


@source()
def whole_messages(subject: Subject) -> Iterable[Case]:
    """A good message of middling length of each direction."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction]
        yield from there[len(there) // 2 :][:1]


@source()
def with_headers(subject: Subject) -> Iterable[Case]:
    """The same, of the messages that take new keys."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction and _takes_keys(subject, case)]
        yield from there[len(there) // 2 :][:1]


def _takes_keys(subject: Subject, case: Case) -> bool:
    return with_keys(subject, case)(1) is not None


def with_part_repeated(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages in which the part between the cuts is repeated so many times, or as often as fits."""
    start, end = case.cuts[0], case.cuts[1]
    return lambda count: with_repeated(subject, case.having(cuts=()), start, case.data[start:end], count)


def with_keys(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages with so many keys; None if the codec does not write them."""

    def make(count: int) -> Case | None:
        codec, metadata = subject.receive(case)
        if metadata is None:
            return None
        try:
            encoded = codec.encode(metadata, keys(count))
        except EncodeError:
            return None
        return case.having(data=encoded)

    return make


def keys(count: int) -> Mutation:
    """Return a mutation of so many keys."""
    return Mutation({f"x-kit-{number}": "1" for number in range(count)})


def most_keys(subject: Subject, case: Case, wanted: int) -> int:
    """Return how many keys a message takes: the number that is asked for, or the half of it, and so on."""
    make = with_keys(subject, case)
    while wanted and make(wanted) is None:
        wanted //= 2
    return wanted
