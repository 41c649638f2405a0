"""Ends what never ends: raises an exception in a thread that has used too much processor time, or waits for ever."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INTERVAL = 0.1
_PATIENCE = 3  # times the seconds that are allowed, after which nothing will come that is waited for
_IDLE = 0.001  # processor seconds in an interval, below which a thread does not work


class Endless(BaseException):
    """A call that does not end; no codec catches this. The text says what it did."""


class _Watch:
    """The time that one thread is allowed. To ask for its time costs more than a case, so only the watchdog asks."""

    def __init__(self, seconds: float) -> None:
        self.thread = threading.get_ident()
        self.seconds = seconds
        self._clock = _clock_of(self.thread)
        self._things = 0  # that were begun
        self._watched = -1  # which of them was running when the watchdog last looked
        self._since = 0.0
        self._looked = 0.0
        self._idle = 0  # intervals
        self._lock = threading.RLock()  # a signal may come while this thread holds it

    def begin(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._things += 1

    def bark(self) -> None:
        """Raise an exception in the thread if its time is up. For another thread to call."""
        with self._lock:
            if self._due():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(Endless))

    def bite(self, number: int, frame: object) -> None:
        """Raise an exception if the time is up. For a signal, which interrupts waiting and regular expressions too.

        Raises:
            Endless: It is.
        """
        with self._lock:
            due = self._due()
        if due:
            raise Endless(due)

    def _due(self) -> str:
        now = self._clock()
        idle, self._looked = now - self._looked < _IDLE, now
        if self._watched != self._things:
            self._watched, self._since, self._idle = self._things, now, 0
            return ""
        self._idle = self._idle + 1 if idle else 0
        due = ""
        if now - self._since > self.seconds:
            due = f"it had not ended after {self.seconds:g} seconds of processor time"
        elif self._idle * _INTERVAL > _PATIENCE * self.seconds:
            due = f"it had waited for {_PATIENCE * self.seconds:g} seconds without doing anything"
        if due:
            self._watched = -1
        return due


@contextmanager
def watchdog(seconds: float, *, signals: bool = True) -> Iterator[Callable[[], _Limit]]:
    """Watch this thread; what it gives is to be entered around each thing that must end.

    Args:
        seconds: Processor seconds that each of them may take, and also what is done between two of them.
        signals: True if SIGALRM may be used, which ends more than another thread can. It is used in the main thread,
            where the operating system has it and nobody else wants it.
    """
    watch = _Watch(seconds)
    with _alarms(watch) if signals and _alarms_are_free() else _patrol(watch):
        try:
            yield lambda: _Limit(watch)
        finally:
            watch.begin()


def _alarms_are_free() -> bool:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return False
    return signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@contextmanager
def _alarms(watch: _Watch) -> Iterator[None]:
    signal.signal(signal.SIGALRM, watch.bite)
    signal.setitimer(signal.ITIMER_REAL, _INTERVAL, _INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextmanager
def _patrol(watch: _Watch) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=_run, args=(watch, ended), daemon=True, name="metaprotocol-watchdog")
    thread.start()
    try:
        yield
    finally:
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
        watch.bark()


def _clock_of(thread: int) -> Callable[[], float]:
    if hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(thread)
        return lambda: time.clock_gettime(clock)
    return time.process_time
