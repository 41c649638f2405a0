"""The replies that a relay sends to a client itself, in the order that the protocol needs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import (
    ClosingReply,
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    MessageType,
    Metadata,
    ProtocolError,
    StreamCodec,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_proxy.correlator import Correlator

MAX_HELD = 65_536
"""Replies of one connection that wait for the server's replies to earlier requests, and streams that were refused."""


@frozen
class FailedPending:
    """The messages that tell a client that its server is gone.

    Args:
        data: Bytes for the client.
        requests: The number of requests that were pending, among them streams that the server had not accepted.
        answered: The number of requests that `data` answers; less than `requests` if the codec has no reply for one.
        streams: The number of streams that were open.
        refused: True if `data` refuses the whole connection because the server, which speaks first, has not spoken.
    """

    data: bytes = b""
    requests: int = 0
    answered: int = 0
    streams: int = 0
    refused: bool = False

    @property
    def consequence(self) -> str:
        """The consequence of the server's end for the client; "" if there is none."""
        if self.refused:
            return "had not greeted the client"
        lost = []
        if self.requests:
            lost.append(f"{self.requests:,} of the client's requests without an answer")
        if self.streams:
            lost.append(f"{self.streams:,} of its streams open")
        return f"left {' and '.join(lost)}" if lost else ""


class LocalReplies:
    """Answers requests of one client instead of the server.

    Args:
        codec: The codec of the connection.
        correlator: The pending requests and the open streams of the connection.
        report: Called with one sentence for a request that the codec cannot answer.
    """

    def __init__(self, codec: Codec, correlator: Correlator, report: Callable[[str], None]) -> None:
        self._codec = codec
        self._correlator = correlator
        self._report = report
        self._ordered = codec.ordered_replies or codec.correlation is not Correlation.ID
        # Replies that wait, each with the number that the oldest pending request must have reached.
        self._held: deque[tuple[int, bytes]] = deque()
        # Streams that were refused: the client may send on them until it reads the refusal. An id leaves when the
        # client uses it again.
        self._refused_streams: set[int] = set()
        self.must_close = False
        """True if the connection must end after the replies to the requests so far."""
        self.closed = False
        """True if the client must not be sent any more messages."""

    def answer(self, request: Metadata, error: Error, out: list[bytes]) -> bool:
        """Reply to a request that does not reach the server, at once or when it is its turn.

        Args:
            request: Any message of the client.
            error: The error to reply with; a heartbeat that can be read gets its own reply.
            out: The bytes for the client, which are added to.

        Returns:
            True if there is a reply.

        Raises:
            ProtocolError: `MAX_HELD` replies wait already.
        """
        stream_id = request.stream_id if request.message_type is MessageType.STREAM_INIT else None
        if stream_id is not None:
            self._refuse_stream(stream_id)
        if not request.expects_reply:
            if stream_id is not None:
                out.append(self._end_stream(request, error))
            return False
        if request.message_type is MessageType.HEARTBEAT and request.error is None:
            reply = self._codec.heartbeat_reply(request)
            if reply is None:
                return False
        else:
            reply = self._error_reply(request, error)
        closes = isinstance(reply, ClosingReply)
        self.must_close = self.must_close or closes
        if not self._correlator.pending(Direction.TO_SERVER) or not (self._ordered or closes):
            self._send(reply, out)
            return bool(reply)
        if len(self._held) == MAX_HELD:
            raise ProtocolError(f"{MAX_HELD:,} replies wait for the server's reply to an earlier request")
        self._held.append((self._correlator.next_number(Direction.TO_SERVER), reply))
        return bool(reply)

    def release(self, out: list[bytes]) -> None:
        """Add the replies whose turn has come: no request before them is pending."""
        oldest = self._correlator.oldest_number(Direction.TO_SERVER)
        while self._held and self._held[0][0] <= oldest:
            self._send(self._held.popleft()[1], out)

    def refuse(self, error: Error) -> bytes:
        """Return the bytes for a client that waits for the server to speak first, and whose server is not there."""
        self.must_close = self.closed = True
        return self._codec.refuse(error)

    def silence(self) -> None:
        """Send nothing from now on: the client reads bytes that are not the protocol's messages."""
        self.closed = True

    def fail_pending(self, error: Error) -> FailedPending:
        """Reply to all pending requests, whose server is gone, and end the open streams.

        Args:
            error: The error to reply with.
        """
        out: list[bytes] = []
        requests = answered = streams = 0
        while (oldest := self._correlator.pop_oldest(Direction.TO_SERVER)) is not None:
            request = oldest[1]
            if request.message_type is not MessageType.HEARTBEAT:
                requests += 1
                answered += self._fail(request, error, out)
            self.release(out)
        while (stream := self._correlator.pop_stream()) is not None:
            init, accepted = stream
            if accepted:
                streams += 1
                if not self.closed:
                    out.append(self._end_stream(init, error))
            else:
                requests += 1
                answered += self._fail(init, error, out)
        return FailedPending(b"".join(out), requests, answered, streams)

    def is_refused(self, message: Metadata) -> bool:
        """Return True if a message of the client belongs to a stream that was refused, so that it must be dropped."""
        if message.stream_id not in self._refused_streams:
            return False
        if message.message_type is MessageType.STREAM_INIT:  # the client uses the id again
            self._refused_streams.discard(message.stream_id)
            return False
        return True

    def _fail(self, request: Metadata, error: Error, out: list[bytes]) -> bool:
        if self.closed:
            return False
        reply = self._error_reply(request, error)
        self.must_close = self.must_close or isinstance(reply, ClosingReply)
        self._send(reply, out)
        return bool(reply)

    def _send(self, reply: bytes, out: list[bytes]) -> None:
        if not self.closed:
            out.append(reply)
            self.closed = isinstance(reply, ClosingReply)

    def _error_reply(self, request: Metadata, error: Error) -> bytes:
        try:
            return self._codec.on_error(request, error)
        except EncodeError as failure:
            self._report(f"the {request.message_type}, id {request.request_id}, cannot be answered: {failure}")
            return ClosingReply()

    def _end_stream(self, init: Metadata, error: Error) -> bytes:
        if not isinstance(self._codec, StreamCodec):
            return b""
        return self._codec.end_stream(init, error, Direction.TO_CLIENT)

    def _refuse_stream(self, stream_id: int) -> None:
        if len(self._refused_streams) == MAX_HELD:
            self._refused_streams.clear()
        self._refused_streams.add(stream_id)
