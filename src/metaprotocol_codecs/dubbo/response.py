"""The body of a Dubbo response: what kind of result it is, the result, and the attachments.

Source: DecodeableRpcResult of Apache Dubbo 2.7 and 3.
"""

from __future__ import annotations

from typing import NamedTuple

from metaprotocol_codecs.dubbo.attachments import AttachmentsSpan, read_ascii_map, read_attachments
from metaprotocol_codecs.hessian2 import ReferenceTables, read_class_name, skip_values
from metaprotocol_codecs.hessian2.strings import raise_cut_off, read_integer
from metaprotocol_sdk import DecodeError, Limits

# By the number that begins the body.
EXCEPTION, VALUE, NULL_VALUE, EXCEPTION_WITH_ATTACHMENTS, VALUE_WITH_ATTACHMENTS, NULL_WITH_ATTACHMENTS = range(6)
KINDS = {
    EXCEPTION: "exception",
    VALUE: "value",
    NULL_VALUE: "null",
    EXCEPTION_WITH_ATTACHMENTS: "exception, with attachments",
    VALUE_WITH_ATTACHMENTS: "value, with attachments",
    NULL_WITH_ATTACHMENTS: "null, with attachments",
}


# The properties that a body tells.
FIELDS = frozenset({"exception", "error"})


class Result(NamedTuple):
    """The offsets of the parts of a response's body."""

    kind: int
    span: AttachmentsSpan
    """The attachments or their span, and the value before them, if there is one."""
    tables: ReferenceTables
    """The values that the value has numbered."""

    @property
    def is_exception(self) -> bool:
        """True if the value is an exception."""
        return self.kind in (EXCEPTION, EXCEPTION_WITH_ATTACHMENTS)

    @property
    def has_attachments(self) -> bool:
        """True if attachments follow the value."""
        return self.kind >= EXCEPTION_WITH_ATTACHMENTS


def read_result(message: bytes, position: int) -> Result:
    """Read the body of a response of status OK up to its attachments.

    Args:
        message: A Dubbo message.
        position: Where its body begins.

    Raises:
        DecodeError: The body is not a result.
    """
    try:
        kind, start = read_integer(message, position)
    except IndexError:
        raise_cut_off(message, position, "kind of response")
    if kind not in KINDS:
        raise DecodeError(f"there is no kind of response {kind}; the last is 5", offset=position, field="kind")
    values = 0 if kind in (NULL_VALUE, NULL_WITH_ATTACHMENTS) else 1
    tables = ReferenceTables()
    end = skip_values(message, start, values, tables)
    return Result(kind, AttachmentsSpan(start, values, end), tables)


def read_response(message: bytes, position: int, limits: Limits) -> tuple[Result, dict[str, str], str]:
    """Return the result of a response of status OK, its properties, and why the client may see others.

    Args:
        message: A Dubbo message.
        position: Where its body begins.
        limits: Bounds of what is built.

    Raises:
        ProtocolError: The body is not a result, or passes the limits.
    """
    result = read_result(message, position)
    properties: dict[str, str] = {}
    unclear = ""
    if result.has_attachments:
        span = result.span
        span.ascii_end = read_ascii_map(message, span.start, limits, properties)
        if not span.ascii_end:
            attachments, unclear = read_attachments(message, span, result.tables, limits)
            properties = {name: value for name, value in attachments.items() if value is not None}
        for name in FIELDS & properties.keys():
            del properties[name]  # no attachment passes for a field
    if result.is_exception:
        class_name = read_class_name(message, result.span.values_start)
        if class_name is not None:
            properties["exception"] = class_name
    return result, properties, unclear
