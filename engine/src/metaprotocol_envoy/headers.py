"""The mapping between a message's properties and HTTP headers, both ways and one to one.

Rules of Envoy and Istio match on what is written here, so two different messages must never look the same, no client
may set a header that steers Envoy, and nothing may be lost on the way back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "x-property-"
"""Begins the header of a property whose own name is reserved."""

OWN_PREFIX = "x-metaprotocol-"
"""Begins the headers by which the parts of the module talk to each other. They never reach the wire."""

# Read or written by Envoy or HTTP itself: a client's property must not pass for one, and one that comes or goes on the
# way is not a change of a property.
# fmt: off
RESERVED_NAMES = frozenset(
    {
        "host", "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
        "transfer-encoding", "upgrade", "trailer", "te", "expect", "accept-encoding", "cookie", "set-cookie", "via",
        "forwarded", "date", "server", "location", "x-request-id", "x-client-trace-id", "origin", "range",
        "referer"
    }
)
# fmt: on
RESERVED_PREFIXES = (
    "content-",
    "grpc-",
    "x-envoy-",
    "x-forwarded-",
    "x-istio-",
    "access-control-",
    "if-",
    OWN_PREFIX,
    PREFIX,
)

# RFC 9110's token without upper case, which HTTP/2 forbids, and without the escape.
_NAME_ESCAPED = re.compile(rb"[^a-z0-9!#$&'*+.^_`|~-]")
_PLAIN_NAME = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]+")
# Visible characters, and spaces inside. Other UTF-8 stays as it is, for rules that compare with it.
_PLAIN_VALUE = re.compile(r"(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?")
_PLAIN_VALUES = re.compile(r"[!-$&-~\n]*")  # several, one a line, and none with a space
_VALUE_ESCAPED = re.compile(r"[\x00-\x1f%\x7f\ud800-\udfff]|^ | \Z")
_HEX_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# RFC 3986's unreserved characters without `~`, the escape, and those sub-delims that no normalization touches.
_SEGMENT_ESCAPED = re.compile(rb"[^A-Za-z0-9._$@:,=+-]")
_PLAIN_OPERATION = re.compile(r"[A-Za-z0-9_$@:,=+-][A-Za-z0-9._$@:,=+-]*(?:/[A-Za-z0-9_$@:,=+-][A-Za-z0-9._$@:,=+-]*)*")
_SEGMENT_ESCAPE = re.compile(rb"~([0-9A-F]{2})")


def is_reserved(name: str) -> bool:
    """Return True if a header of this name is Envoy's, HTTP's or the module's, and not a property.

    Args:
        name: A header's name, in lower case.
    """
    return name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES) or name.startswith(":")


def header_name(name: str) -> str:
    """Return the header of a property: its name in lower case, percent-encoded where it holds no token character.

    Names that differ only in case have one header; `to_headers` tells if a message has such names.

    Args:
        name: A property's name.
    """
    lower = name.lower()
    if _PLAIN_NAME.fullmatch(lower):
        header = lower
    else:
        raw = lower.encode("utf-8", "surrogatepass")
        # A name must not be empty. A lone "%" stands for no other name, since "%" itself becomes "%25".
        header = _NAME_ESCAPED.sub(lambda found: b"%%%02x" % found[0][0], raw).decode("ascii") or "%"
    return PREFIX + header if is_reserved(header) else header


def property_name(header: str) -> str | None:
    """Return the property that a header stands for, in lower case; None if it stands for none.

    Args:
        header: A header's name as Envoy has it, in lower case.
    """
    if header.startswith(PREFIX):
        header = header.removeprefix(PREFIX)
        if not is_reserved(header):
            return None  # no property is written so
    elif is_reserved(header):
        return None
    if "%" not in header:
        return header
    name = "" if header == "%" else _unescape(header)
    written = PREFIX + header if is_reserved(header) else header
    return name if name is not None and header_name(name) == written else None


def escape_value(value: str) -> str:
    """Return a property's value as a header's value.

    Control characters, DEL, spaces at the ends, what UTF-8 cannot encode and `%` itself become `%` and two hex digits.

    Args:
        value: Any text.
    """
    if _PLAIN_VALUE.fullmatch(value):
        return value
    return _VALUE_ESCAPED.sub(_percent, value)


def unescape_value(value: bytes) -> str:
    """Return the property's value that a header's value stands for, the inverse of `escape_value`.

    A `%` that is not followed by two hex digits stays: a rule's author may well write one. Alone it is the empty value.

    Args:
        value: The bytes of a header's value.
    """
    if b"%" in value:
        if value == b"%":
            return ""
        value = _HEX_ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), value)
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return value.decode("utf-8", "surrogateescape")


def path_of(operation: str) -> str:
    """Return the `:path` of an operation, which no path normalization of Envoy or Istio changes.

    A byte that is not plain in a segment becomes `~` and two hex digits; so does each dot of a segment of dots alone.
    An empty segment is `~`. Percent-encoding would not do: normalization undoes it.

    Args:
        operation: `Metadata.operation`, such as "service/method".
    """
    if _PLAIN_OPERATION.fullmatch(operation):
        return "/" + operation
    return "/" + "/".join(map(_escape_segment, operation.split("/")))


def operation_of(path: str) -> str | None:
    """Return the operation that a `:path` stands for, the inverse of `path_of`; None if no operation is written so.

    Args:
        path: A path.
    """
    if not path.startswith("/") or not path.isascii():
        return None
    parts = path[1:].split("/")
    raw = "/".join("" if part == "~" else part for part in parts).encode("ascii")
    raw = _SEGMENT_ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), raw)
    try:
        operation = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return operation if path_of(operation) == path else None


@define(eq=False)
class Fields:
    """The properties of a message as headers.

    Args:
        flat: Names and values in turn.
        names: The property of each header.
        size: Bytes of all names and values, and 32 for each header, as RFC 9113 counts them.
        collision: Two properties whose names differ only in case, or "" if all names are told apart.
    """

    flat: tuple[str, ...]
    names: dict[str, str]
    size: int
    collision: str


@define(eq=False)
class _Names:
    """The facts that follow from the names of a message's properties alone.

    Args:
        flat: The headers, with a place for its value after each.
        names: The property of each header.
        size: What `Fields.size` counts, without the values.
        collision: As in `Fields`.
    """

    flat: list[str]
    names: dict[str, str]
    size: int
    collision: str


# Most messages of a protocol have the properties of an earlier one. Remembering what follows from their names takes
# two thirds off `to_headers`. A peer that never repeats itself empties the memory, and costs what it did before.
_known_names: dict[tuple[str, ...], _Names] = {}
_KNOWN_AT_MOST = 256
_KNOWN_NAMES_SIZE = 2048  # so that all that is remembered is below a few MB


def to_headers(properties: Mapping[str, str]) -> Fields:
    """Return the headers of a message's properties, in their order.

    Args:
        properties: `Metadata.properties`.
    """
    key = tuple(properties)
    known = _known_names.get(key) or _learn(key)
    values = list(properties.values())
    if known.collision:
        values = [properties[name] for name in known.names.values()]
    text = "\n".join(values)
    if _PLAIN_VALUES.fullmatch(text) and text.count("\n") == len(values) - 1:
        size = len(text) - len(values) + 1
    else:
        values = [escape_value(value) for value in values]
        size = sum(len(value) if value.isascii() else len(value.encode()) for value in values)
    flat = known.flat[:]
    flat[1::2] = values
    return Fields(tuple(flat), known.names.copy(), known.size + size, known.collision)


def _learn(key: tuple[str, ...]) -> _Names:
    names: dict[str, str] = {}
    folded: dict[str, str] = {}
    collision = ""
    for name in key:
        header = header_name(name)
        earlier = folded.setdefault(name.casefold(), name)
        if earlier != name or header in names:
            collision = collision or f"{names.get(header, earlier)!r} and {name!r}"
        names.setdefault(header, name)
    flat = [part for header in names for part in (header, "")]
    learned = _Names(flat, names, sum(32 + len(header) for header in names), collision)
    if sum(map(len, key)) <= _KNOWN_NAMES_SIZE and len(key) <= _KNOWN_NAMES_SIZE // 32:
        if len(_known_names) >= _KNOWN_AT_MOST:
            _known_names.clear()
        _known_names[key] = learned
    return learned


def _unescape(text: str) -> str | None:
    raw = _HEX_ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text.encode("latin-1"))
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _escape_segment(segment: str) -> str:
    if not segment:
        return "~"
    if not segment.strip("."):
        return "~2E" * len(segment)
    raw = segment.encode("utf-8", "surrogatepass")
    return _SEGMENT_ESCAPED.sub(lambda found: b"~%02X" % found[0][0], raw).decode("ascii")
