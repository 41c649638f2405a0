"""The table of `metaprotocol check`, printed as the properties are tried."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from metaprotocol_sdk.dump import printable
from metaprotocol_sdk.testing import Level, Verdict, explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing import Property, Report, Result, Subject

_COLORS = {Verdict.HOLDS: "green", Verdict.FAILS: "red", Verdict.HOLDS_AGAIN: "red", Verdict.DEVIATES: "yellow"}


class Table:
    """Prints a line for each property when it has been tried.

    Args:
        strict: True if recommended properties are required too.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._shows = sys.stderr.isatty()

    def heading(self, name: str, subject: Subject) -> None:
        """Print the codec, its claims and the messages to try it on."""
        codec = subject.codec
        claimed = codec.capabilities
        able = ", ".join(sorted(claimed)) if isinstance(claimed, frozenset) else repr(claimed)
        more = ", and those that a strategy draws" if subject.messages is not None else ""
        click.echo(f"{click.style(name, bold=True)}  {type(codec).__module__}:{type(codec).__qualname__}")
        click.echo(f"claims: {able or 'nothing beyond decoding'}")
        click.echo(f"tried on {len(subject.samples)} good messages{more}; effort: {subject.effort.name}")
        click.echo(click.style(f"\n{'property':<19} {'verdict':<19} {'cases':>7}  title", bold=True))

    def begin(self, found: Property) -> None:
        """Show the property that is being tried."""
        if self._shows:
            click.echo(f"\r{found.id} …", nl=False, err=True)

    def clear(self) -> None:
        """Clear the line of the property that is being tried."""
        if self._shows:
            click.echo("\r\x1b[K", nl=False, err=True)

    def done(self, result: Result) -> None:
        """Print the result of a property."""
        self.clear()
        if result.verdict is Verdict.NOT_RUN:
            return  # told in one line at the end
        found = result.property
        color = _COLORS.get(result.verdict)
        if result.verdict is Verdict.FAILS and not result.is_bad(strict=self._strict):
            color = "yellow"
        cases = f"{result.telling:,}" if result.cases else ""
        click.echo(f"{found.id:<19} {click.style(f'{result.label():<19}', fg=color)} {cases:>7}  {found.title}")
        if result.verdict in (Verdict.FAILS, Verdict.DEVIATES, Verdict.HOLDS_AGAIN):
            click.echo(click.style(f"{'':<19} {printable(result.diagnosis, 300)}", fg=color))

    def end(self, report: Report) -> None:
        """Print the properties that were not tried, each failure in full, and the totals."""
        reasons = Counter(result.diagnosis for result in report.results if result.verdict is Verdict.NOT_RUN)
        for reason, count in reasons.items():
            click.echo(f"{count} more {'was' if count == 1 else 'were'} not tried: {reason}")
        for result in report.results:
            if result.verdict in (Verdict.FAILS, Verdict.HOLDS_AGAIN):
                click.echo(f"\n{explain(report.subject, result, report.earlier(result))}")
        counts = Counter(result.label() for result in report.results)
        summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        bad = report.bad(strict=self._strict)
        outcome = click.style("not good", fg="red") if bad else click.style("good", fg="green")
        click.echo(f"\n{outcome}: {summary}")


def print_catalogue(found: Iterable[Property]) -> None:
    """Print the properties."""
    tier = None
    for one in found:
        if one.tier is not tier:
            tier = one.tier
            click.echo(click.style(f"{tier.name.lower()}", bold=True))
        note = " (recommended)" if one.level is Level.RECOMMENDED else ""
        note += f" (claim: {one.claim})" if one.claim else ""
        click.echo(f"  {one.id:<19} {one.title}{note}")
