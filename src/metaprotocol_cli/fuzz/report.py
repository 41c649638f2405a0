"""The output of a run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from metaprotocol_cli.fuzz.session import Event


class Report:
    """Shows events as they come, and counts the findings.

    Args:
        heading: The facts of the run: codec, engine, seed; or codec and files.
        as_json: True to print one JSON object at the end, and nothing else.
    """

    def __init__(self, heading: dict[str, Any], *, as_json: bool) -> None:
        self._heading = heading
        self._as_json = as_json
        self._shows = sys.stderr.isatty()
        self._numbers: dict[str, Any] = {"executions": 0, "seconds": 0.0, "kinds": 0}
        self.findings: list[Event] = []
        if not as_json and "engine" in heading:
            facts = ", ".join(f"{key} {value}" for key, value in heading.items())
            click.echo(f"fuzzing: {facts}; stop with Ctrl-C", err=True)

    def tell(self, event: Event) -> None:
        """Take an event."""
        name = event["event"]
        if name in ("progress", "end"):
            self._numbers = {key: event[key] for key in ("executions", "seconds", "kinds")}
            self._progress(clear=name == "end")
            return
        self.findings.append({key: value for key, value in event.items() if key != "event"})
        if not self._as_json:
            self._progress(clear=True)
            click.echo(_text_of(event))

    def end(self, *, stopped: bool = False) -> None:
        """Print the totals."""
        if self._as_json:
            numbers = {} if "files" in self._heading else {**self._numbers, "stopped": stopped}
            result = {**self._heading, **numbers, "findings": self.findings}
            click.echo(json.dumps(result, indent=2))
            return
        self._progress(clear=True)
        count = len(self.findings)
        found = click.style(f"{count} finding{'s' * (count != 1)}", fg="red" if count else "green")
        click.echo(f"{found} in {self._line()}")

    def _line(self) -> str:
        numbers = self._numbers
        if "files" in self._heading:
            files = self._heading["files"]
            return f"{files:,} file{'s' * (files != 1)}"
        rate = numbers["executions"] / max(numbers["seconds"], 0.1)
        return (
            f"{numbers['executions']:,} executions, {numbers['seconds']:.0f} s, {rate:,.0f} a second, "
            f"{numbers['kinds']:,} kinds of inputs"
        )

    def _progress(self, *, clear: bool) -> None:
        if self._shows and not self._as_json:
            text = "" if clear else f"{self._line()}, {len(self.findings)} findings"
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)


def _text_of(event: Event) -> str:
    if event["event"] == "died":
        files = ", ".join(event["files"])
        return f"the process died with status {event['status']}; its last input is in {files}\n{event['log']}\n"
    return f"{event['text']}\n\n  saved in {event['file']}\n"
