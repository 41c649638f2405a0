"""Messages and what is to be changed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk.testing import strategies
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import Source, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

NEW_KEY = "x-kit"

# Texts that have been lost, cut or mistaken by some codec.
AWKWARD_TEXTS = (
    "",
    " ",
    "a b",
    "=",
    ":",
    ",",
    ";",
    "\n",
    "\r\n",
    "a\nb: c",
    "\0",
    "a\0b",
    '"',
    "\\",
    "é",
    "世界",
    "😀",
    "\ud83d",
    "\ude00\ud83d",
    "\udcff",
    "\x7f\x80",
    "a" * 255,
    "a" * 256,
    "é" * 128,
    "a" * 4_096,
    "a" * 65_535,
    "a" * 65_536,
)


def _properties(subject: Subject, case: Case) -> dict[str, str]:
    metadata = subject.receive(case)[1]
    return {} if metadata is None or metadata.error is not None else metadata.properties


def _simple(subject: Subject, case: Case) -> Iterator[dict[str, str | None]]:
    """Yield changes of one key: each that is there, and some that are not."""
    properties = _properties(subject, case)
    yield {NEW_KEY: "1"}
    yield {NEW_KEY: None}
    for key, value in properties.items():
        yield {key: value + "x"}
        yield {key: "x" * len(value)}
        yield {key: ""}
        yield {key: None}
    for key in ("a", "method", "service", "interface", "status", "type", "Path", "REQUEST_ID"):
        yield {key: "1"}
    for first, second in zip(properties, list(properties)[1:], strict=False):
        yield {first: "1", second: None, NEW_KEY: "2"}


@st.composite
def _changes(draw: st.DrawFn, subject: Subject) -> Case:
    found = any_message(subject)
    assert found is not None  # noqa: S101 - the caller has looked
    case = draw(found)
    return case.having(mutation=draw(strategies.mutations(_properties(subject, case))))


def _any_change(subject: Subject) -> st.SearchStrategy[Case] | None:
    return None if any_message(subject) is None else _changes(subject)


@source(_any_change)
def changes(subject: Subject) -> Iterable[Case]:
    """Each good message with each key of it changed and removed, and with new keys."""
    for case in subject.samples:
        for mutation in _simple(subject, case):
            yield case.having(mutation=mutation)


@source()
def changes_and_ids(subject: Subject) -> Iterable[Case]:
    """The same, together with an id."""
    for case in subject.samples:
        for mutation in _simple(subject, case):
            for number in (0, 1, subject.codec.max_request_id):
                yield case.having(mutation=mutation, request_id=number)


@source()
def awkward_changes(subject: Subject) -> Iterable[Case]:
    """Each good message with awkward texts as keys and as values."""
    for case in subject.samples:
        known = list(_properties(subject, case))[:3]
        for text in AWKWARD_TEXTS:
            for mutation in ({NEW_KEY: text}, {text: "1"}, *({key: text} for key in known)):
                yield case.having(mutation=mutation)


@source()
def empty_changes(subject: Subject) -> Iterable[Case]:
    """Each good message with changes that change nothing: a key to the value it has, a key that is not there."""
    for case in subject.samples:
        yield case.having(mutation={NEW_KEY: None})
        for key, value in _properties(subject, case).items():
            yield case.having(mutation={key: value})


# Awkward texts have a property of their own.
_NEW_VALUES = ("", "1", "x" * 300)


@source()
def new_keys(subject: Subject) -> Iterable[Case]:
    """Each good message with a key that it has not."""
    for case in subject.samples:
        for value in _NEW_VALUES:
            yield case.having(mutation={NEW_KEY: value})


def _any_new_key(subject: Subject) -> st.SearchStrategy[Case] | None:
    found, values = any_message(subject), st.sampled_from(_NEW_VALUES)
    if found is None:
        return None
    return st.builds(lambda case, value: case.having(mutation={NEW_KEY: value}), found, values)


# Also in messages that are not good, and that the codec reads nevertheless.
new_keys_anywhere = Source(new_keys.sweep, _any_new_key)
