"""The codec's side of one client connection. Sans-IO: bytes in, plain tuples for the C half out.

The C half knows HTTP/2 and Envoy and nothing of the protocol; this half knows the protocol and nothing of Envoy. No
method lets an exception out: a codec that raises ends its connection, is reported and counted.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

from metaprotocol_envoy.attempt import (
    Answer,
    Attempt,
    ClientSide,
    StreamAttempt,
    answer_with_error,
    stream_error,
)
from metaprotocol_envoy.causes import STOPPED, error_type
from metaprotocol_envoy.detect import Detection, detect, size_of
from metaprotocol_envoy.headers import HeaderRules, change_headers, changed, difference, path_of, to_headers
from metaprotocol_envoy.log import Rationed, report_bug
from metaprotocol_envoy.settings import SettingsError
from metaprotocol_envoy.statistics import Counter, request_counter
from metaprotocol_envoy.upstream_ids import as_bytes, renumbered, request_ids, stream_ids
from metaprotocol_envoy.versions import Version
from metaprotocol_sdk import (
    Capability,
    ClosingReply,
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    HeaderLength,
    LengthField,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    UnsupportedMutation,
    UpstreamConnection,
    load_codec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.headers import Fields
    from metaprotocol_envoy.settings import Settings

FORWARD, REPLY, CLOSE, STREAM = range(4)
NEEDS_REPLY, ONEWAY, ONEWAY_WITH_SECRET_ID, OPENS_STREAM = range(4)

LONGEST_FIELD = 65_536
"""The bytes of a header's name, or of its value. For more, Envoy's HTTP/2 ends the whole connection."""

Outgoing: TypeAlias = tuple[bytes, int]
"""Bytes for the server, and the number of a counter, -1 for none."""

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


class Service:
    """All that the connections of one codec filter share.

    Args:
        settings: The settings of the filter.

    Raises:
        SettingsError: The codec needs what is not built yet, or its code is not in the folder.
        RegistryError: The codec cannot be loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.version = Version(settings.code, settings.codec) if settings.code else None
        codec = load_codec(self.version.target if self.version else settings.codec)
        missing = _not_built(codec)
        if missing:
            raise SettingsError(f"the codec {codec.name!r} cannot run in Envoy yet: {missing}")
        self.codec = codec
        self.settings = settings
        mutable = Capability.REQUEST_MUTATION in codec.capabilities
        self.request_rules = HeaderRules.of(settings.propagate, mutable=mutable)
        self.response_rules = HeaderRules.of((), mutable=False)
        self.in_order = codec.ordered_replies or codec.correlation is not Correlation.ID
        self.one_by_one = (
            codec.upstream_connection is UpstreamConnection.ORDERED or codec.correlation is Correlation.SERIAL
        )
        self.stateless = _is_stateless(codec)
        # Where the framing is data alone, a decoder between two messages is as good as a new one.
        reusable = self.stateless and isinstance(codec.framing, (LengthField, HeaderLength))
        self.spare_decoders: list[MessageDecoder] | None = [] if reusable else None
        # The state of a connection may hang on the ids that its client has chosen.
        self.request_ids = request_ids(codec) if self.stateless else None
        self.stream_ids = stream_ids(codec) if self.stateless else None
        self.passes = settings.unsupported_mutation == "pass"

    def authority_mutation(self, after: Iterable[tuple[bytes, bytes]]) -> dict[str, str | None]:
        """Return the change of properties that a changed `:authority` means.

        Args:
            after: The headers that came out of Envoy's filters.

        Raises:
            UnsupportedMutation: No property stands for the authority.
        """
        settings = self.settings
        authority = next((value.decode("latin-1") for name, value in after if name == b":authority"), "")
        if not settings.authority_property or not authority.endswith(settings.authority_suffix):
            raise UnsupportedMutation(f"its :authority became {authority!r}, for which no property stands")
        return {settings.authority_property: authority.removesuffix(settings.authority_suffix)}

    def detect(self, head: bytes) -> int:
        """Return whose protocol a connection's first bytes are, a `Detection`."""
        try:
            return detect(self.codec, head)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self.codec, bug)
            return Detection.OURS  # where the bug will meet it again, and end the connection

    def connect(self) -> Connection | None:
        """Return the codec's side of a new connection of a client; None if the codec fails."""
        try:
            return Connection(self)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self.codec, bug)
            return None


class Connection:
    """One client's connection.

    Args:
        service: The filter that it came to.
    """

    __slots__ = ("_decoder", "client", "codec", "service", "streams")

    def __init__(self, service: Service) -> None:
        self.service = service
        self.codec = _codec_of_connection(service.codec)
        self.client = ClientSide(
            self.codec,
            service.stateless,
            service.response_rules,
            service.request_ids,
            service.stream_ids,
            service.spare_decoders,
            service.passes,
        )
        self._decoder = MessageDecoder(self.codec, Direction.TO_SERVER)
        self.streams: dict[int | None, Request] = {}

    @property
    def buffered(self) -> int:
        """Bytes kept of a message that is not whole yet."""
        return self._decoder.buffered

    def close(self) -> None:
        """Forget the streams of a client that has gone: they would keep the connection, and it them."""
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
        settings = self.service.settings
        fields = to_headers(message.properties)
        own = _OWN[kind]
        incomplete = message.incomplete
        if fields.collision:
            incomplete = incomplete or f"the names {fields.collision} differ only in case"
        if incomplete:
            if settings.incomplete == "refuse":
                return self._refuse(message, ErrorType.BAD_REQUEST, incomplete, Counter.INCOMPLETE_REFUSED)
            own += _INCOMPLETE
        authority = self._authority(message)
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
        request = Request(self, message, fields)
        sent = request.renumber()
        if kind is MessageType.STREAM_INIT:
            wait = OPENS_STREAM
        elif message.expects_reply:
            wait = NEEDS_REPLY
        else:
            ids = self.service.request_ids
            wait = ONEWAY_WITH_SECRET_ID if ids and ids.secret and request.number is not None else ONEWAY
        return (FORWARD, request_counter(kind), path, authority, own, fields.flat, sent, request, wait)

    def _authority(self, message: Metadata) -> str:
        settings = self.service.settings
        if settings.authority_property:
            value = message.properties.get(settings.authority_property, "")
            if value and value.isascii() and all(char.isalnum() or char in "-._" for char in value):
                return value + settings.authority_suffix
        return settings.authority

    def _refuse(self, message: Metadata, cause: ErrorType, text: str, counter: Counter) -> Step:
        reply = as_bytes(self.codec.on_error(message, Error(cause, text)))
        return (REPLY, counter, reply, isinstance(reply, ClosingReply), False)


class Request:
    """A request that is on its way through Envoy.

    Args:
        connection: The client's connection.
        metadata: The request.
        fields: Its headers.
    """

    __slots__ = (
        *("_fields", "_mutation", "_refusal", "_stopped", "connection", "metadata"),
        *("client_closed", "number", "opened", "server_closed"),
    )

    def __init__(self, connection: Connection, metadata: Metadata, fields: Fields) -> None:
        self.connection = connection
        self.metadata = metadata
        self._fields = fields
        self._mutation = Mutation()
        self._refusal: Error | None = None
        self._stopped: Error | None = None
        self.number: int | None = None
        # Of a stream: who has ended its half, and whether the server has answered.
        self.client_closed = self.server_closed = self.opened = False

    def renumber(self) -> bytes:
        """Choose the id under which the request leaves; return its bytes with that.

        If the codec cannot write one, the request keeps its own, and no other uses its connection to the server later.
        """
        service, metadata = self.connection.service, self.metadata
        own = metadata.stream_id
        ids = service.stream_ids
        if own is None:
            own, ids = metadata.request_id, service.request_ids
        if ids is not None:
            self.number = ids.new(own)
            try:
                return renumbered(self.connection.codec, metadata, Mutation(), self.number)
            except EncodeError:
                self.number = None
        return metadata.message

    def at_server(self, message: Metadata) -> Metadata:
        """Return a message of the client in the stream with the id that the stream has at the server.

        Args:
            message: A message of the stream.
        """
        if self.number is None:
            return message
        known = copy.copy(message)
        known.stream_id = self.number
        return known

    def current(self, after: Iterable[tuple[bytes, bytes]]) -> Metadata:
        """Return the request as the filters before have left it.

        Args:
            after: Its headers as they are now.
        """
        changes = difference(self.connection.service.request_rules, self._fields.flat, self._fields.names, after)
        return changed(self.metadata, changes)

    def change(self, mutation: Mutation) -> tuple[str | None, ...]:
        """Return the change of headers that a filter's mutation means: names and values in turn, None to remove.

        Args:
            mutation: What the filter wants changed.
        """
        return change_headers(self._fields, mutation)

    def stop(self, error: Error) -> None:
        """Remember the answer of a filter, for `local_reply`.

        Args:
            error: What the filter has returned.
        """
        self._stopped = error

    def outgoing(self, after: Iterable[tuple[bytes, bytes]], authority_changed: bool) -> Outgoing | int:
        """Return the bytes for the server: the message, changed as its headers were.

        Args:
            after: The headers that came out of Envoy's filters.
            authority_changed: True if `:authority` is another than went in.

        Returns:
            The bytes and the number of a counter, -1 for none; or that number alone, if the message cannot carry the
            change.
        """
        connection, metadata = self.connection, self.metadata
        service = connection.service
        try:
            headers = list(after)
            mutation = Mutation(difference(service.request_rules, self._fields.flat, self._fields.names, headers))
            if authority_changed:
                mutation |= service.authority_mutation(headers)
            self._mutation = mutation
            try:
                return (renumbered(connection.codec, metadata, mutation, self.number), -1)
            except UnsupportedMutation:
                if not service.passes:
                    raise
                unchanged = renumbered(connection.codec, metadata, Mutation(), self.number)
                return (unchanged, Counter.MUTATIONS_REFUSED)
        except UnsupportedMutation as error:
            self._refusal = Error(ErrorType.BAD_REQUEST, f"the request cannot be changed as Envoy asks: {error}")
            return int(Counter.MUTATIONS_REFUSED)
        except EncodeError as error:
            self._refusal = Error(ErrorType.BAD_REQUEST, f"the request cannot be sent: {error}")
            return int(Counter.MUTATIONS_REFUSED)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(connection.codec, bug)
            self._refusal = Error(ErrorType.UNSPECIFIED, "the codec failed")
            return int(Counter.CODEC_EXCEPTIONS)

    def attempt(self) -> Attempt | StreamAttempt:
        """Return the decoder of one attempt to get an answer."""
        echoed: dict[str, str | None] = {}
        if self._mutation:
            for name in self.connection.codec.echoed_properties & self._mutation.keys():
                echoed[name] = self.metadata.properties.get(name)
        if self.metadata.message_type is MessageType.STREAM_INIT:
            return StreamAttempt(self.connection.client, self, self.number, echoed)
        return Attempt(self.connection.client, self.metadata, self.number, echoed)

    def close_stream(self) -> None:
        """Forget a stream, which has ended; its id may be another's by now."""
        streams, number = self.connection.streams, self.metadata.stream_id
        if streams.get(number) is self:
            del streams[number]

    # Errors of an attempt. The C half keeps them with the attempt, and hands the one that Envoy delivers to `answer`.

    def refusal(self) -> Error:
        """Return the reason for which `outgoing` returned no bytes."""
        return self._refusal or Error(ErrorType.UNSPECIFIED, "the codec failed")

    def changed_method(self) -> Error:
        """Return the error of a request whose `:method` was changed."""
        return Error(ErrorType.BAD_REQUEST, "the request's HTTP method was changed")

    def changed_path(self) -> Error:
        """Return the error of a request whose `:path` was changed, which no message can carry."""
        return Error(ErrorType.BAD_REQUEST, "the request's :path was changed, which its message cannot carry")

    def changed_request_body(self) -> Error:
        """Return the error of a request that was given a body or trailers."""
        return Error(ErrorType.BAD_REQUEST, "the request was given an HTTP body, which its message cannot carry")

    def bad_response(self) -> Error:
        """Return the error of a request whose server did not answer it with a message that can be read."""
        return Error(ErrorType.BAD_RESPONSE, "the server's bytes are no answer to the request")

    def stream_cannot_be_repeated(self) -> Error:
        """Return the error of a stream that is retried or mirrored: its messages have left already."""
        return Error(ErrorType.UPSTREAM_RESET, "a stream cannot be retried or mirrored")

    def no_room(self) -> Error:
        """Return the error of a request whose answer would have to wait, and there is no room for it."""
        return Error(ErrorType.OVERFLOW, "too many answers wait for clients that do not read")

    # Answers to the client.

    def answer(self, error: Error | None) -> Answer:
        """Return the answer to a request whose attempt ended with an error.

        Args:
            error: What one of the methods above returned; None if the codec failed.
        """
        return self._answer(error or Error(ErrorType.UNSPECIFIED, "the codec failed"))

    def local_reply(self, status: int, details: str) -> Answer:
        """Return the answer to a request that Envoy answered itself.

        Args:
            status: The HTTP status of Envoy's own reply; 0 if the stream was reset.
            details: Envoy's `response.code_details`, or "".
        """
        if self._stopped is not None and details.startswith(STOPPED):
            return self._answer(self._stopped)
        cause = error_type(status, details)
        return self._answer(Error(cause, details or f"HTTP status {status}"))

    def overflow(self) -> Answer:
        """Return the answer to a request that was not sent, since too many wait."""
        self.close_stream()
        return self._answer(Error(ErrorType.OVERFLOW, "too many requests wait for an answer"))

    def changed_body(self) -> Answer:
        """Return the answer to a request whose answer was changed as an HTTP body."""
        return self._answer(Error(ErrorType.BAD_RESPONSE, "the answer was given an HTTP body"))

    def _answer(self, error: Error) -> Answer:
        return answer_with_error(self.connection.codec, self.metadata, error, open_stream=self.opened)


def _codec_of_connection(codec: Codec) -> Codec:
    found = codec.for_connection()
    if not isinstance(found, Codec):
        raise TypeError(f"for_connection returns a codec, not {found!r:.60}")
    return found


def _is_stateless(codec: Codec) -> bool:
    """Return True if all connections share the codec; what each attempt of others needs is tried once.

    Raises:
        SettingsError: The codec cannot make one for a connection, or it cannot be copied.
    """
    try:
        found = _codec_of_connection(codec)
        if found is not codec:
            copy.deepcopy(found)
    except Exception as bug:
        raise SettingsError(
            f"the codec {codec.name!r} cannot run: its for_connection() must return a codec that copy.deepcopy copies, "
            f"since each attempt has a codec of its own: {type(bug).__name__}: {bug}"
        ) from bug
    return found is codec


def _not_built(codec: Codec) -> str:
    """Return what the codec needs and the module does not have yet, or ""."""
    if codec.server_first:
        return "servers that speak first"
    if codec.upstream_connection is UpstreamConnection.SESSION:
        return f"upstream_connection {codec.upstream_connection.value}"
    return ""
