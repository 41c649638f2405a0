"""Tasks to measure, and in each of them lanes that run side by side."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = "metaprotocol"
"""The contender that the others are compared with."""


class WrongAnswerError(Exception):
    """A contender did the task and the result is not right."""


@frozen
class Lane:
    """One contender doing a task with one kind of message.

    Args:
        subject: The kind of message.
        contender: Who does it.
        inputs: Given the number of a round, returns fresh inputs, which no earlier round had; not timed.
        run: Does the task with one input; timed.
        check: Given an input and what `run` returned, raises `WrongAnswerError` if that is wrong.
        units: How many messages, or bytes, an input holds.
    """

    subject: str
    contender: str
    inputs: Callable[[int], list[Any]]
    run: Callable[[Any], Any]
    check: Callable[[Any, Any], None]
    units: Callable[[Any], int] = lambda _: 1


@frozen
class Task:
    """One thing to do with messages, and everybody who does it.

    Args:
        protocol: The protocol of the messages.
        name: What is done.
        unit: "message" or "byte": what the time is counted for.
        lanes: Who does it with which messages. They run in turn, so that whatever slows the machine slows all.
        cannot: By subject and contender, why somebody is not among the lanes.
    """

    protocol: str
    name: str
    unit: str
    lanes: list[Lane]
    cannot: dict[tuple[str, str], str] = Factory(dict)


@define
class Times:
    """Seconds per unit of one lane, one number for each round."""

    cold: list[float] = Factory(list)
    """The first pass over inputs that were never seen before."""
    warm: list[float] = Factory(list)
    """More passes over the same inputs."""


@frozen
class Result:
    """The times of a task.

    Args:
        task: The task.
        times: By subject and contender.
        cannot: By subject and contender, why there are no times.
    """

    task: Task
    times: dict[tuple[str, str], Times]
    cannot: dict[tuple[str, str], str]

    def ratio(self, lane: tuple[str, str], base: tuple[str, str]) -> float | None:
        """Return how many times as long as another a lane took: the median of the rounds; None if one is missing."""
        if lane not in self.times or base not in self.times:
            return None
        pairs = zip(self.times[lane].warm, self.times[base].warm, strict=True)
        return median(one / other for one, other in pairs)


@frozen
class Target:
    """A ratio that the project promises.

    Args:
        text: The promise, for a person.
        task: The name of the task.
        slow: The subject and contender that should take long.
        fast: The subject and contender to compare it with.
        least: The ratio is to be at least this, if this is given.
        most: The ratio is to be at most this, if this is given.
    """

    text: str
    task: str
    slow: tuple[str, str]
    fast: tuple[str, str]
    least: float | None = None
    most: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Return whether a ratio keeps the promise."""
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)
