"""Bytes that no friend sent give messages or a ProtocolError, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.hostile import boundaries, flips, noise, shortened
from metaprotocol_sdk.testing._catalogue import Tier, prove
from metaprotocol_sdk.testing._outcome import outcome

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_WHY = (
    "Anybody who can open a connection can send this. An IndexError, a struct.error or an AssertionError is caught by "
)
_WHY += "nobody: it ends the worker, or the connection of everyone who shares it."


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
