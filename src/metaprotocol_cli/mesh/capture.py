"""`metaprotocol mesh capture`: what passes through a running mesh, for `metaprotocol inspect`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import click
from attrs import define, field

from metaprotocol_cli.mesh.common import running_folder
from metaprotocol_cli.options import conditions_from
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.capture.conditions import matching
from metaprotocol_mesh.capture.file import CaptureWriter, Redaction, create
from metaprotocol_mesh.capture.tap import TapError, tapping
from metaprotocol_mesh.capture.traces import exchange_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from rich.live import Live
    from rich.spinner import Spinner

    from metaprotocol_mesh.render.pieces import Json

_MESSAGES, _SIZE, _TIME = 1000, 16 << 20, 60.0


@click.command("capture")
@click.option("--mesh", "name", metavar="NAME", help="The running mesh, if there are several: the name of its folder.")
@click.option(
    "--admin",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The unix socket of an Envoy's admin interface, instead of that of a running mesh.",
)
@click.option(
    "--when",
    "conditions",
    multiple=True,
    metavar="KEY=VALUE",
    help="Capture only requests with this property, and their answers; operation is a key too, and a * at the end "
    "takes any rest. Repeatable: all must hold.",
)
@click.option("--show", "shown", multiple=True, metavar="KEY", help="Write the values of this property. Repeatable.")
@click.option("--unredacted", is_flag=True, help="Write the values of all properties.")
@click.option(
    "--messages", type=click.IntRange(1), default=_MESSAGES, show_default=True, help="Stop after so many messages."
)
@click.option(
    "--size",
    type=click.IntRange(1024),
    default=_SIZE,
    show_default=True,
    metavar="BYTES",
    help="Stop before the file has more bytes.",
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    default=_TIME,
    show_default=True,
    metavar="SECONDS",
    help="Stop after so many seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@color_option
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="OUT")
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    admin: Path | None,
    conditions: tuple[str, ...],
    shown: tuple[str, ...],
    unredacted: bool,
    messages: int,
    size: int,
    seconds: float,
    as_json: bool,
    out: Path,
) -> None:
    """Capture the messages that pass through a running mesh.

    Writes each request that ends, and its answer, to the new file OUT, which only you may read; - is standard output.
    `metaprotocol inspect OUT` shows them. Connections that are open already are captured, too.

    The file has types, operations, statuses, times, addresses, and the names of properties. Their values are left
    out, unless --show or --unredacted asks for them: their kinds and sizes stay. Bodies are never captured.

    The exit status is 0 if the capture ended by a limit or Ctrl-C, 1 if Envoy ended it, has no tap or another capture
    has it, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol mesh capture calls.jsonl
      metaprotocol mesh capture --when user=jason --when 'operation=reviews/*' --show user calls.jsonl
      metaprotocol mesh capture --time 10 - | metaprotocol inspect -
    """
    redaction = Redaction({one.lower() for one in shown}, unredacted)
    match = _match(conditions)
    socket = _admin(name, admin)
    report = _Report(ctx.color, as_json=as_json, error=str(out) == "-")
    capture = _Capture(socket, match, messages, seconds, report)
    with _opened(out) as file, report:
        writer = CaptureWriter(file, redaction, size)
        try:
            asyncio.run(capture.run(writer))
        except TapError as error:
            problem = str(error)
        except BrokenPipeError:  # the reader has enough, as after `| head`
            problem, capture.ended = "", "nobody reads it any more"
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the exit
        except OSError as error:
            problem = f"{out} cannot be written: {error.strerror or error}"
        else:
            problem = ""
        report.summary(writer, capture.ended, problem)
    if not capture.began and str(out) != "-":
        out.unlink(missing_ok=True)
    ctx.exit(1 if problem else 0)


def _match(texts: tuple[str, ...]) -> Json:
    try:
        return matching(conditions_from(texts))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--when") from error


def _admin(name: str | None, admin: Path | None) -> Path:
    if admin is not None:
        if name is not None:
            raise click.UsageError("--admin names an Envoy itself: leave --mesh out")
        return admin
    return running_folder(name) / "admin.sock"


@contextlib.contextmanager
def _opened(out: Path) -> Any:
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    try:
        file: BinaryIO = create(out)
    except FileExistsError as error:
        raise click.BadParameter(f"{out} is there already; a capture is a new file", param_hint="OUT") from error
    except OSError as error:
        raise click.BadParameter(f"{out} cannot be written: {error.strerror}", param_hint="OUT") from error
    with file:
        yield file


@define
class _Capture:
    """One capture.

    Args:
        admin: The unix socket of Envoy's admin interface.
        match: The requests to trace.
        max_messages: Stop after these.
        max_seconds: Stop after these.
        report: Is told the progress.
    """

    admin: Path
    match: Json
    max_messages: int
    max_seconds: float
    report: _Report
    began: bool = False
    ended: str = ""

    async def run(self, writer: CaptureWriter) -> None:
        """Write what comes until a limit or a signal.

        Raises:
            TapError: Envoy does not let us, or has ended.
            OSError: The file cannot be written.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN:  # nohup keeps it running
                loop.add_signal_handler(one, stop.set)
        async with tapping(self.admin, self.match) as traces:
            self.began = True
            end = time.monotonic() + self.max_seconds
            self.report.began(self.admin)
            writing = asyncio.create_task(self._write(writer, traces))
            stopping = asyncio.create_task(stop.wait())
            while not writing.done() and not stop.is_set() and (rest := end - time.monotonic()) > 0:
                self.report.progress(writer, rest)
                await asyncio.wait({writing, stopping}, timeout=min(rest, 0.2), return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self.ended = "stopped" if stop.is_set() else f"{self.max_seconds:g} seconds have passed"
            stopping.cancel()
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                if not await writing:
                    raise TapError("Envoy ended the capture")

    async def _write(self, writer: CaptureWriter, traces: AsyncIterator[Json]) -> bool:
        """Write what comes; return False if no more comes."""
        async for trace in traces:
            exchange = exchange_of(trace)
            if exchange is None:
                continue
            if writer.messages + len(exchange.messages) > self.max_messages:
                self.ended = f"the limit of {self.max_messages:,} messages is reached"
                return True
            if not writer.add(exchange):
                self.ended = "the limit of bytes is reached"
                return True
            if writer.messages >= self.max_messages:
                self.ended = f"{self.max_messages:,} messages were captured"
                return True
        return False


@define
class _Report:
    """Prints the progress.

    Args:
        color: True to use colours, False not to; None decides by the output.
        as_json: True for one JSON object a line.
        error: True to print to standard error, since the output is the capture.
    """

    color: bool | None
    as_json: bool = field(kw_only=True)
    error: bool = field(kw_only=True)
    _live: Live | None = field(default=None, init=False)
    _spinner: Spinner | None = field(default=None, init=False)

    def began(self, admin: Path) -> None:
        """Print that messages are captured from here on."""
        if self.as_json:
            self._print_json("capturing", admin=str(admin))
            return
        click.echo(f"capturing at {admin}; stop with Ctrl-C", err=self.error)
        sys.stdout.flush()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.spinner import Spinner

            console = Console(stderr=True, no_color=self.color is False)
            self._spinner = Spinner("dots", "waiting for a message")
            self._live = Live(self._spinner, console=console, transient=True, redirect_stdout=False)
            self._live.start()

    def progress(self, writer: CaptureWriter, rest: float) -> None:
        """Update the live line."""
        if self._spinner is not None and writer.messages:
            self._spinner.update(text=f"{_amount(writer)}; {rest:.0f} s left")

    def summary(self, writer: CaptureWriter, ended: str, problem: str) -> None:
        """Print the totals."""
        self._stop()
        if self.as_json:
            ending = {"problem": problem} if problem else {"ended": ended}
            self._print_json("summary", messages=writer.messages, bytes=writer.size, **ending)
        elif problem:
            click.echo(f"Error: {problem}", err=True)
            if writer.messages:
                click.echo(_amount(writer), err=self.error)
        else:
            click.echo(f"{_amount(writer)}; {ended}", err=self.error)

    def _print_json(self, event: str, **facts: object) -> None:
        click.echo(json.dumps({"event": event, **facts}), err=self.error)
        sys.stdout.flush()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()


def _amount(writer: CaptureWriter) -> str:
    return f"{writer.messages:,} message{'' if writer.messages == 1 else 's'}, {writer.size:,} bytes"
