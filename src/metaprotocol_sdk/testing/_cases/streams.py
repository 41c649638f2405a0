"""Streams of messages, and where they are cut."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk.testing import strategies
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_LONGEST = 2_000  # bytes of a stream that is cut at every place


def _stream(cases: Iterable[Case]) -> Case:
    first, *others = cases
    return first.having(data=b"".join([first.data, *(case.data for case in others)]), request=None)


@st.composite
def _streams(draw: st.DrawFn, subject: Subject, *, damage: bool) -> Case:
    found = any_message(subject)
    assert found is not None  # noqa: S101 - the caller has looked
    first = draw(found)
    count = 0 if subject.keeps_state else draw(st.integers(0, 3))
    others = [draw(found) for _ in range(count)]
    case = _stream([first, *(other for other in others if other.direction is first.direction)])
    if damage:
        case = case.having(data=draw(strategies.damaged(case.data)))
    return case.having(cuts=draw(strategies.cut_points(case.data)))


def _sound(subject: Subject) -> st.SearchStrategy[Case] | None:
    return None if any_message(subject) is None else _streams(subject, damage=False)


def _damaged(subject: Subject) -> st.SearchStrategy[Case] | None:
    return None if any_message(subject) is None else _streams(subject, damage=True)


@source()
def coalesced(subject: Subject) -> Iterable[Case]:
    """Messages that come in one piece, two and then all of them together."""
    for run in subject.runs:
        for first, second in pairwise(run):
            yield _stream([first, second])
            yield _stream([second, first])
        if run:
            yield _stream([run[0]] * 3)
            yield _stream(run)


@source(_sound)
def cut(subject: Subject) -> Iterable[Case]:
    """Each message cut in two at every place, then into single bytes; then all of them in single bytes."""
    for run in subject.runs:
        for case in run:
            if case not in subject.brief:
                continue
            size = len(case.data)
            for at in range(1, min(size, _LONGEST)):
                yield case.having(cuts=(at,), request=None)
            yield case.having(cuts=tuple(range(1, min(size, _LONGEST))), request=None)
        stream = _stream(run)
        yield stream.having(cuts=tuple(range(1, min(len(stream.data), _LONGEST))))


@source(_damaged)
def damaged(subject: Subject) -> Iterable[Case]:
    """A good message, then bytes that are none; cut at each of the places around the damage."""
    for run in subject.runs:
        good = run[0]
        size = len(good.data)
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", bytes(24), b"\xff" * 24):
            stream = good.having(data=good.data + bad, request=None, keep=size)
            for at in range(size - 1, len(stream.data)):
                yield stream.having(cuts=(at,))
            yield stream.having(cuts=tuple(range(1, len(stream.data))))


@source()
def truncated(subject: Subject) -> Iterable[Case]:
    """Each beginning of each message; `other` is the whole."""
    for case in subject.brief:
        for end in range(1, min(len(case.data), _LONGEST)):
            yield case.having(data=case.data[:end], other=case.data, request=None)


@source()
def pairs(subject: Subject) -> Iterable[Case]:
    """Two messages, each on a connection of its own; the second one is `other`."""
    for run in subject.runs:
        for one, two in pairwise([*run, run[0]]):
            yield one.having(other=two.data, request=None)
