"""Counts work instead of timing it: the lines of some packages that run."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any


def lines_run(action: Callable[[], object], *packages: ModuleType) -> int:
    """Count the lines of the packages that an action runs; a loop counts each turn.

    Others do not count: a garbage collection in the middle, for one, runs the callbacks of test tools.
    """
    folders = tuple(str(Path(str(package.__file__)).parent) for package in packages)
    count = 0

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(folders) else None

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(previous)
    assert count, "no line of these packages ran, so nothing was measured"
    return count
