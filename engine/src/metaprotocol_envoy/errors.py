"""The errors that a client gets instead of its answer: their causes, and the messages of its protocol.

Over HTTP/2 a missing host, a full breaker and a reset all look like 503, and the response flags do not tell them apart
either. `response.code_details` does, and no server can write it: a reply that came from a server reads `via_upstream`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from metaprotocol_envoy.log import Rationed, report_bug
from metaprotocol_envoy.statistics import Counter, reply_counter
from metaprotocol_envoy.upstream_ids import as_bytes
from metaprotocol_sdk import ClosingReply, Direction, EncodeError, Error, ErrorType, MessageType, StreamCodec

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Metadata

Answer: TypeAlias = "tuple[int, bytes, bool]"
"""A counter, -1 for none; bytes for the client; True if the connection must end after them."""

VIA_UPSTREAM = "via_upstream"
STOPPED = "metaprotocol_filter"
"""The details of an answer that a filter in Python gave."""

_UNANSWERED = Rationed()

# The first that the details begin with, as Envoy 1.39 and 1.40 write them.
_BY_DETAILS: tuple[tuple[str, ErrorType], ...] = (
    ("route_not_found", ErrorType.ROUTE_NOT_FOUND),
    ("cluster_not_found", ErrorType.CLUSTER_NOT_FOUND),
    ("no_healthy_upstream", ErrorType.NO_HEALTHY_UPSTREAM),
    ("local_rate_limited", ErrorType.OVER_LIMIT),
    ("request_rate_limited", ErrorType.OVER_LIMIT),
    ("rbac_access_denied", ErrorType.UNAUTHORIZED),
    ("ext_authz_denied", ErrorType.UNAUTHORIZED),
    ("jwt_authn", ErrorType.UNAUTHORIZED),
    ("response_timeout", ErrorType.TIMEOUT),
    ("upstream_per_try_timeout", ErrorType.TIMEOUT),
    ("upstream_response_timeout", ErrorType.TIMEOUT),
    ("max_duration_timeout", ErrorType.TIMEOUT),
    ("stream_idle_timeout", ErrorType.TIMEOUT),
    ("request_overall_timeout", ErrorType.TIMEOUT),
    # No cluster with the bridge answers without a registered reply: the request was routed to plain HTTP.
    ("metaprotocol_bad_response", ErrorType.BAD_RESPONSE),
    ("metaprotocol_headers_over_limit", ErrorType.BAD_REQUEST),
    ("metaprotocol_no_room", ErrorType.OVERFLOW),
    ("metaprotocol_no_bridge", ErrorType.ROUTE_NOT_FOUND),
    (VIA_UPSTREAM, ErrorType.ROUTE_NOT_FOUND),
)
_BY_RESET: tuple[tuple[str, ErrorType], ...] = (
    ("{overflow", ErrorType.OVERFLOW),
    ("{connection_timeout", ErrorType.NO_HEALTHY_UPSTREAM),
    ("{remote_connection_failure", ErrorType.NO_HEALTHY_UPSTREAM),
    ("{local_connection_failure", ErrorType.NO_HEALTHY_UPSTREAM),
    ("{protocol_error", ErrorType.BAD_RESPONSE),
    ("{", ErrorType.UPSTREAM_RESET),
)
_BY_STATUS = {
    400: ErrorType.BAD_REQUEST,
    401: ErrorType.UNAUTHORIZED,
    403: ErrorType.UNAUTHORIZED,
    404: ErrorType.ROUTE_NOT_FOUND,
    429: ErrorType.OVER_LIMIT,
    502: ErrorType.BAD_RESPONSE,
    504: ErrorType.TIMEOUT,
}


def error_type(status: int, details: str) -> ErrorType:
    """Return the cause of a reply that is Envoy's own.

    Args:
        status: The HTTP status; 0 if the stream was reset without one.
        details: `response.code_details`, or "" if unknown.
    """
    for text, cause in _BY_DETAILS:
        if details.startswith(text):
            return cause
    if details.startswith("fault_filter_abort"):
        # A fault looks like what it stands for, to callers who tell a timeout from a refusal.
        return _BY_STATUS.get(status, ErrorType.FAULT_ABORT)
    if details.startswith(("upstream_reset", "early_upstream_reset")):
        for text, cause in _BY_RESET:
            if text in details:
                return cause
    if not status:
        return ErrorType.UPSTREAM_RESET
    return _BY_STATUS.get(status, ErrorType.UNSPECIFIED)


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
