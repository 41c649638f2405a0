"""Requests and what they are answered with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Error, ErrorType
from metaprotocol_sdk.testing import strategies
from metaprotocol_sdk.testing._cases.changes import AWKWARD_TEXTS
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_TEXT = "no host answers"
_CODES = (-1, 0, 1, 2, 3, 20, 31, 127, 128, 200, 255, 256, 32_767, 65_535, 65_536, 2**31 - 1, 2**31, 2**32, 2**64)


def _any_error(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    errors = st.builds(Error, strategies.error_types(), st.just(_TEXT))
    return None if found is None else st.builds(lambda case, error: case.having(error=error), found, errors)


@source(_any_error)
def errors(subject: Subject) -> Iterable[Case]:
    """Each good message with each reason."""
    for case in subject.samples:
        for reason in ErrorType:
            yield case.having(error=Error(reason, _TEXT))


def _any_text(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    errors = st.builds(Error, strategies.error_types(), strategies.texts())
    return None if found is None else st.builds(lambda case, error: case.having(error=error), found, errors)


@source(_any_text)
def awkward_errors(subject: Subject) -> Iterable[Case]:
    """Each good message with awkward texts to report."""
    for case in subject.samples:
        for text in AWKWARD_TEXTS:
            yield case.having(error=Error(ErrorType.UNSPECIFIED, text))


@source()
def codes(subject: Subject) -> Iterable[Case]:
    """Each good message with numbers that override the protocol's own."""
    for case in subject.samples:
        for code in _CODES:
            yield case.having(error=Error(ErrorType.FAULT_ABORT, "on purpose", code))
