"""Strings in the syntax of C, Go, Python and Rust, with the escapes that stand for bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.inspect.hextext import Piece

# Around strings: blanks, line continuations and operators, names (of a variable, a type, a function), comments.
_BETWEEN = re.compile(r"(?:\s|\\(?=\s*$)|[-+=:,;.&*()\[\]{}>]|/\*.*?\*/|//.*|#.*|[A-Za-z_][A-Za-z_0-9]*)*", re.DOTALL)
_RAW = re.compile(r"\b(?:r|rb|br|f)$", re.IGNORECASE)
_PIECE = re.compile(r"[^\\'\"\n]+|['\"]|\\(?:x[0-9a-fA-F]{2}|[0-7]{1,3}|[abtnvfre\\'\"])|\\\r?\n")
_SIMPLE = {
    "a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "e": 27, "\\": 92, "'": 39, '"': 34,
}  # fmt: skip
_BYTE_ESCAPE = re.compile(r"""\\(?:x[0-9a-fA-F]{2}|[0-7]{1,3})|\bb["']""")
_LONGEST_ESCAPE = 4


class StringReader:
    """Reads `b'\\xda\\xbb'`, `"\\xda\\xbb" "\\x01"`, `[]byte("\\xda")`; characters without an escape are UTF-8."""

    def __init__(self) -> None:
        self._quote = ""
        self._rest = ""

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines hold strings, with an escape or a prefix that says that they are bytes.

        Raises:
            click.UsageError: They do, and what one of them stands for is unknown.
        """
        if _BYTE_ESCAPE.search("\n".join(lines)) is None or not re.search("['\"]", lines[0]):
            return None
        reader = cls()
        try:
            read = [data for line in lines for _, data in reader.line(line)]
        except ValueError as error:
            if error.args and error.args[0].startswith("has "):
                raise click.UsageError(f"this looks like strings of source code, and one {error}", ctx=None) from error
            return None
        return cls() if any(read) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of the strings, or parts of strings, in a line."""
        text, self._rest = self._rest + text, ""
        position = 0
        data = bytearray()
        while position < len(text):
            if not self._quote:
                position = self._open(text, position)
                continue
            piece = _PIECE.match(text, position)
            if piece is None:
                if text[position] == "\n":
                    raise ValueError("ends inside a string")
                if len(text) - position < _LONGEST_ESCAPE and not text.endswith("\n"):
                    self._rest = text[position:]
                    break
                raise ValueError(f"has an escape that does not stand for a byte: {text[position : position + 6]!r}")
            position = piece.end()
            if piece[0] == self._quote:
                self._quote = ""
            else:
                data += _bytes(piece[0])
        if data:
            yield None, bytes(data)

    def end(self) -> Iterator[Piece]:
        """Refuse a string that has no end."""
        if self._quote or self._rest:
            raise ValueError("ends inside a string")
        yield from ()

    def _open(self, text: str, position: int) -> int:
        """Go to the next string; return the index after its quote, or after the text if there is none."""
        between = _BETWEEN.match(text, position)
        end = position if between is None else between.end()
        if end == len(text):
            return end
        if text[end] not in "'\"":
            raise ValueError(f"is not a string: {text[end:].strip()[:60]!r}")
        if _RAW.search(text[position:end]):
            raise ValueError("has a raw or formatted string, whose bytes depend on the language")
        self._quote = text[end]
        return end + 1


def _bytes(piece: str) -> bytes:
    if piece[0] != "\\":
        return piece.encode()
    if piece[1] in "\r\n":  # the string goes on in the next line
        return b""
    if piece[1] == "x":
        return bytes.fromhex(piece[2:])
    if piece[1].isdigit():
        return bytes([int(piece[1:], 8) & 0xFF])
    return bytes([_SIMPLE[piece[1]]])
