"""The Thrift codec's benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.thrift import decoding, scanning, streams
from benchmarks.thrift.targets import TARGETS

if TYPE_CHECKING:
    from benchmarks.model import Task

__all__ = ["TARGETS", "tasks"]


def tasks() -> list[Task]:
    """Return everything that is measured of Thrift."""
    return [*decoding.tasks(), streams.task(), scanning.task()]
