"""Makes an input as small as it can be and still fail in the same way: delta debugging."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._frames import Frames
from metaprotocol_sdk.testing._work.watchdog import Endless
from metaprotocol_sdk.testing.fuzzing import _plan
from metaprotocol_sdk.testing.fuzzing._framed import is_one_message, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing.fuzzing._finding import Finding
    from metaprotocol_sdk.testing.fuzzing._trial import Trial

_TRIES = 3_000
_SMALL = 8
_WAITS = 16  # for what never ends, each as long as the watchdog's


class _Enough(Exception):
    """All tries are used up."""


def shrunk(
    data: bytes,
    fails: Callable[[bytes], bool],
    *,
    tries: int = _TRIES,
    repair: Callable[[bytes, bytes], bytes | None] = lambda original, changed: None,
) -> bytes:
    """Return the smallest bytes that could be found which still fail.

    Args:
        data: Bytes that fail.
        fails: Whether bytes fail.
        tries: How often `fails` may be called.
        repair: Given the bytes and a shorter form, returns the shorter form with its length set right, or None.
    """
    left = tries

    def try_(candidate: bytes) -> bool:
        nonlocal left
        if left <= 0:
            raise _Enough
        left -= 1
        return fails(candidate)

    best = data
    try:
        while True:
            before = best
            for candidates in (_shorter, _simpler):
                for size in _sizes(len(best)):
                    at = 0
                    while at < len(best):
                        for candidate in _forms(best, candidates(best, at, size), repair):
                            if candidate != best and try_(candidate):
                                best = candidate
                                break
                        else:
                            at += size
            if best == before:
                return best
    except _Enough:
        return best


def _forms(best: bytes, changed: bytes | None, repair: Callable[[bytes, bytes], bytes | None]) -> Iterator[bytes]:
    if changed is None:
        return
    yield changed
    if len(changed) < len(best):
        repaired = repair(best, changed)
        if repaired is not None:
            yield repaired


def _sizes(size: int) -> list[int]:
    """Return the sizes of parts to try, the largest first: halves, and every small one, for fields have any size."""
    return sorted({*range(1, min(size, _SMALL) + 1), *(size >> bits for bits in range(1, size.bit_length()))} - {0})[
        ::-1
    ]


def _shorter(data: bytes, at: int, size: int) -> bytes | None:
    return data[:at] + data[at + size :]


def _simpler(data: bytes, at: int, size: int) -> bytes | None:
    """Return the data with a part of it zeroed, or None if it is."""
    part = data[at : at + size]
    return data[:at] + bytes(len(part)) + data[at + size :] if any(part) else None


def minimised(trial: Trial, finding: Finding) -> Finding:
    """Return the same finding with an input as small as could be found."""
    codec, direction = trial.subject.codec, finding.case.direction
    frames, of_streams = Frames(codec), finding.violated.id in _plan.OF_STREAMS
    best, waits = finding, _WAITS

    def fails(data: bytes) -> bool:
        nonlocal best, waits
        if not waits:
            return False
        if not of_streams and not is_one_message(codec, data, direction):
            return False  # nothing decodes such a thing
        for case in _cases(finding, data):
            failed = trial.hold(finding.violated.id, case)
            if failed is not None and failed.key == finding.key:
                best = failed
                waits -= failed.endless
                return True
        return False

    def repair(original: bytes, changed: bytes) -> bytes | None:
        return frames.resized(original, changed, direction)

    with suppress(Endless):  # the framing, which is asked for a length, may be what never ends
        # One message has a length that can be repaired; a stream has not.
        alone = messages_in(codec, finding.case.data, direction)
        start = next((data for data in alone if fails(data)), finding.case.data)
        shrunk(start, fails, repair=repair)
    return best


def _cases(finding: Finding, data: bytes) -> Iterator[Case]:
    case = finding.case
    if not case.cuts:
        yield case.having(data=data)
        return
    # A cut is where it was, or anywhere: the bytes have moved.
    yield from (case.having(data=data, cuts=cut) for cut in _plan.cuts(len(data)))
