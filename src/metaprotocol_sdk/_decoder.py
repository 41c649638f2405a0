"""Turns a stream of bytes into messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk._enums import Direction, MessageType
from metaprotocol_sdk._errors import FOREIGN_HINT, FramingError, IncompleteMessage, LimitExceeded, ProtocolError
from metaprotocol_sdk._framing import Scanner
from metaprotocol_sdk._metadata import Metadata

if TYPE_CHECKING:
    from metaprotocol_sdk._codec import Codec

_OPAQUE = Scanner.OPAQUE
_HEAD = 64  # first bytes of a message by which foreign protocols are known


class MessageDecoder:
    """Cuts one direction of one connection into messages and decodes them. Sans-IO: it never waits.

    Give it bytes as they come, in pieces of any size. The messages and the error are the same however the stream
    was cut, but for the error's hint:

    * **Nothing good is lost.** `feed` returns the messages that came before bad bytes and sets `stream_error`;
      every later `feed` and `eof` raises it.
    * A sound frame whose body cannot be read does not end the connection. It comes out as a `Metadata` with
      `error` set, and with type and id where the header told them.
    * Bytes that come after the protocol's last message, such as a TLS handshake, are kept for `take_opaque`.
    * If the bytes do not begin a message, the hint names the protocol that they look like, if enough of them have come.
    * Memory is bounded by the codec's `Limits`, whatever the peer announces.

    Args:
        codec: The codec of this connection (see `Codec.for_connection`).
        direction: The way the bytes travel.
    """

    __slots__ = (
        "_buffer",
        "_codec",
        "_consumed",
        "_direction",
        "_ended",
        "_maximum",
        "_opaque",
        "_scan",
        "_scanner",
        "_stream_error",
    )

    def __init__(self, codec: Codec, direction: Direction) -> None:
        self._codec = codec
        self._direction = direction
        self._maximum = codec.limits.max_message_size
        self._scanner = codec.framing.scanner(direction, codec.limits)
        self._scan = self._scanner.scan
        self._buffer = bytearray()  # the first bytes of a message that is not complete yet
        self._opaque: bytearray | None = None  # bytes that came after the protocol's end
        self._consumed = 0
        self._stream_error: ProtocolError | None = None
        self._ended = False

    @property
    def buffered(self) -> int:
        """The number of bytes that are kept of a message that is not complete yet."""
        return len(self._buffer)

    @property
    def stream_error(self) -> ProtocolError | None:
        """The error that ended the stream, with an offset from the stream's first byte; None if it goes on."""
        return self._stream_error

    @property
    def opaque(self) -> bool:
        """True if the protocol has ended and the connection goes on with bytes that are not messages."""
        return self._opaque is not None

    def take_opaque(self) -> bytes:
        """Return the bytes that came after the protocol's end since the last call, to hand them through unread."""
        if self._opaque is None:
            return b""
        taken = bytes(self._opaque)
        self._opaque.clear()
        return taken

    def feed(self, data: bytes | bytearray | memoryview) -> list[Metadata]:
        """Take the next bytes of the stream and return the messages that they complete, in order.

        Args:
            data: Bytes as they came from the network; none is fine.

        Raises:
            ProtocolError: An earlier call set `stream_error`.
            RuntimeError: `eof` was called.
        """
        if self._stream_error is not None:
            raise self._stream_error.with_traceback(None)
        if self._ended:
            raise RuntimeError("feed() was called after eof()")
        if not isinstance(data, bytes):
            data = bytes(data)
        messages: list[Metadata] = []
        if not data:  # a scanner is never given empty data
            return messages
        try:
            if self._opaque is None and len(data) <= self._maximum:
                self._take(data, messages)
            else:
                self._take_pieces(data, messages)
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
            ProtocolError: An earlier call set `stream_error`.
        """
        if self._stream_error is not None:
            raise self._stream_error.with_traceback(None)
        self._ended = True
        if self._buffer:
            error = IncompleteMessage(
                f"the stream ended {len(self._buffer):,} bytes into a message, at least "
                f"{self._scanner.needed:,} before its end",
                offset=self._consumed + len(self._buffer),
            )
            self._name_foreign(error, bytes(self._buffer[:_HEAD]))
            self._fail(error)
            raise error

    def _take_pieces(self, data: bytes, messages: list[Metadata]) -> None:
        """Take data in pieces no longer than a message may be, so that a scanner never looks further than the limit."""
        if self._opaque is not None and len(self._opaque) > self._maximum:  # the caller does not take them
            raise LimitExceeded("max_message_size", len(self._opaque) + len(data), self._maximum, offset=0)
        for at in range(0, len(data), self._maximum):
            piece = data[at : at + self._maximum]
            if self._opaque is None:
                self._take(piece, messages)
            else:
                self._keep_opaque(piece)

    def _take(self, data: bytes, messages: list[Metadata]) -> None:
        begin = start = 0
        metadata: Metadata | None = None
        size = len(data)
        try:
            if self._buffer:
                begin = start = self._finish(data, messages)
                if start == size:
                    return
                if self._opaque is not None:
                    self._keep_opaque(data[start:])
                    return
            scan, decode, direction = self._scan, self._codec.decode, self._direction
            while start < size:
                end = scan(data, start)
                if end < 0:
                    self._consumed += start - begin
                    begin = start
                    self._keep(data[start:], end)
                    return
                if not start < end <= size:
                    raise self._stray(f"returned {end} for bytes {start} to {size}")
                message = data[start:end]
                try:
                    metadata = decode(message, direction)
                except ProtocolError as error:
                    metadata = self._unreadable(message, error)
                if metadata.error is not None:
                    # A traceback would hold on to the frame that holds the metadata, a circle.
                    metadata.error.__traceback__ = None
                messages.append(metadata)
                start = end
            self._consumed += start - begin
        except Exception as error:
            self._consumed += start - begin
            if isinstance(error, AttributeError) and not isinstance(metadata, Metadata):
                name = self._codec.name
                raise TypeError(f"decode of the codec {name} returned {metadata!r}, not a Metadata") from error
            if isinstance(error, ProtocolError) and (error.offset or 0) < _HEAD:
                self._name_foreign(error, bytes(self._buffer[:_HEAD]) + data[start : start + _HEAD])
            raise

    def _finish(self, data: bytes, messages: list[Metadata]) -> int:
        """Continue the message that has begun; return the index in the data after it."""
        # This message may take only the room that is left; the next one has all of it again.
        room = self._maximum - len(self._buffer)
        part = data if len(data) <= room else data[:room]
        end = self._scan(part, 0)
        if end < 0:
            self._keep(part, end)
            return len(part)
        if not 0 < end <= len(part):
            raise self._stray(f"returned {end} for bytes 0 to {len(part)}")
        self._buffer += part[:end]
        message = bytes(self._buffer)
        self._buffer.clear()
        try:
            metadata = self._codec.decode(message, self._direction)
        except ProtocolError as error:
            metadata = self._unreadable(message, error)
        if metadata.error is not None:
            metadata.error.__traceback__ = None
        messages.append(metadata)
        self._consumed += len(message)
        return end

    def _keep(self, data: bytes, end: int) -> None:
        if end == _OPAQUE:
            self._opaque, self._buffer = self._buffer, bytearray()
            self._keep_opaque(data)
            return
        needed = self._scanner.needed
        if needed < 1:
            raise self._stray(f"needs {needed} bytes")
        if len(self._buffer) + len(data) + needed > self._maximum:
            raise LimitExceeded("max_message_size", self._maximum + 1, self._maximum, offset=0)
        self._buffer += data

    def _keep_opaque(self, data: bytes) -> None:
        if self._opaque is None:
            self._opaque = bytearray()
        self._opaque += data

    def _unreadable(self, message: bytes, error: ProtocolError) -> Metadata:
        kind = MessageType.REQUEST if self._direction is Direction.TO_SERVER else MessageType.RESPONSE
        return Metadata(message, kind, expects_reply=False, error=error)

    def _stray(self, what: str) -> FramingError:
        return FramingError(f"the scanner of the codec {self._codec.name} {what}: a bug in the codec", offset=0)

    def _name_foreign(self, error: ProtocolError, head: bytes) -> None:
        """Set an error's hint to the protocol that the first bytes of its message look like."""
        from metaprotocol_sdk.foreign import looks_like  # not loaded until there is an error

        name = looks_like(head)
        if name and name.lower().split()[0] != self._codec.name:
            error.hint = f"{FOREIGN_HINT}{name}"

    def _fail(self, error: ProtocolError) -> None:
        """Remember the error that ends the stream, its offset counted from the stream's first byte."""
        if not isinstance(error, IncompleteMessage):
            error.offset = self._consumed + (error.offset or 0)
        # A traceback would hold on to all that was fed.
        self._stream_error = error.with_traceback(None)
        self._buffer.clear()
