"""One direction of a connection, which may begin in the middle, lack bytes, or be broken in places."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metaprotocol_sdk import (
    Codec,
    Direction,
    HeaderLength,
    IncompleteMessage,
    LengthField,
    MessageDecoder,
    Metadata,
    ProtocolError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Message(NamedTuple):
    """A message, and the index of its first byte in the stream."""

    offset: int
    metadata: Metadata


class Broken(NamedTuple):
    """A place where the bytes do not begin a message; the error's offset counts from the stream's first byte."""

    error: ProtocolError


class Skipped(NamedTuple):
    """Bytes that were passed over in search of the next message, which begins at this offset."""

    size: int
    offset: int


class StreamReader:
    """Decodes a stream of which bytes may be missing or bad.

    After missing bytes, and after bytes that do not begin a message, it looks for the next place where a message can
    begin: the framing's magic, and a length within the limits. A protocol without a magic is tried at the beginning of
    each segment, where most messages begin; it is not read after bad bytes. If the missing bytes are inside a message
    whose length is known, the next one begins where this one ends.

    Args:
        codec: The codec to read it with.
        direction: The way the bytes travel.
    """

    def __init__(self, codec: Codec, direction: Direction) -> None:
        self._codec = codec
        self._direction = direction
        magic: bytes | tuple[bytes, ...] = getattr(codec.framing, "magic", b"")
        self._magics = magic if isinstance(magic, tuple) else (magic,)
        self._header_size = _header_size(codec)
        self._decoder = MessageDecoder(codec, direction)
        self._base = 0  # the offset at which the decoder began
        self._offset = 0  # of the next message
        self._partial = bytearray()  # the beginning of a message that is not complete yet
        self._rest = 0  # bytes to come of a message that lacks bytes
        self._searching = False
        self._tail = b""  # bytes that may begin a magic
        self._skipped = 0
        self.opaque = 0
        """Bytes that came after the end of the protocol."""

    @property
    def error(self) -> ProtocolError | None:
        """The error that ended the stream; None if it goes on."""
        return self._decoder.stream_error

    def feed(self, data: bytes) -> Iterator[Message | Broken | Skipped]:
        """Take the next bytes and yield the messages that they complete."""
        if self._rest:
            rest = min(self._rest, len(data))
            self._rest -= rest
            self._offset += rest
            self._base += rest
            data = data[rest:]
        while data and self.error is None:
            if self._searching:
                data = self._find(self._tail + data)
                if self._searching:
                    return
                if self._skipped:
                    yield Skipped(self._skipped, self._offset)
            begin = self._offset
            for metadata in self._decoder.feed(data):
                yield Message(self._offset, metadata)
                self._offset += len(metadata.message)
            self.opaque += len(self._decoder.take_opaque())
            error = self.error
            if error is None:
                self._keep(data, begin)
                return
            error.offset = self._base + (error.offset or 0)
            yield Broken(error)
            if not self._magics[0]:
                return
            # The next message cannot begin before the byte after the one at which this one began.
            data = bytes(self._partial + data)[self._offset - begin + 1 :]
            self._offset += 1
            self._restart(searching=True, skipped=1)

    def lose(self, size: int) -> Message | None:
        """Note that bytes are missing, or that the stream begins in the middle.

        Args:
            size: The number of missing bytes; 0 if unknown.

        Returns:
            The message that lacks them, if its header has come, with an `error` that says so.
        """
        if self.error is not None:
            return None
        rest = self._rest
        cut: Message | None = None
        if self._partial:
            rest = self._missing()
            metadata = self._cut(rest)
            cut = None if metadata is None else Message(self._offset, metadata)
        self._offset += len(self._partial) + len(self._tail) + size
        self._restart(searching=not 0 < size <= rest)
        self._rest = 0 if self._searching else rest - size
        return cut

    def end(self) -> Skipped | None:
        """End the stream; raises what `MessageDecoder.eof` raises, and returns the bytes in which no message began."""
        if not self._searching:
            try:
                self._decoder.eof()
            except ProtocolError as error:
                error.offset = self._base + (error.offset or 0)
                raise
            return None
        skipped = self._skipped + len(self._tail)
        return Skipped(skipped, self._offset + len(self._tail)) if skipped else None

    def _restart(self, *, searching: bool, skipped: int = 0) -> None:
        self._decoder = MessageDecoder(self._codec, self._direction)
        self._base = self._offset
        self._partial.clear()
        self._searching = searching
        self._skipped = skipped
        self._tail = b""

    def _keep(self, data: bytes, begin: int) -> None:
        """Remember the bytes of the message that has begun."""
        if self._offset == begin and not self._decoder.opaque:
            self._partial += data
        else:
            self._partial = bytearray(data[len(data) - self._decoder.buffered :])

    def _missing(self) -> int:
        """Return the bytes that are missing from the message that has begun; 0 if that is unknown."""
        if not 0 < self._header_size <= len(self._partial):
            return 0
        scanner = self._codec.framing.scanner(self._direction, self._codec.limits)
        scanner.scan(bytes(self._partial), 0)
        return scanner.needed

    def _cut(self, missing: int) -> Metadata | None:
        """Return the message that has begun, as far as its header tells what it is; None if that is not complete."""
        message = bytes(self._partial)
        try:
            metadata = self._codec.decode(message, self._direction)
        except Exception:  # noqa: BLE001 - decode is promised whole messages, and this is a part of one
            return None
        of = f" of {len(message) + missing:,}" if missing else ""
        metadata.error = IncompleteMessage(f"only the first {len(message):,}{of} bytes were captured together")
        return metadata

    def _find(self, data: bytes) -> bytes:
        """Return the data from the first place where a message can begin; keep bytes that may begin such a place."""
        start = keep = 0
        while (start := _first(data, self._magics, start)) >= 0 and start < len(data):
            begins = self._begins(data, start)
            if begins:
                self._pass(start)
                self._base = self._offset
                self._searching = False
                self._tail = b""
                return data[start:]
            if begins is None:
                keep = len(data) - start
                break
            start += 1 if self._magics[0] else len(data)
        beginnings = {magic[:size] for magic in self._magics for size in range(1, len(magic))}
        keep = keep or max((len(beginning) for beginning in beginnings if data.endswith(beginning)), default=0)
        self._pass(len(data) - keep)
        self._tail = data[len(data) - keep :]
        return b""

    def _begins(self, data: bytes, start: int) -> bool | None:
        """Return True if a message can begin at a place: its length and its header are sound; None if these go on."""
        scanner = self._codec.framing.scanner(self._direction, self._codec.limits)
        try:
            end = scanner.scan(data, start)
        except ProtocolError:
            return False
        message = data[start:] if end < 0 else data[start:end]
        if end < 0 and len(message) < self._header_size:
            return None
        try:
            self._codec.decode(message, self._direction)
        except ProtocolError:  # not even the header could be read
            return end < 0 and not self._header_size
        except Exception:  # noqa: BLE001 - decode is promised whole messages, and this may be a part of one
            return True
        return True

    def _pass(self, size: int) -> None:
        self._offset += size
        self._skipped += size


def _first(data: bytes, magics: tuple[bytes, ...], start: int) -> int:
    """Return the index of the first magic at or after a place; -1 if there is none."""
    return min((at for magic in magics if (at := data.find(magic, start)) >= 0), default=-1)


def _header_size(codec: Codec) -> int:
    """Return the bytes of a header by which the message's length is known; 0 if that differs."""
    framing = codec.framing
    layout = codec.layout.size if codec.layout is not None else 0
    if isinstance(framing, LengthField):
        return max(framing.offset + framing.length, layout)
    return max(framing.size, layout) if isinstance(framing, HeaderLength) else 0
