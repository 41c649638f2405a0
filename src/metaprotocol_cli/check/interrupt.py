"""Ctrl-C while a library runs that may swallow it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupted(KeyboardInterrupt):
    """SIGINT has come.

    Python ends by the signal if a plain `KeyboardInterrupt` leaves an `exec`, as of hypothesis, even if it is caught
    later. It does not if a subclass leaves one.
    """


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Raise `Interrupted` on SIGINT.

    Yields:
        A function that raises it again if SIGINT has come: hypothesis, interrupted while it begins, raises an
        `AssertionError` instead, which would count as a failure of the codec.
    """
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise Interrupted

    def raise_if_interrupted() -> None:
        if interrupted:
            raise Interrupted

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield raise_if_interrupted  # another handler takes SIGINT
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
