"""Reads bytes from a file or standard input, raw or as hex text, and shows the progress."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from metaprotocol_cli.inspect.hextext import HEAD_SIZE, looks_like_hex, place_to_cut, read_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

CHUNK_SIZE = 64 * 1024
_PROGRESS_FROM = 8 * 1024 * 1024


def read_chunks(file: BinaryIO, form: str) -> Generator[bytes]:
    """Yield the bytes that a file holds, in pieces of bounded size.

    Args:
        file: An open file, or a pipe.
        form: "raw", "hex", or "auto" to decide by the beginning of the file.

    Raises:
        click.UsageError: A line of hex text cannot be read.
    """
    head = file.read(CHUNK_SIZE)
    if form == "raw" or (form == "auto" and not looks_like_hex(head[:HEAD_SIZE])):
        while head:
            yield head
            head = file.read(CHUNK_SIZE)
        return
    yield from read_hex(_lines(file, head))


def _lines(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    rest = b""
    while head:
        *lines, rest = (rest + head).split(b"\n")
        yield from lines
        if len(rest) > CHUNK_SIZE:  # a line of any length is read in pieces
            cut = place_to_cut(rest)
            yield rest[:cut]
            rest = rest[cut:]
        head = file.read(CHUNK_SIZE)
    yield rest


@contextmanager
def progress(file: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show how much of a long file is read, on standard error, if that is a terminal and the output is not.

    Yields:
        A function to call with the position reached.
    """
    size = _size(file)
    if size < _PROGRESS_FROM or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=size)
        yield lambda position: bar.update(task, completed=position)


def _size(file: BinaryIO) -> int:
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
