"""Finds offsets that behave like a length: they lead from message to message to the end of every stream."""

from __future__ import annotations

from itertools import accumulate, combinations_with_replacement, pairwise, permutations, product
from typing import TYPE_CHECKING, Literal

from attrs import Factory, evolve, frozen

from metaprotocol_cli.new.evidence.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

# The highest offset of a length, and the most bytes by which a message may be longer than its value.
_FARTHEST = 64
_SIZES = (4, 2, 8, 1)
_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")
_HEAD = 64
# Fewer messages, or messages of only one size, prove nothing.
_FEWEST_MESSAGES = 3
_FEWEST_SIZES = 2
_MANY_MESSAGES = 6
_MAGIC = 2
_LONGEST_REST = 65_536  # bytes of a message that the recording does not have

Boundaries = tuple[tuple[int, ...], ...]


@frozen
class LengthField:
    """A place that behaves like a length.

    Args:
        offset: Bytes before it.
        size: Its own bytes.
        byte_order: The byte order of the number.
        surplus: The number of bytes by which a message is longer than the value.
        boundaries: For each stream, the offsets at which its messages begin, and the end of the last one.
        constant: The first bytes that all messages have in common, by offset.
        others: The number of other places that give the same messages.
        widths: The bytes of each number, if it is a sum of numbers that follow each other; otherwise ().
    """

    offset: int
    size: int
    byte_order: Literal["big", "little"]
    surplus: int
    boundaries: Boundaries
    constant: Mapping[int, int] = Factory(dict)
    others: int = 0
    widths: tuple[int, ...] = ()

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """The offset and the size of each number that is added up; one if it is not a sum."""
        starts = accumulate(self.widths or (self.size,), initial=self.offset)
        return [(start, stop - start) for start, stop in pairwise(starts)]

    @property
    def counts(self) -> str:
        """The bytes that it counts, as in `Protocol.counts`: "body" if they are neither the message nor the rest."""
        return {0: "message", self.offset + self.size: "rest"}.get(self.surplus, "body")

    @property
    def messages(self) -> int:
        """The number of messages that it leads to."""
        return sum(len(offsets) - 1 for offsets in self.boundaries)

    @property
    def message_sizes(self) -> int:
        """The number of different sizes of these messages."""
        return len({after - before for offsets in self.boundaries for before, after in pairwise(offsets)})

    @property
    def is_mostly_bare(self) -> bool:
        """True if half of the messages end where it ends, as with one half of a number that is always 0."""
        sizes = [after - before for offsets in self.boundaries for before, after in pairwise(offsets)]
        return 2 * sizes.count(self.offset + self.size) >= len(sizes)

    @property
    def alike(self) -> int:
        """The number of bytes that all messages have in common, without those of the length."""
        return sum(not self.offset <= offset < self.offset + self.size for offset in self.constant)

    @property
    def has_magic(self) -> bool:
        """True if all messages begin with the same two bytes, which are not those of the length."""
        return self.offset >= _MAGIC and all(offset in self.constant for offset in range(_MAGIC))


def find_lengths(
    streams: Sequence[bytes], unfinished: Collection[int] = (), budget: Budget | None = None
) -> list[LengthField]:
    """Return the places that behave like a length, the likeliest first; only one of those that give the same messages.

    Args:
        streams: The recorded streams of both directions, each from its beginning to its end.
        unfinished: The indexes of those whose last message may not be complete.
        budget: The steps that the search may take; places that come after the last one are not tried.
    """
    found: dict[Boundaries, list[LengthField]] = {}
    for candidate in _candidates(streams, unfinished, budget or Budget()):
        if candidate.messages >= _FEWEST_MESSAGES and candidate.message_sizes >= _FEWEST_SIZES:
            found.setdefault(candidate.boundaries, []).append(candidate)
    best = [
        evolve(min(candidates, key=_rank), constant=constant_bytes(streams, boundaries), others=len(candidates) - 1)
        for boundaries, candidates in found.items()
    ]
    return sorted(filter(_is_likely, best), key=_rank)


def find_sums(streams: Sequence[bytes], budget: Budget | None = None) -> list[LengthField]:
    """Return sums of two or three adjacent numbers that behave like a length, the likeliest first.

    Args:
        streams: As for `find_lengths`, which found none.
        budget: As for `find_lengths`.
    """
    found: dict[Boundaries, list[LengthField]] = {}
    for candidate in _sum_candidates(streams, budget or Budget()):
        # A magic, or as much evidence for each number as for one: sums soon reach the end of a stream by chance.
        if candidate.messages >= _MANY_MESSAGES and candidate.message_sizes > len(candidate.widths):
            found.setdefault(candidate.boundaries, []).append(candidate)
    best = [
        evolve(candidate, constant=constant_bytes(streams, boundaries), others=len(candidates) - 1)
        for boundaries, candidates in found.items()
        for candidate in [min(candidates, key=_rank_of_sum)]
    ]
    return sorted((field for field in best if field.alike > 0), key=_rank_of_sum)


def _rank_of_sum(field: LengthField) -> tuple[object, ...]:
    # Numbers at the end of each other, wide and aligned: of small ones all but the last bytes are 0.
    misaligned = sum(offset % size != 0 for offset, size in field.numbers)
    return (len(field.widths), -field.messages, misaligned, -field.size, field.byte_order, field.offset)


def _sum_candidates(streams: Sequence[bytes], budget: Budget) -> Iterator[LengthField]:
    """Yield sums in which every number is used, as one that is always 0 adds nothing."""
    shapes = {
        shape
        for count in (2, 3)
        for sizes in combinations_with_replacement((1, 2, 4), count)
        for shape in permutations(sizes)
    }
    first = min(streams, key=len)
    for order, offset, widths in product(_ORDERS, range(_FARTHEST), sorted(shapes)):
        numbers = LengthField(offset, sum(widths), order, 0, (), widths=widths).numbers
        if offset + sum(widths) > len(first):
            continue
        for surplus in range(_FARTHEST + 1):
            if budget.is_spent:
                return
            found = _follow_all(streams, numbers, order, surplus, budget)
            if found is not None and _all_used(streams, found, numbers):
                yield LengthField(offset, sum(widths), order, surplus, found, widths=widths)


def _follow_all(
    streams: Sequence[bytes],
    numbers: list[tuple[int, int]],
    order: Literal["big", "little"],
    surplus: int,
    budget: Budget,
) -> Boundaries | None:
    found: list[tuple[int, ...]] = []
    for data in streams:
        offsets = _follow_sum(data, numbers, order, surplus, budget)
        if offsets is None:
            return None
        found.append(offsets)
    return tuple(found)


def _follow_sum(
    data: bytes, numbers: list[tuple[int, int]], order: Literal["big", "little"], surplus: int, budget: Budget
) -> tuple[int, ...] | None:
    """Return what `_follow` does for a sum."""
    least, end, start, offsets = sum(numbers[-1]), len(data), 0, [0]
    while start + least <= end:
        total = surplus
        for offset, size in numbers:
            total += int.from_bytes(data[start + offset : start + offset + size], order)
        if total < least:
            start = -1
            break
        start += total
        offsets.append(start)
    budget.spend(len(offsets) * len(numbers))
    return tuple(offsets) if start == end else None


def _all_used(streams: Sequence[bytes], boundaries: Boundaries, numbers: list[tuple[int, int]]) -> bool:
    """Return True if each number takes several values."""
    return all(
        len(
            {
                data[start + offset : start + offset + size]
                for data, offsets in zip(streams, boundaries, strict=True)
                for start in offsets[:-1]
            }
        )
        > 1
        for offset, size in numbers
    )


def _is_likely(field: LengthField) -> bool:
    """Return True if it is not an accident: messages begin alike, or there are many; both if the place is unusual.

    Single bytes, and numbers to which any other is added, soon reach the end of a stream by chance.
    """
    is_many = field.messages >= _MANY_MESSAGES
    if field.size > 1 and field.counts != "body":
        return field.alike > 0 or is_many
    return field.alike > 0 and is_many


def constant_bytes(streams: Sequence[bytes], boundaries: Boundaries) -> dict[int, int]:
    """Return the first bytes that all messages have in common, by offset."""
    heads = [
        data[start : min(start + _HEAD, stop)]
        for data, offsets in zip(streams, boundaries, strict=True)
        for start, stop in pairwise(offsets)
    ]
    columns = zip(*heads, strict=False)  # as many as the shortest message has
    return {offset: column[0] for offset, column in enumerate(columns) if len(set(column)) == 1}


def _rank(field: LengthField) -> tuple[object, ...]:
    return (
        field.counts == "body",
        # Where messages begin with a magic, a place that leads from each to the next misses none.
        -field.messages if field.has_magic else 0,
        field.is_mostly_bare,
        -field.alike,
        -field.messages,
        # Of small numbers all but the last bytes are 0, so narrower and unaligned places look the same.
        field.offset % field.size != 0,
        _SIZES.index(field.size),
        field.byte_order,
        field.offset,
    )


def _candidates(streams: Sequence[bytes], unfinished: Collection[int], budget: Budget) -> Iterator[LengthField]:
    shortest_first = sorted(range(len(streams)), key=lambda number: len(streams[number]))
    places = product(range(_FARTHEST), _SIZES, _ORDERS, range(_FARTHEST + 1))
    for offset, size, order, surplus in places:
        if size == 1 and order == "little":
            continue
        if budget.is_spent:
            return
        found: dict[int, tuple[int, ...]] = {}
        for number in shortest_first:
            offsets = _follow(streams[number], offset, size, order, surplus, budget, open_end=number in unfinished)
            if offsets is None:
                break
            found[number] = offsets
        else:
            boundaries = tuple(found[number] for number in range(len(streams)))
            yield LengthField(offset, size, order, surplus, boundaries)


def _follow(
    data: bytes,
    offset: int,
    size: int,
    order: Literal["big", "little"],
    surplus: int,
    budget: Budget,
    *,
    open_end: bool,
) -> tuple[int, ...] | None:
    """Return the offsets at which messages begin and the last whole one ends; None if a number leads elsewhere."""
    least, end, start, offsets = offset + size, len(data), 0, [0]
    while start + least <= end:
        total = surplus + int.from_bytes(data[start + offset : start + least], order)
        if total < least:
            budget.spend(len(offsets))
            return None
        start += total
        offsets.append(start)
    budget.spend(len(offsets))
    if open_end and len(offsets) > _FEWEST_MESSAGES and start != end:
        # The last message goes on after the recording; of a number that is too large it goes on for ever.
        if start > end:
            offsets.pop()
        return tuple(offsets) if start - end <= _LONGEST_REST else None
    return tuple(offsets) if start == end else None
