"""Runs saved inputs again, in every way that fuzzing may try them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.fuzz.session import event_of
from metaprotocol_sdk.testing._work.memory import limited_memory
from metaprotocol_sdk.testing._work.watchdog import watchdog
from metaprotocol_sdk.testing.fuzzing import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from metaprotocol_cli.fuzz.session import Event
    from metaprotocol_sdk.testing import Subject


def replay(subject: Subject, paths: Iterable[Path], tell: Callable[[Event], None]) -> int:
    """Try saved inputs and tell what is found, each thing once a file.

    Returns:
        How many files there were.
    """
    count = 0
    for path in paths:
        count += 1
        with limited_memory(), watchdog(subject.effort.cpu_seconds) as limit:
            subject.limit = limit
            findings = Trial(subject).thorough(path.read_bytes())
        for finding in {finding.key: finding for finding in reversed(findings)}.values():
            tell(event_of(finding, subject, path))
    return count
