"""Lines for the log, which is Envoy's standard error."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec


_MOST = 200
_seen: set[str] = set()


def report(text: str) -> None:
    """Write one line to the log."""
    print(f"metaprotocol: {text}", file=sys.stderr, flush=True)


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
