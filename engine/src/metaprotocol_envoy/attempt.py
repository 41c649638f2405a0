"""One attempt to get the answer to a request from a server."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol, TypeAlias

from metaprotocol_envoy.detect import size_of
from metaprotocol_envoy.headers import to_headers
from metaprotocol_envoy.log import report_bug
from metaprotocol_envoy.reply import Reply
from metaprotocol_envoy.statistics import Counter
from metaprotocol_envoy.upstream_ids import renumbered
from metaprotocol_sdk import (
    Correlation,
    Direction,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Status,
)

if TYPE_CHECKING:
    from metaprotocol_envoy.service import Service
    from metaprotocol_sdk import Codec

Result: TypeAlias = "tuple[int, tuple[str, ...], tuple[str, ...], bytes, Reply, bool, bool]"
"""An answer for the C half: HTTP status, own headers, property headers, message, reply, True if the connection to the
server must not be used again, and True if `Reply.deliver` must be called although no header changed."""

StreamResult: TypeAlias = "tuple[Result | None, tuple[bytes, ...], bool, bool]"
"""The messages of a server in a stream: the first answer, later messages, True if the stream is over, and True if the
connection to the server must not be used again then."""

MAX_RESPONSE_HEADERS = 80
MAX_RESPONSE_HEADERS_SIZE = 48 * 1024
"""The properties of an answer that filters see: all, or none and `x-metaprotocol-incomplete`. The answer itself passes
either way."""

RESTORED_LATE = 64 * 1024
"""A longer answer gets the client's id back when it leaves: until then it would be held twice."""

SPARE_AT_MOST = 256
"""Decoders that are kept for later attempts."""

_ANSWERS = frozenset({MessageType.RESPONSE, MessageType.EXCEPTION, MessageType.HEARTBEAT})
_OWN: dict[MessageType, tuple[str, ...]] = {kind: ("x-metaprotocol-type", kind.value) for kind in MessageType}
_STATUS = {
    ErrorType.ROUTE_NOT_FOUND: 404,
    ErrorType.BAD_REQUEST: 400,
    ErrorType.UNAUTHORIZED: 403,
    ErrorType.OVER_LIMIT: 429,
    ErrorType.TIMEOUT: 504,
    ErrorType.BAD_RESPONSE: 502,
    ErrorType.CLUSTER_NOT_FOUND: 503,
    ErrorType.NO_HEALTHY_UPSTREAM: 503,
    ErrorType.UPSTREAM_RESET: 503,
    ErrorType.OVERFLOW: 503,
}


class StreamState(Protocol):
    """The request that opened a stream, as an attempt sees it."""

    metadata: Metadata
    client_closed: bool
    server_closed: bool
    opened: bool


class Attempt:
    """Reads the answer to one request from one connection to a server.

    Exactly one message is believed, and only if it pairs with the request: what else a server says on a connection that
    others use later must reach nobody.

    Args:
        service: The filter that the client came to.
        codec: Of the client's connection. An attempt does not touch its state: many are never delivered.
        request: The request.
        number: The id under which it has left; None if that is its own.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = (
        *("_client_codec", "_codec", "_decoder", "_echoed", "_number"),
        *("_request", "_restored", "_service", "_unclean"),
    )

    def __init__(
        self, service: Service, codec: Codec, request: Metadata, number: int | None, echoed: dict[str, str | None]
    ) -> None:
        self._service = service
        self._client_codec = codec
        self._codec = codec if service.stateless else copy.deepcopy(codec)
        self._request = request
        self._echoed = echoed
        decoder, spare = None, service.spare_decoders
        if spare:
            try:  # noqa: SIM105 - suppress takes as long as a new decoder
                decoder = spare.pop()
            except IndexError:  # another worker was quicker
                pass
        self._decoder = decoder or MessageDecoder(self._codec, Direction.TO_CLIENT)
        own = request.request_id if request.stream_id is None else request.stream_id
        self._number = own if number is None else number
        self._restored = None if number is None else own
        # A copy of this answer could later be taken for the answer to another client's request.
        self._unclean = number is None and self._codec.correlation is Correlation.ID

    def size_of(self, head: bytes) -> int:
        """Return how many bytes the message at least has that begins; 0 if nothing is known, or none begins here.

        Args:
            head: The first bytes after all that was fed.
        """
        return 0 if self._decoder.buffered else size_of(self._codec, head, Direction.TO_CLIENT)

    @property
    def buffered(self) -> int:
        """Bytes kept of a message that is not whole yet."""
        return self._decoder.buffered

    def feed(self, data: bytes) -> Result | int | None:
        """Take the server's next bytes.

        Args:
            data: Bytes as they came.

        Returns:
            The answer; None if it is not whole yet; the number of a counter if these bytes are not the answer.
        """
        try:
            messages = self._decoder.feed(data)
            for at, message in enumerate(messages):
                if message.message_type not in _ANSWERS or message.expects_reply:
                    if not isinstance(message.message_type, MessageType):
                        raise TypeError(f"a message has a MessageType, not {message.message_type!r:.60}")
                    self._unclean = True  # a server that asks or announces something is not answered here
                elif not self._pairs(message):
                    if not self._is_late(message):
                        return int(Counter.UPSTREAM_CLOSED)
                    self._unclean = True
                else:
                    decoder = self._decoder
                    surplus = at + 1 < len(messages) or decoder.buffered or decoder.opaque
                    unclean = bool(self._unclean or surplus or decoder.stream_error is not None)
                    spare = self._service.spare_decoders
                    if not unclean and spare is not None and len(spare) < SPARE_AT_MOST:
                        spare.append(decoder)
                    return self._result(message, unclean)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self._codec, bug)
            return int(Counter.CODEC_EXCEPTIONS)
        return int(Counter.UPSTREAM_CLOSED) if self._decoder.stream_error is not None or self._decoder.opaque else None

    def _pairs(self, message: Metadata) -> bool:
        return self._codec.correlation is not Correlation.ID or message.request_id == self._number

    def _is_late(self, message: Metadata) -> bool:
        """Return True if it is of an earlier request on this connection: an answer once more, or to a oneway."""
        if message.stream_id is None:
            ids = self._service.request_ids
            return ids is not None and message.request_id in ids
        ids = self._service.stream_ids
        return ids is not None and message.stream_id in ids

    def _result(self, message: Metadata, unclean: bool) -> Result:
        codec = self._codec
        message.request = self._request
        if message.error is None:
            try:
                codec.complete(message)
            except ProtocolError as error:
                message.error = error.with_traceback(None)
        cause = codec.error_type(message)
        status = 200 if cause is None else _STATUS.get(cause, 500)
        raw = message.message
        late = not self._service.stateless
        if self._restored is not None or (self._echoed and message.error is None):
            if len(raw) > RESTORED_LATE:
                late = True
            else:
                raw = renumbered(codec, message, Mutation({} if message.error else self._echoed), self._restored)
        fields = to_headers(message.properties if message.error is None else {})
        complete = message.error is None and not message.incomplete and not fields.collision
        if fields.size > MAX_RESPONSE_HEADERS_SIZE or len(fields.names) > MAX_RESPONSE_HEADERS:
            fields, complete = to_headers({}), False
        own = _OWN[message.message_type]
        if message.status_code is not None:
            own += ("x-metaprotocol-status-code", str(message.status_code))
        if not complete:
            own += ("x-metaprotocol-incomplete", "true")
        reply = Reply(self._service, self._client_codec, message, fields, self._restored, self._echoed)
        return (status, own, fields.flat, raw, reply, unclean, late)


class StreamAttempt(Attempt):
    """Reads what a server says in a stream.

    The first message is an answer as others are: filters see it and may change it. The later ones pass as they are.

    Args:
        service: The filter that the client came to.
        codec: Of the client's connection.
        stream: The request that opened the stream.
        number: The stream's id at the server; None if that is its own.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_stream",)

    def __init__(
        self, service: Service, codec: Codec, stream: StreamState, number: int | None, echoed: dict[str, str | None]
    ) -> None:
        super().__init__(service, codec, stream.metadata, number, echoed)
        self._stream = stream

    def feed(self, data: bytes) -> StreamResult | int:  # type: ignore[override]
        """Take the server's next bytes.

        Args:
            data: Bytes as they came.

        Returns:
            The messages that they complete; the number of a counter if they are not the stream's.
        """
        stream, decoder = self._stream, self._decoder
        first: Result | None = None
        later: list[bytes] = []
        over = False
        try:
            for message in decoder.feed(data):
                if message.stream_id != self._number and self._is_late(message):
                    self._unclean = True
                    continue
                if over or message.error is not None or message.stream_id != self._number:
                    return int(Counter.UPSTREAM_CLOSED)
                if stream.opened:
                    later.append(renumbered(self._codec, message, Mutation(), self._restored))
                else:
                    first = self._result(message, unclean=False)
                    stream.opened = True
                kind = message.message_type
                if kind is MessageType.STREAM_CLOSE_ONE_WAY:
                    stream.server_closed = True
                    over = stream.client_closed
                elif kind is MessageType.STREAM_CLOSE_TWO_WAY or message.status is Status.ERROR:
                    over = True
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self._codec, bug)
            return int(Counter.CODEC_EXCEPTIONS)
        if decoder.stream_error is not None or decoder.opaque:
            return int(Counter.UPSTREAM_CLOSED)
        unclean = bool(over and (self._unclean or decoder.buffered or not stream.client_closed))
        return (first, tuple(later), over, unclean)
