"""A changed message is one message, with all that was asked for in it; what cannot be in it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import EncodeError, UnsupportedMutation
from metaprotocol_sdk.testing._cases.changes import changes, changes_and_ids
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._properties.mutation import again, changed
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-MUTATION-009",
    Tier.CHANGE,
    changes_and_ids,
    title="A mutation and an id at once are the same as one after the other",
    why="A proxy changes headers and renumbers in the same call.",
    fix="Write the id into the message that the mutation has made.",
)
def goes_with_an_id(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None:
        return NOTHING
    mutated = changed(codec, metadata, case.having(request_id=None))
    both = changed(codec, metadata, case)
    if mutated is None or both is None:
        return NOTHING
    after = changed(subject.connection(case), again(subject, case, mutated), case.having(mutation=None))
    if after != both:
        raise Violation(f"together they gave {shown(both)}, one after the other {shown(after)}")
    return None


@prove(
    "MP-MUTATION-010",
    Tier.CHANGE,
    changes,
    title="A changed message is framed as one message",
    why="A length that was not adjusted makes the peer read the next message in the middle.",
    fix="Compute every length field from what is written, not from what was read.",
)
def is_one_message(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if encoded is None or encoded == case.data:
        return NOTHING
    check_one_message(subject, case, encoded)
    return None


def check_one_message(subject: Subject, case: Case, encoded: bytes) -> None:
    """Check that the framing finds two messages in a message that comes twice.

    Raises:
        Violation: It doesn't.
    """
    twice = [encoded] if subject.keeps_state else [encoded, encoded]
    found = outcome(subject.connection(case), [b"".join(twice)], case.direction)
    if found.pieces != twice:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"the message of {len(encoded)} bytes, sent twice, was framed as {sizes}; {found.ending}")


@prove(
    "MP-MUTATION-011",
    Tier.CHANGE,
    changes,
    title="A change that a message cannot carry is refused with `UnsupportedMutation`",
    why="A proxy tells by the type of the error whether a rule asks for too much or the id does not fit.",
    fix="Raise `UnsupportedMutation`, not its base `EncodeError`, for what the mutation asks.",
)
def refuses_with_the_right_error(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None:
        return NOTHING
    try:
        codec.encode(metadata, case.changes)
    except UnsupportedMutation:
        return None
    except EncodeError as error:
        raise Violation(f"the change was refused with {type(error).__name__}: {error}") from error
    return NOTHING
