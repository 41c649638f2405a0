"""Single messages: the good ones, and whatever else a codec decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk.testing import strategies
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._sources import source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._subject import Subject

_EDGES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


@source()
def once(subject: Subject) -> Iterable[Case]:
    """One case without any bytes, for what is about the codec."""
    yield Case()


def _declared(subject: Subject) -> st.SearchStrategy[Case] | None:
    if subject.messages is None:
        return None
    return subject.messages.map(lambda message: subject.case(*message))


@source(_declared)
def declared(subject: Subject) -> Iterable[Case]:
    """The messages that are known to be good."""
    yield from subject.samples


def any_message(subject: Subject) -> st.SearchStrategy[Case] | None:
    """Return a strategy for good messages, and for others whose end the framing finds."""
    ways: list[st.SearchStrategy[Case]] = []
    if subject.samples:
        ways.append(st.sampled_from(subject.samples))
    if subject.messages is not None:
        ways.append(subject.messages.map(lambda message: subject.case(*message)))
    if subject.codec.layout is not None and not subject.keeps_state:
        frames = strategies.from_layout(subject.codec.layout, subject.codec.framing)
        ways.append(st.builds(subject.case, strategies.directions(), frames))
    if subject.samples:
        ways.append(edited(subject))
    return st.one_of(ways) if ways else None


@st.composite
def edited(draw: st.DrawFn, subject: Subject) -> Case:
    """Generate a good message with some bytes changed and the length made to fit."""
    case = draw(st.sampled_from(subject.samples))
    changed = draw(strategies.damaged(case.data))
    resized = subject.frames.resized(case.data, changed, case.direction)
    return case if resized is None else case.having(data=resized)


def _unpaired(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    return None if found is None else found.map(lambda case: case.having(request=None))


@source(_unpaired)
def messages(subject: Subject) -> Iterable[Case]:
    """The good messages, and random ones that need not be good; none is paired with its request."""
    for case in subject.samples:
        yield case.having(request=None)


def _with_any_id(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = _unpaired(subject)
    ids = st.integers(0, subject.codec.max_request_id)
    return None if found is None else st.builds(lambda case, number: case.having(request_id=number), found, ids)


@source(_with_any_id)
def with_ids(subject: Subject) -> Iterable[Case]:
    """Each good message with the ids at the edges."""
    most = subject.codec.max_request_id
    for case in subject.samples:
        for number in sorted({most, *(edge for edge in _EDGES if edge <= most)}):
            yield case.having(request_id=number, request=None)


@source()
def with_impossible_ids(subject: Subject) -> Iterable[Case]:
    """Each good message with ids that no message can hold."""
    most = subject.codec.max_request_id
    for case in subject.samples:
        for number in (-1, most + 1, 2 * most + 2, 2**64 + 1, 2**200):
            yield case.having(request_id=number, request=None)
