"""The messages of a stream, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@frozen
class Record:
    """One message of a stream.

    Args:
        number: Its number in the output, from 1.
        offset: Its first byte's place in the stream.
        direction: Which way it travels.
        metadata: The message.
    """

    number: int
    offset: int
    direction: Direction
    metadata: Metadata


def read_records(chunks: Iterable[bytes], codec: Codec, direction: Direction) -> Iterator[Record]:
    """Yield the messages of one direction of one connection.

    Args:
        chunks: Its bytes.
        codec: The codec to read them with.
        direction: Which way they travel.

    Raises:
        ProtocolError: The stream is broken; every message before that has been yielded.
    """
    decoder = MessageDecoder(codec, direction)
    number, offset = 0, 0
    for chunk in chunks:
        for metadata in decoder.feed(chunk):
            number += 1
            yield Record(number, offset, direction, metadata)
            offset += len(metadata.message)
        if decoder.error is not None:
            raise decoder.error
    decoder.eof()


def error_fields(error: ProtocolError) -> dict[str, object]:
    """Return an error as JSON shows it."""
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "offset": error.offset,
        "field": error.field,
        "hint": error.hint,
    }
