"""The Dubbo codec's benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.dubbo import decoding, framing, mutation, replies
from benchmarks.dubbo.targets import TARGETS

if TYPE_CHECKING:
    from benchmarks.model import Task

__all__ = ["TARGETS", "tasks"]


def tasks() -> list[Task]:
    """Return everything that is measured of Dubbo."""
    return [decoding.task(), *mutation.tasks(), replies.task(), *framing.tasks()]
