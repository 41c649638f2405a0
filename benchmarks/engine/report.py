"""Shows what was measured. What is added and what is total are columns of their own and never form a ratio."""

from __future__ import annotations

import json
import platform
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen
from rich.box import SIMPLE
from rich.table import Table

from benchmarks.engine.lanes import DIRECT, OURS, TCP_PROXY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from live_envoy import Release

    from benchmarks.engine.runner import Result, Sample


def total(sample: Sample, direct: Sample) -> float:
    """Return the microseconds of the median request."""
    return sample.p50


def added(sample: Sample, direct: Sample) -> float:
    """Return the microseconds that a lane adds to the median request of a client that speaks to the server itself."""
    return sample.p50 - direct.p50


def tail(sample: Sample, direct: Sample) -> float:
    """Return the microseconds that 99 of 100 requests do not exceed."""
    return sample.p99


def processor(sample: Sample, direct: Sample) -> float:
    """Return the microseconds of processor time for a request."""
    return sample.processor


def ratio(result: Result, what: Callable[[Sample, Sample], float], lane: str, other: str) -> float | None:
    """Return the median of the rounds' ratios of two lanes; None if one was not measured, or the other is nothing."""
    if lane not in result.samples or other not in result.samples:
        return None
    direct = result.samples[DIRECT]
    pairs = zip(result.samples[lane], result.samples[other], direct, strict=True)
    ratios = [what(one, zero) / what(two, zero) for one, two, zero in pairs if what(two, zero) > 0]
    return median(ratios) if ratios else None


def order(result: Result) -> list[str]:
    """Return the lanes of a result: direct, tcp_proxy, Envoy's own filters, ours."""
    rank = {DIRECT: 0, TCP_PROXY: 1, OURS: 3}
    return sorted(result.samples, key=lambda lane: (rank.get(lane, 2), lane))


def table(result: Result) -> Table:
    """Return the table of one case."""
    one_at_a_time = result.case.load.connections == 1
    load = result.case.load
    title = f"{result.case.name}: {load.connections} x {load.depth} requests, µs; ratios to tcp_proxy's"
    shown = Table(title=title, title_justify="left", box=SIMPLE)
    shown.add_column("lane", no_wrap=True)
    for heading in ("total p50", "ratio", "total p99", "ratio"):
        shown.add_column(heading, justify="right", no_wrap=True)
    if one_at_a_time:
        for heading in ("added p50", "ratio"):
            shown.add_column(heading, justify="right", no_wrap=True)
    else:
        shown.add_column("requests/s", justify="right", no_wrap=True)
    for heading in ("CPU/request", "ratio", "spread"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for lane in order(result):
        samples, direct = result.samples[lane], result.samples[DIRECT]
        pairs = list(zip(samples, direct, strict=True))
        row = [lane]
        for what in (total, tail):
            row += [f"{median(what(*pair) for pair in pairs):,.1f}", _number(ratio(result, what, lane, TCP_PROXY))]
        if one_at_a_time:
            row += ["", ""]
            if lane != DIRECT:
                row[-2:] = [
                    f"{median(added(*pair) for pair in pairs):,.1f}",
                    _number(ratio(result, added, lane, TCP_PROXY)),
                ]
        else:
            row.append(f"{median(sample.rate for sample in samples):,.0f}")
        if lane == DIRECT:
            row += ["", "", ""]
        else:
            times = [sample.processor for sample in samples]
            row += [
                f"{median(times):,.1f}",
                _number(ratio(result, processor, lane, TCP_PROXY)),
                f"{min(times):,.1f} - {max(times):,.1f}",
            ]
        shown.add_row(*row)
    return shown


@frozen
class Target:
    """An upper bound on the ratio of our lane to another.

    Args:
        text: The bound, for a person.
        case: The name of the case.
        what: The figure that is compared.
        other: The lane that it is compared with.
        most: The ratio that it must not exceed.
    """

    text: str
    case: str
    what: Callable[[Sample, Sample], float]
    other: str
    most: float


TARGETS = (
    Target("added p50, beside tcp_proxy's", "dubbo 20 B, one", added, TCP_PROXY, 2.0),
    Target("CPU per request, beside dubbo_proxy's", "dubbo 20 B, loaded", processor, "dubbo_proxy", 3.0),
    Target("CPU per request, beside tcp_proxy's", "dubbo 120,000 B, loaded", processor, TCP_PROXY, 3.0),
)


def targets_table(results: Iterable[Result]) -> Table:
    """Return what was promised beside what was measured."""
    by_name = {result.case.name: result for result in results}
    shown = Table(title="Targets", title_justify="left", box=SIMPLE)
    for heading in ("case", "what", "at most", "measured", ""):
        shown.add_column(heading, no_wrap=True)
    for target in TARGETS:
        result = by_name.get(target.case)
        measured = None if result is None else ratio(result, target.what, OURS, target.other)
        verdict = "not measured" if measured is None else "met" if measured <= target.most else "missed"
        shown.add_row(target.case, target.text, f"{target.most:.1f}", _number(measured), verdict)
    return shown


_OWN_FILTER = {"dubbo": "dubbo_proxy", "thrift": "thrift_proxy"}


def markdown(results: Iterable[Result]) -> str:
    """Return the table of the documentation: what each lane costs, one request at a time and loaded."""
    headings = ["protocol, payload", "lane", "added p50, µs", "beside tcp_proxy"]
    headings += ["CPU/request loaded, µs", "beside tcp_proxy", "beside Envoy's own filter"]
    lines = [f"| {' | '.join(headings)} |", "|---|---|---:|---:|---:|---:|---:|"]
    by_name = {result.case.name: result for result in results}
    for name, one in by_name.items():
        many = by_name.get(name.replace(", one", ", loaded"))
        if not name.endswith(", one") or many is None:
            continue
        for lane in order(one):
            if lane != DIRECT:
                own = _OWN_FILTER.get(one.case.protocol.name, "")
                pairs = zip(one.samples[lane], one.samples[DIRECT], strict=True)
                cells = [
                    f"{one.case.protocol.name}, {one.case.size:,} B" if lane == TCP_PROXY else "",
                    lane,
                    f"{median(added(*pair) for pair in pairs):,.0f}",
                    _number(ratio(one, added, lane, TCP_PROXY)),
                    f"{median(sample.processor for sample in many.samples[lane]):,.1f}",
                    _number(ratio(many, processor, lane, TCP_PROXY)),
                    _number(ratio(many, processor, lane, own)) if lane == OURS else "",
                ]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def save(results: Iterable[Result], release: Release, path: Path) -> None:
    """Write every sample, for a program."""
    cases: list[dict[str, Any]] = [
        {
            "protocol": result.case.protocol.name,
            "payload": result.case.size,
            "load": asdict(result.case.load),
            "lanes": {lane: [asdict(sample) for sample in result.samples[lane]] for lane in order(result)},
        }
        for result in results
    ]
    units = {"p50": "µs, total", "p99": "µs, total", "rate": "requests/s", "processor": "µs of CPU for each request"}
    written = {"envoy": str(release), "python": platform.python_version(), "units": units, "cases": cases}
    path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
