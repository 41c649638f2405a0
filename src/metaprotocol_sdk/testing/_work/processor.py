"""Measures the processor time of this thread: for work inside C calls, which no count shows."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds_of(action: Callable[[], object]) -> float:
    """Run an action and return the processor seconds that it took."""
    tracer = sys.gettrace()
    sys.settrace(None)  # that of a coverage tool takes longer for a line than the work that is looked for
    try:
        start = time.thread_time()
        action()
        return time.thread_time() - start
    finally:
        sys.settrace(tracer)
