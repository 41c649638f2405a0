"""However a stream is cut, it means the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.streams import cut, damaged
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._subject import tried
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-STREAM-001",
    Tier.STREAM,
    cut,
    title="Messages are the same however the network cut the stream",
    why="TCP cuts where it likes. A codec that wants a header in one piece works on the developer's machine and fails "
    "under load, which is the best-known bug of codecs in meshes.",
    fix="Let the scanner keep what it has seen of an incomplete message, and go on from there.",
)
def means_the_same_however_it_is_cut(subject: Subject, case: Case) -> object:
    whole = tried(subject, case)
    if whole is None:
        return NOTHING
    found = outcome(subject.connection(case), case.pieces, case.direction)
    if different := whole.differs_from(found):
        raise Violation(f"cut at {_places(case)}: {different}")
    return None


@prove(
    "MP-STREAM-002",
    Tier.STREAM,
    damaged,
    title="Bad bytes give the same messages and the same error however the stream was cut",
    why="An error that depends on the network's mood cannot be reproduced, and good messages before it are lost.",
    fix="Raise for the first wrong byte, with its offset in the message, not for the piece that it came in.",
)
def fails_the_same_however_it_is_cut(subject: Subject, case: Case) -> object:
    whole = tried(subject, case)
    if whole is None:
        return NOTHING
    found = outcome(subject.connection(case), case.pieces, case.direction)
    if different := whole.differs_from(found):
        raise Violation(f"cut at {_places(case)}: {different}")
    if not b"".join(found.pieces).startswith(case.data[: case.keep]):
        raise Violation(f"the good message of {case.keep} bytes before the bad ones did not come out; {found.ending}")
    error = found.error
    if error is not None and error.offset is not None and not 0 <= error.offset <= len(case.data):
        raise Violation(f"the error names the offset {error.offset}, and the stream has {len(case.data)} bytes")
    return None


def _places(case: Case) -> str:
    return str(list(case.cuts)) if len(case.cuts) < 20 else f"{len(case.cuts)} places"
