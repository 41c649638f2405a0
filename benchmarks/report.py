"""Shows the times to a person, and keeps them for a program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from statistics import median, quantiles
from typing import TYPE_CHECKING

from pyperf import Benchmark, BenchmarkSuite, Run
from rich.box import SIMPLE
from rich.table import Table

from benchmarks.model import OURS, Result, Target, Times

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SCALES = {"message": (1e6, "µs"), "byte": (1e9, "ns")}


def table(result: Result) -> Table:
    """Return the table of one task."""
    task = result.task
    scale, symbol = _SCALES[task.unit]
    shown = Table(title=f"{task.protocol}: {task.name}, {symbol} per {task.unit}", title_justify="left", box=SIMPLE)
    shown.add_column("message", no_wrap=True)
    shown.add_column("by", no_wrap=True)
    for heading in ("cold", "warm", "spread", "ratio"):
        shown.add_column(heading, justify="right", no_wrap=True)
    subjects = dict.fromkeys(subject for subject, _ in [*result.times, *result.cannot])
    for subject in subjects:
        for row in [row for row in result.times if row[0] == subject]:
            times = result.times[row]
            ratio = result.ratio(row, (subject, OURS))
            shown.add_row(
                subject,
                row[1],
                f"{median(times.cold) * scale:,.2f}",
                f"{median(times.warm) * scale:,.2f}",
                f"±{_spread(times):.0%}",
                "" if ratio is None else f"{ratio:,.2f}",
            )
        for row in [row for row in result.cannot if row[0] == subject]:
            shown.add_row(subject, row[1], "", "cannot", style="dim")
        shown.add_section()
    return shown


def reasons(result: Result) -> list[str]:
    """Return why contenders are missing, one line for each reason."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for (subject, contender), why in result.cannot.items():
        subjects.setdefault((contender, why), []).append(subject)
    return [f"  {contender} ({', '.join(of)}) {why}" for (contender, why), of in subjects.items()]


def targets_table(results: Iterable[Result], targets: Iterable[Target]) -> Table:
    """Return what was promised beside what was measured."""
    shown = Table(title="Targets", title_justify="left", box=SIMPLE)
    shown.add_column("promised", no_wrap=True)
    shown.add_column("measured", justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    by_task = {result.task.name: result for result in results}
    for target in targets:
        result = by_task.get(target.task)
        ratio = None if result is None else result.ratio(target.slow, target.fast)
        if ratio is None:
            shown.add_row(target.text, "", "not run")
        else:
            shown.add_row(target.text, f"{ratio:.2f}", "met" if target.is_met(ratio) else "[bold red]missed")
    return shown


def save(results: Iterable[Result], path: Path) -> None:
    """Write a file that `pyperf show` and `pyperf compare_to` read; ratios are in the metadata of each benchmark."""
    benchmarks = []
    for result in results:
        for (subject, contender), times in result.times.items():
            for temperature, values in (("cold", times.cold), ("warm", times.warm)):
                metadata: dict[str, str | float] = {
                    "name": f"{result.task.protocol} {result.task.name}, {subject}, {contender}, {temperature}",
                    "protocol": result.task.protocol,
                    "task": result.task.name,
                    "subject": subject,
                    "contender": contender,
                    "temperature": temperature,
                    "per": result.task.unit,
                    "unit": "second",
                    **_version(contender),
                }
                ratio = result.ratio((subject, contender), (subject, OURS))
                if ratio is not None and temperature == "warm":
                    metadata["ratio_to_ours"] = ratio
                benchmarks.append(Benchmark([Run(values, metadata=metadata)]))
    BenchmarkSuite(benchmarks).dump(str(path), replace=True)


def _version(contender: str) -> dict[str, str]:
    try:
        return {"contender_version": version("metaprotocol-sdk" if contender == OURS else contender)}
    except PackageNotFoundError:
        return {}


def _spread(times: Times) -> float:
    """Return half of the distance between the quartiles, relative to the median."""
    if len(times.warm) < 2:
        return 0.0
    first, middle, third = quantiles(times.warm, n=4, method="inclusive")
    return (third - first) / 2 / middle
