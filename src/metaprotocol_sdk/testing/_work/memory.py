"""Counts the bytes that Python allocates."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GIB = 1 << 30


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


@contextmanager
def _without_old_objects() -> Iterator[None]:
    """Keep the collector from going through all that the process had before, which takes longer than the action."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _tracing() -> Iterator[None]:
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@contextmanager
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
