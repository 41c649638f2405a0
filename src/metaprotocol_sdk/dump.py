"""The annotated dump: on each line some bytes and the field they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk._span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH = 8
_DOTS = bytes(byte if 0x20 <= byte < 0x7F else 0x2E for byte in range(256))


@frozen
class DumpLine:
    """One line of an annotated dump; `str()` gives its text without colours.

    Args:
        offset: Index of its first byte in the message.
        data: The bytes, at most 8; empty on a line that stands for those left out.
        field: The field that the bytes belong to.
        name_width: Characters of the widest name in the dump.
        hidden: The number of bytes left out here.
    """

    offset: int
    data: bytes
    field: Span
    name_width: int = 0
    hidden: int = 0

    @property
    def begins_field(self) -> bool:
        """True if the field's first byte is on this line, so that the line names it."""
        return self.offset == self.field.start

    @property
    def hex(self) -> str:
        """The bytes as hex digits, padded to the width of a full line."""
        return f"{self.data.hex(' '):<{3 * _WIDTH - 1}}"

    @property
    def text(self) -> str:
        """The bytes as ASCII, with dots for bytes that are not printable."""
        return self.data.translate(_DOTS).decode("ascii")

    def __str__(self) -> str:
        if self.hidden:
            return f"          … {self.hidden:,} more bytes"
        line = f"  {self.offset:06x}  {self.hex}  {self.text:<{_WIDTH}}"
        if self.begins_field:
            line += f"  {printable(self.field.name):<{self.name_width}}"
            if self.field.value:
                line += f"  {printable(self.field.value, 120)}"
            if self.field.meaning:
                line += f"  ({printable(self.field.meaning)})"
        return line.rstrip()


def dump(message: bytes, spans: Iterable[Span] = (), *, lines: int | None = 4) -> Iterator[DumpLine]:
    """Yield the lines of an annotated dump.

    Args:
        message: The message.
        spans: Its fields, as `Codec.spans` returns them; none makes the whole message one field.
        lines: Lines of a long field to show, at least 1; None shows all of them.
    """
    fields = list(spans) or [Span(0, len(message), "message")]
    width = min(max(len(field.name) for field in fields), 32)
    for field in fields:
        offsets = range(field.start, field.end, _WIDTH)
        # A line that counts what is left out takes as much room as one more line of bytes.
        shown = offsets if lines is None or len(offsets) <= lines + 1 else offsets[:lines]
        for at in shown:
            yield DumpLine(at, message[at : min(at + _WIDTH, field.end)], field, width)
        if len(shown) < len(offsets):
            at = shown[-1] + _WIDTH
            yield DumpLine(at, b"", field, width, field.end - at)


def printable(text: str, most: int | None = None) -> str:
    """Return text without control characters and lone surrogates, so that a peer's bytes cannot control the terminal.

    Args:
        text: Text from the wire.
        most: Characters to show; None shows all.
    """
    rest = 0
    if most is not None and len(text) > most:
        rest = len(text) - most
        text = text[:most]
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
            for character in text
        )
    return f"{text}… ({rest:,} more)" if rest else text
