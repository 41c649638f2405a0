"""`metaprotocol mesh status`: requests, errors and latencies of a running mesh."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from attrs import asdict

from metaprotocol_cli.mesh.common import running_folder
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.running import Status, read_status

if TYPE_CHECKING:
    from metaprotocol_mesh.running.status import Row


@click.command("status")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@click.pass_context
def command(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Show the requests, errors and latencies of a running mesh, by listener, route and cluster.

    NAME is that which `mesh run` has printed; it may be left out if one mesh runs. Counts are those since Envoy knows
    the listener, the route or the cluster. An error is a request whose HTTP status is 400 or more: the codec says which
    status an answer of the protocol has. Latencies are in milliseconds.

    The exit status is 0, 1 if no such mesh runs, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol mesh status
      metaprotocol mesh status bookinfo --json
    """
    folder = running_folder(name)
    try:
        status = read_status(folder)
    except OSError as error:
        raise click.ClickException(f"the mesh {folder.name} starts or ends: its Envoy does not answer") from error
    if as_json:
        click.echo(json.dumps(asdict(status), indent=2))
    else:
        _print(status, ctx.color)


def _print(status: Status, color: bool | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(force_terminal=color, no_color=color is False, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, 200)  # a pipe has no width to fit into
    console.print(f"{status.name}: {' '.join(status.paths)}, Envoy is process {status.envoy}\n")
    for codec in status.codecs:
        version = f"{codec.release} ({codec.version})" if codec.release else codec.version
        console.print(f"{codec.listener} {codec.name} {version}{', for old connections' if codec.draining else ''}")
    for title, rows in (("listener", status.listeners), ("route", status.routes), ("cluster", status.clusters)):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        table.add_column(title, overflow="fold", style="cyan")
        for column in ("requests", "errors", "connections", "p50 ms", "p90 ms", "p99 ms"):
            if column != "connections" or title != "route":
                table.add_column(column, justify="right")
        for row in rows:
            table.add_row(row.name, *_cells(row), style="red" if row.errors else "")
        console.print(table)


def _cells(row: Row) -> list[str]:
    found = [f"{row.requests:,}", f"{row.errors:,}"]
    if row.connections is not None:
        found.append(f"{row.connections:,}")
    return [*found, *map(_milliseconds, (row.p50, row.p90, row.p99))]


def _milliseconds(value: float | None) -> str:
    """Return a latency; Envoy measures whole milliseconds."""
    if value is None:
        return "-"
    return "<1" if value < 1 else f"{value:.0f}"
