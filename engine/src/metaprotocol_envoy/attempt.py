"""One attempt to get the answer to a request from a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from metaprotocol_envoy.headers import difference, to_headers
from metaprotocol_envoy.log import report, report_bug
from metaprotocol_envoy.statistics import Counter
from metaprotocol_sdk import (
    Correlation,
    Direction,
    EncodeError,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.headers import Fields, HeaderRules
    from metaprotocol_sdk import Codec

Result: TypeAlias = "tuple[int, tuple[str, ...], tuple[str, ...], bytes, Reply, bool]"
"""An answer for the C half: HTTP status, own headers, property headers, message, reply, and True if the connection to
the server must not be used again."""

MAX_RESPONSE_HEADERS = 80
MAX_RESPONSE_HEADERS_SIZE = 48 * 1024
"""The properties of an answer that filters see: all, or none and `x-metaprotocol-incomplete`. The answer itself passes
either way."""

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


class Attempt:
    """Reads the answer to one request from one connection to a server.

    Exactly one message is believed, and only if it pairs with the request: what else a server says on a connection that
    others use later must reach nobody.

    Args:
        codec: The codec object of the client's connection.
        request: The request.
        rules: Says which headers of the answer count.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_codec", "_decoder", "_echoed", "_request", "_rules", "_unclean")

    def __init__(self, codec: Codec, request: Metadata, rules: HeaderRules, echoed: dict[str, str | None]) -> None:
        self._codec = codec
        self._request = request
        self._rules = rules
        self._echoed = echoed
        self._decoder = MessageDecoder(codec, Direction.TO_CLIENT)
        self._unclean = False

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
                    self._unclean = True  # a server that asks or announces something is not answered here
                elif not self._pairs(message):
                    return int(Counter.UPSTREAM_CLOSED)
                else:
                    decoder = self._decoder
                    surplus = at + 1 < len(messages) or decoder.buffered or decoder.opaque
                    unclean = bool(self._unclean or surplus or decoder.stream_error is not None)
                    return self._result(message, unclean)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self._codec, bug)
            return int(Counter.CODEC_EXCEPTIONS)
        return int(Counter.UPSTREAM_CLOSED) if self._decoder.stream_error is not None or self._decoder.opaque else None

    def _pairs(self, message: Metadata) -> bool:
        return self._codec.correlation is not Correlation.ID or message.request_id == self._request.request_id

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
        if self._echoed and message.error is None:
            raw = codec.encode(message, Mutation(self._echoed))
        fields = to_headers(message.properties if message.error is None else {})
        complete = message.error is None and not message.incomplete and not fields.collision
        if fields.size > MAX_RESPONSE_HEADERS_SIZE or len(fields.names) > MAX_RESPONSE_HEADERS:
            fields, complete = to_headers({}), False
        own = _OWN[message.message_type]
        if message.status_code is not None:
            own += ("x-metaprotocol-status-code", str(message.status_code))
        if not complete:
            own += ("x-metaprotocol-incomplete", "true")
        reply = Reply(codec, message, fields, self._rules, self._echoed)
        return (status, own, fields.flat, raw, reply, unclean)


class Reply:
    """An answer that is on its way back to the client.

    Args:
        codec: The codec object of the client's connection.
        metadata: The answer.
        fields: Its headers.
        rules: Says which headers count.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_codec", "_echoed", "_fields", "_metadata", "_rules")

    def __init__(
        self, codec: Codec, metadata: Metadata, fields: Fields, rules: HeaderRules, echoed: dict[str, str | None]
    ) -> None:
        self._codec = codec
        self._metadata = metadata
        self._fields = fields
        self._rules = rules
        self._echoed = echoed

    def outgoing(self, after: Iterable[tuple[bytes, bytes]]) -> bytes | int:
        """Return the bytes for the client: the answer, changed as its headers were.

        Args:
            after: The headers that came out of Envoy's filters.

        Returns:
            The bytes; or the number of a counter, if the message cannot carry the change.
        """
        try:
            changes = difference(self._rules, self._fields.flat, self._fields.names, after)
            return self._codec.encode(self._metadata, Mutation({**self._echoed, **changes}))
        except EncodeError as error:
            report(f"a response cannot be changed as Envoy asks: {error}")
            return int(Counter.MUTATIONS_REFUSED)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self._codec, bug)
            return int(Counter.CODEC_EXCEPTIONS)
