"""The loop of fuzzing: tries input after input, keeps the new kinds, and makes what fails as small as it can be."""

from __future__ import annotations

import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._frames import Frames, is_one_message, messages_in
from metaprotocol_sdk.testing._watchdog import Endless
from metaprotocol_sdk.testing.fuzzing._target import cuts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing.fuzzing._mutator import Mutator
    from metaprotocol_sdk.testing.fuzzing._target import Finding, FuzzTarget, Signature

_KINDS = 20_000  # of inputs that are told apart
_KEPT = 5_000  # inputs from which new ones are made
_MEASURED = 500  # inputs whose memory is measured, which is slow
_TRIES = 3_000  # for making one input small
_SMALL = 8  # bytes up to which parts of every size are tried
_WAITS = 16  # for inputs that never end, each as long as the watchdog's


class FuzzLoop:
    """Tries inputs until its time is over: those of `run`, or any that an engine gives to `try_input`.

    Args:
        target: Tries one input.
        runs: The number of inputs to try; None sets no bound.
        seconds: The time to try in seconds; None sets no bound.
        found: Called with each new finding, minimised.
        kept: Called with each input of a new kind.
    """

    def __init__(
        self,
        target: FuzzTarget,
        *,
        runs: int | None = None,
        seconds: float | None = None,
        found: Callable[[Finding], None] = lambda finding: None,
        kept: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self.target = target
        self.executions = 0
        self.findings: list[Finding] = []
        self.corpus: list[bytes] = []
        """Inputs of which each is of another kind."""
        self._runs = runs
        self._seconds = seconds
        self._found = found
        self._kept = kept
        self._keys: set[tuple[str, ...]] = set()
        self._kinds: set[Signature] = set()
        self._measured = 0
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        """True if it is time to stop. An input that never ends stops the loop too: it would be found over and over."""
        if self._runs is not None and self.executions >= self._runs:
            return True
        if self._seconds is not None and self.elapsed >= self._seconds:
            return True
        return ("endless",) in self._keys

    def try_input(self, data: bytes) -> None:
        """Try one input; keep it if the codec makes something new of it."""
        self.executions += 1
        findings, kind = self.target.quick(data)
        if kind not in self._kinds and len(self._kinds) < _KINDS:
            self._kinds.add(kind)
            if len(self.corpus) < _KEPT:
                self.corpus.append(data)
                self._kept(data)
            if self._measured < _MEASURED and not findings:
                self._measured += 1
                findings = self.target.memory(data)
        for finding in findings:
            self._take(finding)

    def run(self, seeds: Iterable[bytes], mutator: Mutator, seed: int, tick: Callable[[], None]) -> None:
        """Try the seeds, then changed forms of those that were new, until it is over.

        Args:
            seeds: The first inputs.
            mutator: Makes new inputs.
            seed: The seed of chance.
            tick: Called after each input.
        """
        random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        for data in seeds:
            if self.over:
                return
            self.try_input(data)
            tick()
        while not self.over:
            data, other = (random.choice(self.corpus or [b""]) for _ in range(2))
            try:
                changed = mutator.mutated(data, other, random)
            except Endless:
                continue  # the framing, which is asked for a length; the target will report it
            self.try_input(changed)
            tick()

    def _take(self, finding: Finding) -> None:
        if finding.key in self._keys:
            return
        self._keys.add(finding.key)
        finding = minimised(self.target, finding)
        self.findings.append(finding)
        self._found(finding)


class _Enough(Exception):
    """All tries are used up."""


def shrunk(
    data: bytes,
    fails: Callable[[bytes], bool],
    *,
    tries: int = _TRIES,
    repair: Callable[[bytes, bytes], bytes | None] = lambda original, changed: None,
) -> bytes:
    """Return the smallest bytes that could be found and still fail, by delta debugging.

    Args:
        data: Bytes that fail.
        fails: Returns True if bytes fail.
        tries: The most calls of `fails`.
        repair: Given the bytes and a shorter form, returns the shorter form with its length made true, or None.
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
        # Shorter forms come before simpler ones, and large parts before small ones: they save most. Each success makes
        # others possible that have failed, so all is tried again until a whole round changes nothing.
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
    """Return the data with a part of it zeroed, or None if the part is zero already."""
    part = data[at : at + size]
    return data[:at] + bytes(len(part)) + data[at + size :] if any(part) else None


def minimised(target: FuzzTarget, finding: Finding) -> Finding:
    """Return the same finding with an input as small as could be found."""
    codec, direction = target.subject.codec, finding.case.direction
    # Any bytes can fail a property of streams; the others decode one message, as the framing cuts it.
    frames, of_streams = Frames(codec), finding.violated.source.variants is None
    best, waits = finding, _WAITS

    def fails(data: bytes) -> bool:
        nonlocal best, waits
        if not waits:
            return False
        if not of_streams and not is_one_message(codec, data, direction):
            return False  # the decoder would never hand it to the codec
        for case in _cases(finding, data):
            failed = target.hold(finding.violated, case)
            if failed is not None and failed.key == finding.key:
                best = failed
                waits -= failed.endless
                return True
        return False

    def repair(original: bytes, changed: bytes) -> bytes | None:
        return frames.resized(original, changed, direction)

    with suppress(Endless):  # the framing, which is asked for a length, may be what never ends
        # The length of one message can be repaired, that of a stream cannot.
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
    yield from (case.having(data=data, cuts=cut) for cut in cuts(len(data)))
