"""A codec does at least once each thing that it claims, answers heartbeats, and says why a response failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import (
    Capability,
    Codec,
    Correlation,
    EncodeError,
    Error,
    ErrorType,
    MessageType,
    Metadata,
    Mutation,
    Status,
)
from metaprotocol_sdk.testing._case import Violation, assume, assumed, shown
from metaprotocol_sdk.testing._outcome import ANSWERS, completes, receive
from metaprotocol_sdk.testing._properties.messages import declared, messages, once
from metaprotocol_sdk.testing._properties.mutation import NEW_KEY
from metaprotocol_sdk.testing._properties.replies import errors, read_reply, reply_to
from metaprotocol_sdk.testing._property import Level, Tier, prove

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

# Each digit, and each letter, becomes another one: the value keeps its form.
_NEXT_DIGIT = str.maketrans("0123456789", "1234567890")
_NEXT_LETTER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza")
_REQUESTS = (MessageType.REQUEST, MessageType.ONEWAY)


@prove(
    "MP-CLAIM-001",
    Tier.CHANGE,
    once,
    claim=Capability.REQUEST_MUTATION,
    title="A codec that claims to change requests sets a new key in one of them, or changes one that is there",
    why="Rules that change headers are accepted for this codec, and do nothing.",
    fix="Implement encode for requests, or do not claim `REQUEST_MUTATION`.",
)
def changes_requests(subject: Subject, case: Case) -> None:
    _check_changes(subject, _REQUESTS)


@prove(
    "MP-CLAIM-002",
    Tier.CHANGE,
    once,
    claim=Capability.RESPONSE_MUTATION,
    title="A codec that claims to change responses sets a new key in one of them, or changes one that is there",
    why="Rules that change headers are accepted for this codec, and do nothing.",
    fix="Implement encode for responses, or do not claim `RESPONSE_MUTATION`.",
)
def changes_responses(subject: Subject, case: Case) -> None:
    _check_changes(subject, ANSWERS)


def _check_changes(subject: Subject, kinds: Collection[MessageType]) -> None:
    """Check that a message of one of the kinds takes a new key, or another value of a key that it has.

    Raises:
        Violation: None does.
    """
    tried, reason = 0, ""
    for sample, codec, metadata in _decoded(subject):
        if metadata.message_type not in kinds:
            continue
        tried += 1
        try:
            if _sets_and_removes(subject, sample, codec, metadata):
                return
        except EncodeError as error:
            reason = f": {error}"
        # A protocol without headers has fields to change, which cannot be added or removed.
        if any(_sets(subject, sample, codec, metadata, key) for key in metadata.properties):
            return
    if not tried:
        raise Violation(f"there is no good message among {', '.join(sorted(kinds))} to change")
    raise Violation(
        f"{tried} messages were tried, and none took the key {NEW_KEY} or another value of a key that it has{reason}"
    )


def _sets_and_removes(subject: Subject, sample: Case, codec: Codec, metadata: Metadata) -> bool:
    """Return True if a key that no message has is read back once it is set, and is gone once it is removed.

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
    """Return True if a key that a message has takes another value."""
    for value in _plausible(metadata.properties[key]):
        if value == metadata.properties[key]:
            continue
        try:
            encoded = codec.encode(metadata, Mutation({key: value}))
        except EncodeError:
            continue
        again = receive(subject.connection(sample), sample.having(data=encoded))
        if again is not None and again.properties.get(key) == value:
            return True
    return False


def _plausible(value: str) -> Iterator[str]:
    """Yield other values for a property: one that is longer, and ones of the same form, for numbers and addresses."""
    yield value + "x"
    yield value.translate(_NEXT_DIGIT)
    yield value.translate(_NEXT_LETTER)
    yield from ("0", "1", "7")
    yield from {"true": ("false",), "false": ("true",)}.get(value.lower(), ())


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
def claims_what_it_can(subject: Subject, case: Case) -> None:
    claimed, able = set(subject.codec.capabilities), set()
    for sample, codec, metadata in _decoded(subject):
        kind = metadata.message_type
        if kind in _REQUESTS and _can_set(subject, sample, codec, metadata):
            able.add(Capability.REQUEST_MUTATION)
        if kind in ANSWERS and _can_set(subject, sample, codec, metadata):
            able.add(Capability.RESPONSE_MUTATION)
        if kind is MessageType.ONEWAY:
            able.add(Capability.ONEWAY)
        if kind is MessageType.HEARTBEAT and metadata.expects_reply and codec.heartbeat_reply(metadata):
            able.add(Capability.HEARTBEAT)
    if able - claimed:
        raise Violation(f"it can do {', '.join(sorted(able - claimed))}, and does not claim it")
    assume(able)


@prove(
    "MP-CLAIM-005",
    Tier.CHANGE,
    once,
    level=Level.RECOMMENDED,
    title="The codec can answer requests with an error",
    why="Without `on_error` a client waits for its timeout when no route matches or no host is healthy.",
    fix="Implement `on_error`.",
)
def answers_requests(subject: Subject, case: Case) -> None:
    assume(any(metadata.expects_reply for _, _, metadata in _decoded(subject)))
    if type(subject.codec).on_error is Codec.on_error:
        raise Violation("the codec has no on_error")


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


def _answered(subject: Subject, case: Case) -> tuple[Metadata, bytes]:
    """Return a heartbeat and its answer.

    Raises:
        Unsatisfied: The message is not a heartbeat that expects a reply, or the codec does not answer it.
    """
    codec, metadata = subject.read(case)
    assume(metadata.message_type is MessageType.HEARTBEAT and metadata.expects_reply)
    return metadata, assumed(codec.heartbeat_reply(metadata))


@prove(
    "MP-HEARTBEAT-001",
    Tier.CHANGE,
    messages,
    claim=Capability.HEARTBEAT,
    title="The answer to a heartbeat is a heartbeat or a response, with its id, and expects no answer",
    why="A client that does not recognise the answer closes a healthy connection; one that answers it is never quiet.",
    fix="Return the protocol's own answer, with `request.request_id`.",
)
def is_answered(subject: Subject, case: Case) -> None:
    metadata, data = _answered(subject, case)
    reply = read_reply(subject, case, metadata, data)
    if reply.message_type not in (MessageType.HEARTBEAT, MessageType.RESPONSE):
        raise Violation(f"the answer decodes as a {reply.message_type}")
    if reply.status is not Status.OK:
        raise Violation(f"the answer reports a failure: status {reply.status}")
    if reply.expects_reply:
        raise Violation("the answer expects an answer")
    if subject.codec.correlation is Correlation.ID and reply.request_id != metadata.request_id:
        raise Violation(f"the heartbeat has the id {metadata.request_id}, and the answer {reply.request_id}")


@prove(
    "MP-HEARTBEAT-002",
    Tier.CHANGE,
    messages,
    claim=Capability.HEARTBEAT,
    title="The answer to a heartbeat is made of its fields and state, not of its bytes",
    why="A proxy need not keep a heartbeat's bytes to answer it.",
    fix="Keep what the answer needs in the metadata's fields or state.",
)
def is_answered_without_its_bytes(subject: Subject, case: Case) -> None:
    metadata, reply = _answered(subject, case)
    bare = metadata.clone()
    bare.message = b""
    without = subject.connection(case).heartbeat_reply(bare)
    if without != reply:
        raise Violation(f"without the heartbeat's bytes the answer is {shown(without)}, with them {shown(reply)}")


@prove(
    "MP-FAILURE-001",
    Tier.CHANGE,
    declared,
    title="Exactly the responses with `Status.ERROR` have an error type",
    why="A mesh counts a response with an error type as a failure of the server: it tries again, and ejects the host. "
    "A business exception must not do that, and a failure of the protocol must.",
    fix="Let `error_type` return None if `response.status` is OK, and an `ErrorType` if it is ERROR.",
)
def failures_have_a_type(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    assume(metadata.message_type in ANSWERS)
    found = codec.error_type(metadata)
    if metadata.status is Status.OK and found is not None:
        raise Violation(f"a response with status ok has the error type {shown(found)}")
    if metadata.status is Status.ERROR and not isinstance(found, ErrorType):
        raise Violation(f"a response with status error has the error type {shown(found)}")


@prove(
    "MP-FAILURE-002",
    Tier.CHANGE,
    errors,
    level=Level.RECOMMENDED,
    title="The error type of an error reply is one that `on_error` answers with the same number",
    why="A proxy that answers with a timeout must not look like a server that has no such method: the next proxy "
    "decides by the type whether to try again.",
    fix="Use one table in both directions, such as `metaprotocol_sdk.error_codes`.",
)
def is_the_inverse(subject: Subject, case: Case) -> None:
    error = assumed(case.error)
    reply = _completed_reply(subject, case)
    found = subject.connection(case).error_type(reply)
    if not isinstance(found, ErrorType):
        raise Violation(f"the reply to {error.type.name} has the error type {shown(found)}")
    twin = _completed_reply(subject, case.having(error=Error(found, "")))
    if twin.status_code != reply.status_code:
        raise Violation(
            f"the reply to {error.type.name} has the number {reply.status_code} and the type {found.name}, which is "
            f"answered with {twin.status_code}"
        )


def _completed_reply(subject: Subject, case: Case) -> Metadata:
    """Return the reply to a request as rules see it: paired with the request, and completed.

    Raises:
        Unsatisfied: There is none.
    """
    request, reply = reply_to(subject, case)
    assume(reply.message_type in ANSWERS)
    reply.request = request
    assume(completes(subject.connection(case), reply))
    return reply
