"""One attempt to get the answer to a request from a server."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attrs import frozen

from metaprotocol_envoy.detect import size_of
from metaprotocol_envoy.headers import change_headers, changed, difference, to_headers
from metaprotocol_envoy.log import Rationed, report_bug
from metaprotocol_envoy.statistics import Counter, reply_counter
from metaprotocol_envoy.upstream_ids import as_bytes, renumbered
from metaprotocol_sdk import (
    ClosingReply,
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
    Status,
    StreamCodec,
    UnsupportedMutation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.headers import Fields, HeaderRules
    from metaprotocol_envoy.upstream_ids import UpstreamIds
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

Answer: TypeAlias = "tuple[int, bytes, bool]"
"""A counter, -1 for none; bytes for the client; True if the connection must end after them."""

RESTORED_LATE = 64 * 1024
"""A longer answer gets the client's id back when it leaves: until then it would be held twice."""

SPARE_AT_MOST = 256
"""Decoders that are kept for later attempts."""

_UNCHANGED, _UNANSWERED = Rationed(), Rationed()
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


@frozen
class ClientSide:
    """The client's connection, as an answer sees it.

    Args:
        codec: The codec object of the connection.
        stateless: True if that is the one of all connections.
        rules: Says which headers of answers count.
        request_ids: Those under which requests leave; None if they keep their own.
        stream_ids: The same of streams.
        spare: Decoders of answers that stand between two messages, for the next attempt of any connection; None if a
            decoder must not be used again.
        passes: True if an answer that cannot be changed passes as it came.
    """

    codec: Codec
    stateless: bool
    rules: HeaderRules
    request_ids: UpstreamIds | None
    stream_ids: UpstreamIds | None
    spare: list[MessageDecoder] | None
    passes: bool


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
        client: The client's connection. An attempt does not touch the state of its codec: many are never delivered.
        request: The request.
        number: The id under which it has left; None if that is its own.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_client", "_codec", "_decoder", "_echoed", "_number", "_request", "_restored", "_unclean")

    def __init__(
        self, client: ClientSide, request: Metadata, number: int | None, echoed: dict[str, str | None]
    ) -> None:
        self._client = client
        self._codec = client.codec if client.stateless else copy.deepcopy(client.codec)
        self._request = request
        self._echoed = echoed
        decoder = None
        if client.spare:
            try:  # noqa: SIM105 - suppress takes as long as a new decoder
                decoder = client.spare.pop()
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
                    spare = self._client.spare
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
            ids = self._client.request_ids
            return ids is not None and message.request_id in ids
        ids = self._client.stream_ids
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
        late = not self._client.stateless
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
        reply = Reply(self._client, message, fields, self._restored, self._echoed)
        return (status, own, fields.flat, raw, reply, unclean, late)


class StreamAttempt(Attempt):
    """Reads what a server says in a stream.

    The first message is an answer as others are: filters see it and may change it. The later ones pass as they are.

    Args:
        client: The client's connection.
        stream: The request that opened the stream.
        number: The stream's id at the server; None if that is its own.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_stream",)

    def __init__(
        self, client: ClientSide, stream: StreamState, number: int | None, echoed: dict[str, str | None]
    ) -> None:
        super().__init__(client, stream.metadata, number, echoed)
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


class Reply:
    """An answer that is on its way back to the client.

    Args:
        client: The client's connection.
        metadata: The answer.
        fields: Its headers.
        restored: The client's own id; None if the answer has it.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_client", "_echoed", "_fields", "_metadata", "_restored")

    def __init__(
        self,
        client: ClientSide,
        metadata: Metadata,
        fields: Fields,
        restored: int | None,
        echoed: dict[str, str | None],
    ) -> None:
        self._client = client
        self._restored = restored
        self._echoed = echoed
        self._fields = fields
        self._metadata = metadata

    def current(self, after: Iterable[tuple[bytes, bytes]]) -> Metadata:
        """Return the answer as the filters before have left it.

        Args:
            after: Its headers as they are now.
        """
        return changed(self._metadata, difference(self._client.rules, self._fields.flat, self._fields.names, after))

    def change(self, mutation: Mutation) -> tuple[str | None, ...]:
        """Return the change of headers that a filter's mutation means.

        Args:
            mutation: What the filter wants changed.
        """
        return change_headers(self._fields, mutation)

    def deliver(self) -> Answer:
        """Return the bytes for the client, and let the codec of its connection see them."""
        return self._deliver(Mutation({} if self._metadata.error else self._echoed))

    def deliver_changed(self, after: Iterable[tuple[bytes, bytes]]) -> Answer:
        """Return the bytes for the client: the answer, changed as its headers were.

        Args:
            after: The headers that came out of Envoy's filters.
        """
        rules = self._client.rules
        changes = difference(rules, self._fields.flat, self._fields.names, after)
        return self._deliver(Mutation({**self._echoed, **changes}))

    def _deliver(self, mutation: Mutation) -> Answer:
        codec, metadata = self._client.codec, self._metadata
        try:
            if not self._client.stateless:
                metadata = _seen_by(codec, metadata)
            try:
                return (-1, renumbered(codec, metadata, mutation, self._restored), False)
            except UnsupportedMutation:
                if not self._client.passes:
                    raise
                unchanged = renumbered(codec, metadata, Mutation(self._echoed), self._restored)
                return (Counter.MUTATIONS_REFUSED, unchanged, False)
        except EncodeError as error:
            _UNCHANGED.report(f"a response cannot be changed as Envoy asks: {error}")
            counter = Counter.MUTATIONS_REFUSED
            reason = Error(ErrorType.BAD_RESPONSE, f"the answer cannot be changed as Envoy asks: {error}")
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(codec, bug)
            counter = Counter.CODEC_EXCEPTIONS
            reason = Error(ErrorType.UNSPECIFIED, "the codec failed")
        _, reply, close = answer_with_error(codec, self._request, reason)
        return (int(counter), reply, close)

    @property
    def _request(self) -> Metadata:
        request = self._metadata.request
        assert request is not None  # noqa: S101 - Attempt has set it
        return request


def stream_error(codec: Codec, stream: Metadata, error: Error, direction: Direction = Direction.TO_CLIENT) -> bytes:
    """Return the message that ends a stream."""
    return as_bytes(codec.end_stream(stream, error, direction)) if isinstance(codec, StreamCodec) else b""


def answer_with_error(codec: Codec, request: Metadata, error: Error, *, open_stream: bool = False) -> Answer:
    """Return the protocol's error for a request, as an Answer; a codec that has none closes the connection.

    Args:
        codec: Of the client's connection.
        request: The request.
        error: The reason.
        open_stream: True if it opened a stream, which the server has answered already.
    """
    try:
        if request.message_type is MessageType.STREAM_INIT and (open_stream or not request.expects_reply):
            return (reply_counter(error.type), stream_error(codec, request, error), False)
        reply = as_bytes(codec.on_error(request, error))
        return (reply_counter(error.type), reply, isinstance(reply, ClosingReply))
    except EncodeError as failure:
        _UNANSWERED.report(f"the codec {codec.name} cannot answer a request: {failure}")
        return (reply_counter(error.type), b"", True)
    except Exception as bug:  # noqa: BLE001 - whatever a codec raises
        report_bug(codec, bug)
        return (int(Counter.CODEC_EXCEPTIONS), b"", True)


def _seen_by(codec: Codec, answer: Metadata) -> Metadata:
    """Decode an answer again, with the codec that keeps the state of its client's connection."""
    try:
        seen = codec.decode(answer.message, Direction.TO_CLIENT)
    except ProtocolError:
        return answer
    seen.request = answer.request
    try:
        codec.complete(seen)
    except ProtocolError as error:
        seen.error = error.with_traceback(None)
    return seen
