"""Both directions of one connection, or one of them, as records and notes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from metaprotocol_cli.inspect.records import Note, Record
from metaprotocol_cli.inspect.streams import Broken, Message, StreamReader
from metaprotocol_proxy import Correlator
from metaprotocol_sdk import Codec, Direction, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_cli.capture import Connection


class Conversation:
    """Reads one connection.

    Args:
        codec: The codec to read it with.
        connection: The connection, to name it; None if there is only one.
        numbers: The numbers of the messages.
        paired: True to find the request of each answer; False if there is only one direction.
    """

    def __init__(
        self,
        codec: Codec,
        connection: Connection | None = None,
        numbers: Iterator[int] | None = None,
        *,
        paired: bool = True,
    ) -> None:
        codec = codec.for_connection()
        self._connection = connection
        self._numbers = count(1) if numbers is None else numbers
        self._correlator = Correlator(codec) if paired else None
        self._streams = {direction: StreamReader(codec, direction) for direction in Direction}

    def begin_inside(self, direction: Direction, text: str) -> Iterator[Note]:
        """Note that the first bytes of a direction may not be those of a message."""
        self._streams[direction].lose(0)
        yield self._note(text, direction)

    def data(self, direction: Direction, data: bytes, timestamp: int = 0) -> Iterator[Record | Note]:
        """Take the next bytes of a direction.

        Args:
            direction: The way they travel.
            data: The bytes.
            timestamp: Their time in nanoseconds since 1970; 0 if unknown.
        """
        for item in self._streams[direction].feed(data):
            if isinstance(item, Message):
                yield self._record(item, direction, timestamp)
            elif isinstance(item, Broken):
                yield self._note(str(item.error), direction, item.error)
            else:
                yield self._note(
                    f"{_bytes(item.size)} skipped: the next message begins at offset {item.offset:,}", direction
                )

    def gap(self, direction: Direction, size: int, timestamp: int = 0) -> Iterator[Record | Note]:
        """Take missing bytes of a direction, as `data` takes bytes."""
        cut = self._streams[direction].lose(size)
        if cut is not None:
            yield self._record(cut, direction, timestamp)
        yield self._note(f"{_bytes(size)} not in the capture", direction, lost=True)

    def end(self, direction: Direction, *, complete: bool = True) -> Iterator[Record | Note]:
        """End a direction.

        Args:
            direction: The direction.
            complete: False if the connection went on when the capture ended.
        """
        stream = self._streams[direction]
        if stream.error is not None:
            return
        if stream.opaque:
            text = f"{stream.opaque:,} bytes came after the end of the protocol; they were not read"
            yield self._note(text, direction)
        try:
            skipped = stream.end()
        except ProtocolError as error:
            if complete:
                yield self._note(str(error), direction, error)
            else:
                yield self._note("the capture ends inside a message", direction)
        else:
            if skipped is not None:
                yield self._note(f"{_bytes(skipped.size)} skipped: no message begins in them", direction)

    def _record(self, message: Message, direction: Direction, timestamp: int) -> Record:
        elapsed = None
        if self._correlator is not None:
            elapsed = self._correlator.correlate(message.metadata, direction, timestamp)
        number = next(self._numbers)
        return Record(number, message.offset, direction, message.metadata, self._connection, timestamp, elapsed)

    def _note(self, text: str, direction: Direction, error: ProtocolError | None = None, *, lost: bool = False) -> Note:
        return Note(text, self._connection, direction if self._correlator else None, error, lost)


def read_stream(
    pieces: Iterable[tuple[Direction | None, bytes]], codec: Codec, direction: Direction
) -> Iterator[Record | Note]:
    """Yield the messages of one direction of a connection, or of both if the text says which is which.

    Args:
        pieces: The bytes, and the way they travel; None stands for `direction`.
        codec: The codec to read them with.
        direction: The way they travel.
    """
    conversation = None
    ways: set[Direction] = set()
    for way, data in pieces:
        if conversation is None:
            conversation = Conversation(codec, paired=way is not None)
        ways.add(way or direction)
        yield from conversation.data(way or direction, data)
    for way in Direction:
        if conversation is not None and way in ways:
            yield from conversation.end(way)


def _bytes(size: int) -> str:
    return f"{size:,} byte is" if size == 1 else f"{size:,} bytes are"
