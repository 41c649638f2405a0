"""Lines for the log, which is Envoy's standard error."""

from __future__ import annotations

import sys
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk import Codec


_MOST = 200
_seen: set[str] = set()


def report(text: str) -> None:
    """Write one line to the log."""
    print(f"metaprotocol: {text}", file=sys.stderr, flush=True)


class Rationed:
    """Writes what any peer can cause as often as it likes: one line a second, which tells how many were left out.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._again = 0.0
        self._left_out = 0

    def report(self, text: str) -> None:
        """Write one line to the log, or count it."""
        now = self._clock()
        if now < self._again:
            self._left_out += 1
            return
        more = f" ({self._left_out:,} more lines before it were left out)" if self._left_out else ""
        self._again, self._left_out = now + 1, 0
        report(text + more)


def report_bug(culprit: Codec | str, bug: BaseException) -> None:
    """Write that a codec or a filter raised what it must not, and where; once, since each connection may cause it.

    Args:
        culprit: Who raised it.
        bug: What was raised.
    """
    places = traceback.extract_tb(bug.__traceback__)
    place = f" in {places[-1].name}, {places[-1].filename}:{places[-1].lineno}" if places else ""
    name = culprit if isinstance(culprit, str) else f"the codec {culprit.name}"
    text = f"{name} raised {type(bug).__name__}: {bug}{place}, a bug in it"
    if text in _seen or len(_seen) > _MOST:
        return
    _seen.add(text)
    report(text if len(_seen) <= _MOST else "further bugs of codecs and filters are counted and no longer written")
