"""What our codec makes of recorded Thrift connections, in the words of those who sent the messages."""

import re
from collections.abc import Iterable
from pathlib import Path

from peers.thrift.clients import Message
from recordings import Recording, decode

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import MessageType, Metadata, Status

_CALL, _REPLY, _EXCEPTION, _ONEWAY = 1, 2, 3, 4


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
    """Return messages as a Thrift library names them; it does not name headers of C++ without a message behind them."""
    return [
        Message(_full_name(metadata), _type(metadata), metadata.request_id)
        for metadata in messages
        if metadata.message_type is not MessageType.EVENT
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
