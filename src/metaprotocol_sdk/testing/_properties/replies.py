"""What a proxy answers in the upstream's place, the protocol's own client understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Correlation, EncodeError, Error, ErrorType, MessageType, Metadata, Status
from metaprotocol_sdk.testing._cases.errors import awkward_errors, codes, errors
from metaprotocol_sdk.testing._cases.messages import declared
from metaprotocol_sdk.testing._catalogue import NOTHING, Level, Tier, prove
from metaprotocol_sdk.testing._outcome import difference, facts, outcome
from metaprotocol_sdk.testing._subject import receive
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_ANSWERS = (MessageType.RESPONSE, MessageType.EXCEPTION)
_CLOSES = (MessageType.STREAM_CLOSE_ONE_WAY, MessageType.STREAM_CLOSE_TWO_WAY)
_STREAM = (MessageType.STREAM_INIT, MessageType.STREAM_DATA, *_CLOSES)


def asked(subject: Subject, case: Case) -> tuple[Codec, Metadata] | None:
    """Decode a message that a codec with on_error may have to answer; None if it can't be or isn't decoded."""
    codec, metadata = subject.receive(case)
    if metadata is None or type(codec).on_error is Codec.on_error:
        return None
    return codec, metadata


def paired(codec: Codec, request: Metadata, reply: Metadata) -> Metadata:
    """Say which request a reply answers: of some protocols only both together tell what went wrong."""
    if reply.message_type in _ANSWERS:
        reply.request = request
        codec.complete(reply)
    return reply


def read_reply(subject: Subject, case: Case, request: Metadata, reply: bytes) -> Metadata:
    """Decode a reply as the client does that is told it.

    Raises:
        Violation: It is not one message that decodes.
    """
    way = case.direction.opposite
    codec = subject.connection(case)
    found = outcome(codec, [reply], way)
    if found.pieces != [reply]:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"the reply of {len(reply)} bytes is framed as {sizes}; {found.ending}: {shown(reply)}")
    metadata = found.messages[0]
    if metadata.error is not None:
        raise Violation(f"the reply does not decode: {shown(reply)}; {metadata.error}")
    return paired(codec, request, metadata)


def given(codec: Codec, request: Metadata, case: Case) -> bytes:
    """Return the reply to a request; b"" if none is expected or given.

    What on_error may raise, and when, is for properties of their own to find, and says nothing about the others.
    """
    if case.error is None or not request.expects_reply:
        return b""
    try:
        return codec.on_error(request, case.error)
    except Exception:  # noqa: BLE001 - as it says above
        return b""


def reply_to(subject: Subject, case: Case) -> tuple[Metadata, Metadata] | None:
    """Return a request and the reply to it; None if none is expected or given, or it does not decode."""
    pair = asked(subject, case)
    reply = None if pair is None else given(*pair, case)
    if pair is None or not reply:
        return None
    back = case.having(data=reply, direction=case.direction.opposite, request=None)
    metadata = receive(subject.connection(case), back)
    return None if metadata is None else (pair[1], metadata)


@prove(
    "MP-REPLY-001",
    Tier.CHANGE,
    errors,
    title="Every request that expects a reply gets one for every reason, and no other message does",
    why="A client that gets nothing waits for its timeout; one that gets an answer to a one-way request is out of step "
    "for the rest of the connection.",
    fix='Return `b""` exactly when `request.expects_reply` is false, and have a number for every `ErrorType`.',
)
def is_given(subject: Subject, case: Case) -> object:
    pair = asked(subject, case)
    if pair is None or case.error is None:
        return NOTHING
    codec, metadata = pair
    try:
        reply = codec.on_error(metadata, case.error)
    except EncodeError as error:
        raise Violation(f"on_error refused {case.error.type.name}: {error}") from error
    if bool(reply) is not metadata.expects_reply:
        expects = "expects a reply" if metadata.expects_reply else "expects none"
        raise Violation(f"a message of type {metadata.message_type} that {expects} got {shown(reply)}")
    return None


@prove(
    "MP-REPLY-002",
    Tier.CHANGE,
    errors,
    title="An error reply decodes as one answer that reports a failure",
    why="A client that cannot read the reply closes the connection, with all other requests on it.",
    fix="Build the reply with the same functions as any other answer, and with a status that is no success.",
)
def reads_as_an_error(subject: Subject, case: Case) -> object:
    pair = asked(subject, case)
    reply = None if pair is None else given(*pair, case)
    if pair is None or not reply:
        return NOTHING
    check_failure(pair[1], read_reply(subject, case, pair[1], reply))
    return None


def check_failure(request: Metadata, reply: Metadata) -> None:
    """Check that a reply reports a failure.

    Raises:
        Violation: It doesn't.
    """
    # What is no answer can have a status too: a heartbeat that answers one, and what closes a stream.
    beats = request.message_type is reply.message_type is MessageType.HEARTBEAT
    closes = request.message_type in _STREAM and reply.message_type in _CLOSES
    if reply.message_type not in _ANSWERS and not beats and not closes:
        raise Violation(f"the reply decodes as a {reply.message_type}")
    if reply.message_type is not MessageType.EXCEPTION and reply.status is not Status.ERROR:
        raise Violation(f"the reply decodes as a success: type {reply.message_type}, status {reply.status}")


@prove(
    "MP-REPLY-003",
    Tier.CHANGE,
    errors,
    title="An error reply carries the id of its request",
    why="With another id the reply ends somebody else's request, and the one that failed waits for ever.",
    fix="Write `request.request_id` into the reply.",
)
def carries_the_id(subject: Subject, case: Case) -> object:
    pair = reply_to(subject, case)
    if pair is None or subject.codec.correlation is not Correlation.ID:
        return NOTHING
    request, reply = pair
    if reply.request_id != request.request_id:
        raise Violation(f"the request has the id {request.request_id}, and the reply {reply.request_id}")
    return None


@prove(
    "MP-REPLY-004",
    Tier.CHANGE,
    errors,
    title="An error reply is made of the request's fields and state, not of its bytes, and changes neither",
    why="A proxy lets go of a request's bytes when it has sent them, and then the upstream's connection breaks.",
    fix="Keep what the reply needs in the metadata's fields, properties or state.",
)
def needs_no_message(subject: Subject, case: Case) -> object:
    pair = asked(subject, case)
    if pair is None or case.error is None:
        return NOTHING
    codec, metadata = pair
    before = facts(metadata)
    reply = given(codec, metadata, case)
    if not reply:
        return NOTHING
    if different := difference(before, facts(metadata)):
        raise Violation(f"on_error changed the request: another {different}")
    bare = metadata.clone()
    bare.message = b""
    without = codec.on_error(bare, case.error)
    if without != reply:
        raise Violation(f"without the request's bytes the reply is {shown(without)}, with them {shown(reply)}")
    return None


@prove(
    "MP-REPLY-005",
    Tier.CHANGE,
    awkward_errors,
    title="Any text can be reported",
    why="The text often quotes what a peer sent. An error while reporting an error takes the worker with it.",
    fix="Encode with `backslashreplace`, and shorten what the field cannot hold.",
)
def reports_any_text(subject: Subject, case: Case) -> object:
    pair = asked(subject, case)
    if pair is None or case.error is None or not pair[1].expects_reply:
        return NOTHING
    try:
        reply = pair[0].on_error(pair[1], case.error)
    except EncodeError as error:
        raise Violation(f"on_error refused the text {shown(case.error.message, 80)}: {error}") from error
    if not reply:
        return NOTHING
    way = case.direction.opposite
    if receive(subject.connection(case), case.having(data=reply, direction=way, request=None)) is None:
        raise Violation(f"with the text {shown(case.error.message, 80)} the reply does not decode: {shown(reply)}")
    return None


@prove(
    "MP-REPLY-006",
    Tier.CHANGE,
    codes,
    title="A code that is asked for is in the reply, or refused, and never makes it a success",
    why="Fault injection asks for a number of the protocol; the number for success would make a client read an error's "
    "text as a result.",
    fix="Raise `EncodeError` for a code that does not fit its field, and for the one that means success.",
)
def carries_the_code(subject: Subject, case: Case) -> object:
    pair = asked(subject, case)
    reply = None if pair is None else given(*pair, case)
    if pair is None or not reply or case.error is None:
        return NOTHING
    metadata = read_reply(subject, case, pair[1], reply)
    check_failure(pair[1], metadata)
    found = metadata.status_code
    if found is not None and found != case.error.code:
        raise Violation(f"the code {case.error.code} was asked for, and the reply has {found}")
    return None


@prove(
    "MP-REPLY-007",
    Tier.CHANGE,
    declared,
    level=Level.RECOMMENDED,
    title="Error replies tell some reasons apart by their number",
    why="Clients decide by the number whether to try again: yes after a timeout, no when there is no such service.",
    fix="Give the reasons that the protocol has numbers for their own numbers.",
)
def tells_reasons_apart(subject: Subject, case: Case) -> object:
    seen = set()
    for reason in ErrorType:
        pair = reply_to(subject, case.having(error=Error(reason, "")))
        number = None if pair is None else paired(subject.connection(case), *pair).status_code
        if number is None:
            return NOTHING
        seen.add(number)
    if len(seen) == 1:
        raise Violation(f"all reasons give the number {seen.pop()}")
    return None


@prove(
    "MP-REPLY-008",
    Tier.CHANGE,
    errors,
    title="An error reply repeats what responses of this protocol repeat from their requests",
    why="Clients compare it: a Thrift client drops a reply with another method's name.",
    fix="Write the properties that `echoed_properties` names into the reply.",
)
def repeats_what_responses_repeat(subject: Subject, case: Case) -> object:
    pair = reply_to(subject, case)
    names = sorted(subject.codec.echoed_properties)
    if pair is None or not names:
        return NOTHING
    request, reply = pair
    for name in names:
        if reply.properties.get(name) != request.properties.get(name):
            raise Violation(
                f"the property {name} is {shown(request.properties.get(name), 80)} in the request and "
                f"{shown(reply.properties.get(name), 80)} in the reply"
            )
    return None


@prove(
    "MP-REPLY-009",
    Tier.CHANGE,
    errors,
    title="An error reply expects no reply itself",
    why="Two proxies that answer each other's replies do so for ever.",
    fix="Leave `expects_reply` false on answers.",
)
def is_not_answered(subject: Subject, case: Case) -> object:
    pair = reply_to(subject, case)
    if pair is None or case.error is None:
        return NOTHING
    if pair[1].expects_reply:
        raise Violation(f"the reply decodes as a {pair[1].message_type} that expects a reply")
    return None
