"""What a codec claims it can do, it has done at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Capability, Codec, EncodeError, MessageType, Metadata, Mutation
from metaprotocol_sdk.testing._cases.changes import NEW_KEY
from metaprotocol_sdk.testing._cases.messages import once
from metaprotocol_sdk.testing._catalogue import NOTHING, Level, Tier, prove
from metaprotocol_sdk.testing._subject import receive
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_REQUESTS = {MessageType.REQUEST, MessageType.ONEWAY}
_RESPONSES = {MessageType.RESPONSE, MessageType.EXCEPTION}


@prove(
    "MP-CLAIM-001",
    Tier.CHANGE,
    once,
    claim=Capability.REQUEST_MUTATION,
    title="A codec that claims to change requests sets a new key in one of them, or changes one that is there",
    why="Rules that change headers are accepted for this codec, and do nothing.",
    fix="Implement encode for requests, or do not claim `REQUEST_MUTATION`.",
)
def changes_requests(subject: Subject, case: Case) -> object:
    return _changes(subject, _REQUESTS)


@prove(
    "MP-CLAIM-002",
    Tier.CHANGE,
    once,
    claim=Capability.RESPONSE_MUTATION,
    title="A codec that claims to change responses sets a new key in one of them, or changes one that is there",
    why="Rules that change headers are accepted for this codec, and do nothing.",
    fix="Implement encode for responses, or do not claim `RESPONSE_MUTATION`.",
)
def changes_responses(subject: Subject, case: Case) -> object:
    return _changes(subject, _RESPONSES)


def _changes(subject: Subject, kinds: set[MessageType]) -> object:
    tried, reason = 0, ""
    for sample, codec, metadata in _decoded(subject):
        if metadata.message_type not in kinds:
            continue
        tried += 1
        try:
            if _sets_and_removes(subject, sample, codec, metadata):
                return None
        except EncodeError as error:
            reason = f": {error}"
        # A protocol without headers has fields to change, which are there and stay there.
        if any(_sets(subject, sample, codec, metadata, key) for key in metadata.properties):
            return None
    if not tried:
        raise Violation(f"there is no good message among {', '.join(sorted(kinds))} to change")
    raise Violation(
        f"{tried} messages were tried, and none took the key {NEW_KEY} or another value of a key that it has{reason}"
    )


def _sets_and_removes(subject: Subject, sample: Case, codec: Codec, metadata: Metadata) -> bool:
    """Whether a key that no message has is read back once it is set, and is gone once it is removed.

    Raises:
        EncodeError: It is refused.
    """
    encoded = codec.encode(metadata, Mutation({NEW_KEY: "1"}))
    other = subject.connection(sample)
    again = receive(other, sample.having(data=encoded))
    if again is None or again.properties.get(NEW_KEY) != "1":
        return False
    removed = other.encode(again, Mutation({NEW_KEY: None}))
    last = receive(subject.connection(sample), sample.having(data=removed))
    return last is not None and NEW_KEY not in last.properties


def _sets(subject: Subject, sample: Case, codec: Codec, metadata: Metadata, key: str) -> bool:
    """Whether a key that a message has takes another value."""
    value = metadata.properties[key] + "x"
    try:
        encoded = codec.encode(metadata, Mutation({key: value}))
    except EncodeError:
        return False
    again = receive(subject.connection(sample), sample.having(data=encoded))
    return again is not None and again.properties.get(key) == value


@prove(
    "MP-CLAIM-003",
    Tier.CHANGE,
    once,
    claim=Capability.HEARTBEAT,
    title="A codec that claims heartbeats answers one at least",
    why="An idle connection whose heartbeats nobody answers is closed by the client.",
    fix="Implement `heartbeat_reply`, or do not claim `HEARTBEAT`.",
)
def answers_heartbeats(subject: Subject, case: Case) -> None:
    for _, codec, metadata in _decoded(subject):
        heartbeat = metadata.message_type is MessageType.HEARTBEAT and metadata.expects_reply
        if heartbeat and codec.heartbeat_reply(metadata):
            return
    raise Violation("heartbeat_reply answered none of the good heartbeats that expect a reply")


@prove(
    "MP-CLAIM-004",
    Tier.CHANGE,
    once,
    level=Level.RECOMMENDED,
    title="A codec claims what it can do",
    why="A capability that is not claimed is not offered: rules that would work are refused.",
    fix="Add the capability that the diagnosis names to `capabilities`.",
)
def claims_what_it_can(subject: Subject, case: Case) -> object:
    claimed, able = set(subject.codec.capabilities), set()
    for sample, codec, metadata in _decoded(subject):
        kind = metadata.message_type
        if kind in _REQUESTS and _can_set(subject, sample, codec, metadata):
            able.add(Capability.REQUEST_MUTATION)
        if kind in _RESPONSES and _can_set(subject, sample, codec, metadata):
            able.add(Capability.RESPONSE_MUTATION)
        if kind is MessageType.ONEWAY:
            able.add(Capability.ONEWAY)
        if kind is MessageType.HEARTBEAT and metadata.expects_reply and codec.heartbeat_reply(metadata):
            able.add(Capability.HEARTBEAT)
    if able - claimed:
        raise Violation(f"it can do {', '.join(sorted(able - claimed))}, and does not claim it")
    return None if able else NOTHING


@prove(
    "MP-CLAIM-005",
    Tier.CHANGE,
    once,
    level=Level.RECOMMENDED,
    title="The codec can answer requests with an error",
    why="Without `on_error` a client waits for its timeout when no route matches or no host is healthy.",
    fix="Implement `on_error`.",
)
def answers_requests(subject: Subject, case: Case) -> object:
    if not any(metadata.expects_reply for _, _, metadata in _decoded(subject)):
        return NOTHING
    if type(subject.codec).on_error is Codec.on_error:
        raise Violation("the codec has no on_error")
    return None


def _can_set(subject: Subject, sample: Case, codec: Codec, metadata: Metadata) -> bool:
    try:
        if codec.encode(metadata, Mutation({NEW_KEY: "1"})) != metadata.message:
            return True
    except EncodeError:
        pass
    return any(_sets(subject, sample, codec, metadata, key) for key in metadata.properties)


def _decoded(subject: Subject) -> Iterator[tuple[Case, Codec, Metadata]]:
    for sample in subject.samples:
        codec, metadata = subject.receive(sample)
        if metadata is not None:
            yield sample, codec, metadata
