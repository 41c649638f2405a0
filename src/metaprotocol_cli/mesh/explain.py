"""`metaprotocol mesh explain`: which route a request takes, and why not the ones before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from metaprotocol_cli.mesh.common import configuration_options, mesh_of, shown_problems
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.explain import Explanation, explain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from metaprotocol_mesh.resolved import Listener, Mesh
    from metaprotocol_sdk import Metadata


@click.command("explain")
@configuration_options
@click.option(
    "--property", "properties", multiple=True, metavar="NAME=VALUE", help="A property of the request. Repeatable."
)
@click.option("--operation", default="", metavar="TEXT", help="The operation of the request, such as service/method.")
@click.option(
    "--capture",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Take the requests from a file that `metaprotocol inspect` reads.",
)
@click.option("--listener", type=int, metavar="PORT", help="The listener's port, if there are several.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@color_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    namespace: str,
    labels: str | None,
    properties: tuple[str, ...],
    operation: str,
    capture: Path | None,
    listener: int | None,
    as_json: bool,
) -> None:
    """Tell which route a request takes, and why the ones before it do not match.

    The rules are evaluated here; no Envoy runs. The exit status is 0 if every request has a route, 1 if one has none or
    the configuration is wrong, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol mesh explain mesh.yaml --property user=jason
      metaprotocol mesh explain mesh.yaml --operation reviews/7 --json
      metaprotocol mesh explain mesh.yaml --capture recorded/1.c2s.bin
    """
    given = _properties(properties)
    if capture is not None and (given or operation):
        raise click.UsageError("--capture has the requests: leave --property and --operation out")
    with shown_problems():
        mesh = mesh_of(files, namespace, labels)
    chosen = _listener(mesh, listener)
    if capture is None:
        found = [explain(mesh, chosen, given, operation)]
    else:
        found = [
            explain(mesh, chosen, one.properties, one.operation, complete=not one.incomplete)
            for one in _requests(capture, chosen.codec)
        ]
        if not found:
            raise click.ClickException(f"{capture} has no request of {chosen.codec}")
    for number, one in enumerate(found):
        if as_json:
            click.echo(json.dumps(_as_json(one)))
        else:
            if number:
                click.echo()
            _print(one)
    ctx.exit(0 if all(one.rule is not None for one in found) else 1)


def _properties(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--property")
        found[name] = value
    return found


def _listener(mesh: Mesh, port: int | None) -> Listener:
    fitting = [one for one in mesh.listeners if port is None or one.port == port]
    if len(fitting) == 1:
        return fitting[0]
    ports = ", ".join(str(one.port) for one in mesh.listeners)
    if not mesh.listeners:
        raise click.ClickException("there is no listener: write a Sidecar or a Gateway")
    if not fitting:
        raise click.BadParameter(f"no listener has the port {port}; there are {ports}", param_hint="--listener")
    raise click.UsageError(f"there are several listeners, at {ports}: choose one with --listener PORT")


def _requests(path: Path, codec_name: str) -> Iterator[Metadata]:
    """Yield the requests of a file that `metaprotocol inspect` reads."""
    from metaprotocol_cli.capture import CaptureError, is_capture
    from metaprotocol_cli.input import Input, InputError
    from metaprotocol_cli.inspect.captures import read_capture
    from metaprotocol_cli.inspect.conversation import read_stream
    from metaprotocol_cli.inspect.mesh_captures import is_mesh_capture, mesh_requests
    from metaprotocol_cli.inspect.recordings import CHUNKS, RecordingFault, read_recording, recorded_connections
    from metaprotocol_cli.inspect.records import Record
    from metaprotocol_cli.inspect.source import read_pieces
    from metaprotocol_mesh.capture.file import CaptureFileError
    from metaprotocol_sdk import Direction, load_codec

    codec = load_codec(codec_name)
    try:
        if path.is_dir() or path.name.endswith(CHUNKS):
            items = list(read_recording(recorded_connections(path), codec))
        else:
            with path.open("rb") as opened:
                source = Input(cast("BinaryIO", opened))
                if is_mesh_capture(source):
                    yield from mesh_requests(source)
                    return
                if is_capture(source.peek(4)):
                    items = list(read_capture(source, codec, None))
                else:
                    items = list(read_stream(read_pieces(source, "auto"), codec, Direction.TO_SERVER))
    except (CaptureError, CaptureFileError, InputError, RecordingFault, OSError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    for item in items:
        if isinstance(item, Record) and item.direction is Direction.TO_SERVER and item.sound:
            yield item.metadata


def _print(one: Explanation) -> None:
    listener = one.listener
    sent = " ".join(f"{name}={value}" for name, value in one.headers.items() if not name.startswith(":"))
    click.echo(f"{one.headers[':path']} at {listener.address}:{listener.port} ({listener.codec})")
    if sent:
        click.echo(f"  {sent}")
    if one.problem:
        click.secho(f"no route: {one.problem}", fg="red")
        return
    if one.host is None:
        names = ", ".join(host.name for host in listener.hosts)
        text = f"no route: no service here is called {one.headers[':authority']!r}; there are {names}"
        click.secho(f"{text}. It is answered ROUTE_NOT_FOUND", fg="red")
        return
    for step in one.steps:
        mark, colour = ("+", "green") if step.matches else ("-", None)
        click.secho(f"{mark} {step.rule.title}  ({step.rule.place.source}:{step.rule.place.line})", fg=colour)
        for reason in step.reasons:
            click.echo(f"    {reason}")
    if one.rule is None:
        click.secho("no route: no rule matches. It is answered ROUTE_NOT_FOUND", fg="red")
        return
    for target in one.rule.targets:
        click.echo(f"    {target.share:g}% to {target.cluster.name}")
    for mirror in one.rule.mirrors:
        share = 100 if mirror.percentage is None else mirror.percentage.value
        click.echo(f"    a copy of {share:g}% to {mirror.cluster.name}")
    http = one.rule.http
    if http is not None and http.direct_response is not None:
        click.echo(f"    answered with status {http.direct_response.status}")


def _as_json(one: Explanation) -> dict[str, Any]:
    rule = one.rule
    return {
        "listener": f"{one.listener.address}:{one.listener.port}",
        "headers": dict(one.headers),
        "host": one.host.name if one.host is not None else None,
        "problem": one.problem or None,
        "steps": [
            {
                "rule": step.rule.title,
                "file": step.rule.place.source,
                "line": step.rule.place.line,
                "matches": step.matches,
                "reasons": list(step.reasons),
            }
            for step in one.steps
        ],
        "targets": [{"cluster": one.cluster.name, "percent": one.share} for one in rule.targets] if rule else [],
        "mirrors": [one.cluster.name for one in rule.mirrors] if rule else [],
    }
