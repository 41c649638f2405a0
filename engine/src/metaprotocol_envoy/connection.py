"""The codec's side of one client connection. Sans-IO: bytes in, plain tuples for the C half out.

The C half knows HTTP/2 and Envoy and nothing of the protocol; this half knows the protocol and nothing of Envoy. No
method lets an exception out: a codec that raises ends its connection, is reported and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from metaprotocol_envoy.detect import size_of
from metaprotocol_envoy.errors import stream_error
from metaprotocol_envoy.headers import path_of, to_headers
from metaprotocol_envoy.log import Rationed, report_bug
from metaprotocol_envoy.request import Request
from metaprotocol_envoy.service import codec_of_connection
from metaprotocol_envoy.statistics import Counter, request_counter
from metaprotocol_envoy.upstream_ids import as_bytes, renumbered
from metaprotocol_sdk import (
    ClosingReply,
    Direction,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
)

if TYPE_CHECKING:
    from metaprotocol_envoy.service import Service

FORWARD, REPLY, CLOSE, STREAM = range(4)
NEEDS_REPLY, ONEWAY, ONEWAY_WITH_SECRET_ID, OPENS_STREAM = range(4)

LONGEST_FIELD = 65_536
"""The bytes of a header's name, or of its value. For more, Envoy's HTTP/2 ends the whole connection."""

Step: TypeAlias = tuple[Any, ...]
"""The next actions of the C half, in order:

* `(FORWARD, counter, path, authority, own headers, property headers, message, request, kind)`; the kind is NEEDS_REPLY,
  ONEWAY, ONEWAY_WITH_SECRET_ID or OPENS_STREAM
* `(STREAM, counter, request, message, half, all)`: a later message of a stream; its end in one direction or both
* `(REPLY, counter, bytes, close, alive)`: answer the client; the bytes may be empty; alive: it is to a heartbeat
* `(CLOSE, counter)`: read no more, and close when all earlier requests are answered
"""

_FORWARDED = frozenset({MessageType.REQUEST, MessageType.ONEWAY, MessageType.HEARTBEAT, MessageType.EVENT})
_OWN: dict[MessageType, tuple[str, ...]] = {kind: ("x-metaprotocol-type", kind.value) for kind in MessageType}
_CLOSES = frozenset({MessageType.STREAM_CLOSE_ONE_WAY, MessageType.STREAM_CLOSE_TWO_WAY})
_NO_STREAM = Error(ErrorType.BAD_REQUEST, "there is no such stream")
_CLOSING = Rationed()
_INCOMPLETE = ("x-metaprotocol-incomplete", "true")


class Connection:
    """One client's connection.

    Args:
        service: The filter that it came to.
    """

    __slots__ = ("_decoder", "codec", "service", "streams")

    def __init__(self, service: Service) -> None:
        self.service = service
        self.codec = codec_of_connection(service.codec)
        self._decoder = MessageDecoder(self.codec, Direction.TO_SERVER)
        self.streams: dict[int | None, Request] = {}

    @property
    def buffered(self) -> int:
        """Bytes kept of a message that is not whole yet."""
        return self._decoder.buffered

    def close(self) -> None:
        """Forget the streams of a client that has gone: each of them keeps the table that it is in."""
        self.streams.clear()

    def size_of(self, head: bytes) -> int:
        """Return how many bytes the message at least has that begins; 0 if nothing is known, or none begins here.

        Args:
            head: The first bytes after all that was fed.
        """
        return 0 if self._decoder.buffered else size_of(self.codec, head, Direction.TO_SERVER)

    def feed(self, data: bytes) -> list[Step]:
        """Take the client's next bytes and return what to do with the messages that they complete.

        Args:
            data: Bytes as they came.
        """
        steps: list[Step] = []
        try:
            for message in self._decoder.feed(data):
                step = self._step(message) if message.stream_id is None else self._stream_step(message)
                steps.append(step)
                if step[0] == CLOSE or (step[0] == REPLY and step[3]):
                    return steps
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self.codec, bug)
            steps.append((CLOSE, Counter.CODEC_EXCEPTIONS))
            return steps
        if self._decoder.stream_error is not None:
            _CLOSING.report(f"the codec {self.codec.name} closes a connection: {self._decoder.stream_error}")
            steps.append((CLOSE, Counter.DECODE_ERRORS))
        elif self._decoder.opaque:
            _CLOSING.report(
                f"the codec {self.codec.name} closes a connection: bytes that are no messages are not handed on"
            )
            steps.append((CLOSE, Counter.DECODE_ERRORS))
        return steps

    def _step(self, message: Metadata) -> Step:
        kind = message.message_type
        if message.error is not None:
            return self._refuse(message, ErrorType.BAD_REQUEST, str(message.error), Counter.DECODE_ERRORS)
        if kind not in _FORWARDED:
            if not isinstance(kind, MessageType):
                raise TypeError(f"a message has a MessageType, not {kind!r:.60}")
            return (REPLY, Counter.IGNORED, b"", False, False)
        if kind is MessageType.HEARTBEAT:
            if not message.expects_reply:
                return (REPLY, Counter.IGNORED, b"", False, False)
            reply = self.codec.heartbeat_reply(message)
            if reply is not None:
                return (REPLY, request_counter(kind), as_bytes(reply), isinstance(reply, ClosingReply), True)
        return self._forward(message, kind)

    def _stream_step(self, message: Metadata) -> Step:
        """Return what to do with a message of a stream.

        All of a stream's messages go to the server that its first one was sent to. What they say changes nothing that
        was decided by the first one's properties.
        """
        kind, number = message.message_type, message.stream_id
        stream = self.streams.get(number)
        if kind is MessageType.STREAM_INIT:
            if stream is not None:
                return self._refuse(message, ErrorType.BAD_REQUEST, "the stream is open already", Counter.DECODE_ERRORS)
            if message.error is not None:
                return self._refuse(message, ErrorType.BAD_REQUEST, str(message.error), Counter.DECODE_ERRORS)
            step = self._forward(message, kind)
            if step[0] == FORWARD:
                self.streams[number] = step[7]
            return step
        if stream is None:
            if kind in _CLOSES:
                return (REPLY, Counter.IGNORED, b"", False, False)
            return (REPLY, Counter.DECODE_ERRORS, stream_error(self.codec, message, _NO_STREAM), False, False)
        ends = kind is MessageType.STREAM_CLOSE_TWO_WAY
        half = kind is MessageType.STREAM_CLOSE_ONE_WAY
        if message.error is not None:  # it is not forwarded; the server learns that the stream is over
            error = Error(ErrorType.BAD_REQUEST, str(message.error))
            data, ends = stream_error(self.codec, stream.at_server(message), error, Direction.TO_SERVER), True
        else:
            data = renumbered(self.codec, message, Mutation(), stream.number)
        if half:
            stream.client_closed = True
            ends = ends or stream.server_closed
        if ends:
            del self.streams[number]
        return (STREAM, request_counter(kind), stream, data, half, ends)

    def _forward(self, message: Metadata, kind: MessageType) -> Step:
        service = self.service
        settings = service.settings
        fields = to_headers(message.properties)
        own = _OWN[kind]
        incomplete = message.incomplete
        if fields.collision:
            incomplete = incomplete or f"the names {fields.collision} differ only in case"
        if incomplete:
            if settings.incomplete == "refuse":
                return self._refuse(message, ErrorType.BAD_REQUEST, incomplete, Counter.INCOMPLETE_REFUSED)
            own += _INCOMPLETE
        authority = service.authority(message)
        path = path_of(message.operation)
        size = fields.size + len(path) + len(authority)
        if len(fields.names) > settings.max_headers or size > settings.max_headers_size:
            text = (
                f"{len(fields.names):,} properties of {size:,} bytes are over the limit of "
                f"{settings.max_headers:,} and {settings.max_headers_size:,}"
            )
            return self._refuse(message, ErrorType.BAD_REQUEST, text, Counter.HEADERS_OVER_LIMIT)
        if size > LONGEST_FIELD and any(len(part.encode()) > LONGEST_FIELD for part in (path, authority, *fields.flat)):
            text = f"a property, or the operation, is longer than the {LONGEST_FIELD:,} bytes that a header may have"
            return self._refuse(message, ErrorType.BAD_REQUEST, text, Counter.HEADERS_OVER_LIMIT)
        request = Request(service, self.codec, self.streams, message, fields)
        sent = request.renumber()
        if kind is MessageType.STREAM_INIT:
            wait = OPENS_STREAM
        elif message.expects_reply:
            wait = NEEDS_REPLY
        else:
            ids = service.request_ids
            wait = ONEWAY_WITH_SECRET_ID if ids and ids.secret and request.number is not None else ONEWAY
        return (FORWARD, request_counter(kind), path, authority, own, fields.flat, sent, request, wait)

    def _refuse(self, message: Metadata, cause: ErrorType, text: str, counter: Counter) -> Step:
        reply = as_bytes(self.codec.on_error(message, Error(cause, text)))
        return (REPLY, counter, reply, isinstance(reply, ClosingReply), False)


def connect(service: Service) -> Connection | None:
    """Return the codec's side of a new connection of a client; None if the codec fails.

    Args:
        service: The filter that it came to.
    """
    try:
        return Connection(service)
    except Exception as bug:  # noqa: BLE001 - whatever a codec raises
        report_bug(service.codec, bug)
        return None
