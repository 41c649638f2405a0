"""Bytes that no friend sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing import strategies
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import Block, Source, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from metaprotocol_sdk.testing._sources import Later
    from metaprotocol_sdk.testing._subject import Subject

_MOST_OFFSETS = 300
REPEATS = 3_000  # deeper than the interpreter lets a recursion go
_UNITS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)  # bytes of what is repeated


# Numbers at the edges of a field, by its bytes.
BOUNDARIES = {
    1: (0, 1, 2, 127, 128, 254, 255),
    2: (0, 1, 255, 256, 32_767, 32_768, 65_534, 65_535),
    4: (0, 1, 7, 16, 127, 128, 255, 65_535, 65_536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 16, (1 << 32) - 1),
    8: (0, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
}
# Counts for which a reckless reader allocates.
_COUNTS = {2: (0xFFFF,), 4: (1 << 20, 1 << 24, (1 << 31) - 1), 8: (1 << 20, (1 << 31) - 1)}


def _written(case: Case, values_of: Mapping[int, Iterable[int]]) -> Iterator[Block]:
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
        yield from _written(case, BOUNDARIES)


@source(weight=4)
def large_counts(subject: Subject) -> Iterable[Block]:
    """Numbers that a reckless reader would allocate, at every place of every message."""
    for case in subject.brief:
        yield from _written(case, _COUNTS)


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
    noise = st.builds(Case, st.binary(max_size=200), strategies.directions())
    framed = any_message(subject)
    if framed is None:
        return noise
    if not subject.samples:
        return st.one_of(noise, framed)
    good = st.sampled_from(subject.samples)
    return st.one_of(
        noise,
        framed,
        good.flatmap(lambda case: strategies.damaged(case.data).map(lambda data: case.having(data=data, request=None))),
        good.flatmap(lambda case: st.binary(max_size=60).map(lambda body: _with_body(subject, case, body))),
    )


def _with_body(subject: Subject, case: Case, body: bytes) -> Case:
    """Return a message that begins as a good one does and ends with any bytes."""
    metadata = subject.receive(case)[1]
    head = 0 if metadata is None else metadata.header_size
    data = subject.frames.resized(case.data, case.data[:head] + body, case.direction)
    return case.having(data=body if data is None else data, request=None)


@source(_any_bytes)
def noise(subject: Subject) -> Iterable[Case]:
    """Bytes of no protocol, or of another one."""
    for direction in Direction:
        for data in (b"\0", b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(300)):
            yield Case(data, direction)


def windows(case: Case) -> Iterator[tuple[int, int]]:
    """Yield where the parts of a message are that may be repeated: offset and size."""
    for size in _UNITS:
        for at in range(min(len(case.data), _MOST_OFFSETS) - size + 1):
            yield at, size


def with_repeated(subject: Subject, case: Case, at: int, unit: bytes, count: int) -> Case | None:
    """Return a message with a unit repeated behind an offset as often as fits; None if it can't be framed soundly."""
    count = min(count, subject.frames.room(case.data, count * len(unit), case.direction) // len(unit))
    return _resized(subject, case, case.data[:at] + unit * count + case.data[at:])


@source(weight=4)
def repeated(subject: Subject) -> Iterable[Later | Block]:
    """Each good message with some bytes of it repeated many times; then with any byte repeated before each field."""
    for case in subject.brief:
        for at, size in windows(case):
            yield partial(with_repeated, subject, case, at, case.data[at : at + size], REPEATS)
        codec, metadata = subject.receive(case)
        if metadata is None:
            continue
        for start in sorted({span.start for span in codec.spans(metadata)}):
            yield Block(256, partial(_with_byte_repeated, subject, case, start))


def _with_byte_repeated(subject: Subject, case: Case, at: int, value: int) -> Case | None:
    return with_repeated(subject, case, at, bytes((value,)), REPEATS)


some_repeated = Source(repeated.sweep, weight=12)
