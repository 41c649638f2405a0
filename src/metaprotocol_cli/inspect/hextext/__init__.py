"""Bytes as people paste them: hex digits, dumps with offsets, lines of logs, arrays and strings of code, base64.

`recognise` looks at the beginning of a file and returns the reader of its format. A reader is given the file's lines.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Protocol

import click

from metaprotocol_cli.inspect.hextext.arrays import ArrayReader
from metaprotocol_cli.inspect.hextext.digits import Base32Reader, Base64Reader, DigitsReader
from metaprotocol_cli.inspect.hextext.logs import LogReader
from metaprotocol_cli.inspect.hextext.refused import name_refused
from metaprotocol_cli.inspect.hextext.rows import RowReader
from metaprotocol_cli.inspect.hextext.strings import StringReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk import Direction

__all__ = ["HEAD_SIZE", "TextReader", "nearest", "place_to_cut", "read_text", "recognise"]

HEAD_SIZE = 4096
"""Bytes at the beginning of a file that tell its format."""

Piece = tuple["Direction | None", bytes]
"""Bytes, and the way that they travel, if the text says it."""

_SEPARATORS = b" \t\r,:;"
# What is not of the text: the mark before a text in UTF-8, as Windows writes it; colours; lines of three backquotes.
_AROUND = re.compile(r"\ufeff|\x1b\[[0-9;]*m|^\s*```\w*\s*$", re.MULTILINE)
_TYPOGRAPHY = str.maketrans({"\u00a0": " ", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


class TextReader(Protocol):
    """Reads the lines of one format, in their order."""

    @classmethod
    def reads(cls, lines: list[str]) -> TextReader | None:
        """Return a reader if a file that begins with these lines is of this format."""
        ...

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of the next line, or of a piece of it.

        Raises:
            ValueError: The line is not of this format; the text says what is wrong, unless that is all.
        """
        ...

    def end(self) -> Iterator[Piece]:
        """End the file, and yield the bytes that were kept.

        Raises:
            ValueError: It ends inside a byte, a string or an array.
        """
        ...


def recognise(head: bytes, *, complete: bool) -> TextReader | None:
    """Return the reader of a file's text format; None if the file is not text that holds bytes.

    Args:
        head: The file's first `HEAD_SIZE` bytes, or all of it.
        complete: True if that is all of it.

    Raises:
        click.UsageError: It is a text that is known and not read; the message names it.
    """
    if _is_wide(head):
        raise click.UsageError(
            "this is a text in UTF-16, as PowerShell's `>` writes it: convert it with `iconv -f UTF-16 -t UTF-8`, or "
            "write it with `| Out-File -Encoding ascii`",
            ctx=None,
        )
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=complete)
    except UnicodeDecodeError:
        return None
    text = _cleaned(text)
    if refused := name_refused(text):
        raise click.UsageError(refused, ctx=None)
    lines = text.split("\n")
    if not complete:  # the last line goes on
        rest = lines.pop()
        lines = lines or [rest[: place_to_cut(rest.encode())]]
    lines = [line.rstrip() for line in lines if line.strip()]
    if not lines or not all(character.isprintable() or character in "\t\n\r" for character in text):
        return None
    readers = (RowReader, DigitsReader, LogReader, ArrayReader, StringReader, Base32Reader, Base64Reader)
    return next((reader for kind in readers if (reader := kind.reads(lines)) is not None), None)


def nearest(head: bytes) -> TextReader:
    """Return the reader for a text that `recognise` does not know: the one whose error says what is wrong with it."""
    return StringReader() if b"\\" in head and (b"'" in head or b'"' in head) else DigitsReader()


def read_text(lines: Iterable[bytes], reader: TextReader) -> Iterator[Piece]:
    """Yield the bytes that text holds.

    Args:
        lines: Its lines; a long one may come in pieces, cut at `place_to_cut`.
        reader: Its reader.

    Raises:
        click.UsageError: A line cannot be read; the message has its number.
    """
    number, inside = 0, False
    for line in lines:
        number += not inside
        inside = not line.endswith(b"\n")
        text = _cleaned(line.decode("utf-8", "replace"))
        try:
            yield from reader.line(text)
        except ValueError as error:
            what = str(error) or f"is not hex text: {text.strip()[:60]!r}"
            raise click.UsageError(f"line {number} {what}", ctx=None) from error
    try:
        yield from reader.end()
    except ValueError as error:
        raise click.UsageError(f"the text {error}", ctx=None) from error


def _is_wide(head: bytes) -> bool:
    """Return True if the beginning of a file is ASCII in UTF-16, with the mark of its byte order."""
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return text.isascii() and all(character.isprintable() or character in "\t\n\r" for character in text)


def _cleaned(text: str) -> str:
    """Return a text without what mail, chats and terminals add."""
    return (
        text
        if text.isascii() and "\x1b" not in text and "`" not in text
        else _AROUND.sub("", text).translate(_TYPOGRAPHY)
    )


def place_to_cut(line: bytes) -> int:
    """Return the index where a long line can be cut: at its last separator, or after a pair of digits."""
    last = max(line.rfind(separator) for separator in _SEPARATORS)
    return last if last > 0 else len(line) // 2 * 2
