"""Ends what never ends: raises an exception in a thread that has used too much processor time."""

from __future__ import annotations

import ctypes
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INTERVAL = 0.1


class Endless(BaseException):
    """What was run took more processor time than it may; no codec catches this."""


class _Watch:
    """What one thread is allowed. To ask for its time costs more than a case, so only the watchdog asks."""

    def __init__(self, seconds: float) -> None:
        self.thread = threading.get_ident()
        self.clock = _clock_of(self.thread)
        self.seconds = seconds
        self._things = 0  # that were begun
        self._watched = -1  # which of them was running when the watchdog last looked
        self._since = 0.0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._things += 1

    def stop_if_due(self) -> None:
        """Raise an exception in the thread if its time is up."""
        with self._lock:
            now = self.clock()
            if self._watched != self._things:
                self._watched, self._since = self._things, now
            elif now - self._since > self.seconds:
                self._watched = -1
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(Endless))


@contextmanager
def watchdog(seconds: float) -> Iterator[Callable[[], _Limit]]:
    """Watch this thread; what it gives is to be entered around each thing that must end.

    Args:
        seconds: Processor seconds that each of them may take, and also what is done between two of them.
    """
    watch, ended = _Watch(seconds), threading.Event()
    thread = threading.Thread(target=_run, args=(watch, ended), daemon=True, name="metaprotocol-watchdog")
    thread.start()
    try:
        yield lambda: _Limit(watch)
    finally:
        watch.begin()
        ended.set()
        thread.join()


class _Limit:
    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._watch.begin()

    def __exit__(self, *exception: object) -> None:
        self._watch.begin()


def _run(watch: _Watch, ended: threading.Event) -> None:
    while not ended.wait(_INTERVAL):
        watch.stop_if_due()


def _clock_of(thread: int) -> Callable[[], float]:
    if hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime(clock)
    return time.process_time
