"""The messages that `metaprotocol mesh capture` captured: no bytes, so no offsets, ids and sizes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import click

from metaprotocol_cli.input import InputError
from metaprotocol_cli.inspect.text import TYPE_COLORS
from metaprotocol_cli.terminal import arrow
from metaprotocol_mesh.capture.file import MAGIC, CaptureFileError, Redacted, read
from metaprotocol_sdk import Direction, Metadata, Status
from metaprotocol_sdk.dump import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_cli.input import Input
    from metaprotocol_mesh.capture.file import Exchange, Message

_INTERRUPTED = 130
_MOST_SHOWN = 10  # names in the last line; `--show` is given by hand


def is_mesh_capture(source: Input) -> bool:
    """Return True if a file is a capture of a mesh. A pipe is waited for only while it may be one."""
    head = source.peek(1)
    while len(head) < len(MAGIC) and MAGIC.startswith(head):
        longer = source.peek(len(head) + 1)
        if len(longer) == len(head):
            break
        head = longer
    return head.startswith(MAGIC)


def print_mesh_capture(source: Input, verbose: int, *, as_json: bool) -> int:
    """Print the messages of a capture, and return the exit status.

    Args:
        source: The capture.
        verbose: 0 for a line each, 1 to add properties, 2 to shorten none.
        as_json: True for an object a line.
    """
    printer: _Printer = _JsonLines() if as_json else _Text(verbose)
    status = 0
    try:
        for exchange in read(_pieces(source)):
            for message in exchange.messages:
                printer.message(exchange, message)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except (CaptureFileError, InputError) as error:
        printer.problem(str(error))
        status = 1
    printer.end()
    return status


def mesh_requests(source: Input) -> Iterator[Metadata]:
    """Yield the requests of a capture, without bytes.

    Raises:
        CaptureFileError: It is damaged, or a value of a property was redacted.
        InputError: The file is damaged.
    """
    for exchange in read(_pieces(source)):
        request = exchange.request
        properties: dict[str, str] = {}
        for name, value in request.properties.items():
            if isinstance(value, Redacted):
                advice = f"capture with --show {name}, or with --unredacted"
                raise CaptureFileError(f"the value of {name!r} is redacted: {advice}")
            properties[name] = value
        incomplete = "properties may be missing" if request.incomplete else ""
        yield Metadata(b"", request.type, operation=request.operation, properties=properties, incomplete=incomplete)


def _pieces(source: Input) -> Iterator[bytes]:
    while data := source.read():
        yield data


class _Printer(Protocol):
    def message(self, exchange: Exchange, message: Message) -> None: ...

    def problem(self, text: str) -> None: ...

    def end(self) -> None: ...


class _Text:
    """A line for each message."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose
        self._counts: Counter[str] = Counter()
        self._redacted = False
        self._shown: set[str] = set()
        self._last = ("", "")
        heading = f" {'time':<15}    {'type':<10} {'status':<10}  operation"
        click.echo(click.style(heading, bold=True))

    def message(self, exchange: Exchange, message: Message) -> None:
        if (exchange.client, exchange.listener) != self._last:
            self._last = (exchange.client, exchange.listener)
            names = (printable(one, 100) or "?" for one in self._last)
            click.echo(click.style(f"connection {f' {arrow(True)} '.join(names)}", bold=True))
        self._counts[message.type] += 1
        for key, value in message.properties.items():
            if isinstance(value, Redacted):
                self._redacted = True
            elif len(self._shown) <= _MOST_SHOWN:
                self._shown.add(key)
        cells = (
            (f" {_clock(message.time):<15}", None),
            (arrow(message.direction is Direction.TO_SERVER), None),
            (f"{message.type:<10}", TYPE_COLORS.get(message.type)),
            (_status(message).ljust(11), "red" if message.status is Status.ERROR else None),
            (_summary(exchange, message), None),
        )
        line = " ".join(text if color is None else click.style(text, fg=color) for text, color in cells)
        click.echo(line.rstrip())
        if message.incomplete:
            click.echo(click.style("           ! properties may be missing", fg="yellow"))
        if self._verbose:
            self._properties(message)

    def problem(self, text: str) -> None:
        click.echo(click.style(f"           ! {printable(text)}", fg="red"))

    def end(self) -> None:
        total = self._counts.total()
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._counts.most_common())
        summary = f"{total:,} message{'' if total == 1 else 's'}{': ' if kinds else ''}{kinds}"
        if self._redacted:
            summary += "; values are redacted"
            if self._shown:
                names = sorted(printable(key, 40) for key in self._shown)
                names[_MOST_SHOWN:] = ["others"] if len(names) > _MOST_SHOWN else []
                summary += f", except those of {', '.join(names)}"
        click.echo(click.style(summary, dim=True), err=True)

    def _properties(self, message: Message) -> None:
        width = min(max((len(key) for key in message.properties), default=0), 40)
        for key, value in message.properties.items():
            if isinstance(value, Redacted):
                shown = click.style(printable(str(value)), dim=True)
            else:
                shown = printable(value, None if self._verbose > 1 else 200)
            click.echo(f"  {click.style(f'{printable(key):<{width}}', bold=True)}  {shown}".rstrip())
        click.echo()


class _JsonLines:
    """An object for each message."""

    def message(self, exchange: Exchange, message: Message) -> None:
        elapsed = _elapsed(exchange, message)
        fields: dict[str, Any] = {
            "direction": message.direction,
            "type": message.type,
            "operation": message.operation,
            "status": message.status,
            "status_code": message.status_code,
            "local": message.local,
            "properties": {
                name: {"type": value.type, "size": value.size} if isinstance(value, Redacted) else value
                for name, value in message.properties.items()
            },
            "incomplete": message.incomplete,
            "connection": {"client": exchange.client, "server": exchange.listener},
            "time": message.time / 1e9 if message.time else None,
            "answers": None if message is exchange.request else exchange.request.operation,
            "elapsed_ms": None if elapsed is None else elapsed / 1e6,
        }
        click.echo(json.dumps(fields))

    def problem(self, text: str) -> None:
        click.echo(json.dumps({"note": text}))

    def end(self) -> None:
        """Print nothing: the exit status says the rest."""


def _clock(nanoseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(nanoseconds // 1000 / 1e6, UTC):%H:%M:%S.%f}" if nanoseconds else "?"
    except (OverflowError, ValueError, OSError):
        return "?"


def _status(message: Message) -> str:
    if message.direction is Direction.TO_SERVER:
        return ""
    return f"{message.status}" if message.status_code is None else f"{message.status} {message.status_code}"


def _summary(exchange: Exchange, message: Message) -> str:
    text = printable(exchange.request.operation, 200)
    if message.local is not None:
        text += f"  answered by Envoy: {printable(message.local, 100)}"
    elapsed = _elapsed(exchange, message)
    return text if elapsed is None else f"{text}  after {elapsed / 1e6:,.3f} ms"


def _elapsed(exchange: Exchange, message: Message) -> int | None:
    request = exchange.request
    if message is request or not message.time or not request.time:
        return None
    return message.time - request.time
