"""The closed vocabularies of the SDK, as string enums: they print, compare and serialise as their value."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class MessageType(StrEnum):
    """What one message is, whatever protocol it belongs to.

    The first nine are those of Aeraki's MetaProtocol (`codec.h`); `EVENT` is ours.
    """

    REQUEST = "request"
    """Expects a response."""
    RESPONSE = "response"
    """Answers a request."""
    ONEWAY = "oneway"
    """A request that nobody answers."""
    HEARTBEAT = "heartbeat"
    """Keeps a connection alive; `Metadata.expects_reply` tells the question from the answer."""
    EVENT = "event"
    """A notice that is neither a call nor a heartbeat, such as Dubbo's READONLY."""
    ERROR = "error"
    """A response that reports a failure, of the transport or of the business."""
    STREAM_INIT = "stream_init"
    """Opens a stream."""
    STREAM_DATA = "stream_data"
    """Carries data of an open stream."""
    STREAM_CLOSE_ONE_WAY = "stream_close_one_way"
    """Closes the sender's side of a stream."""
    STREAM_CLOSE_TWO_WAY = "stream_close_two_way"
    """Closes both sides of a stream."""


@unique
class Status(StrEnum):
    """Whether a response reports success. A request is always `OK`."""

    OK = "ok"
    """The protocol delivered an answer; a business exception is `MessageType.ERROR` with this status."""
    ERROR = "error"
    """The protocol itself failed: no such service, timeout, server fault."""


@unique
class Direction(StrEnum):
    """Which way bytes travel. It does not say what they are: a Dubbo server sends heartbeat requests."""

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
    """Why a proxy answers a request itself. The first six are those of Aeraki's MetaProtocol."""

    ROUTE_NOT_FOUND = "route_not_found"
    """No route matches the request."""
    CLUSTER_NOT_FOUND = "cluster_not_found"
    """The route names a cluster that does not exist."""
    NO_HEALTHY_UPSTREAM = "no_healthy_upstream"
    """The cluster has no host that can take the request."""
    BAD_RESPONSE = "bad_response"
    """The upstream answered with bytes that cannot be read."""
    UNSPECIFIED = "unspecified"
    """Anything that no other member names."""
    OVER_LIMIT = "over_limit"
    """A rate limit refused the request."""
    TIMEOUT = "timeout"
    """The upstream did not answer in time."""
    UPSTREAM_RESET = "upstream_reset"
    """The upstream's connection ended before the answer."""
    OVERFLOW = "overflow"
    """A circuit breaker refused the request: too many connections or requests wait already."""
    UNAUTHORIZED = "unauthorized"
    """The caller may not call this operation."""
    FAULT_ABORT = "fault_abort"
    """Fault injection, on purpose."""
    BAD_REQUEST = "bad_request"
    """The request's bytes cannot be read."""


@unique
class Capability(StrEnum):
    """What a codec can do beyond decoding; the conformance kit holds a codec to what it claims."""

    REQUEST_MUTATION = "request_mutation"
    """`Codec.encode` sets and removes keys on requests."""
    RESPONSE_MUTATION = "response_mutation"
    """`Codec.encode` sets and removes keys on responses."""
    HEARTBEAT = "heartbeat"
    """The protocol has heartbeats and `Codec.heartbeat_reply` answers them."""
    ONEWAY = "oneway"
    """The protocol has requests that nobody answers."""
    STREAMS = "streams"
    """The protocol has streams."""


@unique
class Correlation(StrEnum):
    """How a response finds its request."""

    ID = "id"
    """Both carry the same `Metadata.request_id`; answers may overtake each other."""
    FIFO = "fifo"
    """Answers come in the order of the questions (Redis)."""
    NONE = "none"
    """One request at a time on a connection."""
