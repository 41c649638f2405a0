"""The errors for messages that can be read and are refused."""

from __future__ import annotations

from metaprotocol_codecs.thrift.protocols import MESSAGE_TYPES
from metaprotocol_sdk import DecodeError


def unknown_type(kind: int, at: int) -> DecodeError:
    """Return the error for a message type that Thrift does not have."""
    return DecodeError(f"there is no type of message {kind}; there are 1 to 4", offset=at, field="type")


def reply_to_server(kind: int, at: int) -> DecodeError:
    """Return the error for a reply or an exception on its way to a server."""
    return DecodeError(
        f"a message of type {kind}, {MESSAGE_TYPES[kind]}, goes to a server, which may run it as a call",
        offset=at,
        field="type",
    )


def call_to_client(at: int) -> DecodeError:
    """Return the error for a call on its way to a client."""
    return DecodeError(
        "a message of type 1, call, goes to a client, which may take it for a reply", offset=at, field="type"
    )


def unclear_name(name: str, at: int) -> DecodeError:
    """Return the error for a name that servers take for different methods."""
    return DecodeError(
        f"servers differ in which service and method the name {name[:80]!r} calls; one colon must separate the two",
        offset=at,
        field="name",
    )


def trailing(data: bytes, end: int) -> DecodeError:
    """Return the error for bytes that follow a message in its frame."""
    return DecodeError(
        f"{len(data) - end:,} bytes follow the message in its frame, which a server may run as another call",
        offset=end,
        field="frame",
    )


def header_alone(at: int) -> DecodeError:
    """Return the error for a header with keys and without a message on its way to a server."""
    return DecodeError(
        "a header without a message goes to a server, and servers of Go take its keys for those of the next call",
        offset=at,
        field="header",
    )


def unknown_method(name: str, at: int) -> DecodeError:
    """Return the error for a call of a method that the interface definition does not have."""
    return DecodeError(f"the interface definition has no method {name[:80]!r}", offset=at, field="name")


def oneway_call(name: str, at: int) -> DecodeError:
    """Return the error for a oneway call of a method that answers."""
    return DecodeError(
        f"a oneway call of {name[:80]!r}, which is not oneway in the interface definition: its server would answer, "
        "and the answer could be taken for that of another call",
        offset=at,
        field="type",
    )


def wide_field_id(number: int, at: int) -> DecodeError:
    """Return the error for a field id that some servers cut to 16 bits and others do not."""
    return DecodeError(
        f"the field id {number} has more than 16 bits, and servers differ in which field that is",
        offset=at,
        field="field",
    )
