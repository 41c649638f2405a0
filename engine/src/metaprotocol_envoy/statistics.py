"""The counters of the module, by the number under which both halves know them.

The C half defines them in Envoy in this order and adds what the Python half names by number.
"""

from __future__ import annotations

from enum import IntEnum, unique

from metaprotocol_sdk import ErrorType, MessageType


@unique
class Counter(IntEnum):
    """The counters that stand for one event each."""

    DECODE_ERRORS = 0
    """Requests that could not be read, and streams without message boundaries."""
    CODEC_EXCEPTIONS = 1
    """Exceptions of a codec that no contract allows: bugs."""
    MUTATIONS_REFUSED = 2
    """Changes that a message cannot carry."""
    HEADERS_OVER_LIMIT = 3
    """Requests with more or longer properties than the HCM takes."""
    INCOMPLETE_REFUSED = 4
    """Requests refused since their properties may lack some."""
    IN_FLIGHT_OVER_LIMIT = 5
    """Requests and answers refused since as many wait as may, or as many bytes."""
    FORGED_REQUESTS = 6
    """HTTP requests that no codec filter made."""
    BODIES_CHANGED = 7
    """Messages whose bytes were changed as an HTTP body, which are not sent."""
    UPSTREAM_CLOSED = 8
    """Connections to a server that were not used again: surplus bytes, or an answer to another request."""
    IGNORED = 9
    """Messages of a client that ask for nothing, such as the answer to a heartbeat."""
    DEADLINES = 10
    """Calls into a codec or a filter that took longer than `codec_deadline`, and were ended."""
    FOREIGN_CONNECTIONS = 11
    """Connections that spoke another protocol."""
    SILENT_OVER_LIMIT = 12
    """Connections closed since too many had not sent a whole message yet."""


_SINGLE = len(Counter)
_TYPES = tuple(MessageType)
_ERRORS = tuple(ErrorType)
_TYPE_AT = {kind: _SINGLE + at for at, kind in enumerate(_TYPES)}
_ERROR_AT = {cause: _SINGLE + len(_TYPES) + at for at, cause in enumerate(_ERRORS)}

NAMES = (
    *(f"metaprotocol.{counter.name.lower()}" for counter in Counter),
    *(f"metaprotocol.requests.{kind.value}" for kind in _TYPES),
    *(f"metaprotocol.local_replies.{cause.value}" for cause in _ERRORS),
)
"""The names of all counters, in the order of their numbers."""

IN_FLIGHT = "metaprotocol.in_flight"
"""The gauge of requests that Envoy has not done with."""


def request_counter(kind: MessageType) -> int:
    """Return the number of the counter of requests of a type."""
    return _TYPE_AT[kind]


def reply_counter(cause: ErrorType) -> int:
    """Return the number of the counter of local replies of a cause."""
    return _ERROR_AT[cause]
