"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, TextIO

import click

from metaprotocol_cli.check.interrupt import interruptible
from metaprotocol_cli.options import option_option
from metaprotocol_cli.terminal import color_option

if TYPE_CHECKING:
    from metaprotocol_sdk.testing import Report, Result


@click.command("check")
@click.option("--only", multiple=True, metavar="PATTERN", help="Properties to try, such as MP-STREAM-*. Repeatable.")
@click.option("--strict", is_flag=True, help="Require the recommended properties too.")
@click.option(
    "--effort",
    type=click.Choice(["quick", "default", "thorough"]),
    default="default",
    show_default=True,
    help="The number of cases to try.",
)
@click.option("--messages", metavar="MODULE:FUNCTION", help="A hypothesis strategy for valid messages.")
@click.option("--vectors", multiple=True, metavar="PATTERN", help="Recorded streams, NAME.c2s.bin and NAME.s2c.bin.")
@click.option("--deviation", "deviations", multiple=True, metavar="ID=REASON", help="A known deviation. Repeatable.")
@click.option("--all", "all_tiers", is_flag=True, help="Try all properties, even those that build on one that fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--junit", type=click.File("w", encoding="utf-8", lazy=False), metavar="FILE", help="Write JUnit's XML too."
)
@click.option("--list", "as_list", is_flag=True, help="List the properties and try none.")
@option_option
@color_option
@click.argument("codec_name", metavar="CODEC", required=False)
@click.pass_context
def command(
    ctx: click.Context,
    codec_name: str | None,
    options: tuple[str, ...],
    only: tuple[str, ...],
    strict: bool,
    effort: str,
    messages: str | None,
    vectors: tuple[str, ...],
    deviations: tuple[str, ...],
    all_tiers: bool,
    as_json: bool,
    junit: TextIO | None,
    as_list: bool,
) -> None:
    """Check a codec for the properties that a mesh relies on.

    CODEC is a codec that `metaprotocol codecs` lists, or package.module:Class. A property that fails is shown with a
    small message that shows the fault, and a regression test to paste.

    The exit status is 0 if the codec is good, 1 if a property fails or a declared deviation no longer exists, and 2 if
    the check could not be run, or not to its end.

    \b
    Examples:
      metaprotocol check dubbo
      metaprotocol check my_package.codec:MyCodec --strict --junit report.xml
      metaprotocol check dubbo --only "MP-STREAM-*" --effort thorough
      metaprotocol check --list
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise click.UsageError("the kit needs hypothesis: pip install 'metaprotocol-sdk[testing]'")
    from metaprotocol_cli.check.subject import deviations_from, subject_from
    from metaprotocol_cli.check.text import Table, print_catalogue
    from metaprotocol_sdk.testing import as_junit, check, properties, provided_deviations

    try:
        chosen = properties(only)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--only") from error
    if as_list:
        print_catalogue(chosen)
        return
    if codec_name is None:
        raise click.UsageError("say which codec: one that `metaprotocol codecs` lists, or package.module:Class")
    declared = deviations_from(deviations)
    # A codec's own output is not part of the JSON.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        subject = subject_from(codec_name, options, messages, vectors, effort)
        declared = provided_deviations(codec_name) | declared
    table = Table(strict=strict)
    if not as_json:
        table.heading(codec_name, subject)
    try:
        with redirect_stdout(sys.stderr) if as_json else nullcontext(), interruptible() as raise_if_interrupted:

            def done(result: Result) -> None:
                raise_if_interrupted()
                if as_json:
                    table.clear()
                else:
                    table.done(result)

            report = check(subject, only, deviations=declared, stop=not all_tiers, begin=table.begin, done=done)
    except KeyboardInterrupt:
        table.clear()
        click.echo("stopped before all properties were tried", err=True)
        ctx.exit(2)
    if as_json:
        _print_json(report, codec_name, strict=strict)
    else:
        table.end(report)
    if junit is not None:
        junit.write(as_junit(report, codec_name, strict=strict))
    ctx.exit(1 if report.bad(strict=strict) else 0)


def _print_json(report: Report, name: str, *, strict: bool) -> None:
    from metaprotocol_sdk.testing import as_json

    version = importlib.metadata.version("metaprotocol-sdk")
    click.echo(json.dumps(as_json(report, name, version, strict=strict), indent=2))
