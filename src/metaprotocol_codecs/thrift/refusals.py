"""The errors for messages that can be read and are refused."""

from __future__ import annotations

from typing import NoReturn

from metaprotocol_codecs.thrift.protocols import MESSAGE_TYPES
from metaprotocol_sdk import DecodeError, MessageType, Metadata


def unknown_type(kind: int, at: int) -> NoReturn:
    """Raise the error for a type of message that is none."""
    raise DecodeError(f"there is no type of message {kind}; there are 1 to 4", offset=at, field="type")


def reply_to_server(metadata: Metadata, kind: int, at: int) -> DecodeError:
    """Return the error for what is no call on its way to a server, and make a request of it: most servers do."""
    metadata.message_type, metadata.expects_reply = MessageType.REQUEST, True
    return DecodeError(
        f"a message of type {kind}, {MESSAGE_TYPES[kind]}, goes to a server, which may run it as a call",
        offset=at,
        field="type",
    )


def call_to_client(metadata: Metadata, at: int) -> DecodeError:
    """Return the error for a call on its way to a client, and make a reply of it: most clients do.

    Were it a call, no answer could be given, since no server takes a reply.
    """
    metadata.message_type, metadata.expects_reply = MessageType.RESPONSE, False
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
    """Return the error for a message behind whose struct the frame goes on."""
    return DecodeError(
        f"{len(data) - end:,} bytes follow the message in its frame, which a server may run as another call",
        offset=end,
        field="frame",
    )


def unknown_method(name: str, at: int) -> DecodeError:
    """Return the error for a call of a method that the interface definition does not have."""
    return DecodeError(f"the interface definition has no method {name[:80]!r}", offset=at, field="name")


def wide_field_id(number: int, at: int) -> DecodeError:
    """Return the error for a field whose id some servers cut to 16 bits, and others do not."""
    return DecodeError(
        f"the field id {number} has more than 16 bits, and servers differ in which field that is",
        offset=at,
        field="field",
    )
