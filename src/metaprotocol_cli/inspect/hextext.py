"""Hex as people paste it: plain digits, `xxd`, `hexdump -C`, C and Python literals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# An offset, a colon, groups of digits, and after two blanks the characters again. Nothing here backtracks.
_XXD = re.compile(r"[0-9a-f]{4,16}+: ++((?:[0-9a-f]{2,16}+ ?+)++)(?: .*+)?+", re.IGNORECASE)
# An offset of 8 digits, bytes, and the characters again between bars.
_HEXDUMP = re.compile(r"[0-9a-f]{8}+ ++((?:[0-9a-f]{2} {0,2}+)++) *+\|.*\|", re.IGNORECASE)
# Separators between bytes: blanks, commas, colons, quotes, 0x and \x before them.
_BETWEEN = re.compile(r"(?:\\x|\b0x|[\s,:;'\"]|\bb(?=['\"]))++", re.IGNORECASE)
_BYTES = re.compile(r"(?:[0-9a-f]{2})++", re.IGNORECASE)
# Where a long line can be cut without cutting a byte: before one of these.
_CUT = re.compile(rb"[\s,:;\\]")


HEAD_SIZE = 4096
"""Bytes at the beginning of a file that tell its format."""


def looks_like_hex(head: bytes) -> bool:
    """Return True if a file that begins with these bytes holds hex text.

    Args:
        head: The file's first `HEAD_SIZE` bytes, or all of it.
    """
    if not head.isascii():
        return False
    *lines, rest = head.split(b"\n")
    if not lines:
        lines = [rest[: place_to_cut(rest)] if len(rest) >= HEAD_SIZE else rest]
    contents = [line for line in (_without_comment(line.decode("ascii")) for line in lines) if line]
    return bool(contents) and all(_digits(line) is not None for line in contents[:20])


def place_to_cut(line: bytes) -> int:
    """Return the index where a long line of hex text can be cut: at its last separator, or after a pair of digits."""
    last = max((match.start() for match in _CUT.finditer(line)), default=0)
    return last or len(line) // 2 * 2


def read_hex(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of each line of hex text.

    Args:
        lines: Lines of text; `#` begins a comment.

    Raises:
        click.ClickException: A line is not hex; the message has its number.
    """
    in_hexdump = False
    for number, line in enumerate(lines, 1):
        text = _without_comment(line.decode("ascii", "replace"))
        if not text or (in_hexdump and len(text) == 8):  # hexdump ends with an offset alone
            continue
        in_hexdump = text.endswith("|")
        digits = _digits(text)
        if digits is None:
            raise click.UsageError(f"line {number} is not hex text: {text[:60]!r}", ctx=None)
        yield bytes.fromhex(digits)


def _without_comment(line: str) -> str:
    return line.partition("#")[0].strip() if "|" not in line else line.strip()


def _digits(line: str) -> str | None:
    """Return the hex digits of a line, an even number of them; None if it is not hex."""
    for dump in (_XXD, _HEXDUMP):
        match = dump.fullmatch(line)
        if match:
            digits = match[1].replace(" ", "")
            return digits if len(digits) % 2 == 0 else None
    parts = [part for part in _BETWEEN.split(line) if part]
    return "".join(parts) if parts and all(map(_BYTES.fullmatch, parts)) else None
