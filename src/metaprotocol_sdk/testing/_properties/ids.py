"""A message can be given another id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Correlation, EncodeError, Mutation
from metaprotocol_sdk.testing._cases.messages import once, with_ids, with_impossible_ids
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import difference, facts
from metaprotocol_sdk.testing._subject import receive
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Metadata
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_MAY_FOLLOW = ("message", "request_id", "header_size")
# A codec that remembers requests tells of each answer what it remembers of that id.
_MAY_FOLLOW_STATE = ("operation", "properties", "status", "status_code", "message_type")


@prove(
    "MP-ID-001",
    Tier.MESSAGE,
    with_ids,
    title="A new id is read back, and nothing else has changed",
    why="A proxy that shares one upstream connection among clients renumbers requests; a lost id gives one client the "
    "answer of another.",
    fix="Write the id with the width and the byte order in which decode reads it.",
)
def is_renumbered(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None or case.request_id is None:
        return NOTHING
    try:
        encoded = codec.encode(metadata, Mutation(), case.request_id)
    except EncodeError:
        return NOTHING  # another property demands that requests can be renumbered
    again = receive(subject.connection(case), case.having(data=encoded))
    if again is None:
        raise Violation(f"with the id {case.request_id} the message does not decode: {shown(encoded)}")
    if again.request_id != case.request_id:
        raise Violation(f"the id {case.request_id} was asked for, and {again.request_id} is read back")
    before, after = facts(metadata), facts(again)
    for name in (*_MAY_FOLLOW, *(_MAY_FOLLOW_STATE if subject.keeps_state else ())):
        del before[name], after[name]
    if metadata.stream_id == metadata.request_id and again.stream_id == again.request_id:
        del before["stream_id"], after["stream_id"]  # one number on the wire is both
    if different := difference(before, after):
        raise Violation(f"with another id the message has another {different}")
    same_body = metadata.message[metadata.header_size :] == again.message[again.header_size :]
    if not same_body and not _comes_back(subject, case, codec, metadata, again):
        raise Violation("with another id the message has another body")
    return None


def _comes_back(subject: Subject, case: Case, codec: Codec, metadata: Metadata, again: Metadata) -> bool:
    """Whether a body that has changed with the id comes back with the old one.

    Where the id is in a body that is packed, all of the body changes. It comes back as the same bytes if the peer packs
    as the codec does; otherwise the codec must say the same of what is in it.
    """
    restored = subject.connection(case).encode(again, Mutation(), metadata.request_id)
    if restored == case.data:
        return True
    other = subject.connection(case)
    back = receive(other, case.having(data=restored))
    return back is not None and _contents(other, back) == _contents(codec, metadata)


def _contents(codec: Codec, metadata: Metadata) -> list[tuple[object, ...]]:
    """Return what a codec says of the fields in a message's body, wherever they are."""
    body = [span for span in codec.spans(metadata) if span.start >= metadata.header_size]
    return [(span.name, span.value, span.meaning) for span in body]


@prove(
    "MP-ID-002",
    Tier.MESSAGE,
    with_impossible_ids,
    title="An id that a message cannot hold is refused",
    why="An id that wraps around belongs to another request.",
    fix="Raise `EncodeError` unless `0 <= request_id <= self.max_request_id`.",
)
def refuses_ids(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None or case.request_id is None:
        return NOTHING
    try:
        encoded = codec.encode(metadata, Mutation(), case.request_id)
    except EncodeError:
        return None
    raise Violation(
        f"the id {case.request_id} was written, though max_request_id is {codec.max_request_id}: {shown(encoded)}"
    )


@prove(
    "MP-ID-003",
    Tier.MESSAGE,
    once,
    title="Where ids pair answers with requests, requests and answers can be renumbered",
    why="Where clients share an upstream connection, two of them use the same id, and the proxy must give each "
    "request one of its own.",
    fix="Write `request_id` in encode; or set `correlation` to FIFO or NONE if the protocol has no ids.",
)
def can_be_renumbered(subject: Subject, case: Case) -> object:
    if subject.codec.correlation is not Correlation.ID or not subject.samples:
        return NOTHING
    tried = False
    for sample in subject.samples:
        codec, metadata = subject.receive(sample)
        if metadata is None or not (metadata.expects_reply or sample.request):
            continue
        tried = True
        number = 0 if metadata.request_id else 1
        try:
            codec.encode(metadata, Mutation(), number)
        except EncodeError as error:
            raise Violation(
                f"a message of type {metadata.message_type} cannot be given the id {number}: {error}", sample
            ) from error
    return None if tried else NOTHING
