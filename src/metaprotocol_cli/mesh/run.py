"""`metaprotocol mesh run`: starts Envoy, and keeps it as the files and the codecs say."""

from __future__ import annotations

import ipaddress
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from metaprotocol_cli.mesh.common import labels_of, problem_json, proxy_options, show_problem
from metaprotocol_cli.options import search_current_folder
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.places import ConfigurationError, Place
from metaprotocol_mesh.running import Change, EnvoyDied, MeshRun, RuntimeFolderError, single_service
from metaprotocol_proxy import Address
from metaprotocol_sdk import available_codecs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def _addresses(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    try:
        found = [Address.parse(one) for one in (value if isinstance(value, tuple) else filter(None, [value]))]
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error
    if any(not one.port for one in found):
        raise click.BadParameter("a port is 1 to 65535", ctx, parameter)
    return tuple(found)


@click.command("run")
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option(
    "--codec",
    "codecs",
    multiple=True,
    metavar="NAME[=MODULE:CLASS]",
    help="A codec that is not installed, such as one of the current folder. Repeatable. With --listen, the protocol.",
)
@click.option(
    "--listen", callback=_addresses, metavar="[IP:]PORT", help="Without FILES: the address that clients connect to."
)
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    callback=_addresses,
    metavar="HOST:PORT",
    help="Without FILES: a server. Repeatable.",
)
@proxy_options
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Envoy's threads that serve connections. Codecs run in one of them at a time.",
)
@click.option(
    "--drain-time",
    type=click.IntRange(1, 3600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="What requests in flight have at the end, and connections of a changed listener or codec.",
)
@click.option(
    "--envoy",
    type=click.Path(exists=True, dir_okay=False, executable=True, path_type=Path),
    metavar="PATH",
    help="The Envoy to run. By default the one that is installed with the engine.",
)
@click.option(
    "--name", default="", metavar="NAME", help="What `mesh status` calls it. By default the name of the first file."
)
@click.option(
    "--metrics",
    callback=_addresses,
    metavar="[IP:]PORT",
    help="Serve Envoy's metrics for Prometheus there, at /stats/prometheus. Without it, nowhere.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@color_option
def command(
    files: tuple[str, ...],
    codecs: tuple[str, ...],
    listen: tuple[Address, ...],
    upstreams: tuple[Address, ...],
    namespace: str,
    labels: str | None,
    workers: int,
    drain_time: int,
    envoy: Path | None,
    name: str,
    metrics: tuple[Address, ...],
    as_json: bool,
) -> None:
    """Run a mesh: start Envoy, and keep it as the files and the codecs say.

    FILES are YAML files, folders of them, or - for standard input. Files and codecs are watched. A change is applied
    without a restart, and no connection is dropped for it; a changed codec serves new connections, and old ones end
    when they are idle. If a changed file or codec is wrong, all stays as it was. A line is printed for each change.

    Ctrl-C, SIGTERM or the end of its terminal ends it: no more connections are accepted, and requests in flight are
    answered first, for the drain time at most; once more, it ends at once. The exit status is 0 then, 1 if the
    configuration or a codec is wrong at the start, or if Envoy dies, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol mesh run mesh.yaml
      metaprotocol mesh run mesh --codec acme=acme_rpc:AcmeCodec --workers 2
      metaprotocol mesh run --codec dubbo --listen 20881 --upstream 127.0.0.1:20880
    """
    named = {}
    for text in codecs:
        word, equals, target = text.partition("=")
        if equals:
            named[word] = target
    if named:
        search_current_folder()
    stdin = None
    if files:
        if listen or upstreams:
            raise click.UsageError("FILES say where to listen and who serves: leave --listen and --upstream out")
        unused = [text for text in codecs if "=" not in text]
        if unused:
            text = f"{unused[0]!r} is not NAME=MODULE:CLASS; a codec that is installed needs no --codec with FILES"
            raise click.BadParameter(text, param_hint="--codec")
        if "-" in files:
            stdin = sys.stdin.read()
    else:
        if len(codecs) != 1 or len(listen) != 1 or not upstreams:
            raise click.UsageError("give FILES, or one --codec with --listen and --upstream")
        codec = codecs[0].partition("=")[0]
        known = {info.name for info in available_codecs()} | named.keys()
        if codec not in known:
            text = f"no codec is called {codec!r}; there are {', '.join(sorted(known))}"
            if ":" in codec:
                text += f"; a class has a name here: --codec NAME={codec}"
            raise click.BadParameter(text, param_hint="--codec")
        stdin = single_service(codec, _listener(listen[0], "--listen"), [(one.host, one.port) for one in upstreams])
        files, name = ("-",), name or codec
    mesh = MeshRun(
        files,
        codecs=named,
        stdin=stdin,
        namespace=namespace,
        labels=labels_of(labels),
        workers=workers,
        drain_time=drain_time,
        envoy=envoy,
        name=name,
        metrics=_listener(metrics[0], "--metrics") if metrics else None,
        access_log=2 if as_json else 1,
        report=lambda line: _say(as_json, "report", line, err=True),
    )
    try:
        _run(mesh, as_json=as_json)
    except ConfigurationError as error:
        problems = error.problems
        if listen:  # nobody has written the file that these places are in
            problems = tuple(
                evolve(one, place=Place("--listen")) if one.place.source == "-" else one for one in problems
            )
        if as_json:
            printed = [problem_json(one) for one in problems]
            click.echo(json.dumps({"event": "failed", "message": "\n".join(map(str, problems)), "problems": printed}))
        for problem in problems:
            show_problem(problem)
        raise click.exceptions.Exit(1) from error
    except (EnvoyDied, RuntimeFolderError) as error:
        if as_json:
            click.echo(json.dumps({"event": "failed", "message": str(error), "problems": []}))
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        _say(as_json, "stopped", "stopped at once")
    else:
        _say(as_json, "stopped", "stopped")


def _run(mesh: MeshRun, *, as_json: bool) -> None:
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signals.append(signal.SIGHUP)

    def handle(handler: Callable[[int, FrameType | None], None]) -> None:
        for one in signals:
            signal.signal(one, handler)

    def stop(number: int, frame: FrameType | None) -> None:
        handle(signal.default_int_handler)  # once more, at once
        mesh.stop()

    before = {one: signal.getsignal(one) for one in signals}
    handle(signal.default_int_handler)  # until it runs
    try:
        with mesh:
            handle(stop)
            _print_start(mesh, as_json=as_json)
            mesh.watch(lambda change: _print_change(change, as_json=as_json))
            _say(as_json, "stopping", "stopping; requests in flight are answered first")
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _print_start(mesh: MeshRun, *, as_json: bool) -> None:
    if as_json:
        listeners = [{name: one[name] for name in one if name != "place"} for one in mesh.listeners]
        problems = [problem_json(one) for one in mesh.warnings]
        facts = {"event": "started", "name": mesh.name, "folder": str(mesh.folder), "envoy": mesh.pid}
        click.echo(json.dumps({**facts, "listeners": listeners, "problems": problems}))
        return
    for problem in mesh.warnings:
        show_problem(problem)
    for one in mesh.listeners:
        click.echo(f"{one['address']}:{one['port']} {one['codec']}, {one['direction']}")
    click.echo(f"running as {mesh.name}, Envoy is process {mesh.pid}; Ctrl-C ends it")


def _print_change(change: Change, *, as_json: bool) -> None:
    if as_json:
        event: dict[str, Any] = {"event": "applied" if change.applied else "refused"}
        event |= {"changed": change.changed, "seconds": round(change.seconds, 3)}
        click.echo(json.dumps({**event, "problems": [problem_json(one) for one in change.problems]}))
        return
    if change.applied:
        what = ", ".join(change.changed) or "back to what is in force"
        click.secho(f"applied in {change.seconds:.2f} s: {what}", fg="green")
    for problem in change.problems:
        click.secho(f"{'' if change.applied else 'refused: '}{problem}", fg="yellow" if change.applied else "red")


def _say(as_json: bool, event: str, text: str, *, err: bool = False) -> None:
    if as_json:
        click.echo(json.dumps({"event": event, "message": text}))
    else:
        click.echo(text, err=err)


def _listener(address: Address, option: str) -> tuple[str, int]:
    host = {"localhost": "127.0.0.1"}.get(address.host, address.host)
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        text = f"a listener has an IP address, which {host!r} is not"
        raise click.BadParameter(text, param_hint=option) from error
    return host, address.port
