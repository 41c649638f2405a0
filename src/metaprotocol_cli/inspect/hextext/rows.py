"""Dumps with an offset before each row: xxd, hexdump -C, od -t x1, tcpdump -x, Wireshark's, gdb's and Netty's."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Self

import click

from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.inspect.hextext import Piece

# gdb writes the symbol after the address: `0x7ffe0000 <buffer+8>:`.
_ROW = re.compile(r"(\s*)(?:0x)?([0-9a-f]{4,16})(?: <[^<>]*>(?=:))?(:?)(\s+)(\S.*)", re.IGNORECASE)
_GROUP = re.compile(r"(?:[0-9a-f]{2})+|0x[0-9a-f]{2}", re.IGNORECASE)
# A whole row of Format-Hex, which leaves one blank before the characters.
_TIGHT = re.compile(r"((?:[0-9a-f]{2} ){16})(.{1,16})", re.IGNORECASE)
_LAST_OFFSET = re.compile(r"\s*[0-9a-f]{6,16}", re.IGNORECASE)
# Lines around rows: those of `tshark -z follow,tcp,hex`, of PowerShell's Format-Hex, and the frames of hexyl and of
# Netty, whose LoggingHandler writes a line before them.
_AROUND = re.compile(
    r"={10,}|Follow: |Filter: |Node \d: |\s*(?:Path|Label): |\s+(?:Offset Bytes|00 01 02 03 04)|\s*-{4,}"
    r"|[\u250c\u2514]\u2500|\s*\+-{8,}|\s+\|  0  1  2  3|.*\b(?:READ|WRITE): \d+B$"
)
_NETTY_HEADING = re.compile(r"\b(READ|WRITE): \d+B$")
_NETTY = re.compile(r"\|([0-9a-f]{8})\| ((?:[0-9a-f]{2} ){1,16}) *\|(.{16})\|")
_FRAME = str.maketrans({"\u2502": "  ", "\u250a": " "})  # what hexyl draws between columns
_MOST_GAPS = 8  # blanks in a row after which its characters may begin: between groups of bytes there are few
_LARGEST_REPEAT = 16 * 1024 * 1024


class RowReader:
    """Reads rows of an offset, bytes, and perhaps the same bytes as characters.

    The offset of a row must follow from the rows before it, so that no row is missing and no offset is read as data.
    Rows that Wireshark's Follow window indents are those of the server.

    Args:
        two_sides: True if some rows are indented and some are not.
        little_endian: True if the bytes of each group are in reverse order, as `xxd -e` writes them.
    """

    def __init__(self, *, two_sides: bool, little_endian: bool = False) -> None:
        self._two_sides = two_sides
        self._little_endian = little_endian
        self._expected = dict.fromkeys(Direction, 0)
        self._first = set(Direction)  # whose first row has not come
        self._last_row = b""
        self._starred = False
        self._heading = ""

    @classmethod
    def reads(cls, lines: list[str]) -> Self | None:
        """Return a reader if the lines are rows.

        Raises:
            click.UsageError: The rows are those of whole packets, or the only row may be bytes without an offset.
        """
        lines = [_without_frame(line) for line in lines if _AROUND.match(line) is None]
        # The characters of some rows show that the bytes of a group are in reverse order.
        little = any(_parse(line) is None and _parse(line, little_endian=True) is not None for line in lines)
        if not lines or (first := _parse(lines[0], little_endian=little)) is None:
            return None
        two_sides = not first[0] and any(line[0] in " \t" for line in lines[1:])
        reader = cls(two_sides=two_sides, little_endian=little)
        read: list[bytes] = []
        try:
            for line in lines:
                read += [data for _, data in reader.line(line)]
        except ValueError:
            if len(read) < 2 and ":" not in lines[0][:20]:
                return None  # the second row shows that the first column is not an offset
        _, offset, certain, _ = first
        if len(lines) == 1 and not certain:
            if int(offset, 16) and "  " not in lines[0]:
                return None
            raise click.UsageError(
                f"line 1 begins with an offset or with bytes, {offset}: write a colon after an offset, and no blanks "
                "inside bytes",
                ctx=None,
            )
        if _is_ip_packet(b"".join(read)):
            raise click.UsageError(
                "this is a dump of whole packets, with their IP headers: make a capture of it with `text2pcap FILE "
                "OUT.pcap`, or write one with `tcpdump -w`",
                ctx=None,
            )
        return cls(two_sides=two_sides, little_endian=little)

    def line(self, text: str) -> Iterator[Piece]:
        """Yield the bytes of a row."""
        if not text.strip() or _AROUND.match(text):
            self._heading_of(text)
            return
        text = _without_frame(text)
        if text.strip() == "*":
            self._starred = True
            return
        parsed = _parse(text, little_endian=self._little_endian)
        if parsed is None and _LAST_OFFSET.fullmatch(text) is None:
            raise ValueError(f"is not a row of a dump: {text.strip()[:60]!r}")
        direction = Direction.TO_CLIENT if self._two_sides and text[0] in " \t" else Direction.TO_SERVER
        way = direction if self._two_sides else None
        offset = text.strip() if parsed is None else parsed[1]
        if repeated := self._check(offset, direction):
            yield way, repeated
        if parsed is not None:
            self._last_row = parsed[3]
            self._expected[direction] += len(self._last_row)
            yield way, self._last_row

    def end(self) -> Iterator[Piece]:
        """Yield nothing: every row ends with a byte."""
        yield from ()

    def _heading_of(self, text: str) -> None:
        """Take a heading of Netty, which says READ or WRITE: which of them goes to the server is unknown."""
        if heading := _NETTY_HEADING.search(text):
            if self._heading not in ("", heading[1]):
                raise ValueError("begins a dump of the other direction: give the dumps of READ or those of WRITE alone")
            self._heading = heading[1]

    def _check(self, offset: str, direction: Direction) -> bytes:
        """Compare an offset with the bytes before it; return those that a star stands for."""
        values = {int(offset, 16)}
        if len(offset) == 7:  # od writes 7 digits of octal, or of decimal
            values |= {int(offset, base) for base in (8, 10) if offset.isdigit() and (base == 10 or max(offset) < "8")}
        expected = self._expected[direction]
        starred, self._starred = self._starred, False
        first = direction in self._first
        self._first.discard(direction)
        if expected in values:
            return b""
        if first or 0 in values:  # a part of a dump, or the next packet
            self._expected[direction] = min(values)
            return b""
        missing = min((value - expected for value in values if value > expected), default=0)
        if starred and self._last_row and missing <= _LARGEST_REPEAT and missing % len(self._last_row) == 0:
            self._expected[direction] += missing
            return self._last_row * (missing // len(self._last_row))
        raise ValueError(f"begins at offset {offset}, and the rows before it end at {expected:0{len(offset)}x}")


def _without_frame(line: str) -> str:
    """Return a row without what hexyl and Netty draw around its columns."""
    line = line.rstrip()
    if row := _NETTY.fullmatch(line):
        return f"{row[1]}: {row[2]} {row[3][: len(row[2]) // 3]}".rstrip()
    return line.translate(_FRAME).rstrip()


def is_row(line: str) -> bool:
    """Return True if a line is a row of a dump."""
    line = _without_frame(line)
    return _parse(line) is not None or _parse(line, little_endian=True) is not None


def _parse(line: str, *, little_endian: bool = False) -> tuple[str, str, bool, bytes] | None:
    """Return a row's indentation, offset, whether that is one for certain, and bytes; None if it is not a row."""
    match = _ROW.fullmatch(line)
    if match is None:
        return None
    indentation, offset, colon, gap, rest = match.groups()
    cells = _cells(rest, pairs=not colon, little_endian=little_endian)
    if cells is None:
        return None
    data, has_text = cells
    certain = bool(colon or has_text or len(offset) == 7 or (len(gap) > 1 and not int(offset, 16)))
    return indentation, offset, certain, data


def _cells(rest: str, *, pairs: bool, little_endian: bool) -> tuple[bytes, bool] | None:
    """Return the bytes of a row, and whether their characters follow; None if it is not a row.

    The characters begin after two blanks at least, and every printable one must be the byte that it stands for: so
    those that look like digits are not read as bytes.
    """
    gaps = () if rest[:2] == "0x" else re.finditer(r" {2,}|\t+", rest)  # gdb shows no characters
    for gap in islice(gaps, _MOST_GAPS):
        data = _bytes(rest[: gap.start()], pairs=pairs, little_endian=little_endian)
        if data is None:
            continue
        blanks = len(data) - len(data.lstrip(b" "))  # with which the characters begin, and which the gap has taken
        if any(_shows(rest[max(gap.start(), gap.end() - taken) :], data) for taken in {0, blanks}):
            return data, True
    if tight := _TIGHT.fullmatch(rest):
        data = bytes.fromhex(tight[1])
        if _shows(tight[2], data):
            return data, True
    data = _bytes(rest, pairs=pairs, little_endian=little_endian)
    return None if data is None else (data, False)


def _bytes(text: str, *, pairs: bool, little_endian: bool) -> bytes | None:
    groups = text.split()
    if not all(_GROUP.fullmatch(group) and (len(group) == 2 or not pairs) for group in groups):
        return None
    if little_endian:
        return b"".join(bytes.fromhex(group)[::-1] for group in groups) if "x" not in text.lower() else None
    return bytes.fromhex("".join(group[-2:] if group[1] in "xX" else group for group in groups))


def _shows(text: str, data: bytes) -> bool:
    """Return True if a text shows these bytes as characters, perhaps between bars, or without blanks at its end."""
    text = text.lstrip() if len(text) > len(data) else text
    if len(text) == len(data) + 2 and text[0] + text[-1] in ("||", "><"):  # hexdump, od
        text = text[1:-1]
    # Wireshark's Follow window leaves a blank in the middle.
    if len(text) == len(data) + 1 and text[8:9] == " ":
        text = text[:8] + text[9:]
    text = text.ljust(len(data))
    return len(text) == len(data) and all(
        # What stands for other bytes differs, but is not a letter: one shows that the bytes are in another order.
        shown in (".", chr(byte)) or not (0x20 <= byte < 0x7F or (shown.isascii() and shown.isalpha()))
        for shown, byte in zip(text, data, strict=True)
    )


def _is_ip_packet(data: bytes) -> bool:
    """Return True if bytes are an IPv4 packet with a right header checksum, alone or in an Ethernet frame."""
    for packet in (data, data[14:] if data[12:14] == b"\x08\x00" else b""):
        if len(packet) >= 40 and packet[0] == 0x45 and packet[9] in (6, 17):
            total = sum(int.from_bytes(packet[at : at + 2]) for at in range(0, 20, 2))
            if total % 0xFFFF == 0 or packet[2:4] == len(packet).to_bytes(2):
                return True
    return False
