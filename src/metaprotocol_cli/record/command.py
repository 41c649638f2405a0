"""The arguments and the exit status of the command."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaprotocol_cli.options import codec_from, codec_options, conditions_from, key_and_value
from metaprotocol_cli.record.report import JsonReport, TextReport
from metaprotocol_cli.record.run import run
from metaprotocol_cli.terminal import color_option
from metaprotocol_proxy import Address, Recorder, RecordingError, Rules, raise_descriptor_limit
from metaprotocol_sdk import Capability, Codec, Error, ErrorType, Mutation

if TYPE_CHECKING:
    from collections.abc import Callable


def _address(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Address | None:
    try:
        return None if value is None else Address.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def _server(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Address | None:
    address = _address(ctx, parameter, value)
    if address is not None and not address.port:
        raise click.BadParameter(
            f"{value!r} is not a server's address: a server cannot listen on port 0", ctx, parameter
        )
    return address


def _mutation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    # A command lists its options in the reverse order of their decorators.
    for name, messages in (("-response", "responses"), ("", "requests")):
        for verb, form, action in (("remove", "KEY", "Remove a key from"), ("set", "KEY=VALUE", "Set a key in")):
            text = f"{action} all {messages}. Repeatable. Needs --codec."
            function = click.option(f"--{verb}{name}", multiple=True, metavar=form, help=text)(function)
    return function


@click.command("record")
@click.option(
    "--listen",
    callback=_address,
    required=True,
    metavar="ADDRESS",
    help="The address that clients connect to; port 0 takes a free one.",
)
@click.option("--upstream", callback=_server, metavar="ADDRESS", help="The server to relay to.")
@codec_options(required=False)
@_mutation_options
@click.option(
    "--when",
    "conditions",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change or answer only requests with this property, and change only their responses; operation is a key too, "
    "and a * at the end of the value takes any rest. Repeatable: all must hold. Needs --codec.",
)
@click.option(
    "--reply-error",
    type=click.Choice([error_type.value for error_type in ErrorType]),
    help="Answer requests with this error; without --when the server is not contacted. Needs --codec.",
)
@click.option("--reply-message", default="", metavar="TEXT", help="The text of that error.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@color_option
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), metavar="OUT")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    listen: Address,
    upstream: Address | None,
    codec_name: str | None,
    options: tuple[str, ...],
    conditions: tuple[str, ...],
    reply_error: str | None,
    reply_message: str,
    as_json: bool,
    out: Path,
    **changes: tuple[str, ...],
) -> None:
    """Record the traffic between clients and a server.

    Relays each connection to the server, and saves the bytes of both directions in the folder OUT with the size and
    the time of every chunk. Ctrl-C stops it. `metaprotocol inspect` reads the files.

    ADDRESS is HOST:PORT, [IPV6]:PORT, or a PORT of 127.0.0.1.

    `metaprotocol mesh capture` captures what passes through a running mesh.

    With --codec the relay reads the messages. It answers requests that cannot be read with an error of the protocol.
    --set and --remove change requests, --set-response and --remove-response change responses, --reply-error answers
    requests; --when chooses those that this is for. The recording holds the bytes that each side sent, before any
    change.

    The exit status is 0 if nothing failed, 1 if a message could not be read or changed, a connection failed or the
    recording could not be written, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol record --listen 20881 --upstream 127.0.0.1:20880 recorded
      metaprotocol record --listen 20881 --upstream 20880 --codec dubbo --set tag=gray recorded
      metaprotocol record --listen 20881 --codec dubbo --reply-error over_limit recorded
      metaprotocol record --listen 20881 --upstream 20880 --codec dubbo --when method=pay --reply-error timeout recorded
    """
    codec = codec_from(codec_name, options) if codec_name else None
    reply = Error(ErrorType(reply_error), reply_message) if reply_error else None
    rules = Rules(_mutation(changes, ""), _mutation(changes, "_response"), reply, conditions_from(conditions))
    _check(codec, rules, options, upstream, reply_message)
    facts = {
        "upstream": None if upstream is None else str(upstream),
        "codec": codec_name,
        "request": rules.request,
        "response": rules.response,
        "reply": reply_error,
        "when": rules.when,
    }
    report = JsonReport() if as_json else TextReport(ctx.color)
    try:
        recorder = Recorder(out, facts)
    except RecordingError as error:
        raise click.BadParameter(str(error), param_hint="OUT") from error
    raise_descriptor_limit()
    try:
        with recorder, report:
            ok = asyncio.run(run(listen, upstream, codec, rules, recorder, report))
    except RecordingError as error:
        raise click.ClickException(str(error)) from error
    ctx.exit(0 if ok else 1)


def _mutation(changes: dict[str, tuple[str, ...]], suffix: str) -> Mutation:
    """Return the changes that the options for requests ("") or responses ("_response") ask for."""
    option = suffix.replace("_", "-")
    mutation = Mutation()
    for text in changes[f"set{suffix}"]:
        key, value = key_and_value(text, f"--set{option}")
        if key in mutation:
            raise click.BadParameter(f"{key!r} is set twice", param_hint=f"--set{option}")
        mutation[key] = value
    for key in changes[f"remove{suffix}"]:
        if not key:
            raise click.BadParameter("a key must not be empty", param_hint=f"--remove{option}")
        if mutation.get(key) is not None:
            raise click.UsageError(f"{key!r} is both set and removed")
        mutation[key] = None
    return mutation


def _check(
    codec: Codec | None, rules: Rules, options: tuple[str, ...], upstream: Address | None, reply_message: str
) -> None:
    """Refuse options that contradict each other."""
    if codec is None and (rules != Rules() or options):
        raise click.UsageError(
            "the relay must read messages to change or answer them: name the protocol with --codec; "
            "`metaprotocol codecs` lists them"
        )
    if upstream is None and not rules.answer_all:
        others = " of the requests that --when does not choose" if rules.reply else ""
        raise click.UsageError(f"Missing option '--upstream', the server to relay to{others}.")
    if reply_message and rules.reply is None:
        raise click.UsageError("--reply-message needs --reply-error: it is the text of that error")
    if rules.reply is not None and (rules.request or rules.response):
        raise click.UsageError("requests that --reply-error answers are not relayed, so there is none to change")
    if rules.when and rules.reply is None and not (rules.request or rules.response):
        raise click.UsageError(
            "--when chooses the messages that --set, --remove, --set-response, --remove-response or --reply-error are "
            "for: none is given"
        )
    if codec is None:
        return
    for mutation, capability, messages in (
        (rules.request, Capability.REQUEST_MUTATION, "requests"),
        (rules.response, Capability.RESPONSE_MUTATION, "responses"),
    ):
        if mutation and capability not in codec.capabilities:
            raise click.UsageError(f"the codec {codec.name} cannot change {messages}")
