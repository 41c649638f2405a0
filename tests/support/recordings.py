"""Recorded byte streams: where they are, how they came in pieces, and what they decode to."""

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, ProtocolError

CORPUS_FOLDERS = ("dubbo", "hessian2", "thrift")


@frozen
class Recording:
    """One direction of one recorded connection.

    Args:
        path: The file that holds its bytes, `NAME.c2s.bin` or `NAME.s2c.bin`.
    """

    path: Path

    @property
    def direction(self) -> Direction:
        """The direction of the bytes."""
        return Direction.TO_CLIENT if self.path.name.endswith(".s2c.bin") else Direction.TO_SERVER

    @property
    def data(self) -> bytes:
        """The whole stream."""
        return self.path.read_bytes()

    @property
    def chunks(self) -> list[bytes]:
        """The stream in the pieces in which it was received."""
        name, which, _ = self.path.name.rsplit(".", 2)
        pieces = json.loads((self.path.parent / f"{name}.chunks.json").read_text("utf-8"))
        data = self.data
        return [data[start : start + size] for direction, start, size, *_ in pieces if direction == which]

    @property
    def single_bytes(self) -> list[bytes]:
        """The stream in pieces of one byte."""
        return [bytes((byte,)) for byte in self.data]


@frozen
class Decoded:
    """The messages and the error of a stream.

    Args:
        messages: The messages, in order.
        error: What ended the stream before its last byte, or at it; None if nothing did.
    """

    messages: list[Metadata]
    error: ProtocolError | None


def decode(codec: Codec, direction: Direction, pieces: Iterable[bytes]) -> Decoded:
    """Feed a stream to a fresh decoder, piece by piece, to its end."""
    decoder = MessageDecoder(codec, direction)
    messages: list[Metadata] = []
    try:
        for piece in pieces:
            messages.extend(decoder.feed(piece))
        decoder.eof()
    except ProtocolError as error:
        return Decoded(messages, error)
    return Decoded(messages, None)


def boundaries(messages: Iterable[Metadata]) -> list[tuple[int, int]]:
    """Return the offset and length of each message of a stream."""
    found, offset = [], 0
    for metadata in messages:
        found.append((offset, len(metadata.message)))
        offset += len(metadata.message)
    return found


def names_in(archive: Path) -> list[str]:
    """Return the names of the connections that a `.tar.xz` of vectors holds."""
    with tarfile.open(archive) as tar:
        return [name.removesuffix(".c2s.bin") for name in tar.getnames() if name.endswith(".c2s.bin")]


def unpack_vectors(archive: Path, target: Path) -> Path:
    """Return `target`, which then holds the connections of a `.tar.xz` of vectors."""
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target


def unpack_corpus(source: Path, target: Path) -> Path | None:
    """Return a folder that holds the corpus's folders unpacked; None if `source` holds no corpus.

    Args:
        source: A folder with `dubbo.tar.xz` and so on, or with the folders themselves.
        target: An empty folder to unpack to.
    """
    if all((source / name).is_dir() for name in CORPUS_FOLDERS):
        return source
    for name in CORPUS_FOLDERS:
        archive = source / f"{name}.tar.xz"
        if not archive.is_file():
            return None
        with tarfile.open(archive) as tar:  # it holds a folder of its name
            tar.extractall(target, filter="data")
    return target
