"""The name in a message: a method, or with TMultiplexedProtocol a service and a method."""

from __future__ import annotations

SEPARATOR = ":"

FIELDS = frozenset({"method", "service", "error"})
"""The properties from the message's own fields. A key of a header with one of these names is not a property, nor is one
with a capital letter in it: a mesh knows names without their case, and would take it for the field."""


def split_name(name: str) -> tuple[str | None, str]:
    """Return service and method; the service is None if the name has none."""
    service, separator, method = name.partition(SEPARATOR)
    return (service, method) if separator else (None, name)


def join_name(service: str | None, method: str) -> str:
    """Return the name in a message, from a service, if there is one, and a method."""
    return method if service is None else service + SEPARATOR + method


def is_clear(name: str) -> bool:
    """Return True if all servers take a name with a separator for the same service and method.

    If there are several separators, or one at an end, Python, Go and Java split at the first. C++ drops empty parts,
    and Node.js drops the parts after the second.
    """
    service, _, method = name.partition(SEPARATOR)
    return bool(service and method) and SEPARATOR not in method
