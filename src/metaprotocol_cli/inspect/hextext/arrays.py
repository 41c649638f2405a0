"""Arrays of numbers in the syntax of C, Go, Java, JavaScript, Python and Rust, and as their programs print them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.inspect.hextext import Piece

_TOKEN = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|//.*|\#.*|\((?:byte|uint8_t|unsigned\ char|sbyte)\)|[,=:&*.!+])
    |(?P<number>-?0x[0-9a-f]{1,2}(?:u8|i8|u)?\b|-?[0-9][0-9a-f]?(?:u8|i8)?\b|-?[0-9]{3}(?:u8|i8)?\b|\b[a-f][0-9a-f]?\b)
    |(?P<open>[\[({<])|(?P<close>[\])}>])|(?P<semicolon>;)
    |(?P<word>[A-Za-z_][A-Za-z_0-9]*)""",
    re.IGNORECASE | re.VERBOSE,
)
_SUFFIX = re.compile(r"(?:[ui]8|u)$", re.IGNORECASE)
_CALLS = ("byteArrayOf", "ubyteArrayOf")  # of Kotlin, whose numbers are in parentheses
_PEER = re.compile(r"peer([01])_\d+")  # the arrays of Wireshark's Follow window: 0 is the client


class ArrayReader:
    """Reads `{0xda, 0xbb}`, `[218, 187]`, `[-38, -69]`, `[da, bb]`, with or without a declaration around it.

    Args:
        base: 16 if numbers without 0x are hex, otherwise 10.
    """

    def __init__(self, base: int) -> None:
        self._base = base
        self._way: Direction | None = None
        self._named = False  # names came, which are around brackets
        # For each open bracket: the numbers in it, and True if they may be the size of a declaration.
        self._open: list[tuple[bytearray, bool]] = []

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines hold an array, or lines of one."""
        text = "\n".join(lines)
        numbers = [token["number"] for token in _TOKEN.finditer(text) if token["number"]]
        plain = [number for number in numbers if "x" not in number.lower()]
        is_hex = any(re.search("[a-f]", _SUFFIX.sub("", number.lower())) for number in plain) or (
            all(len(number) == 2 for number in plain) and any(number[0] == "0" for number in plain)
        )
        if not numbers or not re.search(r"[\[{(,]", text):
            return None
        reader = cls(16 if is_hex else 10)
        try:
            read = [data for line in lines for _, data in reader.line(line)]
        except ValueError:
            return None
        read += [bytes(numbers) for numbers, _ in reader._open]
        return cls(reader._base) if any(read) else None

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of each list that ends in this line, and those that came of one that goes on."""
        position, before, word = 0, "", ""
        outside = bytearray()  # numbers without brackets: lines from the middle of an array
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                raise ValueError(f"is not part of an array: {text[position:].strip()[:60]!r}")
            position = token.end()
            kind = token.lastgroup
            if kind == "number" and not self._open and token["number"][0].isalpha():
                kind = "word"
            if kind == "number":
                (self._open[-1][0] if self._open else outside).append(self._byte(token["number"]))
            elif kind == "open":
                self._open.append((bytearray(), token["open"] in "[(" and before == "word" and word not in _CALLS))
            elif kind == "close":
                yield from self._close()
            elif kind in ("word", "semicolon"):
                word = token[0]
                self._name(word)
            before = kind or ""
        if outside and self._named:
            raise ValueError(f"has numbers outside of brackets: {text.strip()[:60]!r}")
        if self._open and not self._open[-1][1]:
            numbers, self._open[-1] = self._open[-1][0], (bytearray(), False)
            outside += numbers
        if outside:
            yield self._way, bytes(outside)

    def end(self) -> Iterator[Piece]:
        """Refuse an array that has no end."""
        if self._open:
            raise ValueError("ends inside an array")
        yield from ()

    def _name(self, word: str) -> None:
        """Take a word, or the semicolon in `[u8; 16]`."""
        if peer := _PEER.fullmatch(word):
            self._way = Direction.TO_SERVER if peer[1] == "0" else Direction.TO_CLIENT
        if not self._open:
            self._named = self._named or word != ";"
        elif self._open[-1][0]:
            raise ValueError(f"has {word!r} among numbers")
        else:
            self._open[-1] = (bytearray(), True)

    def _close(self) -> Iterator[Piece]:
        if not self._open:
            return
        numbers, may_be_size = self._open.pop()
        if may_be_size and len(numbers) > 1:
            raise ValueError("has numbers where a declaration has a size: give the array alone")
        if numbers and not may_be_size:
            yield self._way, bytes(numbers)

    def _byte(self, number: str) -> int:
        digits = _SUFFIX.sub("", number.lower())
        try:
            value = int(digits, 16 if "0x" in digits else self._base)
        except ValueError:
            raise ValueError(f"has {number!r} among decimal numbers") from None
        if not -128 <= value <= 255:
            raise ValueError(f"has {number}, which is not a byte")
        return value & 0xFF
