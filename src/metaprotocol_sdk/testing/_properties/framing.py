"""Where a message ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.messages import declared
from metaprotocol_sdk.testing._cases.streams import coalesced
from metaprotocol_sdk.testing._catalogue import Tier, prove
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-FRAMING-001",
    Tier.STREAM,
    declared,
    title="A message ends with its last byte",
    why="A framing that stops early hands out half a message and takes the rest for another one; one that goes on "
    "swallows the next message, or waits for bytes that never come.",
    fix="Compare the framing with the protocol's table: where the length is, how wide, what it counts.",
)
def ends_where_it_ends(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    if found.pieces != [case.data]:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"of {len(case.data)} bytes the framing made messages of {sizes}; {found.ending}")
    if found.error is not None:
        raise Violation(found.ending)


@prove(
    "MP-FRAMING-002",
    Tier.STREAM,
    coalesced,
    title="Messages that arrive together come out one by one",
    why="A busy connection delivers many messages in one read. What one message leaves behind in the scanner falls on "
    "the next one.",
    fix="Let the scanner begin anew after it has returned an end: no tail, no count, no flag of the message before.",
)
def come_out_one_by_one(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    sizes = [len(piece) for piece in found.pieces]
    if found.error is not None:
        raise Violation(f"messages of {sizes} bytes came out of {len(case.data)}; {found.ending}")
    known = {sample.data for run in subject.runs for sample in run}
    if b"".join(found.pieces) != case.data or not known.issuperset(found.pieces):
        raise Violation(f"the bytes came out as messages of {sizes} bytes, which are not those that were sent")
