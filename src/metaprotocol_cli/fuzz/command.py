"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaprotocol_cli.options import option_option
from metaprotocol_cli.terminal import color_option

if TYPE_CHECKING:
    from metaprotocol_cli.fuzz.plan import Plan

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True)


class Seconds(click.FloatRange):
    """A number of seconds: no comparison refuses the float that is not a number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


@click.command("fuzz")
@click.option("--time", "seconds", type=Seconds(min=0), metavar="SECONDS", help="Time to fuzz. [default: 60]")
@click.option("--runs", type=click.IntRange(min=1), metavar="COUNT", help="Inputs to try, without a limit of time.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random numbers.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "atheris", "python"]),
    default="auto",
    show_default=True,
    help="The fuzzer that makes the inputs. auto: atheris if it is installed.",
)
@click.option("--vectors", multiple=True, metavar="PATTERN", help="Recorded streams, NAME.c2s.bin and NAME.s2c.bin.")
@click.option("--corpus", type=_FOLDER, help="Inputs to begin with; new kinds of inputs are kept there.")
@click.option(
    "--crashes",
    type=_FOLDER,
    default=Path("crashes"),
    show_default=True,
    help="The folder for inputs that show a fault.",
)
@click.option("--replay", "replayed", is_flag=True, help="Only try the FILES again, or all files of the folders.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@option_option
@color_option
@click.argument("codec_name", metavar="CODEC")
@click.argument("files", nargs=-1, type=_FILE)
@click.pass_context
def command(
    ctx: click.Context,
    codec_name: str,
    files: tuple[Path, ...],
    options: tuple[str, ...],
    seconds: float | None,
    runs: int | None,
    seed: int,
    engine: str,
    vectors: tuple[str, ...],
    corpus: Path | None,
    crashes: Path,
    replayed: bool,
    as_json: bool,
) -> None:
    """Look for bytes that break a codec.

    CODEC is a codec that `metaprotocol codecs` lists, or package.module:Class. Its good messages are changed at random,
    again and again. Any bytes must decode to messages or a ProtocolError, the same however the stream is cut; every
    message can be forwarded, changed and answered, or the change is refused; nothing hangs, and memory is bounded. An
    input that breaks one of these rules is made small, saved, and shown with a regression test to paste.

    With atheris (pip install atheris) inputs are chosen by the code that they reach; without it, by the messages that
    they decode to. With --seed, --runs and --engine python a run can be repeated.

    The exit status is 0 if no fault was found, 1 if one was, and 2 if the fuzzer could not run.

    \b
    Examples:
      metaprotocol fuzz dubbo --time 60
      metaprotocol fuzz my_package.codec:MyCodec --vectors recorded --corpus fuzz/corpus
      metaprotocol fuzz dubbo --engine python --runs 5000 --seed 7
      metaprotocol fuzz dubbo --replay crashes
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise click.UsageError("the kit needs hypothesis: pip install 'metaprotocol-sdk[testing]'")
    from metaprotocol_cli.fuzz.engines import engine_for
    from metaprotocol_cli.fuzz.plan import Plan

    if files and not replayed:
        raise click.UsageError("FILES are for --replay; inputs to begin with go into the folder of --corpus")
    if corpus is not None:
        corpus.mkdir(parents=True, exist_ok=True)
    limit = 60.0 if seconds is None and runs is None else seconds
    plan = Plan(codec_name, options, vectors, limit, runs, seed, corpus, crashes)
    subject = plan.subject()  # says what is wrong with it
    if replayed:
        found = _replay(plan, files, as_json=as_json)
    elif not subject.samples and corpus is None:
        raise click.UsageError("there is nothing to begin with: the codec has no examples(); say --vectors or --corpus")
    else:
        found = _fuzz(plan, engine_for(engine), as_json=as_json)
    ctx.exit(1 if found else 0)


def _fuzz(plan: Plan, engine: str, *, as_json: bool) -> bool:
    from metaprotocol_cli.fuzz.engines import fuzz
    from metaprotocol_cli.fuzz.report import Report

    report = Report({"codec": plan.codec, "engine": engine, "seed": plan.seed}, as_json=as_json)
    stopped = False
    try:
        fuzz(engine, plan, report.tell)
    except KeyboardInterrupt:
        stopped = True
    report.end(stopped=stopped)
    return bool(report.findings)


def _replay(plan: Plan, files: tuple[Path, ...], *, as_json: bool) -> bool:
    from metaprotocol_cli.fuzz.replay import replay
    from metaprotocol_cli.fuzz.report import Report

    if not files:
        raise click.UsageError("say which FILES to replay, or a folder of them")
    paths = [path for file in files for path in (_inputs_in(file) if file.is_dir() else [file])]
    report = Report({"codec": plan.codec, "files": len(paths)}, as_json=as_json)
    replay(plan.subject(), paths, report.tell)
    report.end()
    return bool(report.findings)


def _inputs_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
