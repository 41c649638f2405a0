"""Maps the errors of the SDK to the statuses of a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import ErrorType

if TYPE_CHECKING:
    from collections.abc import Collection

_NO_ROUTE = ("no_route", "not_found", "no_service", "service_not_found", "no_method", "unknown_method")
_BUSY = ("over_limit", "limit_exceeded", "too_many_requests", "busy", "overload", "overloaded")

# Names that protocols use for the errors of the SDK.
_NEAR = {
    ErrorType.ROUTE_NOT_FOUND: _NO_ROUTE,
    ErrorType.CLUSTER_NOT_FOUND: _NO_ROUTE,
    ErrorType.NO_HEALTHY_UPSTREAM: ("unavailable", "no_server", "no_provider"),
    ErrorType.OVER_LIMIT: _BUSY,
    ErrorType.OVERFLOW: _BUSY,
    ErrorType.TIMEOUT: ("late", "deadline_exceeded", "server_timeout"),
    ErrorType.UPSTREAM_RESET: ("unavailable", "connection_lost"),
    ErrorType.UNAUTHORIZED: ("forbidden", "denied", "permission_denied", "unauthenticated"),
    ErrorType.BAD_REQUEST: ("invalid", "invalid_request", "invalid_argument", "client_error"),
    ErrorType.BAD_RESPONSE: ("server_error", "internal"),
}
_ANY_FAILURE = ("other", "unknown", "error", "failed", "failure", "internal")


def status_of_errors(statuses: Collection[str]) -> list[tuple[ErrorType, str]]:
    """Return the errors that have a status of their own, each with it: that of the same name, or a similar one."""
    found = []
    for error in ErrorType:
        name = next((name for name in (error.value, *_NEAR.get(error, ())) if name in statuses), None)
        if name is not None:
            found.append((error, name))
    return found


def tells_reasons_apart(statuses: Collection[str]) -> bool:
    """Return True if two errors have different statuses."""
    found = dict(status_of_errors(statuses))
    return len({found.get(error, any_failure(statuses)) for error in ErrorType}) > 1


def any_failure(statuses: Collection[str]) -> str:
    """Return the status of all other errors."""
    return next((name for name in _ANY_FAILURE if name in statuses), [name for name in statuses if name != "ok"][-1])
