"""Twice as many bytes are twice the work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from metaprotocol_sdk import EncodeError, MessageDecoder, Mutation
from metaprotocol_sdk.testing._case import Violation
from metaprotocol_sdk.testing._cases.growth import (
    few_repeated_parts,
    keys,
    most_keys,
    repeated_parts,
    whole_messages,
    with_headers,
    with_keys,
    with_part_repeated,
)
from metaprotocol_sdk.testing._outcome import decoded
from metaprotocol_sdk.testing._property import NOTHING, Tier, prove
from metaprotocol_sdk.testing._work.opcodes import opcodes_of
from metaprotocol_sdk.testing._work.processor import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_TIMES = 8
_TOLERANCE = 1.5  # of what linear work would be
_CONSTANT = 3_000  # opcodes that do not count: one error more or less on the way
_KIB = 1024
_SMALL, _LARGE = 64 * _KIB, 1024 * _KIB
_PIECE = 64
_FAR = 4  # how many times slower than linear is far above linear
_NOTICEABLE = 0.1  # seconds below which nobody cares
_MANY_KEYS = 65_536


def check_linear(what: str, work: Callable[[int], Callable[[], object] | None], start: int, most: int) -> object:
    """Check that eight times the size is about eight times the opcodes, twice in a row.

    Args:
        what: The work, in words.
        work: Returns what does the work of a size; None if there is no such size.
        start: The smallest size.
        most: The greatest size that there is; what is compared becomes smaller until it fits.

    Raises:
        Violation: It isn't.
    """
    start = max(min(start, most // _TIMES**2), 1)
    sizes = [size for size in (start, start * _TIMES, start * _TIMES**2) if size <= most]
    counts: list[int] = []
    for size in sizes:
        action = work(size)
        if action is None:
            return NOTHING
        allowed = int(_TOLERANCE * _TIMES * counts[-1]) + _CONSTANT if counts else 1 << 40
        # What is too much is counted on, except at the last: the next size is compared with it.
        is_last = size == start * _TIMES**2
        counts.append(opcodes_of(action, allowed if is_last else allowed * _TIMES))
        if counts[-1] < allowed and len(counts) > 1:
            return None  # one step that is linear is enough: below it, the message was perhaps refused at once
    if len(counts) < 2:
        return NOTHING
    shown = ", ".join(f"{count:,} opcodes for {size}" for count, size in zip(counts, sizes, strict=True))
    raise Violation(f"{what} took {shown} parts, or more")


def _decoding(subject: Subject, make: Callable[[int], Case | None]) -> Callable[[int], Callable[[], object] | None]:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        if case is None:
            return None
        codec = subject.connection(case)
        return lambda: decoded(codec, case.data, case.direction)

    return work


@prove(
    "MP-COST-001",
    Tier.COST,
    whole_messages,
    title="A message that comes byte by byte costs the scanner the same for each byte",
    why="A client that sends slowly must not make the proxy search all that it has sent again with every byte.",
    fix="Remember how far the search has come.",
)
def scans_in_linear_time(subject: Subject, case: Case) -> object:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, len(case.data) + size, case.direction)
        if data is None:
            return None
        pieces = [data[at : at + 1] for at in range(len(data) - 1)]  # all but the last: nothing is decoded
        return _feeding(subject, case, pieces)

    most = subject.frames.room(case.data, 128 * _TIMES**2, case.direction)
    return check_linear("scanning", work, 128, most)


@prove(
    "MP-COST-002",
    Tier.COST,
    repeated_parts,
    title="Reading a message takes work in proportion to its bytes, whatever is repeated in it",
    why="One message of a megabyte that takes a minute stops every other client of the worker.",
    fix="Go through the message once, and never back: no search from the start, no copy for each element.",
)
def decodes_in_linear_time(subject: Subject, case: Case) -> object:
    width = case.cuts[1] - case.cuts[0]
    most = subject.frames.room(case.data, 48 * _TIMES**2 * width, case.direction) // width
    return check_linear("decoding", _decoding(subject, with_part_repeated(subject, case)), 48, most)


@prove(
    "MP-COST-003",
    Tier.COST,
    with_headers,
    title="Reading and changing a message takes work in proportion to its keys",
    why="Headers are what a client can add most easily.",
    fix="Look keys up in a dict; go through the headers once for the whole mutation.",
)
def changes_in_linear_time(subject: Subject, case: Case) -> object:
    make, most = with_keys(subject, case), most_keys(subject, case, 8 * _TIMES**2)
    decoding = check_linear("decoding", _decoding(subject, make), 8, most)
    one = check_linear("changing one key", _encoding(subject, make, lambda size: Mutation({"x-kit": "1"})), 8, most)
    many = check_linear(
        "changing all keys", _encoding(subject, make, lambda size: Mutation.fromkeys(keys(size), "2")), 8, most
    )
    # A key that comes twice may be refused at once, so work inside calls needs many that are different.
    if most_keys(subject, case, _MANY_KEYS) == _MANY_KEYS:
        check_seconds("decoding", _decoding(subject, make), _MANY_KEYS, "keys")
    return NOTHING if NOTHING in (decoding, one, many) else None


def _feeding(subject: Subject, case: Case, pieces: list[bytes]) -> Callable[[], object]:
    def feed() -> None:
        decoder = MessageDecoder(subject.connection(case), case.direction)
        for piece in pieces:
            decoder.feed(piece)
            if decoder.stream_error is not None:
                return  # that it fails when it is cut is for a property of its own to find

    return feed


def _encoding(
    subject: Subject, make: Callable[[int], Case | None], mutation_of: Callable[[int], Mutation | dict[str, str]]
) -> Callable[[int], Callable[[], object] | None]:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        if case is None:
            return None
        codec, metadata = subject.receive(case)
        if metadata is None:
            return None
        return lambda: _encoded(lambda: codec.encode(metadata, Mutation(mutation_of(size))))

    return work


def _encoded(encode: Callable[[], bytes]) -> None:
    with contextlib.suppress(EncodeError):
        encode()


def check_seconds(
    what: str, work: Callable[[int], Callable[[], object] | None], most: int, unit: str = "bytes"
) -> object:
    """Check that the processor time at 1 Mi of a unit is not far above 16 times that at 64 Ki.

    Args:
        what: The work, in words.
        work: Returns what does the work of a size; None if there is no such size.
        most: The greatest size that there is; below 1 Mi it is compared with a sixteenth of itself.
        unit: What the size counts.

    Raises:
        Violation: It is.
    """
    most = min(most, _LARGE)
    smallest = most * _SMALL // _LARGE
    times: dict[int, float] = {}
    for size in (smallest, 4 * smallest, most):
        action = work(size)
        if action is None or not smallest:
            return NOTHING
        times[size] = seconds_of(action)
        allowed = max(_FAR * times[smallest] * size / smallest, _NOTICEABLE)
        if times[size] > allowed:
            times[size] = min(times[size], seconds_of(action))  # perhaps something else came between
        if times[size] > allowed:
            shown = ", ".join(f"{seconds:.3f} s at {size:,} {unit}" for size, seconds in times.items())
            raise Violation(f"{what} took {shown}, which is far above linear")
    return None


@prove(
    "MP-COST-004",
    Tier.COST,
    few_repeated_parts,
    title="Reading a large message takes processor time in proportion to its bytes",
    why="One call can hide the work (a copy, a search, a regular expression): it is one step of the program, and "
    "takes the time all the same.",
    fix="Pass offsets around instead of slices of the rest, and give regular expressions possessive quantifiers.",
)
def decodes_fast_enough(subject: Subject, case: Case) -> object:
    make, width = with_part_repeated(subject, case), case.cuts[1] - case.cuts[0]
    decoding = _decoding(subject, make)
    most = subject.frames.room(case.data, _LARGE, case.direction)
    return check_seconds("decoding", lambda size: decoding(size // width), most)


@prove(
    "MP-COST-005",
    Tier.COST,
    whole_messages,
    title="A large message that comes in small pieces takes processor time in proportion to its bytes",
    why="Pieces of a hundred bytes are usual on a slow line; joining them anew each time copies gigabytes.",
    fix="Keep at most the tail that can still be part of what is searched.",
)
def scans_fast_enough(subject: Subject, case: Case) -> object:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, size, case.direction)
        if data is None or len(data) < size:
            return None
        return _feeding(subject, case, [data[at : at + _PIECE] for at in range(0, len(data) - _PIECE, _PIECE)])

    most = len(case.data) + subject.frames.room(case.data, _LARGE, case.direction)
    return check_seconds(f"scanning pieces of {_PIECE} bytes", work, most)
