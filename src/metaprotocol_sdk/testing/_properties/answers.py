"""Heartbeats are answered, and answers find their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Capability, Correlation, MessageType, Metadata, Mutation, ProtocolError
from metaprotocol_sdk.testing._cases.messages import declared, messages
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import difference, facts
from metaprotocol_sdk.testing._properties.replies import read_reply
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


def _answered(subject: Subject, case: Case) -> tuple[Metadata, bytes] | None:
    codec, metadata = subject.receive(case)
    if metadata is None or metadata.message_type is not MessageType.HEARTBEAT or not metadata.expects_reply:
        return None
    reply = codec.heartbeat_reply(metadata)
    return None if reply is None else (metadata, reply)


@prove(
    "MP-HEARTBEAT-001",
    Tier.CHANGE,
    messages,
    claim=Capability.HEARTBEAT,
    title="The answer to a heartbeat is a heartbeat with its id that expects no answer",
    why="A client that does not recognise the answer closes a healthy connection; one that answers it is never quiet.",
    fix="Return the protocol's own answer, with `request.request_id`.",
)
def is_answered(subject: Subject, case: Case) -> object:
    pair = _answered(subject, case)
    if pair is None:
        return NOTHING
    metadata, data = pair
    reply = read_reply(subject, case, metadata, data)
    if reply.message_type is not MessageType.HEARTBEAT:
        raise Violation(f"the answer decodes as a {reply.message_type}")
    if reply.expects_reply:
        raise Violation("the answer expects an answer")
    if subject.codec.correlation is Correlation.ID and reply.request_id != metadata.request_id:
        raise Violation(f"the heartbeat has the id {metadata.request_id}, and the answer {reply.request_id}")
    return None


@prove(
    "MP-HEARTBEAT-002",
    Tier.CHANGE,
    messages,
    claim=Capability.HEARTBEAT,
    title="The answer to a heartbeat is made of its fields and state, not of its bytes",
    why="A proxy need not keep a heartbeat's bytes to answer it.",
    fix="Keep what the answer needs in the metadata's fields or state.",
)
def is_answered_without_its_bytes(subject: Subject, case: Case) -> object:
    pair = _answered(subject, case)
    if pair is None:
        return NOTHING
    metadata, reply = pair
    bare = metadata.clone()
    bare.message = b""
    without = subject.connection(case).heartbeat_reply(bare)
    if without != reply:
        raise Violation(f"without the heartbeat's bytes the answer is {shown(without)}, with them {shown(reply)}")
    return None


@prove(
    "MP-COMPLETE-001",
    Tier.CHANGE,
    declared,
    title="Completing a response changes neither its bytes nor its id, nor its request",
    why="What `complete` fills in is for rules; the client gets the bytes that the server sent.",
    fix="Set properties, operation or status in `complete`, and nothing else.",
)
def is_completed(subject: Subject, case: Case) -> object:
    if case.request is None:
        return NOTHING
    codec = subject.connection(case)
    try:
        response = codec.decode(case.data, case.direction)
        request = codec.decode(case.request, case.direction.opposite)
    except ProtocolError:
        return NOTHING
    if response.error is not None or request.error is not None:
        return NOTHING
    before, asked = facts(response), facts(request)
    response.request = request
    codec.complete(response)
    after = facts(response)
    for name in ("operation", "properties", "status", "status_code", "message_type"):
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"the completed response has another {different}")
    if different := difference(asked, facts(request)):
        raise Violation(f"complete changed the request: another {different}")
    if codec.encode(response, Mutation()) != case.data:
        raise Violation("the completed response is not encoded as it came")
    return None
