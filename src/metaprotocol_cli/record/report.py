"""The output of `record`: a live line on a terminal and a summary at the end, or JSON lines for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol, Self

import click

from metaprotocol_cli.terminal import arrow
from metaprotocol_sdk import Direction
from metaprotocol_sdk.dump import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.spinner import Spinner

    from metaprotocol_proxy import Address, Relay, Stats

_MAX_PROBLEMS = 20


class Report(Protocol):
    """Prints the progress and the problems of a relay. Use it as a context manager, which restores the terminal."""

    interval: float | None
    """Seconds between two calls of `progress`; None for no calls."""

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Print that clients can connect. `upstream` is None if the relay answers every request itself."""

    def problem(self, text: str) -> None:
        """Print a failure."""

    def progress(self, relay: Relay) -> None:
        """Update the live line."""

    def summary(self, relay: Relay) -> None:
        """Print the totals."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class TextReport:
    """Prints text for people.

    Args:
        color: True to use colours, False not to; None decides by the output.
    """

    def __init__(self, color: bool | None) -> None:
        self._color = color
        self._problems = 0
        self._live: Live | None = None
        self._spinner: Spinner | None = None
        self.interval: float | None = 0.2 if sys.stderr.isatty() else None

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Print the addresses that clients can connect to."""
        for address in addresses:
            click.echo(f"listening on {address}")
        action = "answering every request" if upstream is None else f"relaying to {upstream}"
        click.echo(f"{action}; stop with Ctrl-C")
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
        """Print a failure; after `_MAX_PROBLEMS` of them, nothing."""
        self._problems += 1
        if self._problems <= _MAX_PROBLEMS:
            click.secho(printable(text), fg="yellow", err=True)
        if self._problems == _MAX_PROBLEMS:
            click.secho("further problems are counted, not shown", fg="yellow", err=True)

    def progress(self, relay: Relay) -> None:
        """Update the live line."""
        if self._spinner is not None and relay.accepted:
            self._spinner.update(text=f"{_connections(relay)}; {_amounts(relay, relay.stats())}")

    def summary(self, relay: Relay) -> None:
        """Print the totals."""
        self._stop_live_line()
        stats = relay.stats()
        click.echo(f"{_connections(relay)}; {_amounts(relay, stats)}")
        for direction in Direction if relay.codec else ():
            for message_type, number in stats.by_type(direction).items():
                click.echo(f"  {arrow(direction is Direction.TO_SERVER)} {number:,} {message_type}")
        for number, text in (
            (stats.answered, "answered by the relay"),
            (stats.unreadable, "could not be read"),
            (stats.unchanged, "could not be changed and were passed on as they came"),
            (stats.opaque.total(), "bytes came after the end of the protocol and were passed on unread"),
            (stats.failed, "of the connections failed"),
            (stats.refused, "of the connections were refused: no file descriptor was left for them"),
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
    """Prints one JSON object a line for programs, each with an `event`."""

    interval: float | None = None

    def listening(self, addresses: list[Address], upstream: Address | None) -> None:
        """Print an event `listening` for each address."""
        for address in addresses:
            _print("listening", host=address.host, port=address.port)

    def problem(self, text: str) -> None:
        """Print an event `problem`."""
        _print("problem", text=text)

    def progress(self, relay: Relay) -> None:
        """Print nothing."""

    def summary(self, relay: Relay) -> None:
        """Print the event `summary`."""
        stats = relay.stats()
        _print(
            "summary",
            connections=relay.accepted,
            bytes={direction: stats.size[direction] for direction in Direction},
            messages={direction: stats.by_type(direction) for direction in Direction},
            opaque={direction: stats.opaque[direction] for direction in Direction},
            answered=stats.answered,
            unreadable=stats.unreadable,
            unchanged=stats.unchanged,
            failed=stats.failed,
            refused=stats.refused,
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
    still_open = f", {relay.open_connections:,} open" if relay.open_connections else ""
    return f"{relay.accepted:,} connection{plural}{still_open}"


def _amounts(relay: Relay, stats: Stats) -> str:
    parts = []
    for direction, mark in ((Direction.TO_SERVER, True), (Direction.TO_CLIENT, False)):
        messages = f"{stats.count(direction):,} messages, " if relay.codec else ""
        parts.append(f"{arrow(mark)} {messages}{stats.size[direction]:,} bytes")
    return "; ".join(parts)
