"""Which number of the protocol's own answers which error of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import ErrorType

if TYPE_CHECKING:
    from collections.abc import Collection

_NO_ROUTE = ("no_route", "not_found", "no_service", "service_not_found", "no_method", "unknown_method")
_BUSY = ("over_limit", "limit_exceeded", "too_many_requests", "busy", "overload", "overloaded")

# Names that protocols give to what the SDK calls otherwise.
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


def nearest(statuses: Collection[str]) -> dict[str, str]:
    """Return the status of each error that has none of its own name, but one that is near."""
    found = {}
    for error, names in _NEAR.items():
        near = next((name for name in names if name in statuses), None)
        if near is not None and error not in statuses:
            found[error.value] = near
    return found


def tells_reasons_apart(statuses: Collection[str]) -> bool:
    """Return whether two errors have different statuses."""
    near = nearest(statuses)
    names = {near.get(error, error) for error in ErrorType}
    return len({name if name in statuses else any_failure(statuses) for name in names}) > 1


def any_failure(statuses: Collection[str]) -> str:
    """Return the status of all other errors."""
    return next((name for name in _ANY_FAILURE if name in statuses), [name for name in statuses if name != "ok"][-1])
