"""One run of the fuzzer, from its plan to its events. An engine makes the inputs."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk.testing._watchdog import Endless, watchdog
from metaprotocol_sdk.testing._work import limited_memory
from metaprotocol_sdk.testing.fuzzing import Finding, FuzzLoop, FuzzTarget, Mutator, fuzz_seeds, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from metaprotocol_cli.fuzz.plan import Plan
    from metaprotocol_sdk.testing import Subject

_INTERVAL = 0.5  # seconds between two reports of progress

Event = dict[str, Any]


class Session:
    """Fuzzes as a plan says, and tells events: "progress", "finding" and "end".

    Args:
        plan: The plan of the run.
        tell: Called with each event.
    """

    def __init__(self, plan: Plan, tell: Callable[[Event], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._told = 0.0
        self.subject: Subject = plan.subject()
        self.loop = FuzzLoop(
            FuzzTarget(self.subject), runs=plan.runs, seconds=plan.seconds, found=self._found, kept=self._keep
        )

    @contextmanager
    def guarded(self, *, signals: bool = True) -> Iterator[None]:
        """Bound the time of each input, and the memory of all."""
        with limited_memory(), watchdog(self.subject.effort.cpu_seconds, signals=signals) as limit:
            self.subject.limit = limit
            yield

    def material(self) -> tuple[list[bytes], list[bytes]]:
        """Return the inputs to begin with, and bytes with a meaning; only samples if making them does not end."""
        try:
            seeds, meaning = fuzz_seeds(self.subject), tokens(self.subject)
        except Endless:
            seeds, meaning = [case.data for case in self.subject.samples], []
        if self._plan.corpus is not None:
            seeds += [path.read_bytes() for path in sorted(self._plan.corpus.iterdir()) if path.is_file()]
        return seeds, meaning

    def run(self) -> None:
        """Fuzz with inputs of our own mutator."""
        with self.guarded():
            seeds, meaning = self.material()
            self.loop.run(seeds, Mutator(self.subject.codec, meaning), self._plan.seed, self.tick)
        self.end()

    def tick(self) -> None:
        """Report the progress, now and then."""
        now = time.monotonic()
        if now - self._told >= _INTERVAL:
            self._told = now
            self._tell({"event": "progress", **self._numbers()})

    def end(self) -> None:
        """Report the end."""
        self._tell({"event": "end", **self._numbers()})

    def _numbers(self) -> Event:
        loop = self.loop
        return {
            "executions": loop.executions,
            "seconds": round(loop.elapsed, 1),
            "kinds": len(loop.corpus),
            "findings": len(loop.findings),
        }

    def _found(self, finding: Finding) -> None:
        self._tell(event_of(finding, self.subject, save(finding.data, self._plan.crashes, finding.name)))

    def _keep(self, data: bytes) -> None:
        if self._plan.corpus is not None:
            save(data, self._plan.corpus, hashlib.sha256(data).hexdigest()[:16])


def event_of(finding: Finding, subject: Subject, path: Path) -> Event:
    """Return a finding as an event."""
    return {
        "event": "finding",
        "id": finding.violated.id,
        "title": finding.violated.title,
        "diagnosis": finding.diagnosis,
        "direction": finding.case.direction.value,
        "size": len(finding.data),
        "file": str(path),
        "text": finding.text(subject),
    }


def save(data: bytes, folder: Path, name: str) -> Path:
    """Write bytes to a file in a folder, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path
