"""The deadline of everything that tests wait for."""

import time
from collections.abc import Callable

PATIENCE = 180.0
"""Seconds. Nothing takes a tenth of it unless it hangs, not even on a busy machine."""


def eventually(holds: Callable[[], bool]) -> None:
    """Ask until something holds that nobody tells of."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never holds"
