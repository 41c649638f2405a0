"""The name that a message calls: a method, or with TMultiplexedProtocol a service and a method."""

from __future__ import annotations

SEPARATOR = ":"

FIELDS = frozenset({"method", "service", "error"})
"""The properties that a message itself tells; no key of a header passes for one."""


def split_name(name: str) -> tuple[str | None, str]:
    """Return service and method; the service is None where the name has none."""
    service, separator, method = name.partition(SEPARATOR)
    return (service, method) if separator else (None, name)


def join_name(service: str | None, method: str) -> str:
    """Return the name of a method, of a service if there is one."""
    return method if service is None else service + SEPARATOR + method


def is_clear(name: str) -> bool:
    """Return whether all servers take a name with a separator for the same service and method.

    Of several separators, or one at an end, Python, Go and Java split at the first. C++ drops what is empty between
    them, and Node.js drops what is behind the second.
    """
    service, _, method = name.partition(SEPARATOR)
    return bool(service and method) and SEPARATOR not in method
