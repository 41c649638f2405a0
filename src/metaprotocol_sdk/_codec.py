"""The contract of a codec, in one page."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from metaprotocol_sdk._enums import Capability, Correlation, Direction
from metaprotocol_sdk._errors import EncodeError, UnsupportedMutation
from metaprotocol_sdk._framing import Framing
from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk._span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk._layout import Layout
    from metaprotocol_sdk._metadata import Error, Metadata, Mutation

# A Kubernetes port name is a DNS label of at most 63 characters, of which "tcp-metaprotocol-" takes 17.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?")


class Codec(ABC):
    """Reads and rewrites the messages of one protocol.

    Three functions of bytes, and one line that says where a message ends. Streaming is the framework's business: a
    codec never sees half a message, nor anything behind it.

    A codec object holds options and `limits` only, and is shared by connections and threads. What a protocol must
    remember between messages goes into the object that `for_connection` returns.

    A subclass that leaves out `name`, `framing` or `decode` fails when it is defined. Pass `abstract=True` in the
    class statement for a base class that others complete.

    Args:
        limits: Bounds for hostile bytes; by default `default_limits`.
    """

    name: ClassVar[str]
    """A DNS label of at most 46 characters; it becomes part of the port's name, `tcp-metaprotocol-<name>`."""

    framing: Framing
    """Where one message ends: for nearly all protocols a `LengthField`."""

    layout: ClassVar[Layout | None] = None
    """The protocol's fixed header, from which the annotated dump, the docs and the kit are made."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    """What the codec can do beyond decoding."""

    correlation: ClassVar[Correlation] = Correlation.ID
    """How a response finds its request."""

    max_request_id: ClassVar[int] = 2**64 - 1
    """The largest id that a message can hold."""

    server_first: ClassVar[bool] = False
    """Whether the server speaks before the client does (MySQL)."""

    echoed_properties: ClassVar[frozenset[str]] = frozenset()
    """Properties that a response repeats from its request, such as Thrift's `method`. A proxy that has changed one in
    a request puts the client's own value back into the response, which the client compares."""

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

        Args:
            message: Exactly one message, as `framing` cut it.
            direction: Which way it travels.

        Raises:
            ProtocolError: The bytes are bad. If the header was read before the body failed, the error carries its
                `metadata`. Any other exception is a bug in the codec.
        """

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        """Return the message with the mutation applied, and nothing else changed.

        With an empty mutation and no `request_id` these are the very bytes that were decoded. Neither argument is
        changed, and the call may be repeated (retries, mirrors). The default can do only that.

        Args:
            metadata: What `decode` returned.
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
        """Answer a request in the upstream's place, so that the protocol's own client sees the error at once.

        Uses the fields and the state of the request, not its `message`. The default can answer nothing.

        Args:
            request: Any request that `decode` can return.
            error: Why it is answered here.

        Returns:
            The reply, with the request's id; `b""` exactly when the request expects none.

        Raises:
            EncodeError: The protocol cannot hold `error.code`.
        """
        if request.expects_reply:
            raise EncodeError(f"the codec {self.name} cannot build error replies: it has no on_error")
        return b""

    def heartbeat_reply(self, request: Metadata) -> bytes | None:
        """Answer a heartbeat, from its fields and state; None (the default) lets heartbeats pass through.

        Args:
            request: A message of type HEARTBEAT that expects a reply.
        """
        return None

    def spans(self, metadata: Metadata) -> list[Span]:
        """Say which bytes of a message are which field; by default the `layout`, then the body.

        Args:
            metadata: What `decode` returned, with or without `error`.
        """
        message = metadata.message
        spans = [] if self.layout is None else self.layout.spans(message)
        start = spans[-1].end if spans else 0
        if start < len(message):
            spans.append(Span(start, len(message), "body" if spans else "message"))
        return spans

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        """Yield valid messages, for the conformance kit, fuzzing and the docs."""
        return ()

    def for_connection(self) -> Self:
        """Return the codec for one new connection: this one, or a new object if it keeps state."""
        return self

    def complete(self, response: Metadata) -> None:
        """Fill in what only `response.request` tells. Called once, after a response is paired.

        Args:
            response: A response whose `request` is set; it is changed in place.

        Raises:
            ProtocolError: The response cannot be read as an answer to this request. It becomes `response.error`, and
                the connection goes on.
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
    if problems:
        raise TypeError(f"the codec class {cls.__qualname__} needs {'; and '.join(problems)}")
