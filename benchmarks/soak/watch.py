"""Reads Envoy's memory from the kernel, and judges its growth."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from live_envoy import Envoy

# What a heap that is used all the time grows by without a leak: fragments, and arenas of threads.
TOLERANCE = 0.05
TOLERANCE_BYTES = 8 << 20
IN_FLIGHT = "dynamicmodulescustom.metaprotocol.in_flight"


@frozen
class Moment:
    """The memory and counts at one moment.

    Args:
        at: Seconds since the beginning.
        calls: Answered so far.
        resident: Bytes of memory that Envoy holds.
        descriptors: Files and sockets that it holds.
        in_flight: Requests that wait in it.
    """

    at: float
    calls: int
    resident: int
    descriptors: int
    in_flight: int


def look(envoy: Envoy, at: float, calls: int) -> Moment:
    """Look at an Envoy."""
    status = Path(f"/proc/{envoy.pid}/status").read_text("ascii")
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    if resident is None:
        raise ValueError("the kernel does not tell the resident memory")
    descriptors = sum(1 for _ in Path(f"/proc/{envoy.pid}/fd").iterdir())
    return Moment(at, calls, int(resident[1]) * 1024, descriptors, envoy.stat(IN_FLIGHT))


def growth(moments: Sequence[Moment]) -> tuple[int, int]:
    """Return the median of the resident memory in the second quarter of the time, and in the last."""
    quarter = max(1, len(moments) // 4)
    before = moments[quarter : 2 * quarter] or moments
    return int(median(one.resident for one in before)), int(median(one.resident for one in moments[-quarter:]))


def is_flat(moments: Sequence[Moment]) -> bool:
    """Return True if the memory has not grown since it was warm."""
    before, after = growth(moments)
    return after - before <= max(before * TOLERANCE, TOLERANCE_BYTES)
