"""Whatever comes out of hostile bytes can be shown, forwarded and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Correlation, EncodeError, Error, ErrorType, Metadata, Mutation
from metaprotocol_sdk.testing._cases.aftermath import suspicious, with_bad_bodies
from metaprotocol_sdk.testing._cases.changes import NEW_KEY
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._faults import faults
from metaprotocol_sdk.testing._properties.message import gaps
from metaprotocol_sdk.testing._subject import receive, tried
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


def _unreadable(subject: Subject, case: Case) -> list[tuple[Codec, Metadata]]:
    found = tried(subject, case)
    codec = subject.connection(case)
    return [] if found is None else [(codec, metadata) for metadata in found.messages if metadata.error is not None]


@prove(
    "MP-AFTERMATH-001",
    Tier.HOSTILE,
    suspicious,
    title="What is said of a damaged message is true, and its bytes can be shown",
    why="A damaged message is the one that somebody will inspect. Wrong sizes and types in its metadata break the"
    " tool that shows it.",
    fix="Put only what was checked into the metadata that an error carries, and the whole message; let `spans()` "
    "stop where the bytes cannot be read.",
)
def can_be_shown(subject: Subject, case: Case) -> object:
    codec, found = subject.connection(case), tried(subject, case)
    if found is None:
        return NOTHING
    at = 0
    for metadata in found.messages:
        piece = case.data[at : at + len(metadata.message)]
        at += len(piece)
        wrong = faults(metadata, piece, codec) or gaps(codec.spans(metadata), len(piece))
        if wrong:
            raise Violation(wrong)
    return None if found.messages else NOTHING


@prove(
    "MP-AFTERMATH-002",
    Tier.HOSTILE,
    suspicious,
    title="A message whose body cannot be read is forwarded as it came",
    why="The codec may be older than the protocol. What it cannot read, the server perhaps can.",
    fix="Return `metadata.message` from encode when nothing is to be changed, whether there is an error or not.",
)
def can_be_forwarded(subject: Subject, case: Case) -> object:
    unreadable = _unreadable(subject, case)
    for codec, metadata in unreadable:
        encoded = codec.encode(metadata, Mutation())
        if encoded != metadata.message:
            raise Violation(f"encode returned {shown(encoded)}")
    return None if unreadable else NOTHING


@prove(
    "MP-AFTERMATH-003",
    Tier.HOSTILE,
    suspicious,
    title="A message whose body cannot be read takes no mutation",
    why="A header written into bytes that nobody understands lands in the middle of something else.",
    fix="Raise `UnsupportedMutation` if `metadata.error` is set.",
)
def cannot_be_changed(subject: Subject, case: Case) -> object:
    unreadable = _unreadable(subject, case)
    for codec, metadata in unreadable:
        try:
            encoded = codec.encode(metadata, Mutation({NEW_KEY: "1"}))
        except EncodeError:
            continue
        raise Violation(f"the message cannot be read ({metadata.error}), and a key was set in it: {shown(encoded)}")
    return None if unreadable else NOTHING


@prove(
    "MP-AFTERMATH-004",
    Tier.HOSTILE,
    suspicious,
    title="A damaged message is answered like any other: exactly when it expects a reply",
    why="The client that sent it waits, too.",
    fix="Build replies from the fields that are always there, and use `properties.get()` for the others.",
)
def can_be_answered(subject: Subject, case: Case) -> object:
    codec, found = subject.connection(case), tried(subject, case)
    if found is None or type(codec).on_error is Codec.on_error:
        return NOTHING
    answered = False
    for metadata in found.messages:
        reply = codec.on_error(metadata, Error(ErrorType.BAD_REQUEST, "it cannot be read"))
        if bool(reply) is not metadata.expects_reply:
            raise Violation(f"a message of type {metadata.message_type} that {_expects(metadata)} got {shown(reply)}")
        if reply:
            answered = True
            back = receive(subject.connection(case), case.having(data=reply, direction=case.direction.opposite))
            if back is None:
                raise Violation(f"the reply does not decode: {shown(reply)}")
            if subject.codec.correlation is Correlation.ID and back.request_id != metadata.request_id:
                raise Violation(f"the request has the id {metadata.request_id}, and the reply {back.request_id}")
    return None if answered else NOTHING


@prove(
    "MP-AFTERMATH-005",
    Tier.HOSTILE,
    with_bad_bodies,
    title="A request with a sound header and a bad body keeps its id, and whether it expects a reply",
    why="Without them nobody can answer it: the client waits for its timeout.",
    fix="Make the `Metadata` before reading the body, and return it with the error: `metadata.error = error`.",
)
def keeps_its_id(subject: Subject, case: Case) -> object:
    codec = subject.connection(case)
    good = codec.decode(case.other or b"", case.direction)
    at = case.cuts[0] if case.cuts else good.header_size
    if not _has_its_id_before(at, codec, good):
        return NOTHING
    unreadable = _unreadable(subject, case)
    for _, metadata in unreadable:
        if metadata.request_id != good.request_id:
            raise Violation(f"the header has the id {good.request_id}, and the metadata {metadata.request_id}")
        # Keys behind the fixed part of a header may be what tells whether a reply is expected.
        if at >= good.header_size and metadata.expects_reply is not good.expects_reply:
            raise Violation(
                f"with this header a message {_expects(good)}, and the metadata says it {_expects(metadata)}"
            )
    return None if unreadable else NOTHING


def _has_its_id_before(at: int, codec: Codec, metadata: Metadata) -> bool:
    """Whether a new id leaves what is behind a place as it is; it would not where that is packed with the id in it."""
    try:
        renumbered = codec.encode(metadata, Mutation(), 0 if metadata.request_id else 1)
    except EncodeError:
        return at >= metadata.header_size
    return renumbered.endswith(metadata.message[at:])


def _expects(metadata: Metadata) -> str:
    return "expects a reply" if metadata.expects_reply else "expects no reply"
