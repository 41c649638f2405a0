"""Hex digits, base64 and base32, with nothing between them but separators."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.inspect.hextext import Piece

# Separators between bytes: blanks, commas, colons, quotes, 0x, \x and % before them, the X of SQL, and those around
# Node's <Buffer >.
_BETWEEN = re.compile(
    r"""(?:\\x|\b0x|%(?=[0-9a-f]{2})|\bx(?=')|[\s,:;'"]|(?<=[0-9a-f])[-_|.](?=[0-9a-f])|^<Buffer(?= )|>$)++""",
    re.IGNORECASE,
)
# A call that makes bytes of them: bytes.fromhex("..."), hex.DecodeString("..."), Buffer.from("...", "hex").
_CALL = re.compile(
    r"""[\w.,:=\s]*?(?:hex|Hex|HEX|DecodeString|Buffer\.from)\w*\(\s*(['"])([^'"]*)\1(?:,\s*(['"])hex\3)?\s*\)\s*[;,]?"""
)
_BYTES = re.compile(r"(?:[0-9a-f]{2})++", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*+={0,2}")
_BASE32 = re.compile(r"(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}={6}|[A-Z2-7]{4}={4}|[A-Z2-7]{5}={3}|[A-Z2-7]{7}=)?")
_FEWEST_BASE64 = 16  # characters: a shorter word is too often a word


class DigitsReader:
    """Reads `4152 0103`, `41:52:01:03`, `0x41, 0x52`, `\\x41\\x52`; `#` begins a comment."""

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines hold hex digits only."""
        contents = [content for line in lines if (content := _without_comment(line))]
        return cls() if contents and all(_digits(content) is not None for content in contents) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of a line, which holds whole bytes."""
        content = _without_comment(text)
        if not content:
            return
        digits = _digits(content)
        if digits is None:
            raise ValueError
        yield None, bytes.fromhex(digits)

    def end(self) -> Iterator[Piece]:
        """Yield nothing: every line ends with a byte."""
        yield from ()


class Base64Reader:
    """Reads base64 and base64url, in lines of any length."""

    def __init__(self) -> None:
        self._rest = ""

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines are long enough to be base64, and hold nothing else."""
        text = "".join(line.strip() for line in lines)
        if len(text) < _FEWEST_BASE64 or _BASE64.fullmatch(text) is None:
            return None
        return cls() if re.search("[A-Z]", text) and re.search("[a-z0-9+/]", text) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of whole groups of four characters."""
        text = self._rest + "".join(text.split())
        whole = len(text) // 4 * 4
        self._rest = text[whole:]
        if data := _from_base64(text[:whole]):
            yield None, data

    def end(self) -> Iterator[Piece]:
        """Yield the bytes of the last group, which may lack its padding."""
        if len(self._rest) == 1:
            raise ValueError("is not base64: it ends inside a group of four characters")
        if self._rest:
            yield None, _from_base64(self._rest.ljust(4, "="))


class Base32Reader:
    """Reads base32 with its padding, in lines of any length."""

    def __init__(self) -> None:
        self._rest = ""

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines are long enough to be base32, hold nothing else, and are not a word."""
        text = "".join(line.strip() for line in lines)
        text = text[: len(text) // 8 * 8]  # the beginning of a file may end anywhere
        if len(text) < _FEWEST_BASE64 or _BASE32.fullmatch(text) is None or not re.search("[2-7=]", text):
            return None
        return cls() if not all(map(str.isdecimal, text)) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of whole groups of eight characters."""
        text = self._rest + "".join(text.split())
        whole = len(text) // 8 * 8
        self._rest = text[whole:]
        if whole:
            try:
                yield None, base64.b32decode(text[:whole])
            except binascii.Error as error:
                raise ValueError(f"is not base32: {text[:60]!r}") from error

    def end(self) -> Iterator[Piece]:
        """Refuse a group that is cut off."""
        if self._rest:
            raise ValueError("is not base32: it ends inside a group of eight characters")
        yield from ()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not base64: {text[:60]!r}") from error


def _without_comment(line: str) -> str:
    return line.partition("#")[0].strip()


def _digits(line: str) -> str | None:
    """Return the hex digits of a line, an even number of them; None if it is not hex."""
    if call := _CALL.fullmatch(line):
        line = call[2]
    parts = [part for part in _BETWEEN.split(line) if part]
    return "".join(parts) if parts and all(map(_BYTES.fullmatch, parts)) else None
