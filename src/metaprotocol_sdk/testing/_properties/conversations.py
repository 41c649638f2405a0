"""Conversations decode whole and stay balanced, a connection forgets them, and its streams can be ended."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from metaprotocol_sdk import (
    Capability,
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Status,
    StreamCodec,
)
from metaprotocol_sdk.testing._case import Case, Unsatisfied, Violation, assume, assumed, shown
from metaprotocol_sdk.testing._outcome import decoded, difference, facts, outcome, receive
from metaprotocol_sdk.testing._properties.messages import STREAM_TYPES, declared, messages
from metaprotocol_sdk.testing._property import Tier, prove, source
from metaprotocol_sdk.testing._work import kept_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from metaprotocol_sdk.testing._subject import Subject

    Message = tuple[Direction, bytes]

_FIRST, _MORE = 300, 300
_BYTES_EACH = 40
_ANSWERS = (MessageType.RESPONSE, MessageType.EXCEPTION, MessageType.HEARTBEAT)
_CLOSES = (MessageType.STREAM_CLOSE_ONE_WAY, MessageType.STREAM_CLOSE_TWO_WAY)
_FOLLOWS_ID = ("message", "stream_id", "header_size")


@source()
def conversations(subject: Subject) -> Iterable[Case]:
    """The examples and each recording, whole, as what came on a connection before."""
    for conversation in subject.conversations:
        yield Case(before=tuple(conversation))


def _played(codec: Codec, conversation: Sequence[Message]) -> Iterator[tuple[int, Direction, Metadata]]:
    """Decode a conversation on one connection, in one pass."""
    connection = codec.for_connection()
    for number, (direction, data) in enumerate(conversation):
        try:
            metadata = connection.decode(data, direction)
        except ProtocolError as error:
            raise Violation(f"message {number} of the conversation is refused: {error}") from error
        if metadata.error is not None:
            raise Violation(f"message {number} of the conversation is refused: {metadata.error}") from metadata.error
        yield number, direction, metadata


@prove(
    "MP-CONVERSATION-001",
    Tier.STREAM,
    conversations,
    title="A whole conversation decodes on one connection",
    why="A codec that keeps state must get the state of every message right, and not only of the first ones.",
    fix="Look at the state that the messages before the one that is refused have left.",
)
def decodes_whole(subject: Subject, case: Case) -> None:
    assume(len(case.before) > 1)
    for _ in _played(subject.make(), case.before):
        pass


@prove(
    "MP-CONVERSATION-002",
    Tier.STREAM,
    conversations,
    title="Where answers come in the order of the requests, there are never more answers than requests",
    why="A push that is taken for an answer ends the oldest request, and from then on every client gets the answer "
    "to another request.",
    fix="Decode what the server sends unasked as an `EVENT`, and what it answers as a `RESPONSE` or an `EXCEPTION`.",
)
def keeps_the_balance(subject: Subject, case: Case) -> None:
    assume(subject.codec.correlation is not Correlation.ID)
    waiting = answered = 0
    for number, direction, metadata in _played(subject.make(), case.before):
        if metadata.expects_reply:
            waiting += direction is Direction.TO_SERVER
        elif direction is Direction.TO_CLIENT and metadata.message_type in _ANSWERS:
            if not waiting:
                raise Violation(f"message {number} is a {metadata.message_type}, and no request waits for an answer")
            waiting -= 1
            answered += 1
    assume(answered)


@prove(
    "MP-CONVERSATION-003",
    Tier.STREAM,
    conversations,
    title="A codec whose `ordered_replies` is set sees the answers in the order of the requests",
    why="A proxy holds its own answers back for this order. Where it does not hold, it holds them for ever.",
    fix="Set `ordered_replies` only for protocols whose clients rely on the order; give what the server sends unasked "
    "the type `EVENT`.",
)
def keeps_the_order(subject: Subject, case: Case) -> None:
    assume(subject.codec.ordered_replies and subject.codec.correlation is Correlation.ID)
    waiting: deque[int] = deque()
    answered = 0
    for number, direction, metadata in _played(subject.make(), case.before):
        if metadata.expects_reply:
            if direction is Direction.TO_SERVER:
                waiting.append(metadata.request_id)
        elif direction is Direction.TO_CLIENT and metadata.message_type in _ANSWERS:
            if not waiting or waiting.popleft() != metadata.request_id:
                raise Violation(f"message {number} answers the id {metadata.request_id} out of order")
            answered += 1
    assume(answered)


@prove(
    "MP-CONVERSATION-004",
    Tier.COST,
    declared,
    title="A connection keeps nothing of requests that are answered",
    why="A connection of a mesh lives for weeks. One that keeps each message grows until the process is killed.",
    fix="Let the object of `for_connection` forget a request when its response is decoded or when `on_error` answers "
    "it, and bound what it remembers.",
)
def forgets_what_is_answered(subject: Subject, case: Case) -> None:
    assume(subject.keeps_state)
    request = Case(assumed(case.request), case.direction.opposite, before=case.before)
    connection = subject.connection(case)

    def exchange(numbers: range) -> None:
        for number in numbers:
            asked = assumed(decoded(connection, _numbered(subject, request, number), request.direction))
            response = assumed(decoded(connection, _numbered(subject, case, number), case.direction))
            response.request = asked
            with suppress(ProtocolError):
                connection.complete(response)

    kept = kept_by(lambda: exchange(range(_FIRST)), lambda: exchange(range(_FIRST, _FIRST + _MORE)))
    if kept > _BYTES_EACH * _MORE:
        raise Violation(f"after {_MORE:,} answered requests {kept:,} bytes more are in use than before")


def _numbered(subject: Subject, case: Case, number: int) -> bytes:
    """Return a new copy of a case's message, as from the network, with an id of its own where ids pair.

    Raises:
        Unsatisfied: The message is refused, or does not take the id.
    """
    codec, metadata = subject.read(case)
    if codec.correlation is not Correlation.ID:
        return bytes(bytearray(case.data))
    try:
        return codec.encode(metadata, Mutation(), number % (codec.max_request_id + 1))
    except EncodeError:
        raise Unsatisfied from None


@prove(
    "MP-MULTIPLEX-001",
    Tier.CHANGE,
    messages,
    claim=Capability.STREAMS,
    title="A new stream id is read back, and nothing else has changed",
    why="Clients that share a connection to a server use the same ids; a lost one gives one client the stream of "
    "another.",
    fix="Write the stream id with the width and the byte order in which decode reads it.",
)
def takes_a_new_stream_id(subject: Subject, case: Case) -> None:
    codec, metadata = _of_stream(subject, case)
    for number in (0, 1, codec.max_stream_id):
        try:
            encoded = codec.encode(metadata, Mutation(), None, number)
        except EncodeError as error:
            raise Violation(f"the stream id {number} is refused: {error}") from error
        again = receive(subject.connection(case), case.having(data=encoded))
        if again is None:
            raise Violation(f"with the stream id {number} the message does not decode: {shown(encoded)}")
        if again.stream_id != number:
            raise Violation(f"the stream id {number} was asked for, and {again.stream_id} is read back")
        before, after = facts(metadata), facts(again)
        for name in _FOLLOWS_ID:
            del before[name], after[name]
        if metadata.request_id == metadata.stream_id and again.request_id == again.stream_id:
            del before["request_id"], after["request_id"]  # one number on the wire is both
        if different := difference(before, after):
            raise Violation(f"with another stream id the message has another {different}")


@prove(
    "MP-MULTIPLEX-002",
    Tier.CHANGE,
    declared,
    claim=Capability.STREAMS,
    title="A stream id that a message cannot hold is refused",
    why="An id that wraps around belongs to another stream.",
    fix="Raise `EncodeError` unless `0 <= stream_id <= self.max_stream_id`.",
)
def refuses_stream_ids(subject: Subject, case: Case) -> None:
    codec, metadata = _of_stream(subject, case)
    for number in (-1, codec.max_stream_id + 1, 2**200):
        try:
            encoded = codec.encode(metadata, Mutation(), None, number)
        except EncodeError:
            continue
        raise Violation(
            f"the stream id {number} was written, over max_stream_id {codec.max_stream_id}: {shown(encoded)}"
        )


@prove(
    "MP-MULTIPLEX-003",
    Tier.CHANGE,
    declared,
    claim=Capability.STREAMS,
    title="An open stream can be ended in either direction, for every reason",
    why="A proxy that has lost one side of a stream must tell the other side, which waits for ever otherwise.",
    fix="Return from `end_stream` a message that decodes as STREAM_CLOSE_TWO_WAY with `Status.ERROR`, or the nearest "
    "that the protocol has, with the `stream_id` of the stream; use its fields and `state`, not its `message`.",
)
def can_be_ended(subject: Subject, case: Case) -> None:
    codec, metadata = _of_stream(subject, case)
    assume(metadata.message_type in STREAM_TYPES)
    bare = metadata.clone()
    bare.message = b""
    for direction in Direction:
        for reason in ErrorType:
            ending = codec.end_stream(bare, Error(reason, "the other side is gone"), direction)
            _check_ending(subject, case, metadata, ending, direction)


def _check_ending(subject: Subject, case: Case, stream: Metadata, ending: bytes, direction: Direction) -> None:
    found = outcome(subject.connection(case), [ending], direction)
    if found.pieces != [ending] or found.messages[0].error is not None:
        raise Violation(f"what ends the stream is not one message that decodes {direction}: {shown(ending)}")
    closing = found.messages[0]
    refused = closing.message_type is MessageType.STREAM_INIT and closing.status is Status.ERROR
    if closing.message_type not in _CLOSES and not refused:
        raise Violation(f"what ends the stream decodes as a {closing.message_type}")
    if closing.stream_id != stream.stream_id:
        raise Violation(f"the stream is {stream.stream_id}, and its end has the stream_id {closing.stream_id}")
    if closing.expects_reply:
        raise Violation("what ends the stream expects a reply")


def _of_stream(subject: Subject, case: Case) -> tuple[StreamCodec, Metadata]:
    """Return the codec, and a message with a stream id.

    Raises:
        Unsatisfied: The message is refused, or has none.
    """
    codec, metadata = subject.read(case)
    if not isinstance(codec, StreamCodec) or metadata.stream_id is None:
        raise Unsatisfied
    return codec, metadata
