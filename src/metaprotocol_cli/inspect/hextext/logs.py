"""Lines of a log that hold a dump or hex digits after a time, a logger's name and the like."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Self

from metaprotocol_cli.inspect.hextext.digits import DigitsReader
from metaprotocol_cli.inspect.hextext.rows import RowReader, is_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.inspect.hextext import Piece

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
# What a line of a log begins with: the name of docker compose, a date and a time, the time of syslog, that of klog; or
# the sign of a quoted mail.
_DATE = r"\d{4}[-/.]\d\d[-/.]\d\d[T ]|[A-Z][a-z]{2} [ \d]\d |[IWEF]\d{4} "
_BEGIN = re.compile(
    rf"\s*+(?:[\w.-]++\s*+\|\s|>\s)?+\s*+[\[(<]?(?:{_DATE})?{_CLOCK}[\])>]?(?=[\s|\[])|[\w.-]++\s*+\|\s|>\s"
)
_TOKEN = re.compile(r"(?:(?<!\S)|(?<=[=:]))[^\s=:]")
_LABEL_END = re.compile(r"[:>|)\]]\s+|\s-\s+|=\s*(?=[0-9a-fA-F])")
_MOST_TOKENS = 24  # in front of the bytes
_LONGEST_PREFIX = 400
_HEX_WORD = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_BROKEN_ROW = re.compile(r"(?<![0-9a-f])[0-9a-f]{4,16}:?\s+[0-9a-f]{2,4}\s+[0-9a-f]{2}", re.IGNORECASE)
_BROKEN_DIGITS = re.compile(r"(?:[0-9a-f]{2}[ :-]?){4}", re.IGNORECASE)
_SENT = re.compile(r"\b(?:send|sent|sending|writ(?:es?|ing|ten)|wrote|tx|out|outbound|egress)\b|>>|=>", re.IGNORECASE)
_RECEIVED = re.compile(
    r"\b(?:recv|recvd|receiv(?:ed?|ing)|read(?:s|ing)?|rx|in|inbound|ingress)\b|<<|<=", re.IGNORECASE
)


class LogReader:
    """Reads the bytes of a log's lines; lines that hold none are skipped if nothing in them looks like bytes.

    Args:
        reader: Reads what follows the beginning of each line.
    """

    def __init__(self, reader: RowReader | DigitsReader) -> None:
        self._reader = reader
        self._find = _row if isinstance(reader, RowReader) else _digits
        self._ways: set[bool] = set()

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if some lines begin as those of a log, and hold bytes.

        Raises:
            click.UsageError: The rows are those of whole packets, or the only row may be bytes without an offset.
        """
        begun = [line for line in lines if _BEGIN.match(line)]
        if not begun:
            return None
        if rows := [row for line in lines if (row := _row(line)) is not None]:
            rows_reader = RowReader.reads(rows)
            return None if rows_reader is None else cls(rows_reader)
        return cls(DigitsReader()) if any(_digits(line) is not None for line in begun) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of a line."""
        found = self._find(text)
        begin = text if found is None else text[: len(text.rstrip()) - len(found)]
        if _BEGIN.match(text):
            self._ways |= {sent for sent, pattern in ((True, _SENT), (False, _RECEIVED)) if pattern.search(begin)}
        if found is not None:
            if len(self._ways) > 1:
                raise ValueError(
                    "is of the other direction than those before it: give the lines of one, as `grep` does"
                )
            yield from self._reader.line(found)
        elif _BEGIN.match(text):
            broken = _BROKEN_ROW if isinstance(self._reader, RowReader) else _BROKEN_DIGITS
            if broken.search(text, _end_of_begin(text)):
                raise ValueError(f"has hex digits among other text: {text.strip()[:80]!r}")
        elif text.strip():
            yield from self._reader.line(text)

    def end(self) -> Iterator[Piece]:
        """Yield what is left."""
        yield from self._reader.end()


def _end_of_begin(line: str) -> int:
    begin = _BEGIN.match(line)
    return 0 if begin is None else begin.end()


def _row(line: str) -> str | None:
    """Return the row of a dump that a line ends with; None if there is none."""
    line = line.rstrip()
    if is_row(line):
        return line
    start = _end_of_begin(line)
    for token in islice(_TOKEN.finditer(line, start, start + _LONGEST_PREFIX), _MOST_TOKENS) if start else ():
        if is_row(row := line[token.start() :]):
            return row
    return None


def _digits(line: str) -> str | None:
    """Return the hex digits that a line ends with, after a label or a word; None if there are none."""
    line = line.rstrip()
    start = _end_of_begin(line)
    if not start:
        return None
    end = start + _LONGEST_PREFIX
    for label in _LABEL_END.finditer(line, start, end):
        start = label.end()
    word = "" if start == _end_of_begin(line) else ":"
    for token in islice(_TOKEN.finditer(line, start, end), _MOST_TOKENS):
        digits = line[token.start() :]
        # Directly after the time, or after digits that are not bytes, it is unknown where the bytes begin.
        if word and not _HEX_WORD.fullmatch(word) and len(digits) >= 8 and DigitsReader.reads([digits]) is not None:
            return digits
        word = digits.split(None, 1)[0]
    return None
