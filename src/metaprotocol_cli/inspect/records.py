"""The messages of a stream or a capture, each with its position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_cli.capture import Connection


@frozen
class Record:
    """One message.

    Args:
        number: Its number in the output, from 1.
        offset: The index of its first byte in its stream.
        direction: The way it travels.
        metadata: The message.
        connection: The connection it belongs to; None outside a capture.
        timestamp: The time when its last byte was captured, in nanoseconds since 1970; 0 if unknown.
        elapsed: Nanoseconds since the request that it answers; None if it does not answer one.
    """

    number: int
    offset: int
    direction: Direction
    metadata: Metadata
    connection: Connection | None = None
    timestamp: int = 0
    elapsed: int | None = None


@frozen
class Note:
    """A remark on the capture, for the reader of what follows.

    Args:
        text: One sentence.
        connection: The connection it is about, or None.
        direction: The direction of it, or None.
        error: The error, if the note says that a stream is broken.
        lost: True if messages may be missing from the output.
    """

    text: str
    connection: Connection | None = None
    direction: Direction | None = None
    error: ProtocolError | None = None
    lost: bool = False


def opaque_note(size: int, connection: Connection | None = None, direction: Direction | None = None) -> Note:
    """Return the note on bytes after the end of the protocol.

    Args:
        size: The number of bytes.
        connection: The connection they came on, or None.
        direction: The way they travelled, or None.
    """
    return Note(f"{size:,} bytes came after the end of the protocol; they were not read", connection, direction)


def read_records(chunks: Iterable[bytes], codec: Codec, direction: Direction) -> Iterator[Record | Note]:
    """Yield the messages of one direction of one connection, and a note on bytes after the end of the protocol.

    Args:
        chunks: Its bytes.
        codec: The codec to read them with.
        direction: The way they travel.

    Raises:
        ProtocolError: The stream is broken; every message before that has been yielded.
    """
    decoder = MessageDecoder(codec, direction)
    number, offset, opaque = 0, 0, 0
    for chunk in chunks:
        for metadata in decoder.feed(chunk):
            number += 1
            yield Record(number, offset, direction, metadata)
            offset += len(metadata.message)
        if decoder.stream_error is not None:
            raise decoder.stream_error
        opaque += len(decoder.take_opaque())
    decoder.eof()
    if opaque:
        yield opaque_note(opaque)
