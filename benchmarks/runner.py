"""Takes the times: every lane once a round, all of them in one process.

pyperf's own runner measures one program after the other, each in processes of its own. On a shared machine, whose speed
changes by half within a minute, the ratio of two such times says little. Here the lanes of a task take turns of some
milliseconds, a ratio is formed within each round, and the median of the rounds counts. Nothing here waits, so the clock
is the process's own time on the processor, which stands still while another program has it. The times are kept in
pyperf's file.
"""

from __future__ import annotations

import gc
from time import process_time
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks.model import Lane, Result, Task, Times, WrongAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@frozen
class Plan:
    """The number of rounds and the time of each.

    Args:
        rounds: How often each lane has its turn.
        seconds: How long the warm passes of a turn last at least; there is always one whole pass.
        inputs: How many inputs of a batch are used; None for all.
    """

    rounds: int
    seconds: float
    inputs: int | None = None


_TICK = 1e-6
"""Seconds; a clock that did not move must not make a ratio infinite."""

THOROUGH = Plan(rounds=15, seconds=0.02)
QUICK = Plan(rounds=3, seconds=0.002, inputs=8)


def measure(task: Task, plan: Plan, progress: Callable[[], None] = lambda: None) -> Result:
    """Measure every lane of a task.

    Args:
        task: What to measure.
        plan: How thorough to be.
        progress: Called after each of the rounds.
    """
    cannot = dict(task.cannot)
    lanes: list[Lane] = []
    for lane in task.lanes:
        why = _objection(lane)
        if why is None:
            lanes.append(lane)
        else:
            cannot[lane.subject, lane.contender] = why
    times = [Times() for _ in lanes]
    passes = [0] * len(lanes)
    for number in range(plan.rounds):
        gc.collect()
        for index, lane in enumerate(lanes):
            inputs = lane.inputs(number + 1)[: plan.inputs]
            units = sum(map(lane.units, inputs))
            cold = _seconds(lane.run, inputs)
            passes[index] = passes[index] or max(1, round(plan.seconds / cold))
            times[index].cold.append(cold / units)
            times[index].warm.append(_seconds(lane.run, inputs * passes[index]) / (units * passes[index]))
        progress()
    return Result(task, {(lane.subject, lane.contender): took for lane, took in zip(lanes, times, strict=True)}, cannot)


def _objection(lane: Lane) -> str | None:
    """Return why a lane's answer is not right, or None."""
    first = lane.inputs(0)[0]
    try:
        lane.check(first, lane.run(first))
    except WrongAnswerError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (whatever a peer raises is its answer)
        return f"raises {type(error).__name__}: {' '.join(str(error).split())}"[:60]
    return None


def _seconds(run: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    start = process_time()
    for item in inputs:
        run(item)
    return max(process_time() - start, _TICK)
