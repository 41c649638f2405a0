"""Fuzzes under atheris, in a process of its own: atheris never returns, and must be imported before the codec.

Its arguments are a plan as JSON and an empty folder; on its output it writes an event a line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NoReturn

import atheris

from metaprotocol_cli.fuzz.plan import Plan
from metaprotocol_sdk import available_codecs

if TYPE_CHECKING:
    from metaprotocol_cli.fuzz.session import Event, Session

_OURS = 0.5  # share of the inputs that our mutator changes, which knows tokens; libFuzzer changes the others


def main() -> NoReturn:
    """Fuzz as the plan says."""
    plan, folder = Plan.from_json(sys.argv[1]), Path(sys.argv[2])
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the output of libFuzzer and of the codec is not an event

    def tell(event: Event) -> None:
        events.write(f"{json.dumps(event)}\n")
        events.flush()

    # The codec is not imported before this.
    instrumented = atheris.instrument_imports  # pyright: ignore[reportAttributeAccessIssue]
    with instrumented(include=[_package(plan.codec)], enable_loader_override=False):
        plan.subject()
    from metaprotocol_cli.fuzz.session import Session

    session = Session(plan, tell)
    with session.guarded(signals=False):  # libFuzzer has the alarm for itself
        _fuzz(session, plan, folder)
    raise SystemExit("atheris returned")


def _package(name: str) -> str:
    """Return the outermost package of a codec, without importing it."""
    if ":" not in name:
        name = next((found.target for found in available_codecs() if found.name == name), name)
    return name.partition(":")[0].partition(".")[0]


def _fuzz(session: Session, plan: Plan, folder: Path) -> None:
    from metaprotocol_sdk.testing.fuzzing import MOST, Endless, Mutator

    seeds, tokens = session.material()
    for number, data in enumerate(seeds):
        (folder / f"{number:05}").write_bytes(data)
    mutator, loop = Mutator(session.subject.codec, tokens), session.loop

    def one_input(data: bytes) -> None:
        loop.try_input(data)
        session.tick()
        if loop.over:
            session.end()
            os._exit(0)  # libFuzzer has no other way out that keeps quiet

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        try:
            if random.random() < _OURS:
                return mutator.mutated(data, random.choice(loop.corpus or [data]), random)[:most]
            return mutator.repaired(data, atheris.Mutate(data, most))[:most]
        except Endless:
            return data  # the framing, which is asked for a length; the target will report it

    # libFuzzer ends the process itself only where Python cannot: the process died, or hangs inside a call.
    settings = {"seed": plan.seed or 1, "max_len": MOST, "timeout": 600, "rss_limit_mb": 0, "verbosity": 0}
    arguments = [f"-{name}={value}" for name, value in settings.items()]
    arguments.append(f"-artifact_prefix={plan.crashes}{os.sep}")
    atheris.Setup([sys.argv[0], *arguments, str(folder)], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
