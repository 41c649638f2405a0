"""Measures the processor time of this thread: for work inside C calls, which no count shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds_of(action: Callable[[], object], *, runs: int = 2) -> float:
    """Run an action some times and return the processor seconds of the fastest run."""
    return min(_once(action) for _ in range(runs))


def _once(action: Callable[[], object]) -> float:
    start = time.thread_time()
    action()
    return time.thread_time() - start
