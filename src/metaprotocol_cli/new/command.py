"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaprotocol_cli.new.answers import NAME_KEYS, Answers, read_toml
from metaprotocol_cli.new.capture import suggestions_from, vector_files
from metaprotocol_cli.new.names import Names
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_cli.new.questions import ask
from metaprotocol_cli.new.render import context, free_place, render, write
from metaprotocol_cli.new.source import protocol_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaprotocol_cli.new.evidence import Conversation
    from metaprotocol_cli.new.protocol import Protocol

_OPTIONS = {
    "--project": ("NAME", "The distribution and its folder; by default the codec's name and -codec."),
    "--package": ("NAME", "The Python package."),
    "--author": ("NAME", "The holder of the copyright."),
    "--magic": ("HEX", "Bytes that every message begins with, or none."),
    "--length": ("FIELD", "The field that is the message's length, or several that are added: NAME+NAME."),
    "--counts": ("WHAT", "The bytes that the length counts: message (all), rest (after it), body (after the header)."),
    "--id": (
        "FIELD",
        (
            "The field that a response repeats; 8/4:4 for 4 bytes at 8 in requests and at 4 in responses; in-order if "
            "responses come in the order of requests; or none."
        ),
    ),
    "--type": ("FIELD", "The field that tells requests from responses, or none."),
    "--types": (
        "NAME=NUMBER,...",
        "Its numbers of request, response, oneway, heartbeat, heartbeat_response, exception.",
    ),
    "--status": ("FIELD", "The field that says whether a response failed, or none."),
    "--statuses": ("NAME=NUMBER,...", "Its numbers; ok is success."),
    "--operation": ("FIELD", "The field that says what is called, or none."),
    "--headers": ("FIELD", "The field that is the length of a header block, or none."),
}


def _header_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option, (metavar, text) in reversed(_OPTIONS.items()):
        function = click.option(option, metavar=metavar, help=text)(function)
    return function


@click.command("new")
@click.option("--defaults", is_flag=True, help="Ask nothing; take AwesomeRPC's value for all that is not given.")
@click.option(
    "--answers",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A TOML file with these options as keys; options win.",
)
@click.option(
    "--from-capture",
    "captures",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="A recording that shows where the length and the id are: a folder of `metaprotocol record`, NAME.c2s.bin with "
    "NAME.s2c.bin, or a packet capture. Its messages become vectors of the project. Repeatable.",
)
@click.option(
    "-o",
    "--output-dir",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=".",
    help="The folder in which the project's folder is made; by default the current one.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME:BYTES",
    help="A field of the header, in order; NAME:BYTES=VALUE is constant, NAME:BYTES:MEANING explained. Repeatable.",
)
@click.option("--byte-order", type=click.Choice(["big", "little"]), help="Of all numbers in the header.")
@_header_options
@click.argument("name", metavar="NAME")
def command(
    *,
    name: str,
    defaults: bool,
    file: Path | None,
    captures: Sequence[Path],
    folder: Path,
    fields: Sequence[str],
    **options: str | None,
) -> None:
    """Make a project with the codec of a new protocol.

    NAME is the codec's name, a DNS label such as acme-rpc. Questions are asked for everything that no option and no
    --answers file says. The project's tests pass at once: its codec reads the header that was described.

    Nothing is overwritten, and a failure leaves no files. Nothing is fetched from a network.

    \b
    Examples:
      metaprotocol new acme-rpc
      metaprotocol new acme-rpc --defaults
      metaprotocol new acme-rpc --defaults --byte-order little --field type:1 --field id:8 --field length:4
      metaprotocol new acme-rpc --answers acme.toml
      metaprotocol new acme-rpc --from-capture recorded/conn1.c2s.bin
    """
    try:
        given = read_toml(file) if file else {}
        given |= {key: value for key, value in options.items() if value is not None}
        given |= {"fields": list(fields)} if fields else {}
        names = Names.of(name, *(given.pop(key, None) for key in NAME_KEYS))
        free_place(folder, names.project)
        protocol, recorded = _protocol(given, captures, defaults=defaults)
        vectors = vector_files(recorded)
        values = context(names, protocol_values(protocol) | {"_vectors": bool(vectors)})
        files = render(values) | {f"{names.project}/tests/vectors/{name}": data for name, data in vectors.items()}
        target = write(files, folder, names.project)
    except AnswersError as error:
        raise click.UsageError(str(error)) from error
    if vectors:
        click.echo(f"tests/vectors has {len(vectors)} recorded streams: remove secrets before you publish them")
    click.echo(f"{target} is made, with {len(files)} files. Its README.md says how to go on:")
    click.echo(f"  cd {shlex.quote(str(target))}")
    click.echo("  python -m venv .venv && . .venv/bin/activate")
    click.echo("  pip install --upgrade pip")
    click.echo("  pip install --editable . --group test")
    click.echo("  pytest")
    click.echo(f"  metaprotocol check {name} --strict{values['_check_options']}")


def _protocol(
    given: dict[str, Any], captures: Sequence[Path], *, defaults: bool
) -> tuple[Protocol, list[Conversation]]:
    """Return the protocol that is described, and the messages that were recorded."""
    try:
        suggested, recorded = suggestions_from(captures, choose=not defaults) if captures else ({}, [])
        return (Answers(given, suggested).protocol() if defaults else ask(given, suggested)), recorded
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError("the questions were not answered; --defaults asks none") from None
