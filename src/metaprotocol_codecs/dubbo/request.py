"""The body of a Dubbo request: who is called, with what, and the attachments.

Source: DecodeableRpcInvocation of Apache Dubbo 2.7 and 3; DubboCodec of dubbox 2.8.4.
"""

from __future__ import annotations

from typing import Any

from metaprotocol_codecs.dubbo.arguments import (
    LONGEST_KNOWN,
    known_parameters,
    parameters_of,
    skip_arguments,
)
from metaprotocol_codecs.dubbo.attachments import (
    AttachmentsSpan,
    read_ascii_entries,
    read_ascii_map,
    read_attachments,
)
from metaprotocol_codecs.hessian2 import ReferenceTables, read_strings, read_text, skip_values
from metaprotocol_codecs.hessian2.skip import CLASS_DEFINITION, skip_class_definition
from metaprotocol_codecs.hessian2.strings import is_integer, is_long, raise_cut_off, read_integer
from metaprotocol_sdk import DecodeError, Limits

# The properties that a body tells; `version` and `group` are attachments too.
BODY_FIELDS = frozenset({"interface", "method", "parameter_types", "dubbo", "body_path", "generic_method"})
EVENT_FIELDS = frozenset({"event"})

LONGEST_ASCII = 4096
"""Bytes of a body that is read in one pass; of a longer one a copy as text would cost more than it saves."""
GENERIC_METHODS = frozenset({"$invoke", "$invokeAsync"})
# Properties by which a provider, or a rule for generic calls, tells what is called.
_DISPATCH_NAMES = BODY_FIELDS | {"version", "group", "path", "generic"}
# What Java's String.trim takes away at both ends.
_JAVA_BLANKS = "".join(map(chr, range(0x21)))
_FIVE = range(5)


def read_ascii_request(
    message: bytes, position: int, longest: int
) -> tuple[dict[str, str], AttachmentsSpan, str] | None:
    """Return what `read_request` returns for nearly every request of moderate size, in one pass.

    Its five strings are short and ASCII, and its attachments are an ASCII map. The arguments may be anything.

    Args:
        message: A Dubbo message.
        position: The offset of its body.
        longest: The most bytes of a body to look at; the limits must allow all that it can hold.

    Returns:
        None if the request is not of this form, or cannot be read.
    """
    size = len(message) - position
    if size > longest:
        return None
    # The whole body becomes text at once: then every string is a slice.
    raw = message[position:]
    text = raw.decode("latin-1")
    is_ascii = text.isascii()
    strings: list[str] = []
    end = 0
    try:
        for _ in _FIVE:
            tag = raw[end]
            if tag < 0x20:
                start = end + 1
                end = start + tag
            elif 0x30 <= tag <= 0x33:
                start = end + 2
                end = start + (tag - 0x30 << 8 | raw[end + 1])
            else:
                return None
            strings.append(text[start:end])
    except IndexError:
        return None
    dubbo, path, version, method, types = strings
    unclear = ""
    if end > size or method in GENERIC_METHODS or not (is_ascii or raw[:end].isascii()):
        return None
    size, map_start = 0, end
    if types:
        try:
            parameters = known_parameters(types) if len(types) <= LONGEST_KNOWN else parameters_of(types, position)
            if parameters is None:
                return None
            match = parameters.run(raw, end)
            if match is not None:
                map_start = match.end()
            else:
                map_start, _, unclear = skip_arguments(message, position + end, parameters)
                map_start -= position
        except DecodeError:
            return None
        size = parameters.size
    properties = {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}
    map_end = read_ascii_entries(raw, text, map_start, properties)
    if not map_end or not (is_ascii or raw[map_start:map_end].isascii()):
        return None
    unclear = _settle(properties, dubbo, path, method, types, unclear)
    return properties, AttachmentsSpan(position + end, size, position + map_start, position + map_end), unclear


def read_request(message: bytes, position: int, limits: Limits) -> tuple[dict[str, str], AttachmentsSpan, str]:
    """Return the properties of a request, as the provider will see them, and where its attachments are.

    The third is why the provider may see others, "" if it will not.

    Args:
        message: A Dubbo message.
        position: The offset of its body.
        limits: Bounds of what is built.

    Raises:
        ProtocolError: The body is not an invocation, or passes the limits.
    """
    strings, span, tables, unclear = read_invocation(message, position)
    dubbo, path, version, method, types = strings
    properties: dict[str, Any]
    properties = {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}
    # `None in strings` compares each string with None, which takes 0.1 µs.
    has_nulls = dubbo is None or path is None or version is None or method is None or types is None
    span.ascii_end = read_ascii_map(message, span.start, limits, properties)
    if not span.ascii_end:
        attachments, unclear_attachments = read_attachments(message, span, tables, limits)
        unclear = unclear or unclear_attachments
        properties = _body_properties(strings) | attachments
        has_nulls = has_nulls or None in attachments.values()
    generic_method = None
    if method in GENERIC_METHODS:
        generic_method, unclear_method = _generic_method(message, span)
        unclear = unclear or unclear_method
    unclear = _settle(properties, dubbo, path, method, types, unclear)
    if generic_method is not None:
        properties["generic_method"] = generic_method
    return _without_nulls(properties) if has_nulls else properties, span, unclear


def read_invocation(message: bytes, position: int) -> tuple[list[str | None], AttachmentsSpan, ReferenceTables, str]:
    """Read a request's body up to its attachments.

    Args:
        message: A Dubbo message.
        position: The offset of its body.

    Returns:
        Dubbo version, path, service version, method, and parameter types; the offsets of the arguments and the
        attachments; what the arguments define for later values; and why a provider may see other attachments than
        those that come next, "" if it does not.

    Raises:
        DecodeError: The body is not an invocation.
    """
    strings, start = read_strings(message, position, 5)
    types = strings[4]
    # No descriptor begins like a number, so what does is an int.
    if types and types[0] < "A":
        count, start = read_argument_count(message, read_strings(message, position, 4)[1])
        strings[4] = None
        if count is None:
            parameters_of(types, position)  # raises
        elif count < 0:
            strings[4], start = _read_types_after_count(message, start)
        else:
            tables = ReferenceTables()
            end = skip_values(message, start, count, tables)
            unclear = (
                "the message has a number of arguments in place of their types, as dubbox writes it; other providers "
                "take the first argument for the attachments"
            )
            return strings, AttachmentsSpan(start, count, end), tables, unclear if count else ""
    parameters = parameters_of(strings[4], position)
    match = parameters.run(message, start)
    if match is not None:
        end, tables, unclear = match.end(), ReferenceTables(), ""
    else:
        end, tables, unclear = skip_arguments(message, start, parameters)
    return strings, AttachmentsSpan(start, parameters.size, end), tables, unclear


def request_properties(
    strings: list[str | None], attachments: dict[str, Any], unclear: str, generic_method: str | None = None
) -> tuple[dict[str, str], str]:
    """Return the properties of an invocation in another serialization, and why the provider may see others.

    Args:
        strings: Dubbo version, path, service version, method, parameter types.
        attachments: The attachments; None for what Java's `getAttachment` does not return as a string.
        unclear: A reason that is known already, or "".
        generic_method: The method that a generic call names.
    """
    properties = _body_properties(strings) | attachments
    dubbo, path, _, method, types = strings
    unclear = _settle(properties, dubbo, path, method, types, unclear)
    properties["generic_method"] = generic_method
    return _without_nulls(properties), unclear


def generic_method_name(argument: str | None) -> str | None:
    """Return the method that the first argument of a generic call names."""
    return None if argument is None else argument.strip(_JAVA_BLANKS)


def _body_properties(strings: list[str | None]) -> dict[str, Any]:
    dubbo, path, version, method, types = strings
    return {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}


def _settle(
    properties: dict[str, Any], dubbo: str | None, path: str | None, method: str | None, types: str | None, unclear: str
) -> str:
    """Settle who wins where the body and the attachments that were put over it have a name in common.

    The attachments `path`, `version` and `group` replace what the body says, null as well, because the provider looks
    the service up by them. No other attachment passes for a field.

    It looks the service up by one string, GROUP/PATH:VERSION:PORT, which is the same for the path `blue/a.B:1` as for
    the group `blue`, the path `a.B` and the version `1`.

    Returns:
        `unclear`, or why the provider may dispatch another service than these properties name.
    """
    interface = properties["path"] if "path" in properties else path  # noqa: SIM401 (a call takes longer)
    properties["interface"] = interface
    properties["method"] = method
    properties["parameter_types"] = types
    properties["dubbo"] = dubbo
    if interface != path:
        properties["body_path"] = path
    elif "body_path" in properties:
        del properties["body_path"]
    if "generic_method" in properties:
        del properties["generic_method"]  # noqa: RUF051 (it is hardly ever there, and looking is faster)
    if unclear:
        return unclear
    if interface and ("/" in interface or ":" in interface):
        return f"the interface {interface[:80]!r} holds a / or :, so it may name the group or the version as well"
    if "group" in properties and (group := properties["group"]) and "/" in group:
        return f"the group {group[:80]!r} holds a /, so it may name a part of the interface as well"
    names = "".join(properties)
    if names != names.lower():  # 0.3 µs; a look at each name takes 1 µs
        for name in properties.keys() - _DISPATCH_NAMES:
            if name.lower() in _DISPATCH_NAMES:
                return (
                    f"the attachment {name!r} is {name.lower()!r} to a mesh, whose names have no case, and not to Java"
                )
    return ""


def _without_nulls(properties: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if value is not None}


def read_argument_count(message: bytes, position: int) -> tuple[int | None, int]:
    """Read the int that dubbox writes before the parameter types; None if there is another value.

    It is -1, or, with the serializations kryo and fst, the number of arguments in place of their types.

    Args:
        message: A Dubbo message.
        position: The offset after the method; there is a value.

    Raises:
        DecodeError: The message ends inside the int.
    """
    tag = message[position]
    if not is_integer(tag) or is_long(tag):
        return None, position
    try:
        return read_integer(message, position)
    except IndexError:
        raise_cut_off(message, position, "number of arguments")


def _read_types_after_count(message: bytes, position: int) -> tuple[str, int]:
    # A provider that does not know the count takes what comes here for the attachments. A string makes it fail; after
    # null it would go on without arguments, and call something else than dubbox.
    types, end = read_text(message, position)
    if types is None:
        raise DecodeError("null follows the argument count", offset=position, field="parameter_types")
    return types, end


def _generic_method(message: bytes, span: AttachmentsSpan) -> tuple[str | None, str]:
    """Return the method that a generic call names as its first argument, and why that cannot be told."""
    if not span.values:
        return None, ""
    position = span.values_start
    while message[position] == CLASS_DEFINITION:  # one may stand before any value
        position = skip_class_definition(message, position, [])
    try:
        method, _ = read_text(message, position)
    except DecodeError:  # the arguments were skipped soundly; this one is not a string
        return None, "the first argument of a generic call is not a string, so the method that it names is unknown"
    return generic_method_name(method), ""
