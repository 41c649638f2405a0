"""What `record` says: on a terminal a live line, at the end a summary, or JSON lines for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol, Self

import click

from metaprotocol_cli.terminal import arrow
from metaprotocol_sdk import Direction, printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.spinner import Spinner

    from metaprotocol_proxy import Address, Relay, Tally

_MOST_PROBLEMS = 20


class Report(Protocol):
    """Who is told what happens. A context manager: leaving it, the terminal is as it was."""

    interval: float | None
    """Seconds between two calls of `progress`; None for no calls."""

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Say that clients can connect, and what happens then: `upstream` is None if every request is answered."""

    def problem(self, text: str) -> None:
        """Say what went wrong."""

    def progress(self, relay: Relay) -> None:
        """Show how far it is."""

    def summary(self, relay: Relay) -> None:
        """Say what came through in all."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class TextReport:
    """Tells a person.

    Args:
        color: Whether to use colour; None to see what the output is.
    """

    def __init__(self, color: bool | None) -> None:
        self._color = color
        self._problems = 0
        self._live: Live | None = None
        self._spinner: Spinner | None = None
        self.interval: float | None = 0.2 if sys.stderr.isatty() else None

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Say that clients can connect."""
        for address in addresses:
            click.echo(f"listening on {address}")
        does = "answering every request" if upstream is None else f"relaying to {upstream}"
        click.echo(f"{does}; stop with Ctrl-C")
        sys.stdout.flush()
        if self.interval is not None:
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner

            console = Console(stderr=True, no_color=self._color is False)
            self._spinner = Spinner("dots", "waiting for a connection")
            self._live = Live(self._spinner, console=console, transient=True, redirect_stdout=False)
            self._live.start()

    def problem(self, text: str) -> None:
        """Print what went wrong; after some problems, only their number matters."""
        self._problems += 1
        if self._problems <= _MOST_PROBLEMS:
            click.secho(printable(text), fg="yellow", err=True)
        if self._problems == _MOST_PROBLEMS:
            click.secho("further problems are counted, not shown", fg="yellow", err=True)

    def progress(self, relay: Relay) -> None:
        """Renew the live line."""
        if self._spinner is not None and relay.accepted:
            self._spinner.update(text=f"{_connections(relay)}; {_amounts(relay, relay.tally())}")

    def summary(self, relay: Relay) -> None:
        """Print the totals."""
        self._stop_live_line()
        tally = relay.tally()
        click.echo(f"{_connections(relay)}; {_amounts(relay, tally)}")
        for direction in Direction if relay.codec else ():
            for message_type, number in tally.by_type(direction).items():
                click.echo(f"  {arrow(direction is Direction.TO_SERVER)} {number:,} {message_type}")
        for number, text in (
            (tally.answered, "answered here"),
            (tally.unreadable, "could not be read"),
            (tally.unchanged, "could not be changed and were passed on as they were"),
            (tally.broken, "of the connections failed"),
            (tally.refused, "of the connections were refused: no file descriptor was left for them"),
        ):
            if number:
                click.echo(f"{number:,} {text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop_live_line()

    def _stop_live_line(self) -> None:
        if self._live is not None:
            self._live.stop()


class JsonReport:
    """Tells a program: an object a line, each with an `event`."""

    interval: float | None = None

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Print `listening`, once an address."""
        for address in addresses:
            _print("listening", host=address.host, port=address.port)

    def problem(self, text: str) -> None:
        """Print `problem`."""
        _print("problem", text=text)

    def progress(self, relay: Relay) -> None:
        """Print nothing."""

    def summary(self, relay: Relay) -> None:
        """Print `summary`."""
        tally = relay.tally()
        _print(
            "summary",
            connections=relay.accepted,
            bytes={direction: tally.size[direction] for direction in Direction},
            messages={direction: tally.by_type(direction) for direction in Direction},
            answered=tally.answered,
            unreadable=tally.unreadable,
            unchanged=tally.unchanged,
            broken=tally.broken,
            refused=tally.refused,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _print(event: str, **facts: object) -> None:
    click.echo(json.dumps({"event": event, **facts}))
    sys.stdout.flush()


def _connections(relay: Relay) -> str:
    plural = "" if relay.accepted == 1 else "s"
    still = f", {relay.open_connections:,} open" if relay.open_connections else ""
    return f"{relay.accepted:,} connection{plural}{still}"


def _amounts(relay: Relay, tally: Tally) -> str:
    parts = []
    for direction, mark in ((Direction.TO_SERVER, True), (Direction.TO_CLIENT, False)):
        messages = f"{tally.count(direction):,} messages, " if relay.codec else ""
        parts.append(f"{arrow(mark)} {messages}{tally.size[direction]:,} bytes")
    return "; ".join(parts)
