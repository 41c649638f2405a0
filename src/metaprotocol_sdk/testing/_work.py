"""Measures work: lines, copies and memory, which are the same on every machine, and seconds of processor time."""

from __future__ import annotations

import contextlib
import dis
import gc
import itertools
import sys
import time
import tracemalloc
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from metaprotocol_sdk.testing import _watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

# The watchdog's signal comes when it likes; and what ends the count here must not be stopped by it.
_OTHERS = frozenset({_watchdog.__file__, __file__})
_LARGE = 1024  # bytes; smaller pieces are what any line allocates, this module's own included
_PROGRESS = 1 << 14  # lines

_GIB = 1 << 30


class _Enough(BaseException):
    """The action ran as many lines as it may. No codec catches this."""


@frozen
class Work:
    """Work that was counted.

    Args:
        lines: The lines that were executed.
        copied: The bytes that were allocated in pieces of 1 KiB or more, whether they were freed again or not. It shows
            work inside calls and operators: slices, `+=`, `join`, arithmetic with long numbers.
    """

    lines: int
    copied: int


def work_of(action: Callable[[], object], most: int = 1 << 40, progress: Callable[[], object] = lambda: None) -> Work:
    """Run an action and count its work.

    Lines are enough to count loops: Python reports one for every iteration, also where the whole loop is on one line.
    Opcodes would be ten times as many, and no better for telling how work grows.

    Args:
        action: What to run; what it raises is passed on.
        most: The number of lines after which the action is stopped.
        progress: Called every 16,384 lines. It can tell a watchdog that the count will end this.
    """
    lines = copied = before = 0
    memory, reset = tracemalloc.get_traced_memory, tracemalloc.reset_peak

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        # tracemalloc does not sum up what was allocated. But from one line to the next the code runs straight on, so
        # the peak between them is what a line allocated: a copy that a loop makes and drops counts every time.
        nonlocal lines, copied, before
        now, peak = memory()
        if peak - before >= _LARGE:
            copied += 0 if _is_append(frame, peak - before) else peak - before
            now = memory()[0]  # to look at a frame's variables lets go of former ones
        reset()
        before = now
        if event == "line":
            lines += 1
            if lines >= most:
                raise _Enough
            if not lines % _PROGRESS:
                progress()
        return trace

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return None if frame.f_code.co_filename in _OTHERS else trace(frame, event, argument)

    with contextlib.suppress(_Enough), _undisturbed(), _tracing():
        reset()
        before = memory()[0]
        sys.settrace(enter)
        action()
    return Work(lines, copied)


def seconds_of(action: Callable[[], object]) -> float:
    """Run an action and return the processor seconds that it took."""
    with _undisturbed():
        start = time.thread_time()
        action()
        return time.thread_time() - start


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep out what is not work of the action: tracing for coverage, and collections, with their callbacks.

    A collection goes through all objects of the process, so its price has nothing to do with the action.
    """
    tracer, collects = sys.gettrace(), gc.isenabled()
    sys.settrace(None)
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
        sys.settrace(tracer)


def _is_append(frame: FrameType, size: int) -> bool:
    """Return True if a str of this size was made by `+=`, which CPython 3.11 does in place only when not traced."""
    if sys.version_info >= (3, 12):
        return False
    texts = (frame.f_locals.get(name) for name in _appended(frame.f_code))
    return any(isinstance(text, str) and abs(sys.getsizeof(text) - size) < _LARGE for text in texts)


@cache
def _appended(code: CodeType) -> frozenset[str]:
    """Return the names of the local variables that a function changes by `+=`."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    return frozenset(
        two.argval for one, two in itertools.pairwise(steps) if one.argrepr == "+=" and two.opname == "STORE_FAST"
    )


def peak_of(action: Callable[[], object]) -> int:
    """Run an action and return how many bytes it had allocated at most at one time."""
    with _tracing():
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        action()
        return tracemalloc.get_traced_memory()[1] - before


def kept_by(warm_up: Callable[[], object], action: Callable[[], object]) -> int:
    """Run an action after a similar one and return how many bytes are still allocated afterwards."""
    with _tracing(), _without_old_objects():
        warm_up()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        action()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before


@contextlib.contextmanager
def _without_old_objects() -> Iterator[None]:
    """Keep the collector from going through all that the process had before, which takes longer than the action."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def limited_memory(more: int = _GIB) -> Iterator[None]:
    """Let the process allocate only so many bytes more, so that a bad codec ends with a MemoryError, not the machine.

    Does nothing where the operating system has no such limit.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + more
    if soft != resource.RLIM_INFINITY and soft < wanted:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
