"""Lines for the log, which is Envoy's standard error."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec


def report(text: str) -> None:
    """Write one line to the log."""
    print(f"metaprotocol: {text}", file=sys.stderr, flush=True)


def report_bug(codec: Codec, bug: BaseException) -> None:
    """Write that a codec raised what it must not, and where."""
    places = traceback.extract_tb(bug.__traceback__)
    place = f" in {places[-1].name}, {places[-1].filename}:{places[-1].lineno}" if places else ""
    report(f"the codec {codec.name} raised {type(bug).__name__}: {bug}{place}, a bug in it")
