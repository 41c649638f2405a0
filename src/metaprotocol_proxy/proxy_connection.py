"""The messages of one connection on their way through a relay. Sans-IO: bytes in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, frozen

from metaprotocol_proxy.correlator import Correlator
from metaprotocol_proxy.local_replies import FailedPending, LocalReplies
from metaprotocol_proxy.stats import Stats
from metaprotocol_sdk import (
    Codec,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MUTABLE = {
    Direction.TO_SERVER: frozenset({MessageType.REQUEST, MessageType.ONEWAY, MessageType.STREAM_INIT}),
    Direction.TO_CLIENT: frozenset({MessageType.RESPONSE, MessageType.EXCEPTION, MessageType.STREAM_INIT}),
}


@frozen
class Rules:
    """The changes and answers that a relay makes.

    Args:
        request: The change to requests on their way to the server.
        response: The change to the server's responses.
        reply: The error that answers requests instead of the server; None passes them on.
        when: The properties of the requests to which the rules apply, and to whose responses; all if it is empty. The
            key "operation" stands for `Metadata.operation` where there is no such property. A value that ends with *
            is a prefix.
    """

    request: Mutation = Factory(Mutation)
    response: Mutation = Factory(Mutation)
    reply: Error | None = None
    when: Mapping[str, str] = Factory(dict)

    @property
    def answer_all(self) -> bool:
        """True if no request reaches the server."""
        return self.reply is not None and not self.when

    def match(self, request: Metadata | None) -> bool:
        """Return True if the rules apply to a request.

        Args:
            request: The request; None if it is unknown.
        """
        if not self.when:
            return True
        return request is not None and all(_has(request, key, value) for key, value in self.when.items())


@frozen
class FeedResult:
    """The bytes to send after some bytes were received.

    Args:
        forward: Bytes for the other side.
        back: Bytes for the side that sent them.
        error: The error after which the sender's bytes cannot be decoded any further; None if there is none.
    """

    forward: bytes
    back: bytes
    error: Exception | None = None


class ProxyConnection:
    """Decodes both directions of one connection, pairs responses with requests, and applies the rules.

    A client's request that cannot be read is answered with an error of the protocol and does not reach the server. Any
    other message that cannot be read is passed on: its receiver waits for it, or may understand it.

    When the codec finds that its protocol has ended in one direction, the rest of that direction is passed on as it
    comes. If it is the direction to the client, the relay does not send replies of its own any more.

    Args:
        codec: The codec; the connection gets its own object from `Codec.for_connection`.
        rules: The changes and answers to make.
        report: Called with one sentence for each message that could not be read or changed.
    """

    def __init__(self, codec: Codec, rules: Rules | None = None, report: Callable[[str], None] | None = None) -> None:
        rules = Rules() if rules is None else rules
        codec = codec.for_connection()
        self.codec = codec
        """The codec object of this connection."""
        self._rules = rules
        self._mutations = {Direction.TO_SERVER: rules.request, Direction.TO_CLIENT: rules.response}
        self._echoed = sorted(codec.echoed_properties & rules.request.keys())
        self._report = report or (lambda text: None)
        self._correlator = Correlator(codec)
        self._decoders = {direction: MessageDecoder(codec, direction) for direction in Direction}
        self._offsets = dict.fromkeys(Direction, 0)
        self._replies = LocalReplies(codec, self._correlator, self._report)
        self.reply = rules.reply if rules.answer_all else None
        """The error that answers every request instead of the server, or None."""
        self.stats = Stats()

    @property
    def pending(self) -> int:
        """The number of the client's requests that wait for an answer which the client can still read."""
        return 0 if self._replies.closed else self._correlator.pending(Direction.TO_SERVER)

    @property
    def must_close(self) -> bool:
        """True if the connection must end after the replies to the requests so far. No more requests are read."""
        return self._replies.must_close

    def feed(self, data: bytes, direction: Direction) -> FeedResult:
        """Take the next bytes of one direction.

        Args:
            data: Bytes as they came from the network.
            direction: The way they travel.

        Returns:
            The bytes to send. If `error` is set, they are those of the messages before the error, and this direction
            must not be fed again.
        """
        forward: list[bytes] = []
        back: list[bytes] = []
        failure: Exception | None = None
        self.stats.size[direction] += len(data)
        if self.must_close and direction is Direction.TO_SERVER:
            return FeedResult(b"", b"")
        decoder = self._decoders[direction]
        take = self._take_from_client if direction is Direction.TO_SERVER else self._take_from_server
        try:
            for message in decoder.feed(data):
                size = len(message.message)
                take(message, forward, back)
                self._count(message, direction)
                self._offsets[direction] += size
                if self.must_close and direction is Direction.TO_SERVER:
                    break
            else:
                failure = decoder.stream_error
                if decoder.opaque:
                    forward.append(self._take_opaque(direction))
        except Exception as error:  # noqa: BLE001 - any exception of a codec ends this connection, not the relay
            failure = error
        if failure is not None:
            self.stats.failed = 1
        return FeedResult(b"".join(forward), b"".join(back), failure)

    def eof(self, direction: Direction) -> None:
        """End one direction.

        Raises:
            ProtocolError: It ends inside a message.
        """
        if self._decoders[direction].stream_error is None:
            self._decoders[direction].eof()

    def refuse(self, error: Error) -> bytes:
        """Return the bytes for a client that waits for the server to speak first, and whose server is not there.

        Args:
            error: The error to tell the client.
        """
        return self._replies.refuse(error)

    def fail_pending(self, error: Error) -> FailedPending:
        """Return error replies to all pending requests of the client, whose server is gone, and end its open streams.

        They are not in the stats, as the client may not be there to read them.

        Args:
            error: The error to reply with.
        """
        if self._replies.closed:
            return FailedPending()
        if self.codec.server_first and not self.stats.size[Direction.TO_CLIENT]:
            return FailedPending(self.refuse(error), refused=True)
        return self._replies.fail_pending(error)

    def _take_from_client(self, message: Metadata, forward: list[bytes], back: list[bytes]) -> None:
        asks = message.expects_reply or message.message_type in _MUTABLE[Direction.TO_SERVER]
        if self._replies.is_refused(message):
            return
        if self._replies.closed:
            self._pass_on(message, Direction.TO_SERVER, forward)
        elif asks and message.error is not None:
            self._note_unreadable(message, Direction.TO_SERVER)
            error = Error(ErrorType.BAD_REQUEST, str(message.error))
            self.stats.answered += self._replies.answer(message, error, back)
        elif self.reply is not None:
            self.stats.answered += self._replies.answer(message, self.reply, back)
        elif self._rules.reply is not None and _is_mutable(message, Direction.TO_SERVER) and self._rules.match(message):
            self.stats.answered += self._replies.answer(message, self._rules.reply, back)
        elif asks:
            forward.append(self._encode(message, Direction.TO_SERVER))
            # A request may be pending for long, and its body is not needed any more.
            message.message, message.trailer_size = message.message[: message.header_size], 0
            self._correlator.correlate(message, Direction.TO_SERVER)
        else:
            self._pass_on(message, Direction.TO_SERVER, forward)

    def _take_from_server(self, message: Metadata, forward: list[bytes], back: list[bytes]) -> None:
        self._pass_on(message, Direction.TO_CLIENT, forward)
        self._replies.release(forward)

    def _pass_on(self, message: Metadata, direction: Direction, forward: list[bytes]) -> None:
        self._correlator.correlate(message, direction)
        if message.error is not None:
            self._note_unreadable(message, direction)
        forward.append(self._encode(message, direction))

    def _encode(self, message: Metadata, direction: Direction) -> bytes:
        if message.error is not None or not _is_mutable(message, direction) or _answers_heartbeat(message):
            return message.message
        if not self._rules.match(message if direction is Direction.TO_SERVER else message.request):
            return message.message
        mutation = self._mutations[direction]
        if self._echoed and direction is Direction.TO_CLIENT:
            mutation = self._restore(message, mutation)
        if not mutation:
            return message.message
        try:
            return self.codec.encode(message, mutation)
        except EncodeError as error:
            self.stats.unchanged += 1
            self._report_message(message, direction, f"is passed on unchanged: {error}")
            return message.message

    def _restore(self, response: Metadata, mutation: Mutation) -> Mutation:
        """Add the client's values of the properties that the relay changed and the response repeats."""
        if response.request is None:
            return mutation
        sent = response.request.properties
        return Mutation({key: sent[key] for key in self._echoed if key in sent} | mutation)

    def _take_opaque(self, direction: Direction) -> bytes:
        data = self._decoders[direction].take_opaque()
        self.stats.opaque[direction] += len(data)
        if direction is Direction.TO_CLIENT:
            self._replies.silence()
        elif self.reply is not None:
            self._replies.must_close = True  # nobody can answer them
        return data

    def _count(self, message: Metadata, direction: Direction) -> None:
        message_type = MessageType.HEARTBEAT if _answers_heartbeat(message) else message.message_type
        self.stats.messages[direction, message_type] += 1

    def _note_unreadable(self, message: Metadata, direction: Direction) -> None:
        self.stats.unreadable += 1
        self._report_message(message, direction, f"cannot be read: {message.error}")

    def _report_message(self, message: Metadata, direction: Direction, text: str) -> None:
        way = "to the server" if direction is Direction.TO_SERVER else "to the client"
        what = f"the {message.message_type} at offset {self._offsets[direction]:,} {way}"
        self._report(f"{what}, id {message.request_id}, {text}")


def _is_mutable(message: Metadata, direction: Direction) -> bool:
    return message.message_type in _MUTABLE[direction]


def _has(request: Metadata, key: str, value: str) -> bool:
    found = request.properties.get(key, request.operation if key == "operation" else None)
    if found is None:
        return False
    return found.startswith(value[:-1]) if value.endswith("*") else found == value


def _answers_heartbeat(message: Metadata) -> bool:
    """Return True if a message answers a heartbeat, whatever its own type is."""
    return message.request is not None and message.request.message_type is MessageType.HEARTBEAT
