"""The annotated dump in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metaprotocol_sdk.dump import dump, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk import Span
    from metaprotocol_sdk.dump import DumpLine

_LINES = 4
_LONGEST_VALUE = 120
# Neighbours differ, so that the eye finds where a field ends.
_COLORS = ("cyan", "green", "yellow", "magenta")


def annotate(message: bytes, spans: list[Span], *, full: bool) -> Iterator[str]:
    """Yield the lines of an annotated dump.

    Args:
        message: The message.
        spans: Its fields.
        full: True to show every byte of a long field, not only its first lines.
    """
    if not spans:
        return
    number = -1
    for line in dump(message, spans, lines=None if full else _LINES):
        if line.hidden:
            yield click.style(f"          … {line.hidden:,} more bytes (-vv shows them)", dim=True)
            continue
        number += line.begins_field
        color = "red" if line.field.name == "unreadable" else _COLORS[number % len(_COLORS)]
        text, label = line.text, ""
        if line.begins_field:
            label = "  " + _label(line, color)
            text = text.ljust(8)
        yield (
            click.style(f"  {line.offset:06x}  ", dim=True)
            + click.style(line.hex, fg=color)
            + click.style(f"  {text}", dim=True)
            + label
        )


def _label(line: DumpLine, color: str) -> str:
    field = line.field
    name = printable(field.name)
    if not field.value and not field.meaning:
        return click.style(name, fg=color)
    label = click.style(f"{name:<{line.name_width}}", fg=color)
    if field.value:
        label += f"  {printable(field.value, _LONGEST_VALUE)}"
    if field.meaning:
        label += click.style(f"  ({printable(field.meaning)})", dim=True)
    return label
