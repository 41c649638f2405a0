"""The contract of a codec."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from metaprotocol_sdk._enums import (
    Capability,
    Correlation,
    Direction,
    ErrorType,
    Status,
    UpstreamConnection,
)
from metaprotocol_sdk._errors import EncodeError, UnsupportedMutation
from metaprotocol_sdk._framing import Framing
from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk._span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk._layout import Layout
    from metaprotocol_sdk._metadata import Error, Metadata, Mutation

# A Kubernetes port name is a DNS label of at most 63 characters, of which Aeraki's "tcp-metaprotocol-" takes 17.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?")


class Codec(ABC):
    """Reads and rewrites the messages of one protocol.

    Three functions of bytes, and one line that says where a message ends. The framework deals with streams: a codec
    never sees half a message, nor bytes after its end.

    A codec object holds options and `limits` only, and is shared by connections and threads. State that a protocol
    keeps between messages belongs in the object that `for_connection` returns.

    A subclass that leaves out `name`, `framing` or `decode` fails when it is defined. Pass `abstract=True` in the
    class statement for a base class that others complete. A protocol with streams subclasses `StreamCodec`.

    Args:
        limits: Bounds for hostile bytes; by default `default_limits`.
    """

    name: ClassVar[str]
    """A DNS label of at most 46 characters. It becomes part of the port's name: `http-<name>` in Istio, or
    `appProtocol: http`; `tcp-metaprotocol-<name>` is Aeraki's form."""

    framing: Framing
    """The rule that says where a message ends: for nearly all protocols a `LengthField`."""

    layout: ClassVar[Layout | None] = None
    """The protocol's fixed header, for the annotated dump, the docs and the kit."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """The abilities of the codec beyond decoding."""

    correlation: ClassVar[Correlation] = Correlation.ID
    """The rule by which a response finds its request."""

    ordered_replies: ClassVar[bool] = False
    """True if a client expects responses in the order of its requests although they carry ids (Kafka, ZooKeeper). A
    proxy then holds an answer of its own until the responses to earlier requests have passed. With `Correlation.FIFO`
    and `SERIAL` it does so anyway."""

    max_request_id: ClassVar[int] = 2**64 - 1
    """The largest id that a message can hold."""

    reserved_ids: ClassVar[frozenset[int]] = frozenset()
    """Ids with a meaning of their own, which a proxy never gives to a request (ZooKeeper's pings and watches)."""

    upstream_connection: ClassVar[UpstreamConnection] = UpstreamConnection.SHARED
    """The connection that the server needs for the requests of one client."""

    server_first: ClassVar[bool] = False
    """True if the server speaks before the client does (MySQL). See `refuse`."""

    echoed_properties: ClassVar[frozenset[str]] = frozenset()
    """Properties that a response repeats from its request, such as Thrift's `method`. A proxy that has changed one in
    a request puts the client's own value back into the response, which the client compares."""

    service_property: ClassVar[str] = ""
    """The property that names the service of a request, such as Dubbo's `interface`; "" if the protocol has none. A
    listener that several services share chooses among them by it."""

    default_limits: ClassVar[Limits] = Limits()
    """The limits of a codec that is given none."""

    _abstract: ClassVar[bool] = True

    def __init__(self, *, limits: Limits | None = None) -> None:
        if self._abstract:
            raise TypeError(f"{type(self).__qualname__} is a base class for codecs, not a codec")
        if limits is not None and not isinstance(limits, Limits):
            raise TypeError(f"limits must be a Limits, not {limits!r}")
        self.limits = self.default_limits if limits is None else limits

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._abstract = abstract
        if not abstract:
            _check_definition(cls)

    def __repr__(self) -> str:
        options = [f"{key}={value!r}" for key, value in vars(self).items() if value != getattr(type(self), key, None)]
        if self.limits == self.default_limits:
            options = [option for option in options if not option.startswith("limits=")]
        return f"{type(self).__name__}({', '.join(options)})"

    @abstractmethod
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        """Read what rules need from one message, and skip the rest without building it.

        A message whose header can be read and whose body cannot comes back with `Metadata.error` set, and with type,
        id and `expects_reply`, so that the request can be answered.

        Args:
            message: Exactly one message, as `framing` cut it.
            direction: The way it travels.

        Raises:
            ProtocolError: Not even the header can be read. Any other exception is a bug in the codec.
        """

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        """Return the message with the mutation applied, and nothing else changed.

        With an empty mutation and no `request_id` these are the very bytes that were decoded. Neither argument is
        changed, and the call may be repeated (retries, mirrors). The default can do nothing else.

        Args:
            metadata: The result of `decode`.
            mutation: Keys to set and, where the value is None, to remove.
            request_id: The id to write instead, 0 to `max_request_id`; None keeps the message's own.

        Raises:
            UnsupportedMutation: The message cannot carry the mutation.
            EncodeError: The protocol cannot hold the id.
        """
        if mutation:
            raise UnsupportedMutation(f"the codec {self.name} cannot change messages: {sorted(mutation)}")
        if request_id is not None and request_id != metadata.request_id:
            raise EncodeError(f"the codec {self.name} cannot change the id of a message")
        return metadata.message

    def on_error(self, request: Metadata, error: Error) -> bytes:
        """Answer a request in the server's place, so that the protocol's own client sees the error at once.

        Uses the fields and the state of the request, not its `message`. The default cannot answer any request.

        Args:
            request: Any request that `decode` can return.
            error: The reason for the answer.

        Returns:
            The reply, with the request's id; `b""` exactly when the request expects none. A `ClosingReply` if the
            connection must end with it.

        Raises:
            EncodeError: The protocol cannot hold `error.code`.
        """
        if request.expects_reply:
            raise EncodeError(f"the codec {self.name} cannot build error replies: it has no on_error")
        return b""

    def error_type(self, response: Metadata) -> ErrorType | None:
        """Return the reason of a failed response, the inverse of `on_error`; None if the protocol delivered an answer.

        A mesh counts a response with an error type as a failure of the server: it may retry the request and eject the
        host. The default knows no reasons: `UNSPECIFIED` for `Status.ERROR`.

        Args:
            response: A response that `decode` returned.
        """
        return ErrorType.UNSPECIFIED if response.status is Status.ERROR else None

    def heartbeat_reply(self, request: Metadata) -> bytes | None:
        """Answer a heartbeat, from its fields and state; None (the default) lets heartbeats pass through.

        Args:
            request: A message of type HEARTBEAT that expects a reply.
        """
        return None

    def refuse(self, error: Error) -> bytes:
        """Return the bytes for a client whose connection cannot be served, before it has sent a request.

        The connection is closed after them. For protocols in which the server speaks first; the default says nothing.

        Args:
            error: The reason.
        """
        return b""

    def layout_of(self, message: bytes) -> Layout | None:
        """Return the layout of one message's header; `layout`, unless messages have different ones (SOFA-Bolt).

        Args:
            message: A message, sound or not.
        """
        return self.layout

    def spans(self, metadata: Metadata) -> list[Span]:
        """Return the fields of a message with their places; by default the layout's, other headers, body and trailer.

        Args:
            metadata: The result of `decode`, with or without `error`.
        """
        message = metadata.message
        layout = self.layout_of(message)
        spans = [] if layout is None else layout.spans(message)
        start = spans[-1].end if spans else 0
        body_end = metadata.body_end if metadata.trailer_size else len(message)
        if spans and start < metadata.header_size <= body_end:
            spans.append(Span(start, metadata.header_size, "headers"))
            start = metadata.header_size
        if start < body_end:
            spans.append(Span(start, body_end, "body" if spans else "message"))
            start = body_end
        if start < len(message):
            spans.append(Span(start, len(message), "trailer"))
        return spans

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        """Yield valid messages, for the conformance kit, fuzzing and the docs."""
        return ()

    def for_connection(self) -> Self:
        """Return the codec for one new connection of a client: this one, or a new object if it keeps state.

        Both directions of the connection reach the returned object, in the order of the wire, and so do the replies to
        its requests, whichever connection to a server they come from. It hears of local answers, since `on_error` and
        `heartbeat_reply` are called on it.
        """
        return self

    def complete(self, response: Metadata) -> None:
        """Fill in what only `response.request` tells. Called once, after a response is paired.

        Args:
            response: A response whose `request` is set; it is changed in place.

        Raises:
            ProtocolError: The response cannot be read as an answer to this request. It becomes `response.error`, and
                the connection goes on.
        """


class StreamCodec(Codec, abstract=True):
    """A codec for a protocol with streams.

    `STREAM_INIT` opens a stream, on its way to the server; its `expects_reply` says whether the server answers it with
    a `STREAM_INIT` of its own. `on_error` of it is the refusal. Every message of the stream carries the `stream_id`.
    """

    max_stream_id: ClassVar[int] = 2**64 - 1
    """The largest stream id that a message can hold."""

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        """Return the message with the mutation applied, and nothing else changed.

        Args:
            metadata: As for `Codec.encode`.
            mutation: As for `Codec.encode`.
            request_id: As for `Codec.encode`.
            stream_id: The stream id to write instead, 0 to `max_stream_id`; None keeps the message's own.

        Raises:
            UnsupportedMutation: The message cannot carry the mutation.
            EncodeError: The protocol cannot hold an id, or the message carries none.
        """
        if stream_id is not None and stream_id != metadata.stream_id:
            raise EncodeError(f"the codec {self.name} cannot change the stream id of a message")
        return super().encode(metadata, mutation, request_id)

    @abstractmethod
    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        """Return the message that ends an open stream at once, for a proxy that has lost the other side.

        It decodes as `STREAM_CLOSE_TWO_WAY` with `Status.ERROR`, or as the nearest that the protocol has.

        Args:
            stream: A message of the stream: its `stream_id` and `state` are used, not its `message`.
            error: The reason.
            direction: The way the message will travel.
        """


def _check_definition(cls: type[Codec]) -> None:
    name = getattr(cls, "name", None)
    problems: list[str] = []
    if name is None:
        problems.append('a name, such as name = "my-protocol"')
    elif not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(
            "a name that is a DNS label (lower-case letters, digits and inner hyphens, at most 46 characters), "
            f"not {name!r}"
        )
    framing = getattr(cls, "framing", None)
    if framing is None:
        problems.append("a framing, such as framing = LengthField(offset=4, length=4)")
    elif not isinstance(framing, Framing | property):
        problems.append(f"a framing that is a Framing, not {framing!r}")
    if cls.decode is Codec.decode:
        problems.append("a decode(self, message, direction) method")
    streams = isinstance(cls.capabilities, frozenset) and Capability.STREAMS in cls.capabilities
    if streams != issubclass(cls, StreamCodec):
        problems.append(
            "Capability.STREAMS in its capabilities, as it is a StreamCodec"
            if issubclass(cls, StreamCodec)
            else "to subclass StreamCodec, as it claims Capability.STREAMS"
        )
    if problems:
        raise TypeError(f"the codec class {cls.__qualname__} needs {'; and '.join(problems)}")
