"""The lines of a listing: messages with their positions, and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import Direction, IncompleteMessage, Span

if TYPE_CHECKING:
    from metaprotocol_cli.capture import Connection
    from metaprotocol_sdk import Codec, Metadata, ProtocolError


@frozen
class Record:
    """One message.

    Args:
        number: Its number in the output, from 1.
        offset: The index of its first byte in its stream.
        direction: The way it travels.
        metadata: The message.
        connection: The connection it belongs to; None if the input is only one stream.
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

    @property
    def sound(self) -> bool:
        """True if the message could be read."""
        return self.metadata.error is None

    def spans(self, codec: Codec) -> list[Span]:
        """Return the fields of the message."""
        metadata = self.metadata
        if not isinstance(metadata.error, IncompleteMessage):
            return codec.spans(metadata)
        try:
            return codec.spans(metadata)
        except Exception:  # noqa: BLE001 - a codec is promised whole messages, and this is a part of one
            header = codec.layout.spans(metadata.message) if codec.layout else []
            end = header[-1].end if header else 0
            return [*header, Span(end, len(metadata.message), "cut off")] if end < len(metadata.message) else header


@frozen
class Note:
    """A remark on the input.

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

    @property
    def sound(self) -> bool:
        """True if no message is missing."""
        return self.error is None and not self.lost
