"""The command line of the benchmarks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from attrs import evolve
from rich.console import Console
from rich.progress import Progress

from benchmarks import dubbo, thrift
from benchmarks.before import NoSuchCommitError, with_lanes_of
from benchmarks.report import reasons, save, table, targets_table
from benchmarks.runner import QUICK, THOROUGH, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.model import Task

# One module for each protocol, with its tasks() and TARGETS.
_PROTOCOLS = (dubbo, thrift)
_RESULTS = Path(__file__).parent / "results.json"


@click.command(epilog="Load on the machine changes the times and hardly the ratios. A full run takes some minutes.")
@click.option("--quick", is_flag=True, help="A few messages and rounds: shows that it runs, not how fast.")
@click.option("--case", "words", multiple=True, metavar="WORD", help="Only what has this in its name; repeatable.")
@click.option("--list", "listing", is_flag=True, help="Show what can be measured, and stop.")
@click.option("--before", "commit", metavar="COMMIT", help="Measure this commit's codecs too, in turn with today's.")
@click.option("--rounds", type=click.IntRange(1), help=f"Rounds of each task.  [default: {THOROUGH.rounds}]")
@click.option(
    "--json",
    "path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=_RESULTS,
    help="Where to keep the times, for pyperf.  [default: benchmarks/results.json]",
)
def main(
    *, quick: bool, words: Sequence[str], listing: bool, commit: str | None, rounds: int | None, path: Path
) -> None:
    """Measure the codecs beside the packages that a Python user could pick instead.

    Every message of a batch calls another method of another interface with another id. "Cold" is the first pass over
    messages that were never seen before, "warm" are more passes over the same. The last column says how many times as
    long as this codec somebody takes: the median of the ratios of the rounds, in each of which all take turns.
    """
    tasks = [task for protocol in _PROTOCOLS for task in protocol.tasks()]
    if commit is not None:
        folder = click.get_current_context().with_resource(TemporaryDirectory(prefix="metaprotocol-before-"))
        try:
            tasks = with_lanes_of(commit, tasks, Path(folder))
        except NoSuchCommitError as error:
            raise click.BadParameter(str(error), param_hint="--before") from error
    tasks = [chosen for task in tasks if (chosen := _only(task, words)) is not None]
    if not tasks:
        raise click.ClickException(f"No task has {' and '.join(words)} in its name; --list shows them all.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--json")
    if listing:
        for task in tasks:
            for subject in dict.fromkeys(lane.subject for lane in task.lanes):
                click.echo(f"{task.protocol}: {task.name}, {subject}")
        return
    plan = QUICK if quick else THOROUGH
    if rounds is not None:
        plan = evolve(plan, rounds=rounds)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 120)  # a pipe has no width to fit into
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=len(tasks) * plan.rounds)
        for task in tasks:
            progress.update(bar, description=f"{task.protocol}: {task.name}")
            results.append(measure(task, plan, lambda: progress.advance(bar)))
    for result in results:
        console.print(table(result))
        for reason in reasons(result):
            console.print(reason, style="dim", markup=False, highlight=False)
        console.print()
    if not quick:
        console.print(targets_table(results, [target for protocol in _PROTOCOLS for target in protocol.TARGETS]))
    save(results, path)
    click.echo(f"The times are in {path}; pyperf reads them.", err=True)


def _only(task: Task, words: Sequence[str]) -> Task | None:
    """Return the task with the lanes whose names have all the words; None if there are none."""

    def wanted(subject: str) -> bool:
        return all(word.casefold() in f"{task.protocol}: {task.name}, {subject}".casefold() for word in words)

    lanes = [lane for lane in task.lanes if wanted(lane.subject)]
    cannot = {row: why for row, why in task.cannot.items() if wanted(row[0])}
    return evolve(task, lanes=lanes, cannot=cannot) if lanes else None
