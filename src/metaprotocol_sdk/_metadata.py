"""The facts that a codec reads from a message, and the changes that a proxy wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen

from metaprotocol_sdk._enums import ErrorType, MessageType, Status

if TYPE_CHECKING:
    from metaprotocol_sdk._errors import ProtocolError


@define(weakref_slot=False)
class Metadata:
    """One decoded message: what rules match on, and what is needed to answer or forward it.

    The positional order of the arguments is public; new ones are added last, with defaults.

    Args:
        message: The message's bytes, exactly one message.
        message_type: The kind of message.
        request_id: The id that pairs a response with its request; 0 if the protocol has no ids.
        operation: "service/method", the name of the trace span; "" if unknown.
        status: The outcome that a response reports; `OK` on requests.
        properties: The fields and headers that rules match on, as the server will act on them. Keys keep their case.
        header_size: Bytes of the message before its body.
        status_code: The protocol's own status number, or None if the message has none.
        expects_reply: True if the sender waits for an answer. By default, True if the type is `REQUEST`.
        stream_id: The stream that the message belongs to, or None.
        request: On a response, the request that it answers, set by whoever pairs them, before filters and
            `Codec.encode` run; None if unknown.
        error: The fault for which the message could not be read whole, or None. Its offset counts from the message's
            first byte.
        state: The codec's own; nobody else reads it.
        trailer_size: Bytes of the message after its body, such as a checksum.
        incomplete: The reason why `properties` may lack some that the server will act on, such as a serialization
            that the codec does not read; "" if they are complete. A rule that denies by a property must not pass such
            a request.
    """

    message: bytes
    message_type: MessageType
    request_id: int = 0
    operation: str = ""
    status: Status = Status.OK
    properties: dict[str, str] = Factory(dict)
    header_size: int = 0
    status_code: int | None = None
    expects_reply: bool = Factory(lambda self: self.message_type is MessageType.REQUEST, takes_self=True)
    stream_id: int | None = None
    request: Metadata | None = None
    # Errors compare by what they say: the same bytes give equal metadata, however often they are decoded.
    error: ProtocolError | None = field(default=None, eq=repr)
    state: Any = None
    trailer_size: int = 0
    incomplete: str = ""

    @property
    def body_end(self) -> int:
        """Index after the body's last byte; the body begins at `header_size`."""
        return len(self.message) - self.trailer_size

    @property
    def body_size(self) -> int:
        """The size of the body in bytes, without header and trailer."""
        return len(self.message) - self.trailer_size - self.header_size

    def clone(self) -> Metadata:
        """Return a copy whose properties can be changed without changing these.

        The message, the request and the codec's state are shared: nobody changes them after decoding.
        """
        return Metadata(
            self.message,
            self.message_type,
            self.request_id,
            self.operation,
            self.status,
            dict(self.properties),
            self.header_size,
            self.status_code,
            self.expects_reply,
            self.stream_id,
            self.request,
            self.error,
            self.state,
            self.trailer_size,
            self.incomplete,
        )


class Mutation(dict[str, str | None]):
    """The changes that `Codec.encode` applies: a value sets the key, None removes it.

    This is the rule of JSON merge patch (RFC 7396). A key names a property: after encoding and decoding again,
    `properties[key]` is the value, or absent for None.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


@frozen
class Error:
    """The reason for which a proxy answers a request itself; the argument of `Codec.on_error`.

    Args:
        type: The reason, which the codec translates to its protocol's own number.
        message: Text for the caller's log.
        code: The protocol's own number to use instead, for fault injection; None lets the codec choose.
    """

    type: ErrorType
    message: str = ""
    code: int | None = None


class ClosingReply(bytes):
    """A reply after which the connection must be closed; `Codec.on_error` and `heartbeat_reply` may return it.

    `ClosingReply()` says that the protocol has no reply for this request: its client learns of the failure from the
    close (Kafka, where an old request has no error form).
    """

    __slots__ = ()
