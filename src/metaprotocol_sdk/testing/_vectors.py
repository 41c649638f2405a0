"""Messages from files: recorded streams, a file for each direction of a connection."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Direction, MessageDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Message = tuple[Direction, bytes]

_SUFFIXES = {".c2s.bin": Direction.TO_SERVER, ".s2c.bin": Direction.TO_CLIENT}


def read_vectors(make: Callable[[], Codec], pattern: str | Path) -> list[list[Message]]:
    """Return the messages of recorded connections.

    Args:
        make: Makes the codec, whose framing cuts the streams.
        pattern: A folder, or a pattern of paths such as `vectors/java-*`; of it the files `NAME.c2s.bin` (to the
            server) and `NAME.s2c.bin` (to the client) are read, those of one NAME as one connection.

    Raises:
        ValueError: There is no such file, or a stream is broken.
    """
    found: dict[str, list[Message]] = {}
    for path in sorted(_files(pattern)):
        for suffix, direction in _SUFFIXES.items():
            if path.name.endswith(suffix):
                found.setdefault(path.name.removesuffix(suffix), []).extend(_messages(make, path, direction))
    if not found:
        raise ValueError(f"there are no recorded streams {pattern} (files that end with .c2s.bin or .s2c.bin)")
    return list(found.values())


def _files(pattern: str | Path) -> Iterable[Path]:
    path = Path(pattern)
    return path.iterdir() if path.is_dir() else map(Path, glob.glob(str(pattern)))  # noqa: PTH207 - may be absolute


def _messages(make: Callable[[], Codec], path: Path, direction: Direction) -> list[Message]:
    decoder = MessageDecoder(make().for_connection(), direction)
    messages = [(direction, metadata.message) for metadata in decoder.feed(path.read_bytes())]
    if decoder.stream_error is not None or decoder.buffered:
        raise ValueError(f"the recorded stream {path} is broken: {decoder.stream_error or 'it ends inside a message'}")
    return messages
