"""The protocol's own client understands the error that a proxy answers in the upstream's place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import (
    ClosingReply,
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageType,
    Metadata,
    Status,
)
from metaprotocol_sdk.testing._case import Unsatisfied, Violation, assume, assumed, shown
from metaprotocol_sdk.testing._hypothesis import error_types, texts
from metaprotocol_sdk.testing._outcome import ANSWERS, completes, difference, facts, outcome, receive
from metaprotocol_sdk.testing._properties.changed import AWKWARD_TEXTS
from metaprotocol_sdk.testing._properties.messages import STREAM_TYPES, any_message, declared
from metaprotocol_sdk.testing._property import Level, Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

_TEXT = "no host answers"
_CODES = (-1, 0, 1, 2, 3, 20, 31, 127, 128, 200, 255, 256, 32_767, 65_535, 65_536, 2**31 - 1, 2**31, 2**32, 2**64)
_CLOSES = (MessageType.STREAM_CLOSE_ONE_WAY, MessageType.STREAM_CLOSE_TWO_WAY)


def _any_error(subject: Subject, text: st.SearchStrategy[str]) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    errors = st.builds(Error, error_types(), text)
    return None if found is None else st.builds(lambda case, error: case.having(error=error), found, errors)


def _may_be_answered(case: Case, metadata: Metadata) -> bool:
    """Return True if fuzzing asks for a reply to a message.

    A message to a client is answered only if it is a heartbeat: few protocols have calls in that direction, and the
    others refuse an answer.
    """
    return case.direction is Direction.TO_SERVER or metadata.message_type is MessageType.HEARTBEAT


def _fuzzed_errors(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    if _may_be_answered(case, metadata):
        yield from (partial(case.having, error=Error(reason, _TEXT)) for reason in ErrorType)


def _fuzzed_texts(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    if _may_be_answered(case, metadata):
        yield from (partial(case.having, error=Error(ErrorType.UNSPECIFIED, text)) for text in AWKWARD_TEXTS)


@source(lambda subject: _any_error(subject, st.just(_TEXT)), variants=_fuzzed_errors)
def errors(subject: Subject) -> Iterable[Case]:
    """Each valid message with each reason."""
    for case in subject.samples:
        for reason in ErrorType:
            yield case.having(error=Error(reason, _TEXT))


@source(lambda subject: _any_error(subject, texts()), variants=_fuzzed_texts)
def awkward_errors(subject: Subject) -> Iterable[Case]:
    """Each valid message with awkward texts to report."""
    for case in subject.samples:
        for text in AWKWARD_TEXTS:
            yield case.having(error=Error(ErrorType.UNSPECIFIED, text))


@source()
def codes(subject: Subject) -> Iterable[Case]:
    """Each valid message with numbers that override the protocol's own."""
    for case in subject.samples:
        for code in _CODES:
            yield case.having(error=Error(ErrorType.FAULT_ABORT, "on purpose", code))


def _asked(subject: Subject, case: Case) -> tuple[Codec, Metadata, Error]:
    """Return a codec with on_error, the message that it may have to answer, and the error.

    Raises:
        Unsatisfied: The message is refused, or the codec has no on_error, or the case no error.
    """
    codec, metadata = subject.read(case)
    assume(type(codec).on_error is not Codec.on_error)
    return codec, metadata, assumed(case.error)


def _given(codec: Codec, request: Metadata, error: Error) -> bytes:
    """Return the reply to a request.

    Raises:
        Unsatisfied: None is expected or given, or on_error fails: properties of their own say when it must not.
    """
    assume(request.expects_reply)
    try:
        reply = codec.on_error(request, error)
    except Exception:  # noqa: BLE001 - as it says above
        raise Unsatisfied from None
    assume(reply)  # a ClosingReply may be empty: then there is nothing to read
    return reply


def _paired(codec: Codec, request: Metadata, reply: Metadata) -> Metadata:
    """Pair a reply with its request: in some protocols only both together say what went wrong."""
    if reply.message_type in ANSWERS:
        reply.request = request
        if not completes(codec, reply):
            raise Violation("`complete` refuses the reply as an answer to its request")
    return reply


def read_reply(subject: Subject, case: Case, request: Metadata, reply: bytes) -> Metadata:
    """Decode a reply as the client does that gets it.

    Raises:
        Violation: It is not one message that decodes.
    """
    codec = subject.answered_connection(case)
    found = outcome(codec, [reply], case.direction.opposite)
    if found.pieces != [reply]:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"the reply of {len(reply)} bytes is framed as {sizes}; {found.ending}: {shown(reply)}")
    metadata = found.messages[0]
    if metadata.error is not None:
        raise Violation(f"the reply does not decode: {shown(reply)}; {metadata.error}")
    return _paired(codec, request, metadata)


def _back(subject: Subject, case: Case, reply: bytes) -> Metadata | None:
    """Decode a reply, not paired with its request; None if it is refused."""
    answer = case.having(data=reply, direction=case.direction.opposite, request=None)
    return receive(subject.answered_connection(case), answer)


def reply_to(subject: Subject, case: Case) -> tuple[Metadata, Metadata]:
    """Return a request and the reply to it.

    Raises:
        Unsatisfied: No reply is expected or given, or it does not decode.
    """
    codec, request, error = _asked(subject, case)
    return request, assumed(_back(subject, case, _given(codec, request, error)))


@prove(
    "MP-REPLY-001",
    Tier.CHANGE,
    errors,
    title="Every request that expects a reply gets one for every reason, and no other message does",
    why="A client that gets nothing waits for its timeout; one that gets an answer to a one-way request is out of step "
    "for the rest of the connection.",
    fix='Return `b""` exactly when `request.expects_reply` is false, and have a number for every `ErrorType`.',
)
def is_given(subject: Subject, case: Case) -> None:
    codec, metadata, asked = _asked(subject, case)
    try:
        reply = codec.on_error(metadata, asked)
    except EncodeError as error:
        raise Violation(f"on_error refused {asked.type.name}: {error}") from error
    given = bool(reply) or isinstance(reply, ClosingReply)
    if given is not metadata.expects_reply:
        expects = "expects a reply" if metadata.expects_reply else "expects none"
        raise Violation(f"a message of type {metadata.message_type} that {expects} got {shown(reply)}")


@prove(
    "MP-REPLY-002",
    Tier.CHANGE,
    errors,
    title="An error reply decodes as one answer that reports a failure",
    why="A client that cannot read the reply closes the connection, with all other requests on it.",
    fix="Build the reply with the same functions as any other answer, and with a status that is not a success.",
)
def reads_as_an_error(subject: Subject, case: Case) -> None:
    codec, request, error = _asked(subject, case)
    reply = _given(codec, request, error)
    _check_failure(request, read_reply(subject, case, request, reply))


def _check_failure(request: Metadata, reply: Metadata) -> None:
    """Check that a reply reports a failure.

    Raises:
        Violation: It doesn't.
    """
    # Three other types can have a status: a heartbeat that answers a heartbeat, the end of a stream, and a refusal.
    beats = request.message_type is reply.message_type is MessageType.HEARTBEAT
    closes = request.message_type in STREAM_TYPES and reply.message_type in _CLOSES
    refuses = request.message_type is reply.message_type is MessageType.STREAM_INIT
    if reply.message_type not in ANSWERS and not beats and not closes and not refuses:
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
def carries_the_id(subject: Subject, case: Case) -> None:
    request, reply = reply_to(subject, case)
    assume(subject.codec.correlation is Correlation.ID)
    if reply.request_id != request.request_id:
        raise Violation(f"the request has the id {request.request_id}, and the reply {reply.request_id}")


@prove(
    "MP-REPLY-004",
    Tier.CHANGE,
    errors,
    title="An error reply is made of the request's fields and state, not of its bytes, and changes neither",
    why="A proxy lets go of a request's bytes when it has sent them, and then the upstream's connection breaks.",
    fix="Keep what the reply needs in the metadata's fields, properties or state.",
)
def needs_no_message(subject: Subject, case: Case) -> None:
    codec, metadata, error = _asked(subject, case)
    before = facts(metadata)
    reply = _given(codec, metadata, error)
    if different := difference(before, facts(metadata)):
        raise Violation(f"on_error changed the request: another {different}")
    bare = metadata.clone()
    bare.message = b""
    without = codec.on_error(bare, error)
    if without != reply:
        raise Violation(f"without the request's bytes the reply is {shown(without)}, with them {shown(reply)}")


@prove(
    "MP-REPLY-005",
    Tier.CHANGE,
    awkward_errors,
    title="Any text can be reported",
    why="The text often quotes what a peer sent. An error while reporting an error takes the worker with it.",
    fix="Encode with `backslashreplace`, and shorten what the field cannot hold.",
)
def reports_any_text(subject: Subject, case: Case) -> None:
    codec, metadata, asked = _asked(subject, case)
    assume(metadata.expects_reply)
    try:
        reply = codec.on_error(metadata, asked)
    except EncodeError as error:
        raise Violation(f"on_error refused the text {shown(asked.message, 80)}: {error}") from error
    assume(reply)
    if _back(subject, case, reply) is None:
        raise Violation(f"with the text {shown(asked.message, 80)} the reply does not decode: {shown(reply)}")


@prove(
    "MP-REPLY-006",
    Tier.CHANGE,
    codes,
    title="A code that is asked for is in the reply, or refused, and never makes it a success",
    why="Fault injection asks for a number of the protocol; the number for success would make a client read an error's "
    "text as a result.",
    fix="Raise `EncodeError` for a code that does not fit its field, and for the one that means success.",
)
def carries_the_code(subject: Subject, case: Case) -> None:
    codec, request, error = _asked(subject, case)
    reply = read_reply(subject, case, request, _given(codec, request, error))
    _check_failure(request, reply)
    if reply.status_code is not None and reply.status_code != error.code:
        raise Violation(f"the code {error.code} was asked for, and the reply has {reply.status_code}")


@prove(
    "MP-REPLY-007",
    Tier.CHANGE,
    declared,
    level=Level.RECOMMENDED,
    title="Error replies tell some reasons apart by their number",
    why="Clients decide by the number whether to try again: yes after a timeout, no when there is no such service.",
    fix="Give the reasons that the protocol has numbers for their own numbers.",
)
def tells_reasons_apart(subject: Subject, case: Case) -> None:
    seen = set()
    for reason in ErrorType:
        request, reply = reply_to(subject, case.having(error=Error(reason, "")))
        seen.add(assumed(_paired(subject.connection(case), request, reply).status_code))
    if len(seen) == 1:
        raise Violation(f"all reasons give the number {seen.pop()}")


@prove(
    "MP-REPLY-008",
    Tier.CHANGE,
    errors,
    title="An error reply repeats what responses of this protocol repeat from their requests",
    why="Clients compare it: a Thrift client drops a reply with another method's name.",
    fix="Write the properties that `echoed_properties` names into the reply.",
)
def repeats_what_responses_repeat(subject: Subject, case: Case) -> None:
    request, reply = reply_to(subject, case)
    names = sorted(subject.codec.echoed_properties)
    assume(names)
    for name in names:
        if reply.properties.get(name) != request.properties.get(name):
            raise Violation(
                f"the property {name} is {shown(request.properties.get(name), 80)} in the request and "
                f"{shown(reply.properties.get(name), 80)} in the reply"
            )


@prove(
    "MP-REPLY-009",
    Tier.CHANGE,
    errors,
    title="An error reply expects no reply itself",
    why="Two proxies that answer each other's replies do so for ever.",
    fix="Leave `expects_reply` false on answers.",
)
def is_not_answered(subject: Subject, case: Case) -> None:
    _, reply = reply_to(subject, case)
    if reply.expects_reply:
        raise Violation(f"the reply decodes as a {reply.message_type} that expects a reply")
