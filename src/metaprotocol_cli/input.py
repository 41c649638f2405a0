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
    b"]\0\0": "lzma",
    b"BZh": "bzip2",
}
# What is refused, and the command that makes a file that is read.
_REFUSED = {
    b"\x04\x22\x4d\x18": ("compressed with lz4", "decompress it first, as with `lz4 -dc FILE`"),
    b"\xff\x06\0\0sNaPpY": ("compressed with snappy", "decompress it first, as with `snzip -dc FILE`"),
    b"\x1f\x9d": ("compressed with compress", "decompress it first, as with `gzip -dc FILE`"),
    b"PK\x03\x04": ("compressed with zip", "decompress it first, as with `unzip -p FILE`"),
    b"PK\x07\x08": ("compressed with zip", "decompress it first, as with `unzip -p FILE`"),
    b"PK\x05\x06": ("a zip archive that is empty", "make it again, of the recording"),
    b"7z\xbc\xaf\x27\x1c": ("compressed with 7-Zip", "decompress it first, as with `7z x -so FILE`"),
    b"Rar!\x1a\x07": ("compressed with RAR", "decompress it first, as with `unrar p -inul FILE`"),
    b"snoop\0\0\0": ("a capture of snoop", "convert it with `editcap -F pcapng FILE OUT`"),
    b"GMBU": ("a capture of Network Monitor", "convert it with `editcap -F pcapng FILE OUT`"),
    b"\x89PNG\r\n": ("a picture", "give the text or the bytes that it shows"),
    b"%PDF-": ("a PDF", "give the text or the bytes that it shows"),
}
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_BEGINNINGS = (*_MAGICS, *_REFUSED)
_MOST_LAYERS = 3
# A layer makes at most some thousand bytes of one, and two of them a million: a file can be a bomb.
_MOST_NESTED = 1 << 30
_MOST_MEMORY = 256 << 20  # for a dictionary of xz; `xz -9` takes 65 MiB
# The standard library has zstd from Python 3.14 on; each of the others is a package that may be installed.
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "pyzstd")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


class InputError(Exception):
    """A file cannot be read, or not to its end; the text is a sentence for a person."""


class Input:
    """Reads a file or a pipe, and returns bytes as soon as there are any.

    A file that begins as gzip, xz, lzma, bzip2 or zstd is decompressed, also if it is compressed twice, in memory that
    does not depend on its size.

    Args:
        file: The file, from its current position on. It need not be seekable.

    Raises:
        InputError: It is an archive, or compressed in a form that cannot be read here.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._source: Any = file
        self._take: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._head = b""
        self.compression = ""
        """The name of the compression, such as "gzip"; "" if the file is not compressed."""
        self._failure: InputError | None = None  # is raised at each further read
        self._rest = -1  # bytes that may still come of a file that is compressed several times
        for layer in range(_MOST_LAYERS + 1):
            name = self._recognise()
            if not name:
                break
            if layer == _MOST_LAYERS:
                raise InputError(f"the file is compressed more than {_MOST_LAYERS} times: decompress it first")
            self._decompress(name)
            self._rest = _MOST_NESTED if layer else -1
        if self.size or self.compression:  # a pipe is not kept waiting
            self._refuse_tar()

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

    def _recognise(self) -> str:
        """Return the name of the compression that the next bytes begin with; "" if they do not.

        Raises:
            InputError: They begin a file that is not read.
        """
        try:
            head = self.peek(1)
            while head and any(len(head) < len(magic) and magic.startswith(head) for magic in _BEGINNINGS):
                longer = self.peek(len(head) + 1)
                if len(longer) == len(head):
                    break
                head = longer
        except InputError:  # it is raised again, after what comes before it was read
            head = self._head
        for magic, (what, advice) in _REFUSED.items():
            if head.startswith(magic):
                raise InputError(f"the file is {what}: {advice}")
        name = next((name for magic, name in _MAGICS.items() if head.startswith(magic)), "")
        if (name == "bzip2" and not head[3:4].isdigit()) or (name == "lzma" and not _is_lzma(self.peek(13))):
            return ""
        return name

    def _refuse_tar(self) -> None:
        try:
            head = self.peek(_TAR_OFFSET + len(_TAR_MAGIC))
        except InputError:
            head = self._head
        if head[_TAR_OFFSET:].startswith(_TAR_MAGIC):
            raise InputError("the file is a tar archive: take the recording out first, as with `tar -xf FILE`")

    def _next(self, size: int) -> bytes:
        if self._failure is not None:
            raise self._failure
        if not self.compression:
            return self._take(size) or b""
        try:
            data: bytes = self._take(size)
            self._count(len(data))
        except InputError as error:
            self._failure = error
            raise
        except Exception as error:
            if not isinstance(error, _DAMAGED) and type(error).__name__ != "ZstdError":
                raise
            cut = isinstance(error, EOFError)
            what = "is cut off: the file ends before it does" if cut else f"is damaged: {error}"
            self._failure = InputError(f"the {self.compression} data {what}")
            raise self._failure from error
        return data

    def _count(self, size: int) -> None:
        """Count what comes of a file that is compressed several times."""
        if self._rest >= 0:
            self._rest -= size
            if self._rest < 0:
                text = f"the file is compressed more than once and holds more than {_MOST_NESTED:,} bytes"
                raise InputError(f"{text}: decompress it first")

    def _decompress(self, name: str) -> None:
        # What was peeked is read again, by the decompressor.
        source = cast("BinaryIO", _Replayed(self._head, self._take))
        reader: Any
        if name == "gzip":
            reader = gzip.GzipFile(fileobj=source)
        elif name in ("xz", "lzma"):
            reader = _LzmaReader(source)
        elif name == "bzip2":
            reader = bz2.BZ2File(source)
        else:
            reader = _zstd_file(source)
            if reader is None:
                raise InputError(
                    "the file is compressed with zstd: decompress it first, as with `zstd -dc FILE`, or install the "
                    "package zstandard"
                )
        self._head = b""
        self._take = getattr(reader, "read1", reader.read)
        self.compression = name


class _LzmaReader:
    """Decompresses xz and lzma in bounded memory, which LZMAFile does not offer."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decompressor = lzma.LZMADecompressor(memlimit=_MOST_MEMORY)

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; b"" is the end.

        Raises:
            EOFError: The data is cut off.
            lzma.LZMAError: It is damaged.
            InputError: It takes too much memory.
        """
        while True:
            data = b""
            if self._decompressor.eof:
                # Streams follow each other; xz pads them with zeros.
                data = (self._decompressor.unused_data or self._source.read(CHUNK_SIZE)).lstrip(b"\0")
                if not data and not (data := self._source.read(CHUNK_SIZE).lstrip(b"\0")):
                    return b""
                self._decompressor = lzma.LZMADecompressor(memlimit=_MOST_MEMORY)
            elif self._decompressor.needs_input and not (data := self._source.read(CHUNK_SIZE)):
                raise EOFError
            try:
                found = self._decompressor.decompress(data, size)
            except lzma.LZMAError as error:
                if "emory usage limit" in str(error):
                    text = f"the file takes more than {_MOST_MEMORY >> 20} MiB to decompress"
                    raise InputError(f"{text}: decompress it first, as with `xz -dc FILE`") from error
                raise
            if found:
                return found


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


def _is_lzma(head: bytes) -> bool:
    """Return True if bytes are a header that `xz --format=lzma` writes: no protocol is to be taken for one."""
    dictionary, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    bits = dictionary.bit_count()
    return (
        len(head) >= 13
        and (bits == 1 or (bits == 2 and dictionary & dictionary >> 1 != 0))
        and (size == (1 << 64) - 1 or 0 < size < 1 << 38)
    )


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
