"""What fuzzing begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.hostile import boundaries, noise, repeated, shortened
from metaprotocol_sdk.testing._sources import chosen
from metaprotocol_sdk.testing.fuzzing._mutator import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_LONGEST_TOKEN = 16
_TOKENS = 500


def fuzz_seeds(subject: Subject) -> list[bytes]:
    """Return the codec's good messages, and some of the kit's hostile ones made of them.

    Args:
        subject: The codec under test.
    """
    found = dict.fromkeys(_stream(case) for case in subject.samples)
    for source in (noise, shortened, boundaries, repeated):
        found |= dict.fromkeys(case.data[:MOST] for case in chosen(source, subject))
    return list(found)


def tokens(subject: Subject) -> list[bytes]:
    """Return bytes that mean something in the protocol: the short fields of its good messages.

    Args:
        subject: The codec under test.
    """
    found = dict.fromkeys(_fields(subject))
    return list(found)[:_TOKENS]


def _fields(subject: Subject) -> Iterator[bytes]:
    for case in subject.samples:
        codec, metadata = subject.receive(case)
        if metadata is None:
            continue
        try:
            spans = codec.spans(metadata)
        except Exception:  # noqa: BLE001, S112 - a property of its own says what is wrong
            continue
        for span in spans:
            if span.end - span.start <= _LONGEST_TOKEN:
                yield case.data[span.start : span.end]


def _stream(case: Case) -> bytes:
    """Return a message behind those that it needs before it."""
    return b"".join(data for direction, data in case.before if direction is case.direction) + case.data
