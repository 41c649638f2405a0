"""Tries input after input, and keeps what was found and what was new."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._work.watchdog import Endless
from metaprotocol_sdk.testing.fuzzing._minimise import minimised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk.testing.fuzzing._finding import Finding
    from metaprotocol_sdk.testing.fuzzing._mutator import Mutator
    from metaprotocol_sdk.testing.fuzzing._trial import Signature, Trial

_KINDS = 20_000  # of inputs that are told apart
_KEPT = 5_000  # inputs that new ones are made of
_MEASURED = 500  # inputs whose memory is measured, which is slow


class Hunt:
    """Tries inputs until its time is over. Where they come from is for others to say.

    Args:
        trial: Tries one input.
        runs: How many inputs to try; None sets no bound.
        seconds: How long to try; None sets no bound.
        found: Called with each new finding, minimised.
        kept: Called with each input of a new kind.
    """

    def __init__(
        self,
        trial: Trial,
        *,
        runs: int | None = None,
        seconds: float | None = None,
        found: Callable[[Finding], None] = lambda finding: None,
        kept: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self.trial = trial
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
        """Whether it is time to stop. What never ends ends the hunt too: it would be found again and again."""
        if self._runs is not None and self.executions >= self._runs:
            return True
        if self._seconds is not None and self.elapsed >= self._seconds:
            return True
        return ("endless",) in self._keys

    def try_input(self, data: bytes) -> None:
        """Try one input; keep it if the codec makes something new of it."""
        self.executions += 1
        findings, kind = self.trial.quick(data)
        if kind not in self._kinds and len(self._kinds) < _KINDS:
            self._kinds.add(kind)
            if len(self.corpus) < _KEPT:
                self.corpus.append(data)
                self._kept(data)
            if self._measured < _MEASURED and not findings:
                self._measured += 1
                findings = self.trial.memory(data)
        for finding in findings:
            self._take(finding)

    def run(self, seeds: Iterable[bytes], mutator: Mutator, seed: int, tick: Callable[[], None]) -> None:
        """Try the seeds, then changed forms of what was new, until it is over.

        Args:
            seeds: What to begin with.
            mutator: Makes new inputs.
            seed: Where chance begins.
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
                continue  # the framing, which is asked for a length; a trial will say so
            self.try_input(changed)
            tick()

    def _take(self, finding: Finding) -> None:
        if finding.key in self._keys:
            return
        self._keys.add(finding.key)
        finding = minimised(self.trial, finding)
        self.findings.append(finding)
        self._found(finding)
