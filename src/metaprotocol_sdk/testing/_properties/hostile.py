"""Bytes that no friend sent give messages or a ProtocolError, in bounded memory, and nothing else."""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Direction, ProtocolError
from metaprotocol_sdk.testing._case import Case, Violation, assume, assumed, escaped
from metaprotocol_sdk.testing._hypothesis import damaged, directions
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._properties.messages import any_message
from metaprotocol_sdk.testing._property import Block, Level, Source, Tier, prove, source
from metaprotocol_sdk.testing._work import peak_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from metaprotocol_sdk.testing._outcome import Outcome
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

_KIB = 1024
_MOST_OFFSETS = 300
_LONGEST_ERROR = 1_000
_REPEATS = 3_000  # deeper than the interpreter lets a recursion go
_UNITS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)  # sizes in bytes of a repeated part

_WHY = (
    "Anybody who can open a connection can send this. An IndexError, a struct.error or an AssertionError is caught by "
    "nobody: it ends the worker, or the connection of everyone who shares it."
)

# Numbers at the edges of a field, by its size in bytes.
BOUNDARIES = {
    1: (0, 1, 2, 127, 128, 254, 255),
    2: (0, 1, 255, 256, 32_767, 32_768, 65_534, 65_535),
    4: (0, 1, 7, 16, 127, 128, 255, 65_535, 65_536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 16, (1 << 32) - 1),
    8: (0, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
}
# Counts for which a reckless reader allocates memory.
_DECIMALS = (b"444444444", b"2147483647", b"9" * 19, b"-1", b"00000000000000000001")
_COUNTS = {2: (0xFFFF,), 4: (1 << 20, 1 << 24, (1 << 31) - 1), 8: (1 << 20, (1 << 31) - 1)}


def _blocks(case: Case, values_of: Mapping[int, Iterable[int]]) -> Iterator[Block]:
    for size, values in values_of.items():
        forms = [form for value in values for form in (value.to_bytes(size), value.to_bytes(size, "little"))]
        if size == 1:
            forms = forms[::2]  # one byte has one order
        places = max(min(len(case.data), _MOST_OFFSETS) - size + 1, 0)
        yield Block(places * len(forms), partial(_with_form, case, forms))


def _with_form(case: Case, forms: list[bytes], number: int) -> Case:
    at, form = divmod(number, len(forms))
    return _write(case, at, forms[form])


def _write(case: Case, at: int, written: bytes) -> Case:
    return case.having(data=case.data[:at] + written + case.data[at + len(written) :], request=None)


@source()
def boundaries(subject: Subject) -> Iterable[Block]:
    """Numbers at the edges, written at every place of every message, in every width and both byte orders."""
    for case in subject.brief:
        yield from _blocks(case, BOUNDARIES)


@source(weight=4)
def large_counts(subject: Subject) -> Iterable[Case | Block]:
    """Numbers that a reckless reader would allocate: in place of each decimal one, and at every place of a message."""
    for case in subject.brief:
        yield from _decimal(case)
        yield from _blocks(case, _COUNTS)


def _decimal(case: Case) -> Iterator[Case]:
    """Yield the message with each run of decimal digits replaced by large numbers, as text protocols write lengths."""
    for digits in islice(re.finditer(rb"[0-9]+", case.data), _MOST_OFFSETS):
        for number in _DECIMALS:
            yield case.having(data=case.data[: digits.start()] + number + case.data[digits.end() :], request=None)


@source()
def flips(subject: Subject) -> Iterable[Block]:
    """Each byte of each message with each other value, or of long messages with some."""
    for case in subject.brief:
        yield Block(255 * min(len(case.data), _MOST_OFFSETS), partial(_flipped, case))


def _flipped(case: Case, number: int) -> Case:
    at, value = divmod(number, 255)
    return _write(case, at, bytes((value + (value >= case.data[at]),)))


@source()
def shortened(subject: Subject) -> Iterable[Later]:
    """Each message cut off at every place, with a length that says so: framed soundly, and incomplete."""
    for case in subject.brief:
        for end in range(1, min(len(case.data), 4 * _MOST_OFFSETS)):
            yield partial(_resized, subject, case, case.data[:end])


def _resized(subject: Subject, case: Case, data: bytes) -> Case | None:
    resized = subject.frames.resized(case.data, data, case.direction)
    return None if resized is None else case.having(data=resized, request=None)


def _any_bytes(subject: Subject) -> st.SearchStrategy[Case]:
    noise = st.builds(Case, st.binary(max_size=200), directions())
    framed = any_message(subject)
    if framed is None:
        return noise
    if not subject.samples:
        return st.one_of(noise, framed)
    good = st.sampled_from(subject.samples)
    return st.one_of(
        noise,
        framed,
        good.flatmap(lambda case: damaged(case.data).map(lambda data: case.having(data=data, request=None))),
        good.flatmap(lambda case: st.binary(max_size=60).map(lambda body: _with_body(subject, case, body))),
    )


def _with_body(subject: Subject, case: Case, body: bytes) -> Case:
    """Return a message with the header of a valid one and any bytes after it."""
    metadata = subject.receive(case)[1]
    head = 0 if metadata is None else metadata.header_size
    data = subject.frames.resized(case.data, case.data[:head] + body, case.direction)
    return case.having(data=body if data is None else data, request=None)


@source(_any_bytes)
def noise(subject: Subject) -> Iterable[Case]:
    """Bytes of no protocol, or of another one, and valid messages that end in bytes that are not text."""
    for case in subject.brief:
        yield case.having(data=case.data[:-4] + b"\xff" * min(len(case.data), 4), request=None)
    for direction in Direction:
        for data in (b"\0", b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(300)):
            yield Case(data, direction)


def windows(case: Case) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each part of a message that may be repeated."""
    for size in _UNITS:
        for at in range(min(len(case.data), _MOST_OFFSETS) - size + 1):
            yield at, size


def with_repeated(subject: Subject, case: Case, at: int, unit: bytes, count: int) -> Case | None:
    """Return a message with a unit repeated at an offset as often as fits; None if it cannot be framed soundly."""
    count = min(count, subject.frames.room(case.data, count * len(unit), case.direction) // len(unit))
    return _resized(subject, case, case.data[:at] + unit * count + case.data[at:])


@source(weight=4)
def repeated(subject: Subject) -> Iterable[Later | Block]:
    """Each valid message with some bytes of it repeated many times; then with any byte repeated before each field."""
    for case in subject.brief[:1] if subject.is_slow else subject.brief:
        for at, size in windows(case):
            yield partial(with_repeated, subject, case, at, case.data[at : at + size], _REPEATS)
        codec, metadata = subject.receive(case)
        if metadata is None:
            continue
        for start in sorted({span.start for span in codec.spans(metadata)}):
            yield Block(256, partial(_with_byte_repeated, subject, case, start))


def _with_byte_repeated(subject: Subject, case: Case, at: int, value: int) -> Case | None:
    return with_repeated(subject, case, at, bytes((value,)), _REPEATS)


some_repeated = Source(repeated.sweep, weight=12)


@prove(
    "MP-HOSTILE-001",
    Tier.HOSTILE,
    noise,
    title="Any bytes give messages or a ProtocolError",
    why=_WHY,
    fix="Check each offset against the end before reading, and raise `DecodeError` with the offset.",
)
def survives_noise(subject: Subject, case: Case) -> None:
    outcome(subject.connection(case), case.pieces, case.direction)


@prove(
    "MP-HOSTILE-002",
    Tier.HOSTILE,
    boundaries,
    title="Any number in any place gives messages or a ProtocolError",
    why="Lengths, counts and offsets are numbers that a peer chooses. " + _WHY,
    fix="Check every number from the wire: against the bytes that are left, against zero, against the limits.",
)
def survives_numbers(subject: Subject, case: Case) -> None:
    outcome(subject.connection(case), [case.data], case.direction)


@prove(
    "MP-HOSTILE-003",
    Tier.HOSTILE,
    flips,
    title="Any byte in any place gives messages or a ProtocolError",
    why=_WHY,
    fix="Have an answer for every value of a type code, a flag and a status: raise `DecodeError` for the unknown ones.",
)
def survives_bytes(subject: Subject, case: Case) -> None:
    outcome(subject.connection(case), [case.data], case.direction)


@prove(
    "MP-HOSTILE-004",
    Tier.HOSTILE,
    shortened,
    title="A message that is shorter than its contents say gives a ProtocolError",
    why=_WHY,
    fix="Remember that a framed message can end anywhere: check the message's length before each field.",
)
def survives_missing_bytes(subject: Subject, case: Case) -> None:
    outcome(subject.connection(case), [case.data], case.direction)


@prove(
    "MP-HOSTILE-005",
    Tier.HOSTILE,
    large_counts,
    title="Nothing is allocated by a number that the peer announces",
    why="Twenty bytes that announce two thousand million elements take all the memory of the machine.",
    fix="Append what was read, as it is read; check a count against the bytes that are left before using it.",
)
def allocates_what_is_there(subject: Subject, case: Case) -> None:
    peak, most = _allocated(subject, case)
    if peak > most:
        peak, most = _allocated(subject, case)  # the first time a module may be imported, or a table built
    if peak > most:
        raise Violation(f"{len(case.data)} bytes made the codec allocate {peak:,}; {most:,} would be a lot")


def _allocated(subject: Subject, case: Case) -> tuple[int, int]:
    """Return the bytes that are allocated for a message, without what those before it take, and how many may be."""
    codec = subject.connection(case)
    found: list[Outcome | None] = []
    peak = peak_of(lambda: found.append(subject.tried(case, codec)))
    # The message itself, some copies of it, and the metadata of each: a codec is not blamed for them.
    messages = sum(len(outcome.messages) for outcome in found if outcome is not None)
    return peak, 256 * _KIB + 200 * len(case.data) + 2 * _KIB * messages


@prove(
    "MP-HOSTILE-006",
    Tier.HOSTILE,
    repeated,
    title="Values inside values, as deep as they fit, give messages or a ProtocolError",
    why="A megabyte of opening brackets ends a recursive reader: with a RecursionError that nobody catches, or "
    "with the process.",
    fix="Skip with a loop and a count of what is open; where something is built, raise `LimitExceeded` at `max_depth`.",
)
def does_not_recurse(subject: Subject, case: Case) -> None:
    codec = subject.connection(case)
    try:
        metadata = codec.decode(case.data, case.direction)
        codec.spans(metadata)
    except ProtocolError:
        pass
    except RecursionError as error:
        raise escaped(error, "decode or spans") from error


@prove(
    "MP-HOSTILE-007",
    Tier.HOSTILE,
    some_repeated,
    level=Level.RECOMMENDED,
    title="An error says what is wrong in a few words, whatever the size of the message",
    why="Errors go into logs. One that quotes the message fills a disk with what the peer chose, secrets included.",
    fix="Quote at most some dozen characters of what came off the wire: `value[:80]`.",
)
def keeps_errors_short(subject: Subject, case: Case) -> None:
    found = assumed(subject.tried(case))
    errors = [metadata.error for metadata in found.messages] + [found.error]
    texts = [str(error) for error in errors if error is not None]
    if any(len(text) > _LONGEST_ERROR for text in texts):
        raise Violation(f"an error of {max(map(len, texts)):,} characters: {max(texts, key=len)[:100]}…")
    assume(texts)
