"""`metaprotocol codecs`: lists the installed codecs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from metaprotocol_cli.terminal import color_option
from metaprotocol_sdk import CodecInfo, CodecLoadError, available_codecs


@click.command("codecs")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@color_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the installed codecs.

    A codec that does not load, or whose name two distributions claim, is listed with its error, and the exit status is
    then 1.

    \b
    Examples:
      metaprotocol codecs
      metaprotocol codecs --json
    """
    codecs = available_codecs()
    claims = Counter(codec.name for codec in codecs)
    rows = [_row(codec, conflict=claims[codec.name] > 1) for codec in codecs]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        _print_table(rows, ctx.color)
    else:
        click.echo("No codec is installed.")
    if any(row["error"] for row in rows):
        ctx.exit(1)


def _row(codec: CodecInfo, *, conflict: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": codec.name,
        "version": codec.version,
        "distribution": codec.distribution,
        "module": codec.target,
        "capabilities": [],
        "error": None,
    }
    if conflict:
        row["error"] = "another distribution claims the same name"
        return row
    try:
        row["capabilities"] = sorted(codec.load().capabilities)
    except CodecLoadError as error:
        row["error"] = str(error)
    return row


def _print_table(rows: list[dict[str, Any]], color: bool | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(force_terminal=color, no_color=color is False, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, 200)  # a pipe has no width to fit into
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in ("name", "version", "distribution", "module", "capabilities"):
        table.add_column(title, overflow="fold", style="cyan" if title == "name" else "")
    for row in rows:
        table.add_row(
            row["name"],
            row["version"],
            row["distribution"],
            row["module"],
            f"error: {row['error']}" if row["error"] else "\n".join(row["capabilities"]) or "decode only",
            style="red" if row["error"] else "",
        )
    console.print(table)
