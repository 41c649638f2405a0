"""Reads recorded Thrift connections by our codec, in the terms of those who sent the messages."""

import re
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen
from recordings import Recording, decode

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import MessageType, Metadata, Status

_CALL, _REPLY, _EXCEPTION, _ONEWAY = 1, 2, 3, 4


@frozen
class Message:
    """A message as a client's own library named it when it wrote or read it.

    Args:
        method: With the service before a colon, where the connection is multiplexed.
        type: 1 call, 2 reply, 3 exception, 4 oneway.
        seqid: The sequence id.
    """

    method: str
    type: int
    seqid: int


def decode_connections(folder: Path) -> tuple[list[Metadata], list[Metadata]]:
    """Decode all connections that a relay has recorded.

    Returns:
        The messages to the server, of one connection after the other, and those to the client.

    Raises:
        AssertionError: Something could not be read.
    """
    found: tuple[list[Metadata], list[Metadata]] = [], []
    connections = sorted(folder.glob("conn*.chunks.json"), key=lambda path: int(re.search(r"\d+", path.name)[0]))
    for connection in connections:
        name = connection.name.removesuffix(".chunks.json")
        for kept, direction in zip(found, ("c2s", "s2c"), strict=True):
            recording = Recording(folder / f"{name}.{direction}.bin")
            decoded = decode(ThriftCodec(), recording.direction, [recording.data])
            assert decoded.error is None
            assert [metadata.error for metadata in decoded.messages if metadata.error] == []
            kept.extend(decoded.messages)
    return found


def told(messages: Iterable[Metadata]) -> list[Message]:
    """Return messages as a Thrift library names them; it does not name headers of C++ without a message after them."""
    return [
        Message(_full_name(metadata), _type(metadata), metadata.request_id)
        for metadata in messages
        if metadata.message_type is not MessageType.EVENT
    ]


def errors(messages: Iterable[Metadata]) -> list[tuple[int | None, str]]:
    """Return type and text of every TApplicationException."""
    return [
        (metadata.status_code, metadata.properties["error"]) for metadata in messages if metadata.status is Status.ERROR
    ]


def _full_name(metadata: Metadata) -> str:
    names = (metadata.properties.get(key) for key in ("service", "method"))
    return ":".join(name for name in names if name is not None)


def _type(metadata: Metadata) -> int:
    if metadata.message_type is MessageType.REQUEST:
        return _CALL
    if metadata.message_type is MessageType.ONEWAY:
        return _ONEWAY
    return _EXCEPTION if metadata.status is Status.ERROR else _REPLY
