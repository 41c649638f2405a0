"""A message that is not whole, and what a scanner may look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import IncompleteMessage
from metaprotocol_sdk.testing._cases.streams import coalesced, truncated
from metaprotocol_sdk.testing._catalogue import Tier, prove
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-FRAMING-003",
    Tier.STREAM,
    truncated,
    title="A message that is not whole does not come out, and the end of the stream says so",
    why="A connection that breaks in the middle of a message must not deliver half of it.",
    fix="Let the scanner return -1 until the last byte is there; check what the length field counts.",
)
def waits_for_the_rest(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    if found.messages:
        size = len(found.pieces[0])
        raise Violation(f"{len(case.data)} bytes of {len(case.other or b'')} gave a message of {size} bytes")
    if not isinstance(found.error, IncompleteMessage):
        raise Violation(f"the stream was cut off after {len(case.data)} bytes of a good message; {found.ending}")


@prove(
    "MP-FRAMING-004",
    Tier.STREAM,
    truncated,
    title="The scanner never asks for more bytes than are missing",
    why="Whoever waits for that many bytes waits for ever: the peer has sent all it had.",
    fix="Let `needed` be a lower bound; 1 is always right.",
)
def needs_no_more_than_is_missing(subject: Subject, case: Case) -> None:
    scanner = subject.connection(case).framing.scanner(case.direction, subject.codec.limits)
    missing = len(case.other or b"") - len(case.data)
    if scanner.scan(case.data, 0) < 0 and not 1 <= scanner.needed <= missing:
        raise Violation(f"after {len(case.data)} bytes it needs {scanner.needed} more; {missing} are missing")


@prove(
    "MP-FRAMING-005",
    Tier.STREAM,
    coalesced,
    title="The scanner looks at no byte before `start`",
    why="The bytes before `start` belong to a message that is gone; a scanner that reads them finds its end again.",
    fix="Search from `start`, and keep what is needed of earlier calls in the scanner.",
)
def looks_only_at_new_bytes(subject: Subject, case: Case) -> None:
    framing, limits = subject.connection(case).framing, subject.codec.limits
    alone = framing.scanner(case.direction, limits).scan(case.data, 0)
    for junk in (bytes(50), b"\xff" * 50, case.data):
        behind = framing.scanner(case.direction, limits).scan(junk + case.data, len(junk))
        if behind - len(junk) != alone:
            raise Violation(f"a message ends {alone} bytes on, and behind {len(junk)} others {behind - len(junk)}")
