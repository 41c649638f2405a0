"""The body of a Dubbo request: who is called, with what, and the attachments.

Source: DecodeableRpcInvocation of Apache Dubbo 2.7 and 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from metaprotocol_codecs.dubbo.arguments import parameters_of, skip_arguments
from metaprotocol_codecs.dubbo.attachments import Place, read_attachments
from metaprotocol_codecs.dubbo.hessian2 import Tables, read_strings, read_text
from metaprotocol_codecs.dubbo.hessian2.skip import CLASS_DEFINITION, skip_class_definition
from metaprotocol_codecs.dubbo.plain import read_plain_map
from metaprotocol_sdk import DecodeError, Limits

# The properties that a body tells; `version` and `group` are attachments too.
BODY_FIELDS = frozenset({"interface", "method", "parameter_types", "dubbo", "body_path", "generic_method"})
EVENT_FIELDS = frozenset({"event"})

GENERIC_METHODS = frozenset({"$invoke", "$invokeAsync"})
# What Java's String.trim takes away at both ends.
_JAVA_BLANKS = "".join(map(chr, range(0x21)))


class Invocation(NamedTuple):
    """The offsets of the parts of a request's body."""

    strings: list[str | None]
    """Dubbo version, path, service version, method, parameter types."""
    place: Place
    """The attachments, and the arguments before them."""
    tables: Tables
    """The values that the arguments have numbered."""


def read_invocation(message: bytes, position: int) -> Invocation:
    """Read a request's body up to its attachments.

    Args:
        message: A Dubbo message.
        position: Where its body begins.

    Raises:
        DecodeError: The body is no invocation.
    """
    strings, start = read_strings(message, position, 5)
    parameters = parameters_of(strings[4], position)
    end, tables, _ = skip_arguments(message, start, parameters)
    return Invocation(strings, Place(start, parameters.size, end), tables)


def read_request(message: bytes, position: int, limits: Limits) -> tuple[dict[str, str], Place, str]:
    """Return the properties of a request, as the provider will see them, and where its attachments are.

    The third is why the provider may see others, "" if it will not.

    Args:
        message: A Dubbo message.
        position: Where its body begins.
        limits: Bounds of what is built.

    Raises:
        ProtocolError: The body is no invocation, or passes the limits.
    """
    strings, start = read_strings(message, position, 5)
    parameters = parameters_of(strings[4], position)
    match = parameters.run(message, start)
    if match is not None:
        end, tables, unclear = match.end(), Tables(), ""
    else:
        end, tables, unclear = skip_arguments(message, start, parameters)
    dubbo, path, version, method, types = strings
    properties: dict[str, Any]
    properties = {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}
    plain_end = read_plain_map(message, end, limits, properties)
    place = Place(start, parameters.size, end, plain_end)
    has_nulls = False
    if not plain_end:
        attachments, unclear_attachments = read_attachments(message, place, tables, limits)
        unclear = unclear or unclear_attachments
        properties = _body_properties(strings) | attachments
        has_nulls = None in attachments.values()
    generic_method = None
    if method in GENERIC_METHODS:
        generic_method, unclear_method = _generic_method(message, place)
        unclear = unclear or unclear_method
    properties = _settled(properties, strings, generic_method, has_nulls=has_nulls)
    return properties, place, unclear or unclear_service(properties)


def request_properties(strings: list[str | None], attachments: dict[str, str]) -> tuple[dict[str, str], str]:
    """Return the properties of an invocation whose arguments are not read, and why the provider may see others.

    Args:
        strings: Dubbo version, path, service version, method, parameter types.
        attachments: The string attachments.
    """
    properties = _settled(_body_properties(strings) | attachments, strings, None, has_nulls=False)
    if strings[3] in GENERIC_METHODS:
        return properties, "the method that a generic call names is not read in this serialization"
    return properties, unclear_service(properties)


def unclear_service(properties: dict[str, str]) -> str:
    """Return why a provider may dispatch another service than these name; "" if it will not.

    It looks the service up by one string, GROUP/PATH:VERSION:PORT, which is the same for the path `blue/a.B:1` as for
    the group `blue`, the path `a.B` and the version `1`.
    """
    interface = properties.get("interface", "")
    if "/" in interface or ":" in interface:
        return f"the interface {interface[:80]!r} holds a / or :, so it may name the group or the version as well"
    if "group" in properties and "/" in properties["group"]:
        return f"the group {properties['group'][:80]!r} holds a /, so it may name a part of the interface as well"
    return ""


def _body_properties(strings: list[str | None]) -> dict[str, Any]:
    dubbo, path, version, method, types = strings
    return {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}


def _settled(
    properties: dict[str, Any], strings: list[str | None], generic_method: str | None, *, has_nulls: bool
) -> dict[str, str]:
    """Settle who wins where the body and the attachments that were put over it have a name in common."""
    dubbo, path, _, method, types = strings
    # Provider side: the attachments path, version and group overwrite what the body said, null as well.
    interface = properties.get("path", path)
    # No attachment passes for a field.
    properties["interface"] = interface
    properties["method"] = method
    properties["parameter_types"] = types
    properties["dubbo"] = dubbo
    if interface != path:
        properties["body_path"] = path
    elif "body_path" in properties:
        del properties["body_path"]
    if generic_method is not None:
        properties["generic_method"] = generic_method
    elif "generic_method" in properties:
        del properties["generic_method"]
    if None in strings or has_nulls:
        return {name: value for name, value in properties.items() if value is not None}
    return properties


def _generic_method(message: bytes, place: Place) -> tuple[str | None, str]:
    """Return the method that a generic call names as its first argument, and why that cannot be told."""
    if not place.values:
        return None, ""
    position = place.values_start
    while message[position] == CLASS_DEFINITION:  # one may stand before any value
        position = skip_class_definition(message, position, [])
    try:
        method, _ = read_text(message, position)
    except DecodeError:  # the arguments were skipped soundly; this one is no string
        return None, "the first argument of a generic call is no string, so the method that it names is unknown"
    return method if method is None else method.strip(_JAVA_BLANKS), ""
