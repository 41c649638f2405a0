"""Reads the bytes of a stream from a file or a pipe, raw or as text, and shows the progress."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from metaprotocol_cli.input import CHUNK_SIZE, Input
from metaprotocol_cli.inspect.hextext import HEAD_SIZE, nearest, place_to_cut, read_text, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from metaprotocol_sdk import Direction

_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f].{4}[\x00\x02\x04][\x00-\x0d\xff].{9}", re.DOTALL)
_PROGRESS_FROM = 8 * 1024 * 1024
# The beginning of a text that may hold bytes: the rest of its line is waited for. A raw stream is not kept waiting.
_MAY_BE_TEXT = re.compile(rb"""[0-9a-fA-FxX\s,:;'"\\\[\](){}<|*#+=_-]*""")


def read_pieces(file: Input, form: str) -> Generator[tuple[Direction | None, bytes]]:
    """Yield the bytes that a file holds as they come, in pieces of bounded size, and the way they travel if it says so.

    Args:
        file: The file.
        form: "raw", "hex", or "auto" to decide by the beginning of the file.

    Raises:
        click.UsageError: A line of text cannot be read, or the text is one that is not read.
        InputError: The file is damaged.
    """
    reader = None
    if form != "raw":
        head = _head(file)
        reader = recognise(head[:HEAD_SIZE], complete=len(head) < HEAD_SIZE and b"\n" not in head[-1:])
    if form == "raw" or (form == "auto" and reader is None):
        while data := file.read():
            yield None, data
        return
    began = False
    for way, data in read_text(_lines(file), reader or nearest(file.peek(1))):
        if not began and _GZIP.match(data):
            text = "the text holds gzip data: write its bytes to a file first, as `xxd -r -p` and `base64 -d` do"
            raise click.UsageError(text, ctx=None)
        began = True
        yield way, data


def _head(file: Input) -> bytes:
    """Return the beginning of a file; of a pipe what has come, and of text the rest of its line."""
    head = file.peek(HEAD_SIZE if file.size else 1)
    while len(head) < HEAD_SIZE and b"\n" not in head and _MAY_BE_TEXT.fullmatch(head):
        longer = file.peek(len(head) + 1)
        if len(longer) == len(head):
            break
        head = longer
    return head


def _lines(file: Input) -> Iterator[bytes]:
    """Yield lines with their ends; one of any length comes in pieces."""
    rest = b""
    while data := file.read():
        *lines, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if len(rest) > CHUNK_SIZE:
            cut = place_to_cut(rest)
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


@contextmanager
def progress(file: Input) -> Iterator[Callable[[], None]]:
    """Show how much of a long file is read, on standard error, if that is a terminal and the output is not.

    Yields:
        A function to call when more was read.
    """
    size = file.size
    if size < _PROGRESS_FROM or not sys.stderr.isatty() or sys.stdout is None or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=size)
        yield lambda: bar.update(task, completed=file.position)
