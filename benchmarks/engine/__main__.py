"""The command line: `python -m benchmarks.engine`, with tests/support on the path, as `make bench-engine` has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from live_envoy import EnvoyFault, NotAvailable
from rich.console import Console
from rich.progress import Progress

from benchmarks.engine.machine import BenchmarkFault, processors
from benchmarks.engine.protocols import PROTOCOLS
from benchmarks.engine.report import markdown, save, table, targets_table
from benchmarks.engine.runner import SIZES, Bench, Case, loads, run
from benchmarks.envoy_option import envoy_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from live_envoy import Release


@click.command(epilog="A round takes about two minutes. Ratios are comparable from run to run, times are not.")
@click.option("--case", "words", multiple=True, metavar="WORD", help='Only cases with this in their names: "dubbo 20".')
@click.option("--lane", "wanted", multiple=True, metavar="NAME", help="Only direct and these lanes; repeatable.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="In each, all lanes take turns.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Of each measurement.")
@click.option("--warm", type=float, default=0.3, show_default=True, help="Seconds of load before it.")
@envoy_option
@click.option("--markdown", "as_page", is_flag=True, help="Print the table of the documentation too.")
@click.option("--list", "listing", is_flag=True, help="Show the names of the cases, and stop.")
@click.option(
    "--json",
    "path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("benchmarks/engine-results.json"),
    show_default=True,
    help="Where to keep all samples.",
)
def main(
    *,
    words: Sequence[str],
    wanted: Sequence[str],
    rounds: int,
    seconds: float,
    warm: float,
    release: Release,
    as_page: bool,
    listing: bool,
    path: Path,
) -> None:
    """Measure what a codec in Envoy costs, beside Envoy's own filters and beside nothing.

    One Envoy with one worker for each lane. "total" is from the client to the server and back; "added" is what a lane
    adds to the total of a client that speaks to the server directly, in the same round. "CPU/request" is the processor
    time of the process between them. Ratios are medians of the ratios of the rounds.
    """
    cases = [Case(protocol, size, load) for protocol in PROTOCOLS for size in SIZES for load in loads(protocol, size)]
    cases = [case for case in cases if all(word in case.name for word in words)]
    if listing:
        click.echo("\n".join(case.name for case in cases))
        return
    if not cases:
        raise click.ClickException(f"No case has {' and '.join(words)} in its name; --list shows them all.")
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 130)  # a pipe has no width to fit into
    try:
        with Bench(release, warm, seconds) as bench, Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("", total=None)
            results = run(bench, cases, set(wanted), rounds, lambda what: progress.update(bar, description=what))
    except (BenchmarkFault, EnvoyFault, NotAvailable) as error:
        raise click.ClickException(str(error)) from error
    console.print(f"Envoy {release}; processors of Envoy, the server and the load tool: {processors()}")
    for result in results:
        console.print(table(result))
    console.print(targets_table(results))
    if as_page:
        click.echo(markdown(results))
    save(results, release, path)
    click.echo(f"All samples are in {path}.", err=True)


main()
