"""A file or a pipe that is read forward only, and is decompressed if it is compressed."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import os
import stat
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_SIZE = 64 * 1024

_MAGICS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
}
_MAGIC_SIZE = max(map(len, _MAGICS))
_COMMANDS = {"zstd": "zstd -dc", "lz4": "lz4 -dc", "zip": "unzip -p"}
# The standard library has zstd from Python 3.14 on; each of the others is a package that may be installed.
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "pyzstd")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


class InputError(Exception):
    """A file cannot be read, or not to its end; the text is a sentence for a person."""


class Input:
    """Reads a file or a pipe, and returns bytes as soon as there are any.

    A file that begins as gzip, xz, bzip2 or zstd is decompressed, in memory that does not depend on its size.

    Args:
        file: The file, from its current position on. It need not be seekable.

    Raises:
        InputError: It is compressed in a form that cannot be read here.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._source: Any = file
        self._take: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._head = b""
        self.compression = ""
        """The name of the compression, such as "gzip"; "" if the file is not compressed."""
        begin = self.peek(1)
        if begin and any(magic.startswith(begin[:1]) for magic in _MAGICS):
            begin = self.peek(_MAGIC_SIZE)
        name = next((name for magic, name in _MAGICS.items() if begin.startswith(magic)), "")
        if name and not (name == "bzip2" and not begin[3:4].isdigit()):
            self._decompress(name)

    @property
    def size(self) -> int:
        """The size of the file in bytes; 0 if it is not a regular file."""
        try:
            status = os.fstat(self._file.fileno())
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    @property
    def position(self) -> int:
        """The number of bytes of the file that were read, which are fewer than were returned if it is compressed."""
        return self._file.tell() if self.size else 0

    def peek(self, size: int) -> bytes:
        """Return the next bytes without taking them: `size` at least, unless the file ends before."""
        while len(self._head) < size and (more := self._next(CHUNK_SIZE)):
            self._head += more
        return self._head

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """Return the next bytes, `size` at most; b"" is the end.

        Raises:
            InputError: The compressed data is damaged or cut off. All that could be read has been returned.
        """
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._next(size)

    def _next(self, size: int) -> bytes:
        if not self.compression:
            return self._take(size) or b""
        try:
            return self._take(size)
        except Exception as error:
            if not isinstance(error, _DAMAGED) and type(error).__name__ != "ZstdError":
                raise
            if isinstance(error, EOFError):
                raise InputError(f"the {self.compression} data is cut off: the file ends before it does") from error
            raise InputError(f"the {self.compression} data is damaged: {error}") from error

    def _decompress(self, name: str) -> None:
        # What was peeked is read again, by the decompressor.
        source = cast("BinaryIO", _Replayed(self._head, self._take))
        reader: Any
        if name == "gzip":
            reader = gzip.GzipFile(fileobj=source)
        elif name == "xz":
            reader = lzma.LZMAFile(source)  # noqa: SIM115 - open as long as the file under it
        elif name == "bzip2":
            reader = bz2.BZ2File(source)
        else:
            reader = _zstd_file(source) if name == "zstd" else None
            if reader is None:
                command = _COMMANDS[name]
                text = f"the file is compressed with {name}: decompress it first, as with `{command} FILE`"
                raise InputError(text + (", or install the package zstandard" if name == "zstd" else ""))
        self._head = b""
        self._take = getattr(reader, "read1", reader.read)
        self.compression = name


class _Replayed:
    """A file whose first bytes were read already."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self._head = head
        self._read = read

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._read(size) or b""
        size = len(self._head) if size < 0 else size
        taken, self._head = self._head[:size], self._head[size:]
        return taken


def _zstd_file(source: BinaryIO) -> Any:
    """Return a reader that decompresses zstd, with any of the libraries that there are; None if there is none."""
    for name in _ZSTD_MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return module.ZstdFile(source)
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        return None
    return zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
