"""The closed vocabularies of the SDK, as string enums: they print, compare and serialise as their value."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class MessageType(StrEnum):
    """The kind of a message, for every protocol.

    The types of Aeraki's MetaProtocol (`codec.h`), which calls `EXCEPTION` `Error`, and two more: `EVENT` and
    `STREAM_FLOW_CONTROL`.
    """

    REQUEST = "request"
    """Expects a response."""
    RESPONSE = "response"
    """Answers a request."""
    ONEWAY = "oneway"
    """A request without a response."""
    HEARTBEAT = "heartbeat"
    """Keeps a connection alive. `Metadata.expects_reply` is True on the request and False on its reply. A protocol that
    replies with an ordinary response (Tars' `tars_ping`) has a `RESPONSE` whose `Metadata.request` is a `HEARTBEAT`."""
    EVENT = "event"
    """A notice that is neither a call nor a heartbeat, such as Dubbo's READONLY."""
    EXCEPTION = "exception"
    """A response that reports a failure: of the protocol with `Status.ERROR`, of the business with `Status.OK`."""
    STREAM_INIT = "stream_init"
    """Opens a stream when it travels to the server. On its way to the client it answers the one that opened the stream:
    `Status.OK` accepts it, `Status.ERROR` refuses it."""
    STREAM_DATA = "stream_data"
    """Carries data of an open stream."""
    STREAM_FLOW_CONTROL = "stream_flow_control"
    """Grants or takes credit on an open stream (tRPC and bRPC FEEDBACK, HTTP/2 WINDOW_UPDATE); it carries no data."""
    STREAM_CLOSE_ONE_WAY = "stream_close_one_way"
    """Ends the sender's half of a stream; the other half goes on."""
    STREAM_CLOSE_TWO_WAY = "stream_close_two_way"
    """Ends both halves of a stream at once; with `Status.ERROR` it is a reset."""


@unique
class Status(StrEnum):
    """The outcome that a response reports. A request is always `OK`."""

    OK = "ok"
    """The protocol delivered an answer. A business exception is `MessageType.EXCEPTION` with this status."""
    ERROR = "error"
    """The protocol itself failed: no such service, timeout, server fault."""


@unique
class Direction(StrEnum):
    """The way that bytes travel. It does not say what they are: a Dubbo server sends heartbeat requests."""

    TO_SERVER = "to_server"
    """From the side that opened the connection."""
    TO_CLIENT = "to_client"
    """From the side that accepted it."""

    @property
    def opposite(self) -> Direction:
        """The other way."""
        return Direction.TO_SERVER if self is Direction.TO_CLIENT else Direction.TO_CLIENT


@unique
class ErrorType(StrEnum):
    """The reason for which a proxy answers a request itself. The first six are those of Aeraki's MetaProtocol."""

    ROUTE_NOT_FOUND = "route_not_found"
    """No route matches the request."""
    CLUSTER_NOT_FOUND = "cluster_not_found"
    """The route names a cluster that does not exist."""
    NO_HEALTHY_UPSTREAM = "no_healthy_upstream"
    """The cluster has no host that can take the request."""
    BAD_RESPONSE = "bad_response"
    """The upstream answered with bytes that cannot be read."""
    UNSPECIFIED = "unspecified"
    """Any other reason."""
    OVER_LIMIT = "over_limit"
    """A rate limit refused the request."""
    TIMEOUT = "timeout"
    """The upstream did not answer in time."""
    UPSTREAM_RESET = "upstream_reset"
    """The upstream's connection ended before the answer."""
    OVERFLOW = "overflow"
    """A circuit breaker refused the request: too many connections or requests are open already."""
    UNAUTHORIZED = "unauthorized"
    """The caller may not call this operation."""
    FAULT_ABORT = "fault_abort"
    """Fault injection."""
    BAD_REQUEST = "bad_request"
    """The request's bytes cannot be read."""


@unique
class Capability(StrEnum):
    """Something that a codec can do beyond decoding. The conformance kit holds a codec to what it claims."""

    REQUEST_MUTATION = "request_mutation"
    """`Codec.encode` sets and removes keys on requests."""
    RESPONSE_MUTATION = "response_mutation"
    """`Codec.encode` sets and removes keys on responses."""
    HEARTBEAT = "heartbeat"
    """The protocol has heartbeats and `Codec.heartbeat_reply` answers them."""
    ONEWAY = "oneway"
    """The protocol has requests without a response."""
    STREAMS = "streams"
    """The protocol has streams. Every `StreamCodec` claims it, and no other codec does."""


@unique
class Correlation(StrEnum):
    """The rule by which a response finds its request."""

    ID = "id"
    """Both carry the same `Metadata.request_id`. Responses may overtake each other, unless `Codec.ordered_replies`."""
    FIFO = "fifo"
    """Responses come in the order of the requests (Redis)."""
    SERIAL = "serial"
    """One request at a time on a connection: the next one is sent after the response to the last (MySQL)."""


@unique
class UpstreamConnection(StrEnum):
    """The connection that a server needs for the requests of one client."""

    SHARED = "shared"
    """Any connection will do: a proxy may send each request on another one."""
    ORDERED = "ordered"
    """Any connection will do, and the server must see the requests of a client in their order: a proxy sends the next
    one after the last one was answered, or written if it is oneway."""
    SESSION = "session"
    """One connection to the server for each connection of a client: a login, a transaction or other state is kept on it
    (MySQL, ZooKeeper)."""
