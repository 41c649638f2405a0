"""Runs saved inputs again, in every way that fuzzing may try them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.fuzz.session import event_of
from metaprotocol_sdk.testing._watchdog import watchdog
from metaprotocol_sdk.testing._work import limited_memory
from metaprotocol_sdk.testing.fuzzing import FuzzTarget, minimised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from metaprotocol_cli.fuzz.session import Event
    from metaprotocol_sdk.testing import Subject


def replay(subject: Subject, paths: Iterable[Path], tell: Callable[[Event], None]) -> None:
    """Try saved inputs and report the findings, each once for a file, with an input made small."""
    for path in paths:
        with limited_memory(), watchdog(subject.effort.cpu_seconds) as limit:
            subject.limit = limit
            target = FuzzTarget(subject)
            findings = {finding.key: finding for finding in reversed(target.thorough(path.read_bytes()))}
            small = [minimised(target, finding) for finding in findings.values()]
        for finding in small:
            tell(event_of(finding, subject, path))
