"""One direction of a captured connection, which may begin in the middle and lack bytes."""

from __future__ import annotations

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, ProtocolError


class StreamReader:
    """Decodes a stream of which bytes may be missing.

    After missing bytes it looks for the next place where a message can begin: the framing's magic, and a length within
    the limits. A protocol without a magic is tried at the beginning of each segment, where most messages begin.

    Args:
        codec: The codec to read it with.
        direction: The way the bytes travel.
    """

    def __init__(self, codec: Codec, direction: Direction) -> None:
        self._codec = codec
        self._direction = direction
        magic: bytes | tuple[bytes, ...] = getattr(codec.framing, "magic", b"")
        self._magics = magic if isinstance(magic, tuple) else (magic,)
        self._decoder = MessageDecoder(codec, direction)
        self._searching = False
        self._tail = b""
        self._offset = 0
        self.passed_over = 0
        """Bytes that were skipped in search of a message, since `lose` was called."""
        self.opaque = 0
        """Bytes that came after the end of the protocol."""

    @property
    def error(self) -> ProtocolError | None:
        """The error that ended the stream; its offset counts from where reading last began."""
        return self._decoder.stream_error

    def feed(self, data: bytes) -> list[tuple[int, Metadata]]:
        """Take the next bytes and return the messages that they complete, each with its offset in the stream."""
        if self._decoder.stream_error is not None:
            return []
        if self._searching:
            data = self._find(self._tail + data)
            if self._searching:
                return []
        found = []
        for metadata in self._decoder.feed(data):
            found.append((self._offset, metadata))
            self._offset += len(metadata.message)
        self.opaque += len(self._decoder.take_opaque())
        return found

    def lose(self, size: int) -> None:
        """Note that bytes are missing, or that the stream begins in the middle.

        Args:
            size: The number of missing bytes; 0 if unknown.
        """
        self._offset += self._decoder.buffered + len(self._tail) + size
        self._decoder = MessageDecoder(self._codec, self._direction)
        self._searching = True
        self._tail = b""
        self.passed_over = 0

    def end(self) -> None:
        """End the stream; raises what `MessageDecoder.eof` raises."""
        if not self._searching:
            self._decoder.eof()

    def _find(self, data: bytes) -> bytes:
        """Return the data from the first place where a message can begin; keep bytes that may begin such a place."""
        start = 0
        while (start := _first(data, self._magics, start)) >= 0 and start < len(data):
            scanner = self._codec.framing.scanner(self._direction, self._codec.limits)
            try:
                scanner.scan(data, start)
            except ProtocolError:
                start += 1 if self._magics[0] else len(data)
                continue
            self._searching = False
            self._tail = b""
            self._offset += start
            self.passed_over += start
            return data[start:]
        beginnings = {magic[:size] for magic in self._magics for size in range(1, len(magic))}
        keep = max((len(beginning) for beginning in beginnings if data.endswith(beginning)), default=0)
        self._tail = data[len(data) - keep :]
        self._offset += len(data) - keep
        self.passed_over += len(data) - keep
        return b""


def _first(data: bytes, magics: tuple[bytes, ...], start: int) -> int:
    """Return the index of the first magic at or after a place; -1 if there is none."""
    return min((at for magic in magics if (at := data.find(magic, start)) >= 0), default=-1)
