"""The annotated dump: on each line some bytes, and on the right which field they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metaprotocol_cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk import Span

_WIDTH = 8
_LINES = 4
_LONGEST_VALUE = 120
# Neighbours differ, so that the eye finds where a field ends.
_COLORS = ("cyan", "green", "yellow", "magenta")
_DOTS = bytes(byte if 0x20 <= byte < 0x7F else 0x2E for byte in range(256))


def annotate(message: bytes, spans: list[Span], *, full: bool) -> Iterator[str]:
    """Yield the lines of an annotated dump.

    Args:
        message: The message.
        spans: Its fields.
        full: Whether to show every byte of a long field, rather than its first lines.
    """
    name_width = min(max((len(span.name) for span in spans), default=0), 32)
    for number, span in enumerate(spans):
        color = "red" if span.name == "unreadable" else _COLORS[number % len(_COLORS)]
        lines = range(span.start, span.end, _WIDTH)
        shown = lines if full or len(lines) <= _LINES + 1 else lines[:_LINES]
        for at in shown:
            raw = message[at : min(at + _WIDTH, span.end)]
            text = raw.translate(_DOTS).decode("ascii")
            label = ""
            if at == span.start:
                label = "  " + _label(span, color, name_width)
                text = text.ljust(_WIDTH)
            yield (
                click.style(f"  {at:06x}  ", dim=True)
                + click.style(f"{raw.hex(' '):<{3 * _WIDTH - 1}}", fg=color)
                + click.style(f"  {text}", dim=True)
                + label
            )
        hidden = span.end - shown[-1] - _WIDTH if len(shown) < len(lines) else 0
        if hidden:
            yield click.style(f"          … {hidden:,} more bytes (-vv shows them)", dim=True)


def _label(span: Span, color: str, width: int) -> str:
    name = printable(span.name)
    if not span.value and not span.meaning:
        return click.style(name, fg=color)
    label = click.style(f"{name:<{width}}", fg=color)
    if span.value:
        label += f"  {printable(span.value, _LONGEST_VALUE)}"
    if span.meaning:
        label += click.style(f"  ({printable(span.meaning)})", dim=True)
    return label
