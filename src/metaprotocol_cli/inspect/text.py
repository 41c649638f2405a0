"""`inspect` for people: a line for each message, and with -v its properties and bytes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from metaprotocol_cli.inspect.dump import annotate
from metaprotocol_cli.terminal import arrow
from metaprotocol_sdk import Direction, MessageType, Status
from metaprotocol_sdk.dump import printable

if TYPE_CHECKING:
    from metaprotocol_cli.capture import Connection
    from metaprotocol_cli.inspect.records import Note, Record
    from metaprotocol_sdk import Codec, Metadata, ProtocolError

TYPE_COLORS = {
    MessageType.REQUEST: "cyan",
    MessageType.ONEWAY: "cyan",
    MessageType.RESPONSE: "green",
    MessageType.EXCEPTION: "red",
    MessageType.HEARTBEAT: "bright_black",
    MessageType.EVENT: "magenta",
}


class Text:
    """Prints records for a person.

    Args:
        codec: The codec that decoded them.
        verbose: 0 for a line each, 1 to add properties and an annotated dump, 2 for all of it unshortened.
    """

    def __init__(self, codec: Codec, verbose: int) -> None:
        self._codec = codec
        self._verbose = verbose
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._unreadable = 0
        self._connection: Connection | None = None

    def begin(self) -> None:
        """Print the heading."""
        heading = f"{'offset':>9}    {'type':<10} {'id':>6}  {'header+body':<14} {'status':<10}  operation"
        click.echo(click.style(heading, bold=True))

    def record(self, record: Record) -> None:
        """Print one message."""
        metadata = record.metadata
        self._switch(record.connection)
        self._counts[metadata.message_type] += 1
        self._bytes += len(metadata.message)
        cells = (
            (f"{record.offset:>9} ", None),
            (arrow(record.direction is Direction.TO_SERVER), None),
            (f"{metadata.message_type:<10}", TYPE_COLORS.get(metadata.message_type)),
            (f"{metadata.request_id:>6} ", None),
            (f"{metadata.header_size}+{metadata.body_size}".ljust(14), None),
            (_status(metadata).ljust(11), "red" if metadata.status is Status.ERROR else None),
            (_summary(metadata) + _elapsed(record), None),
        )
        line = " ".join(text if color is None else click.style(text, fg=color) for text, color in cells)
        click.echo(line.rstrip())
        if metadata.error is not None:
            self._unreadable += 1
            click.echo(click.style(f"           ! {printable(str(metadata.error))}", fg="red"))
        if metadata.incomplete:
            text = f"properties may be missing: {printable(metadata.incomplete)}"
            click.echo(click.style(f"           ! {text}", fg="yellow"))
        if self._verbose:
            self._details(record)

    def note(self, note: Note) -> None:
        """Print a note."""
        self._switch(note.connection)
        if note.error is not None and note.direction is None:  # there is only one stream
            click.echo(click.style(f"the stream is broken{_where(note.error)}", fg="red"), err=True)
            return
        mark = "" if note.direction is None else f"{arrow(note.direction is Direction.TO_SERVER)} "
        text = printable(note.text)
        if note.error is not None:
            text = f"the stream is broken: {text}"
        click.echo(click.style(f"           {mark}! {text}", fg="yellow" if note.error is None else "red"))

    def end(self) -> None:
        """Print the totals."""
        total = self._counts.total()
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._counts.most_common())
        summary = f"{total:,} message{'' if total == 1 else 's'}, {self._bytes:,} bytes"
        if kinds:
            summary += f": {kinds}"
        if self._unreadable:
            summary += f"; {self._unreadable:,} unreadable"
        click.echo(click.style(summary, dim=True), err=True)

    def _switch(self, connection: Connection | None) -> None:
        """Print the connection of the next lines, if it is not that of the last ones."""
        if connection is not None and connection is not self._connection:
            self._connection = connection
            which = f"connection {connection.id}: {connection.client} {arrow(True)} {connection.server}"
            if connection.server_is_a_guess:
                which += " (the server is a guess; say it with --port)"
            click.echo(click.style(which, bold=True))

    def _details(self, record: Record) -> None:
        metadata = record.metadata
        full = self._verbose > 1
        width = min(max((len(key) for key in metadata.properties), default=0), 40)
        for key, value in metadata.properties.items():
            shown = printable(value, None if full else 200)
            click.echo(f"  {click.style(f'{printable(key):<{width}}', bold=True)}  {shown}".rstrip())
        for line in annotate(metadata.message, record.spans(self._codec), full=full):
            click.echo(line)
        click.echo()


def _status(metadata: Metadata) -> str:
    if metadata.status_code is None:
        return "" if metadata.status is Status.OK else metadata.status
    return f"{metadata.status} {metadata.status_code}"


def _summary(metadata: Metadata) -> str:
    operation = metadata.operation or (metadata.request.operation if metadata.request else "")
    parts = [printable(operation, 200)] if operation else []
    if metadata.stream_id is not None:
        parts.append(f"stream {metadata.stream_id}")
    parts += (
        f"{key}: {printable(metadata.properties[key], 100)}"
        for key in ("exception", "error", "event")
        if key in metadata.properties and not metadata.operation
    )
    return "  ".join(parts)


def _elapsed(record: Record) -> str:
    return "" if record.elapsed is None else f"  after {record.elapsed / 1e6:,.3f} ms"


def _where(error: ProtocolError) -> str:
    text = "" if error.offset is None else f" at offset {error.offset}"
    text += f": {printable(error.message)}"
    return f"{text}; {error.hint}" if error.hint else text
