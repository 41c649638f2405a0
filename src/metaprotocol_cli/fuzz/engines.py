"""The engines that make inputs: atheris, which sees the code that an input reaches, or our own mutator."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import click

from metaprotocol_cli.fuzz.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_cli.fuzz.plan import Plan
    from metaprotocol_cli.fuzz.session import Event


class _Stopped(click.ClickException):
    """The engine ended too early, and there is no input that shows why."""

    exit_code = 2


def engine_for(name: str) -> str:
    """Return the engine of this name.

    Raises:
        click.UsageError: It is not installed.
    """
    there = importlib.util.find_spec("atheris") is not None
    if name == "auto":
        return "atheris" if there else "python"
    if name == "atheris" and not there:
        raise click.UsageError("atheris is not installed: pip install atheris")
    return name


def fuzz(engine: str, plan: Plan, tell: Callable[[Event], None]) -> None:
    """Fuzz as a plan says.

    Raises:
        click.ClickException: The engine ended too early.
    """
    if engine == "python":
        Session(plan, tell).run()
    else:
        _guided(plan, tell)


def _guided(plan: Plan, tell: Callable[[Event], None]) -> None:
    plan.crashes.mkdir(parents=True, exist_ok=True)
    before = set(plan.crashes.iterdir())
    # It finds the codec where this process does.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = False
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", errors="replace") as log:
        command = [sys.executable, "-m", "metaprotocol_cli.fuzz.guided", plan.to_json(), folder]
        with subprocess.Popen(  # noqa: S603 - it is ourselves
            command, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8", env=environment
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            try:
                for line in process.stdout:
                    event = json.loads(line)
                    ended = ended or event["event"] == "end"
                    tell(event)
            except KeyboardInterrupt:
                process.terminate()
                raise
        log.seek(0)
        said = log.read()
    if not ended:
        left = sorted(str(path) for path in set(plan.crashes.iterdir()) - before if "-" in path.name)
        if not left:
            raise _Stopped(f"atheris stopped with status {process.returncode}:\n{said[-2_000:]}")
        tell({"event": "died", "status": process.returncode, "files": left, "log": said[-2_000:]})
    if not any(plan.crashes.iterdir()):
        plan.crashes.rmdir()
