"""Finds offsets that behave like an id: each request has its own value there, and responses repeat them."""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise, product
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from metaprotocol_cli.new.evidence.budget import Budget
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaprotocol_cli.new.evidence.conversations import Conversation
    from metaprotocol_cli.new.evidence.lengths import LengthField

_FARTHEST = 64
_SIZES = (8, 4, 2, 1)
_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")
# One value may be repeated by chance.
_FEWEST_REPEATED = 2
# A message that a server sends unasked does not repeat a value.
_SHARE_OF_RESPONSES = 0.75
# A client that has several counters jumps between them.
_SHARE_OF_STEPS = 0.75

# The messages of a connection: to the server, and to the client.
Messages = tuple[list[bytes], list[bytes]]


@frozen
class IdField:
    """A place that behaves like an id.

    Args:
        offset: Bytes before it.
        size: Its own bytes.
        byte_order: The byte order of the number.
        requests: Messages to the server, each with a value of its own.
        responses: Messages to the client.
        repeated: The number of these that repeat the value of a request.
        step: The usual distance between the sorted values of a connection; None if there is no usual one.
        overtaking: The number of responses that came before that of an earlier request.
        is_random: True if each of its bytes takes nearly as many values as it can, or only one.
        response_offset: Bytes before it in messages to the client.
    """

    offset: int
    size: int
    byte_order: Literal["big", "little"]
    requests: int
    responses: int
    repeated: int
    step: int | None
    overtaking: int
    is_random: bool
    response_offset: int

    @property
    def is_split(self) -> bool:
        """True if requests and responses have it at different offsets."""
        return self.offset != self.response_offset

    @property
    def counts_up(self) -> bool:
        """True if the sorted values are the same small number apart."""
        return self.step is not None and 0 < self.step < 256

    @property
    def is_wide(self) -> bool:
        """True if it has room for many requests. One byte may be the first of a number that grows."""
        return self.size > 1

    @property
    def is_likely(self) -> bool:
        """True if it is worth proposing: it is wide, and its values count up or are random."""
        return self.is_wide and (self.counts_up or self.is_random)

    def overlaps(self, other: IdField) -> bool:
        """Return True if two places have a byte in common."""
        return other.offset < self.offset + self.size and self.offset < other.offset + other.size


def find_ids(conversations: Sequence[Conversation], length: LengthField, budget: Budget | None = None) -> list[IdField]:
    """Return the places that behave like an id, the likeliest first; of several that overlap only the best.

    Args:
        conversations: The recorded connections.
        length: The length field, which tells where their messages end.
        budget: The steps that the search may take; places that come after the last one are not tried.
    """
    budget = budget or Budget()
    messages = _cut(conversations, length)
    shortest = min((len(message) for both in messages for one in both for message in one), default=0)
    total = sum(len(one) for both in messages for one in both)
    taken = _taken(length)
    found: list[IdField] = []
    # A header has one byte order.
    orders = _ORDERS if length.size == 1 else (length.byte_order,)
    for size, order, offset in product(_SIZES, orders, range(min(shortest, _FARTHEST))):
        stop = offset + size
        if stop > shortest or not taken.isdisjoint(range(offset, stop)) or (size == 1 and order != orders[0]):
            continue
        if budget.is_spent:
            break
        budget.spend(total)
        field = _evidence(messages, offset, size, order)
        if field is not None and (field.counts_up or not _is_text(_columns(messages, offset, stop))):
            found.append(field)
    if not any(field.is_likely for field in found):
        found += _split(messages, length, budget)
    counters = [field for field in found if field.size == 1 and field.counts_up]
    best: list[IdField] = []
    for field in sorted(found, key=_rank):
        # A byte that counts up is not one number with the bytes after it, though responses repeat these too.
        is_one = field.counts_up or not any(map(field.overlaps, counters))
        if is_one and not any(map(field.overlaps, best)):
            best.append(field)
    return best


def _split(messages: Sequence[Messages], length: LengthField, budget: Budget) -> Iterator[IdField]:
    """Yield the places that behave like an id in requests, and its places in responses (Kafka: 8 and 4)."""
    shortest = [min((len(one) for both in messages for one in both[way]), default=0) for way in (0, 1)]
    total = sum(len(one) for both in messages for one in both)
    taken = set(range(length.offset, length.offset + length.size))
    for size in _SIZES[:-1]:  # one byte is repeated by chance somewhere
        for offset in range(min(shortest[0], _FARTHEST) - size + 1):
            if not taken.isdisjoint(range(offset, offset + size)):
                continue
            for response_offset in range(min(shortest[1], _FARTHEST) - size + 1):
                if response_offset == offset or not taken.isdisjoint(range(response_offset, response_offset + size)):
                    continue
                if budget.is_spent:
                    return
                budget.spend(total)
                field = _evidence(messages, offset, size, length.byte_order, response_offset)
                if field is None:
                    if not _all_differ(messages, offset, size):
                        break
                elif field.is_likely and (field.counts_up or not _is_text(_columns(messages, offset, offset + size))):
                    yield field


def _all_differ(messages: Sequence[Messages], offset: int, size: int) -> bool:
    """Return True if no two requests of a connection have the same bytes at a place."""
    return all(
        len({message[offset : offset + size] for message in to_server}) == len(to_server) for to_server, _ in messages
    )


def _taken(length: LengthField) -> set[int]:
    """Return the offsets of the length and of the magic; zeros at the end of the magic may be part of an id."""
    taken = set(range(length.offset, length.offset + length.size))
    magic = taken | set(length.constant)
    end = next(offset for offset in count() if offset not in magic)
    return taken | {offset for offset in range(end) if length.constant.get(offset)}


def _cut(conversations: Sequence[Conversation], length: LengthField) -> list[Messages]:
    boundaries = iter(length.boundaries)
    found: list[Messages] = []
    for conversation in conversations:
        cut = {
            direction: [data[start:stop] for start, stop in pairwise(next(boundaries))]
            for direction, data in conversation.streams.items()
        }
        found.append((cut.get(Direction.TO_SERVER, []), cut.get(Direction.TO_CLIENT, [])))
    return found


def _evidence(
    messages: Sequence[Messages],
    offset: int,
    size: int,
    order: Literal["big", "little"],
    response_offset: int | None = None,
) -> IdField | None:
    """Return a place with its evidence, or None if something speaks against it."""
    there = offset if response_offset is None else response_offset
    requests = responses = repeated = overtaking = 0
    steps: Counter[int] = Counter()
    for to_server, to_client in messages:
        asked, answered = (
            [int.from_bytes(message[start : start + size], order) for message in one]
            for start, one in ((offset, to_server), (there, to_client))
        )
        place = {value: number for number, value in enumerate(asked)}
        if len(place) < len(asked):
            return None
        places = [place[value] for value in answered if value in place]
        requests += len(asked)
        responses += len(answered)
        repeated += len(set(places))
        overtaking += sum(after < before for before, after in pairwise(places))
        steps.update(after - before for before, after in pairwise(sorted(asked)))
    if repeated < max(_FEWEST_REPEATED, _SHARE_OF_RESPONSES * responses):
        return None
    step = next((step for step, times in steps.most_common(1) if times >= _SHARE_OF_STEPS * steps.total()), None)
    columns = _columns(messages, offset, offset + size)
    is_random = all(len(column) == 1 or len(column) >= min(requests, 256) / 2 for column in columns)
    return IdField(offset, size, order, requests, responses, repeated, step, overtaking, is_random, there)


def _columns(messages: Sequence[Messages], offset: int, stop: int) -> list[set[int]]:
    """Return the values that each byte of a place takes in requests."""
    requests = [message[offset:stop] for to_server, _ in messages for message in to_server]
    return [set(column) for column in zip(*requests, strict=True)]


def _is_text(columns: Sequence[set[int]]) -> bool:
    """Return True if a place holds letters: a name, or a text that comes back in the answer."""
    return any(len(column) > 1 and all(0x20 <= value < 0x7F for value in column) for column in columns)


def _rank(field: IdField) -> tuple[object, ...]:
    return (not field.is_likely, not field.counts_up, -field.repeated, -field.size, field.offset, field.response_offset)
