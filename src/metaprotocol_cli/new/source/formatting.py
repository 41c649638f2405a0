"""Formats Python as ruff does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH = 120


def fitted(start: str, items: Sequence[str], end: str, *, indent: int) -> list[str]:
    """Return items between brackets on one line, or on one line each if that is too long.

    Args:
        start: The text before the first item, its bracket included.
        items: The items, without commas.
        end: The text after the last item, its bracket included.
        indent: Columns before the first line.
    """
    line = f"{start}{', '.join(items)}{end}"
    if indent + len(line) <= WIDTH:
        return [line]
    return [start, *(f"    {item}," for item in items), end]


def filled(name: str, items: Iterable[str]) -> list[str]:
    """Return a dictionary's definition, in as many statements as it needs lines."""
    lines: list[str] = []
    row: list[str] = []
    for item in items:
        operator = "|=" if lines else "="
        if row and len(f"{name} {operator} {{{', '.join([*row, item])}}}") > WIDTH:
            lines.append(f"{name} {operator} {{{', '.join(row)}}}")
            row = []
        row.append(item)
    operator = "|=" if lines else "="
    return [*lines, f"{name} {operator} {{{', '.join(row)}}}"]


def display(items: Iterable[str]) -> str:
    """Return a dictionary's or a set's display."""
    return f"{{{', '.join(items)}}}"


def number(value: int) -> str:
    """Return a constant as text: large ones, which are magics and masks, in hex."""
    return str(value) if value <= 0xFF else f"0x{value:X}"


def quoted(values: Mapping[str, str]) -> list[str]:
    """Return the items of a dictionary's display of plain texts."""
    return [f'"{name}": "{value}"' for name, value in values.items()]


def pairs(values: Mapping[str, int]) -> list[str]:
    """Return the items of a dictionary's display."""
    return [f'"{name}": {value}' for name, value in values.items()]
