"""The work of reading and changing a message is in proportion to its size."""

from __future__ import annotations

import contextlib
from functools import cache, partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, EncodeError, MessageDecoder, Mutation
from metaprotocol_sdk.testing._case import assume
from metaprotocol_sdk.testing._growth import check_counted, check_timed
from metaprotocol_sdk.testing._outcome import decoded
from metaprotocol_sdk.testing._properties.hostile import windows, with_repeated
from metaprotocol_sdk.testing._property import Source, Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._growth import WorkOfSize
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

_BYTES = 4_096  # that come one by one
_LINES = 200_000  # that a few thousand pieces may take in the decoder itself
_PIECE = 64
_MIB = 1 << 20
_KEYS, _MANY_KEYS = 1_024, 65_536


def _windows(subject: Subject) -> Iterable[Later]:
    """Yield each message with the part that is to be repeated between `cuts`."""
    for case in subject.brief:
        for at, size in windows(case):
            yield partial(case.having, cuts=(at, at + size), request=None)


repeated_parts = Source(_windows, weight=40)
few_repeated_parts = Source(_windows, weight=100)


@source()
def whole_messages(subject: Subject) -> Iterable[Case]:
    """A valid message of middling length of each direction."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction]
        yield from there[len(there) // 2 :][:1]


@source()
def with_headers(subject: Subject) -> Iterable[Case]:
    """The same, of the messages that take new keys."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction and _with_keys(subject, case)(1)]
        yield from there[len(there) // 2 :][:1]


def _with_part_repeated(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages in which the part between the cuts is repeated so many times, or as often as fits."""
    start, end = case.cuts[0], case.cuts[1]
    return lambda count: with_repeated(subject, case.having(cuts=()), start, case.data[start:end], count)


def _with_keys(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages with so many more keys; None if the codec does not write them."""

    @cache
    def make(count: int) -> Case | None:
        codec, metadata = subject.receive(case)
        if metadata is None:
            return None
        try:
            return case.having(data=codec.encode(metadata, _keys(count)))
        except EncodeError:
            return None

    return make


def _keys(count: int, value: str = "1") -> Mutation:
    return Mutation({f"x-kit-{number}": value for number in range(count)})


def _decoding(subject: Subject, make: Callable[[int], Case | None]) -> WorkOfSize:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        if case is None:
            return None
        codec = subject.connection(case)
        return lambda: decoded(codec, case.data, case.direction)

    return work


def _encoding(
    subject: Subject, make: Callable[[int], Case | None], mutation_of: Callable[[int], Mutation]
) -> WorkOfSize:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        codec, metadata = (None, None) if case is None else subject.receive(case)
        if codec is None or metadata is None:
            return None
        mutation = mutation_of(size)

        def encode() -> None:
            with contextlib.suppress(EncodeError):
                codec.encode(metadata, mutation)

        return encode

    return work


def _feeding(subject: Subject, case: Case, pieces: list[bytes]) -> Callable[[], object]:
    def feed() -> None:
        decoder = MessageDecoder(subject.connection(case), case.direction)
        for piece in pieces:
            decoder.feed(piece)
            if decoder.stream_error is not None:
                return  # a property of its own finds that it fails when it is cut

    return feed


@prove(
    "MP-COST-001",
    Tier.COST,
    whole_messages,
    title="A message that comes byte by byte costs the scanner the same for each byte",
    why="A client that sends slowly must not make the proxy search all that it has sent again with every byte.",
    fix="Remember how far the search has come.",
)
def scans_in_linear_time(subject: Subject, case: Case) -> None:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, len(case.data) + size, case.direction)
        if data is None:
            return None
        pieces = [data[at : at + 1] for at in range(len(data) - 1)]  # all but the last: nothing is decoded
        return _feeding(subject, case, pieces)

    most = subject.frames.room(case.data, 4 * _BYTES, case.direction)
    assume(check_counted(subject, "scanning", work, most, _BYTES, _LINES))


@prove(
    "MP-COST-002",
    Tier.COST,
    repeated_parts,
    title="Reading a message takes work in proportion to its bytes, whatever is repeated in it",
    why="One message of a megabyte that takes a minute stops every other client of the worker.",
    fix="Go through the message once, and never back: no search from the start, no copy for each element.",
)
def decodes_in_linear_time(subject: Subject, case: Case) -> None:
    width = case.cuts[1] - case.cuts[0]
    most = subject.frames.room(case.data, _MIB, case.direction) // width
    assume(check_counted(subject, "decoding", _decoding(subject, _with_part_repeated(subject, case)), most))


@prove(
    "MP-COST-003",
    Tier.COST,
    with_headers,
    title="Reading and changing a message takes work in proportion to its keys",
    why="Headers are what a client can add most easily.",
    fix="Look keys up in a dict; go through the headers once for the whole mutation.",
)
def changes_in_linear_time(subject: Subject, case: Case) -> None:
    make = _with_keys(subject, case)
    # In this order: messages of many keys are made by adding them, and read before they are changed.
    adding = _encoding(subject, lambda size: case, _keys)
    reading = _decoding(subject, make)
    changing = _encoding(subject, make, lambda size: _keys(size, "2"))
    changing_one = _encoding(subject, make, lambda size: Mutation({"x-kit": "1"}))
    assume(check_counted(subject, "adding many keys", adding, _MANY_KEYS, _KEYS))
    assume(check_counted(subject, "decoding many keys", reading, _MANY_KEYS, _KEYS))
    check_counted(subject, "changing many keys", changing, _MANY_KEYS, _KEYS)
    check_counted(subject, "changing one of many keys", changing_one, _MANY_KEYS, _KEYS)
    check_timed(subject, "adding many keys", adding, _MANY_KEYS)
    check_timed(subject, "decoding many keys", reading, _MANY_KEYS)
    check_timed(subject, "changing many keys", changing, _MANY_KEYS)


@prove(
    "MP-COST-004",
    Tier.COST,
    few_repeated_parts,
    title="Reading a large message takes processor time in proportion to its bytes",
    why="One call can hide the work (a search, a comparison, a regular expression): it is one step of the program, and "
    "takes the time all the same.",
    fix="Pass offsets around instead of searching the rest anew, and give regular expressions possessive quantifiers.",
)
def decodes_fast_enough(subject: Subject, case: Case) -> None:
    width = case.cuts[1] - case.cuts[0]
    decoding = _decoding(subject, _with_part_repeated(subject, case))
    most = subject.frames.room(case.data, _MIB, case.direction)
    assume(check_timed(subject, "decoding", lambda size: decoding(size // width), most))


@prove(
    "MP-COST-005",
    Tier.COST,
    whole_messages,
    title="A large message that comes in small pieces takes processor time in proportion to its bytes",
    why="Pieces of a hundred bytes are usual on a slow line; joining them anew each time copies gigabytes.",
    fix="Keep at most the tail that can still be part of what is searched.",
)
def scans_fast_enough(subject: Subject, case: Case) -> None:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, size, case.direction)
        if data is None or len(data) < size:
            return None
        return _feeding(subject, case, [data[at : at + _PIECE] for at in range(0, len(data) - _PIECE, _PIECE)])

    most = len(case.data) + subject.frames.room(case.data, _MIB, case.direction)
    assume(check_timed(subject, f"scanning pieces of {_PIECE} bytes", work, most))
