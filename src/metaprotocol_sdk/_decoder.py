"""From a stream of bytes to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk._enums import Direction, MessageType
from metaprotocol_sdk._errors import FramingError, IncompleteMessage, LimitExceeded, ProtocolError
from metaprotocol_sdk._metadata import Metadata

if TYPE_CHECKING:
    from metaprotocol_sdk._codec import Codec


class MessageDecoder:
    """Cuts one direction of one connection into messages and decodes them. Sans-IO: it never waits.

    Give it bytes as they come, in pieces of any size. The messages and the error are the same however the stream
    was cut:

    * **Nothing good is lost.** `feed` returns the messages that came before bad bytes and sets `error`; every
      later `feed` and `eof` raises it.
    * A sound frame whose body cannot be read does not end the connection. It comes out as a `Metadata` with
      `error` set, and with type and id where the header told them.
    * Memory is bounded by the codec's `Limits`, whatever the peer announces.

    Args:
        codec: The codec of this connection (see `Codec.for_connection`).
        direction: Which way the bytes travel.
    """

    __slots__ = (
        "_buffer",
        "_codec",
        "_consumed",
        "_direction",
        "_ended",
        "_error",
        "_maximum",
        "_scan",
        "_scanner",
    )

    def __init__(self, codec: Codec, direction: Direction) -> None:
        self._codec = codec
        self._direction = direction
        self._maximum = codec.limits.max_message_size
        self._scanner = codec.framing.scanner(direction, codec.limits)
        self._scan = self._scanner.scan
        self._buffer = bytearray()  # what came of a message that is not whole yet
        self._consumed = 0
        self._error: ProtocolError | None = None
        self._ended = False

    @property
    def buffered(self) -> int:
        """Bytes kept of a message that is not whole yet."""
        return len(self._buffer)

    @property
    def error(self) -> ProtocolError | None:
        """What ended the stream, with an offset that counts from the stream's first byte; None if nothing did."""
        return self._error

    def feed(self, data: bytes | bytearray | memoryview) -> list[Metadata]:
        """Take the next bytes of the stream and return the messages that they complete, in order.

        Args:
            data: Bytes as they came from the network; none is fine.

        Raises:
            ProtocolError: An earlier call set `error`.
            RuntimeError: `eof` was called.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._ended:
            raise RuntimeError("feed() was called after eof()")
        if not isinstance(data, bytes):
            data = bytes(data)
        messages: list[Metadata] = []
        if not data:  # a scanner is never shown nothing
            return messages
        try:
            if len(data) <= self._maximum:
                self._take(data, messages)
            else:
                # In pieces no longer than a message may be, so that a scanner never looks further than the limit.
                for at in range(0, len(data), self._maximum):
                    self._take(data[at : at + self._maximum], messages)
        except ProtocolError as error:
            self._fail(error)
        except Exception as bug:
            # Not the peer's fault: it is raised as it is, and the stream ends here.
            name = self._codec.name
            self._fail(FramingError(f"the codec {name} raised {type(bug).__name__}, a bug in it", offset=0))
            raise
        return messages

    def eof(self) -> None:
        """Say that the stream has ended.

        Raises:
            IncompleteMessage: It ended inside a message. At a boundary the end is clean.
            ProtocolError: An earlier call set `error`.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        self._ended = True
        if self._buffer:
            error = IncompleteMessage(
                f"the stream ended {len(self._buffer):,} bytes into a message, at least "
                f"{self._scanner.needed:,} before its end",
                offset=self._consumed + len(self._buffer),
            )
            self._fail(error)
            raise error

    def _take(self, data: bytes, messages: list[Metadata]) -> None:
        start, size = 0, len(data)
        if self._buffer:
            start = self._finish(data, messages)
        scan, decode, direction = self._scan, self._codec.decode, self._direction
        while start < size:
            end = scan(data, start)
            if end < 0:
                self._keep(data[start:])
                return
            if not start < end <= size:
                raise self._stray(f"returned {end} for bytes {start} to {size}")
            message = data[start:end]
            try:
                messages.append(decode(message, direction))
            except ProtocolError as error:
                messages.append(self._unreadable(message, error))
            self._consumed += end - start
            start = end

    def _finish(self, data: bytes, messages: list[Metadata]) -> int:
        """Go on with the message that is begun; return where the data goes on behind it."""
        # It may use only so much of the data; behind it a new one has all the room.
        room = self._maximum - len(self._buffer)
        part = data if len(data) <= room else data[:room]
        end = self._scan(part, 0)
        if end < 0:
            self._keep(part)
            return len(data)
        if not 0 < end <= len(part):
            raise self._stray(f"returned {end} for bytes 0 to {len(part)}")
        self._buffer += part[:end]
        message = bytes(self._buffer)
        self._buffer.clear()
        try:
            messages.append(self._codec.decode(message, self._direction))
        except ProtocolError as error:
            messages.append(self._unreadable(message, error))
        self._consumed += len(message)
        return end

    def _keep(self, data: bytes) -> None:
        self._buffer += data
        needed = self._scanner.needed
        if needed < 1:
            raise self._stray(f"needs {needed} bytes")
        if len(self._buffer) + needed > self._maximum:
            raise LimitExceeded("max_message_size", self._maximum + 1, self._maximum, offset=0)

    def _unreadable(self, message: bytes, error: ProtocolError) -> Metadata:
        metadata = error.metadata
        if metadata is None:
            kind = MessageType.REQUEST if self._direction is Direction.TO_SERVER else MessageType.RESPONSE
            metadata = Metadata(message, kind, expects_reply=False)
        metadata.error = error.with_traceback(None)
        return metadata

    def _stray(self, what: str) -> FramingError:
        return FramingError(f"the scanner of the codec {self._codec.name} {what}: a bug in the codec", offset=0)

    def _fail(self, error: ProtocolError) -> None:
        """Remember what ended the stream, its offset counted from the stream's first byte."""
        if not isinstance(error, IncompleteMessage):
            error.offset = self._consumed + (error.offset or 0)
        # A traceback would hold on to all that was fed.
        self._error = error.with_traceback(None)
        self._buffer.clear()
