"""Counts the opcodes that Python executes: the same number on every machine."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk.testing._work import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

# The watchdog's signal comes when it likes; and what ends the count here must not be stopped by it.
_OTHERS = frozenset({watchdog.__file__, __file__})


class TooMuch(BaseException):
    """The action ran more opcodes than it may; no codec catches this."""


def opcodes_of(action: Callable[[], object], most: int = 1 << 40) -> int:
    """Run an action and return how many opcodes it took, at least `most` if it was stopped there.

    Args:
        action: What to run; what it raises is passed on.
        most: Where to stop.
    """
    counter = _Counter(most)
    collects = gc.isenabled()
    gc.disable()  # a collection runs callbacks, hypothesis' for one, which are no work of the action
    try:
        with contextlib.suppress(TooMuch):
            (_with_monitoring if hasattr(sys, "monitoring") else _with_trace)(action, counter)
    finally:
        if collects:
            gc.enable()
    return counter.count


class _Counter:
    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most

    def add(self) -> None:
        self.count += 1
        if self.count >= self._most:
            raise TooMuch


def _with_trace(action: Callable[[], object], counter: _Counter) -> None:
    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            counter.add()
        return local

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename in _OTHERS:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(previous)


def _with_monitoring(action: Callable[[], object], counter: _Counter) -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    tool = next((number for number in range(5, -1, -1) if monitoring.get_tool(number) is None), None)
    if tool is None:
        _with_trace(action, counter)
        return

    thread = threading.get_ident()

    def instruction(code: CodeType, offset: int) -> None:
        # All threads are monitored.
        if threading.get_ident() == thread and code.co_filename not in _OTHERS:
            counter.add()

    monitoring.use_tool_id(tool, "metaprotocol")
    try:
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, instruction)
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        try:
            action()
        finally:
            monitoring.set_events(tool, 0)
    finally:
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
        monitoring.free_tool_id(tool)
