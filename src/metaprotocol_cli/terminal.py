"""The output: colours and marks that the terminal can show, and failures to write it."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


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


@contextmanager
def output_errors() -> Iterator[None]:
    """End the program with one sentence if its output cannot be written: it is closed, or its disk is full.

    A reader that went away, as after `| head`, is not an error; click ends the program then.
    """
    if sys.stdout is None:  # closed by the shell: `>&-`
        _fail("standard output is closed")
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        _fail(f"the output cannot be written: {error.strerror}")


def _fail(text: str) -> NoReturn:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"Error: {text}\n")
        sys.stderr.flush()
    # What is still in the buffer would be written, and fail, once more at the exit.
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the exit
    sys.exit(1)
