"""The messages of a packet capture: all connections, both directions, answers paired with their requests."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, BinaryIO, cast

from metaprotocol_cli.capture import CaptureReport, Connection, Data, EndReason, Gap, read_connections
from metaprotocol_cli.inspect.conversation import Conversation
from metaprotocol_cli.inspect.records import Note, Record
from metaprotocol_cli.inspect.streams import Message, StreamReader
from metaprotocol_sdk import Codec, Direction, MessageType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.capture import StreamEvent
    from metaprotocol_cli.input import Input

_SENT_BY_CLIENT = {MessageType.REQUEST, MessageType.ONEWAY}
_SENT_BY_SERVER = {MessageType.RESPONSE, MessageType.EXCEPTION}


class _Reading:
    """One connection while it is read."""

    def __init__(self, connection: Connection, codec: Codec, numbers: Iterator[int]) -> None:
        self.connection = connection
        self.ended = 0
        self._codec = codec
        self._conversation = Conversation(codec, connection, numbers)
        self._begun: set[Direction] = set()
        self._flipped = False
        self._settled = not connection.server_is_a_guess

    def read(self, direction: Direction, event: StreamEvent) -> Iterator[Record | Note]:
        """Yield the messages that an event completes, and the notes on it."""
        mid_stream = self.connection.started_mid_stream(direction)
        if not self._settled and isinstance(event, Data):
            self._settle(direction, event.data)
        if self._flipped:
            direction = direction.opposite
        if direction not in self._begun:
            self._begun.add(direction)
            if mid_stream:
                text = "the capture begins in the middle of this stream"
                yield from self._conversation.begin_inside(direction, text)
        if isinstance(event, Data):
            yield from self._conversation.data(direction, event.data, event.timestamp)
        elif isinstance(event, Gap):
            yield from self._conversation.gap(direction, event.size, event.timestamp)
        else:
            self.ended += 1
            yield from self._conversation.end(direction, complete=event.reason is not EndReason.OPEN)

    def _settle(self, direction: Direction, data: bytes) -> None:
        """Take the side that sends requests for the client, where the port had to be guessed from."""
        stream = StreamReader(self._codec.for_connection(), direction)
        stream.lose(0)
        first = next((item for item in stream.feed(data) if isinstance(item, Message)), None)
        if first is None:
            self._settled = bool(self._begun)
            return
        self._settled = True
        wrong = _SENT_BY_SERVER if direction is Direction.TO_SERVER else _SENT_BY_CLIENT
        if first.metadata.message_type in wrong and not self._begun:
            self._flipped = True
            self.connection.client, self.connection.server = self.connection.server, self.connection.client
            self.connection.server_is_a_guess = False


def read_capture(file: Input, codec: Codec, port: int | None) -> Iterator[Record | Note]:
    """Yield the messages of a capture in the order in which they were complete, and notes on what is missing.

    Args:
        file: A pcap or pcapng file.
        codec: The codec to read the connections with.
        port: The server's port; None takes every connection.

    Raises:
        CaptureError: The file is damaged; all that could be read has been yielded.
    """
    report = CaptureReport()
    readings: dict[int, _Reading] = {}
    numbers = count(1)
    for connection, direction, event in read_connections(cast("BinaryIO", file), port=port, report=report):
        reading = readings.get(connection.id)
        if reading is None:
            reading = readings[connection.id] = _Reading(connection, codec, numbers)
        yield from reading.read(direction, event)
        if reading.ended == len(Direction):
            del readings[connection.id]
    for text in report.notes(port):
        yield Note(text)
