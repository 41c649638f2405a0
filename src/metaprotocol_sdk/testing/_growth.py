"""Decides whether work grows faster than its input: by the shape of the growth, never by a number of seconds.

Linear work doubles with its input, and a square becomes four times as much. Two other shapes must not be taken for a
square. With n log n, each doubling is a little more than twice. After a step (a fast path that ends, a cache that is
full, a limit that is passed) one doubling may be any number of times as much, but the next ones go back towards 2, from
at most 3, while those of a square with a linear part go up towards 4. So the last three doublings are looked at
together, and the last must be the clearest.

What can be counted is counted, and gives the same verdict on every machine: lines, and the bytes that are copied. The
rest is timed: a search, a comparison, `list.pop(0)` or a regular expression can go through a megabyte in one call and
allocate nothing.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._case import Violation
from metaprotocol_sdk.testing._work import seconds_of, work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from metaprotocol_sdk.testing._subject import Subject

    # Returns what does the work of a size; None if there is no such size, and so no larger one.
    WorkOfSize = Callable[[int], Callable[[], object] | None]

_DOUBLINGS = (2.8, 3.0, 3.3)  # how many times as much each of the last three must be
_RISING = 2.5  # times as much: more than n log n, so a larger size tells more
_BELOW = 12  # doublings that are tried below the size that is enough

# For counts:
_COUNTED = 2_048  # parts: a size that is enough
_ENOUGH_LINES, _MOST_LINES = 20_000, 5_000_000
_MANY = 10  # times as many as are enough, if they are rising
_STILL = 3  # doublings, after which a count that has not changed will not change
_LEAST = {"lines": 10_000, "copied": 1 << 20}  # below which nobody cares

# For time, in seconds of the processor:
_LARGEST = 1 << 20
_ENOUGH, _MUCH, _MOST = 0.1, 0.12, 1.0
_NOTICEABLE = 0.03  # below which nobody cares
_SHORT = 0.02  # which any interruption makes much longer
_ROUNDS, _MOST_ROUNDS = 3, 8
_NOT_STEEP, _STEEP = 1.5, 2.5


def is_superlinear(costs: Sequence[float], tolerance: float = 1.0) -> bool:
    """Return True if the last three doublings of the size made something grow as a square does.

    Args:
        costs: What each size cost, every size twice the one before.
        tolerance: The factor by which each doubling may fall short.
    """
    last = costs[-1 - len(_DOUBLINGS) :]
    if len(last) <= len(_DOUBLINGS) or not last[0]:
        return False  # after nothing, the first of something is a step
    steps = zip(itertools.pairwise(last), _DOUBLINGS, strict=True)
    return all(tolerance * after >= times * before for (before, after), times in steps)


def check_counted(
    subject: Subject,
    what: str,
    work: WorkOfSize,
    most: int,
    enough: int = _COUNTED,
    enough_lines: int = _ENOUGH_LINES,
) -> bool:
    """Check that the lines that are executed and the bytes that are copied grow in proportion to the size.

    Args:
        subject: The codec under test.
        what: The work, in words.
        work: Returns what does the work of a size.
        most: The greatest size that there is.
        enough: The greatest size that is tried if the smaller ones do not look suspicious.
        enough_lines: The number of lines at which it is not tried either.

    Returns:
        True if there was anything to count.

    Raises:
        Violation: They grow faster.
    """
    sizes: list[int] = []
    costs: dict[str, list[int]] = {name: [] for name in _LEAST}
    for size in doublings(min(enough, most), most):
        _rearm(subject)
        action = work(size)
        if action is None:
            break
        # The count ends an endless loop, so the watchdog, which goes by time, need not.
        done = work_of(action, _MOST_LINES, lambda: _rearm(subject))
        if done.lines >= _MOST_LINES:
            raise Violation(f"{what} had executed {done.lines:,} lines at {size:,}, and had not ended")
        sizes.append(size)
        for name, found in costs.items():
            found.append(getattr(done, name))
        is_large = size >= enough or done.lines > enough_lines
        for name, found in costs.items():
            if is_large and found[-1] > _LEAST[name] and is_superlinear(found):
                raise _violation(what, sizes, [_shown(name, count) for count in found])
        rises = any(_rises(found, _LEAST[name]) for name, found in costs.items())
        if done.lines > _MANY * enough_lines or (not rises and (is_large or _is_still(costs["lines"]))):
            break
    return bool(sizes)


def check_timed(subject: Subject, what: str, work: WorkOfSize, most: int) -> bool:
    """Check that processor time grows in proportion to the size.

    Sizes are timed once, each twice the one before. If that looks like a square it is measured thoroughly, so that no
    load of the machine makes linear work look like one.

    Args:
        subject: The codec under test.
        what: The work, in words.
        work: Returns what does the work of a size.
        most: The greatest size that there is; more than 1 Mi is not tried.

    Returns:
        True if there was anything to time.

    Raises:
        Violation: It grows faster.
    """
    sizes: list[int] = []
    times: list[float] = []
    for size in doublings(min(most, _LARGEST), min(most, _LARGEST)):
        runs = _timed(subject, work, size, 3 if times and times[-1] < _SHORT else 1)
        if not runs:
            break
        sizes.append(size)
        times.append(min(runs))
        is_enough = times[-1] > _MOST or (times[-1] > _ENOUGH and not _rises(times, 0))
        # Larger sizes tell a step from a square, and squares with a large linear part from linear work.
        if times[-1] > _MUCH:
            _check_again(subject, what, work, sizes, times, is_last=is_enough)
        if is_enough:
            return True
    if times and times[-1] <= _MUCH:
        _check_again(subject, what, work, sizes, times, is_last=True)
    return bool(sizes)


def _check_again(
    subject: Subject, what: str, work: WorkOfSize, sizes: Sequence[int], times: Sequence[float], *, is_last: bool
) -> None:
    """Time the last four sizes thoroughly if they look suspicious.

    Raises:
        Violation: They grow as a square does.
    """
    last = sizes[-1 - len(_DOUBLINGS) :]
    if times[-1] < _NOTICEABLE or len(last) <= len(_DOUBLINGS):
        return
    if not is_superlinear(times, tolerance=1.2):
        # One time that an interruption made long hides one doubling, and no more. So does a step: time all again.
        if not is_last or times[-1] < _RISING ** len(_DOUBLINGS) * times[-len(last)]:
            return
        again = [
            min(known, *_timed(subject, work, size, 1)) for known, size in zip(times[-len(last) :], last, strict=True)
        ]
        if not is_superlinear(again, tolerance=1.2):
            return
    thorough = _square(subject, work, last)
    if thorough and _goes_on(subject, work, last[-1]):
        raise _violation(what, last, [f"{seconds:.3g} s" for seconds in thorough])


def _square(subject: Subject, work: WorkOfSize, sizes: Sequence[int]) -> list[float]:
    """Time sizes in turn, up and down. Return the times if they grow as a square does, else nothing.

    Of each size the shortest run tells most: nothing makes a run shorter than it is. But the more runs there are, and
    the shorter they are, the likelier is one that nothing disturbs, which favours small sizes. Hence a second look, at
    as many runs of each size as make up the largest. For linear work these take as long for each size, and what slows
    the machine down slows all of them down alike.
    """
    shortest = dict.fromkeys(sizes, math.inf)
    equal = dict.fromkeys(sizes, math.inf)  # seconds for as much as the largest size
    for number in range(1, _MOST_ROUNDS + 1):
        for size in reversed(sizes) if number % 2 else sizes:
            runs = _timed(subject, work, size, sizes[-1] // size)
            shortest[size] = min(shortest[size], *runs)
            equal[size] = min(equal[size], sum(runs))
        found = [shortest[size] for size in sizes]
        steepness = equal[sizes[-1]] / equal[sizes[0]]  # 1 for linear work, 8 for a square
        if number >= _ROUNDS and steepness > _STEEP and is_superlinear(found):
            return found
        if number >= _ROUNDS - 1 and (steepness < _NOT_STEEP or not is_superlinear(found, tolerance=1.1)):
            break
    return []


def _goes_on(subject: Subject, work: WorkOfSize, size: int) -> bool:
    """Return True if one more doubling is what it is for a square, which it is not after a step.

    Both runs are long, so what slows the machine down slows both down.
    """
    once, twice = math.inf, math.inf
    for _ in range(2):
        once = min(once, *_timed(subject, work, size, 1))
        twice = min(twice, *_timed(subject, work, 2 * size, 1))
        if twice > _DOUBLINGS[-1] * once:
            return True
    return False


def _timed(subject: Subject, work: WorkOfSize, size: int, count: int) -> list[float]:
    """Return the seconds of so many runs, none if there is no such size."""
    seconds: list[float] = []
    for _ in range(count):
        action = work(size)
        if action is not None:
            with subject.limit():
                seconds.append(seconds_of(action))
    return seconds


def _rearm(subject: Subject) -> None:
    """Let the watchdog begin anew."""
    with subject.limit():
        pass


def doublings(enough: int, most: int) -> Iterator[int]:
    """Yield sizes, each twice the one before: a dozen up to one that is enough, then more, as far as there are any."""
    size = enough
    while size > max(enough >> _BELOW, 1):
        size //= 2
    while 0 < size <= most:
        yield size
        size *= 2


def _is_still(lines: Sequence[int]) -> bool:
    """Return True if what was added is not read part by part, so a larger size tells nothing."""
    return len(lines) > _STILL and lines[-1] < 1.1 * lines[-1 - _STILL]


def _rises(costs: Sequence[float], least: float) -> bool:
    """Return True if the last size cost so much more than the one before that a larger one tells more."""
    return len(costs) > 1 and costs[-1] > max(_RISING * costs[-2], least)


def _shown(name: str, count: int) -> str:
    return f"{count:,} lines executed" if name == "lines" else f"{count >> 10:,} KiB copied"


def _violation(what: str, sizes: Sequence[int], costs: Sequence[str]) -> Violation:
    last = [f"{cost} at {size:,}" for size, cost in zip(sizes, costs, strict=True)][-1 - len(_DOUBLINGS) :]
    return Violation(f"{what} grows faster than its input: {', '.join(last)}")
