"""Colours and marks that the terminal can show."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def color_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--color`, whose callback sets the colour of `click.echo`."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=_set_color,
        help="Use colour. auto: on a terminal, unless NO_COLOR is set.",
    )(function)


def _set_color(ctx: click.Context, parameter: click.Parameter, value: str) -> None:
    if value == "auto":
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        elif os.environ.get("FORCE_COLOR"):
            ctx.color = True
        else:
            ctx.color = None
    else:
        ctx.color = value == "always"


def arrow(to_server: bool) -> str:
    """Return an arrow for a direction, in characters that the terminal's encoding has."""
    mark = "→" if to_server else "←"
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ">" if to_server else "<"
    return mark
