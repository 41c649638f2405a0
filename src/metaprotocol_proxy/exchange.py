"""One connection's messages on their way through a relay. Sans-IO: bytes in, bytes out."""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_proxy.pairing import MAX_WAITING, Pairing
from metaprotocol_proxy.rules import Rules
from metaprotocol_proxy.tally import Tally
from metaprotocol_sdk import (
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_CHANGED = {
    Direction.TO_SERVER: frozenset({MessageType.REQUEST, MessageType.ONEWAY, MessageType.STREAM_INIT}),
    Direction.TO_CLIENT: frozenset({MessageType.RESPONSE, MessageType.ERROR}),
}


@frozen
class Passage:
    """What becomes of some bytes.

    Args:
        forward: What goes on to the other side.
        back: What goes back to the side that sent them.
        broken: Why the sender can be followed no further; None if it can.
    """

    forward: bytes
    back: bytes
    broken: Exception | None = None


def bug_in(codec: Codec, error: Exception) -> str:
    """Say what a codec raised that it must not raise, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}, a bug in it ({error}; {place.filename}, line {place.lineno})"
    return f"the codec {codec.name} raised {what}"


class Exchange:
    """Decodes both directions of one connection, pairs its messages, and applies the rules.

    A client's request that cannot be read is answered with the codec's own error and does not reach the server. Any
    other message that cannot be read is passed on: its receiver waits for it, or may understand it.

    Args:
        codec: The codec; the connection gets its own from it.
        rules: What to change, or to answer.
        report: Called with one sentence for each message that could not be read or changed.
    """

    def __init__(self, codec: Codec, rules: Rules | None = None, report: Callable[[str], None] | None = None) -> None:
        rules = Rules() if rules is None else rules
        codec = codec.for_connection()
        self.codec = codec
        """The connection's own."""
        self._mutations = {Direction.TO_SERVER: rules.request, Direction.TO_CLIENT: rules.response}
        self._echoed = sorted(codec.echoed_properties & rules.request.keys())
        self._report = report or (lambda text: None)
        self._pairing = Pairing(codec)
        self._decoders = {direction: MessageDecoder(codec, direction) for direction in Direction}
        self._offsets = dict.fromkeys(Direction, 0)
        # Answers of ours that wait for those to earlier requests, where the protocol answers in order.
        self._held: deque[tuple[int, bytes]] = deque()
        self.reply = rules.reply
        """The error that answers every request in the server's place, or None."""
        self.tally = Tally()

    @property
    def waiting(self) -> int:
        """How many of the client's requests wait for the server's answer."""
        return self._pairing.waiting(Direction.TO_SERVER)

    def feed(self, data: bytes, direction: Direction) -> Passage:
        """Take the next bytes of one direction.

        Args:
            data: Bytes as they came from the network.
            direction: Which way they travel.

        Returns:
            What to send where. If `broken` is set, what came before it is in there, and this direction cannot be fed
            again.
        """
        forward: list[bytes] = []
        back: list[bytes] = []
        broken: Exception | None = None
        self.tally.size[direction] += len(data)
        decoder = self._decoders[direction]
        take = self._take_from_client if direction is Direction.TO_SERVER else self._take_from_server
        try:
            for metadata in decoder.feed(data):
                self.tally.messages[direction, metadata.message_type] += 1
                size = len(metadata.message)
                take(metadata, forward, back)
                self._offsets[direction] += size
            broken = decoder.error
        except Exception as error:  # noqa: BLE001 - whatever a codec may raise ends this connection, not the relay
            broken = error
        if broken is not None:
            self.tally.broken = 1
        return Passage(b"".join(forward), b"".join(back), broken)

    def eof(self, direction: Direction) -> None:
        """Say that one direction has ended.

        Raises:
            ProtocolError: It ended inside a message.
        """
        if self._decoders[direction].error is None:
            self._decoders[direction].eof()

    def abandon(self, error: Error) -> bytes:
        """Return the answers to all requests that wait for the server, which is gone.

        Args:
            error: What to tell the client.
        """
        number = self._pairing.answered(Direction.TO_SERVER)
        replies: list[bytes] = []
        for request in self._pairing.give_up(Direction.TO_SERVER):
            number += 1
            if request.message_type is not MessageType.HEARTBEAT:
                replies.append(self.codec.on_error(request, error))
                self.tally.answered += 1
            self._release(number, replies)
        return b"".join(replies)

    def _take_from_client(self, message: Metadata, forward: list[bytes], back: list[bytes]) -> None:
        asks = message.expects_reply or message.message_type in _CHANGED[Direction.TO_SERVER]
        if asks and message.error is not None:
            self._note_unreadable(message, Direction.TO_SERVER)
            self._answer(message, Error(ErrorType.BAD_REQUEST, str(message.error)), back)
        elif self.reply is not None:
            self._answer(message, self.reply, back)
        elif asks:
            forward.append(self._encode(message, Direction.TO_SERVER))
            # A request may wait for long; its body is of no more use.
            message.message = message.message[: message.header_size]
            self._pairing.take(message, Direction.TO_SERVER)
        else:
            self._pass_on(message, Direction.TO_SERVER, forward)

    def _take_from_server(self, message: Metadata, forward: list[bytes], back: list[bytes]) -> None:
        self._pass_on(message, Direction.TO_CLIENT, forward)
        self._release(self._pairing.answered(Direction.TO_SERVER), forward)

    def _pass_on(self, message: Metadata, direction: Direction, forward: list[bytes]) -> None:
        self._pairing.take(message, direction)
        if message.error is not None:
            self._note_unreadable(message, direction)
        forward.append(self._encode(message, direction))

    def _encode(self, metadata: Metadata, direction: Direction) -> bytes:
        if metadata.error is not None or metadata.message_type not in _CHANGED[direction]:
            return metadata.message
        mutation = self._mutations[direction]
        if self._echoed and direction is Direction.TO_CLIENT:
            mutation = self._restore(metadata, mutation)
        if not mutation:
            return metadata.message
        try:
            return self.codec.encode(metadata, mutation)
        except EncodeError as error:
            self.tally.unchanged += 1
            self._complain(metadata, direction, f"is passed on unchanged: {error}")
            return metadata.message

    def _restore(self, response: Metadata, mutation: Mutation) -> Mutation:
        """Add what the client wrote and this relay changed, where the response repeats it."""
        if response.request is None:
            return mutation
        sent = response.request.properties
        return Mutation({key: sent[key] for key in self._echoed if key in sent} | mutation)

    def _answer(self, request: Metadata, error: Error, back: list[bytes]) -> None:
        if not request.expects_reply:
            return
        if request.message_type is MessageType.HEARTBEAT and request.error is None:
            reply = self.codec.heartbeat_reply(request)
            if reply is None:
                return
        else:
            reply = self.codec.on_error(request, error)
        self.tally.answered += 1
        if self.codec.correlation is Correlation.ID or not self.waiting:
            back.append(reply)
            return
        if len(self._held) == MAX_WAITING:
            raise ProtocolError(f"{MAX_WAITING:,} answers wait for an earlier one of the server's")
        self._held.append((self._pairing.asked(Direction.TO_SERVER), reply))

    def _release(self, answered: int, replies: list[bytes]) -> None:
        while self._held and self._held[0][0] <= answered:
            replies.append(self._held.popleft()[1])

    def _note_unreadable(self, metadata: Metadata, direction: Direction) -> None:
        self.tally.unreadable += 1
        self._complain(metadata, direction, f"cannot be read: {metadata.error}")

    def _complain(self, metadata: Metadata, direction: Direction, text: str) -> None:
        way = "to the server" if direction is Direction.TO_SERVER else "to the client"
        what = f"the {metadata.message_type} at offset {self._offsets[direction]:,} {way}"
        self._report(f"{what}, id {metadata.request_id}, {text}")
