"""Adds an earlier commit's codecs to the benchmarks, so that old and new take turns in one run."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from benchmarks.model import OURS, Lane, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("metaprotocol_sdk", "metaprotocol_codecs", "benchmarks")


class NoSuchCommitError(Exception):
    """The commit, or its benchmarks, cannot be read; the text says why."""


def with_lanes_of(commit: str, tasks: Sequence[Task], folder: Path) -> list[Task]:
    """Return the tasks, and in each of them the lanes of the same name that a commit has.

    The commit's own benchmarks are run with the commit's own packages, so its interfaces may differ from today's.

    Args:
        commit: Anything that git takes for a commit.
        tasks: Today's tasks.
        folder: An empty folder for the commit's files, which is needed until the lanes have run.

    Raises:
        NoSuchCommitError: git does not know the commit, or the commit has no benchmarks.
    """
    _extract(commit, folder)
    with _packages_of(folder):
        try:
            protocols = [import_module(f"benchmarks.{task}") for task in dict.fromkeys(task.protocol for task in tasks)]
            earlier = [task for protocol in protocols for task in protocol.tasks()]
            # A lane may import more when it first runs. If it cannot run, the runner will say so.
            for lane in [lane for task in earlier for lane in task.lanes if lane.contender == OURS]:
                with suppress(Exception):
                    lane.run(lane.inputs(0)[0])
        except ImportError as error:
            raise NoSuchCommitError(f"the benchmarks of {commit} cannot be imported: {error}") from error
    lanes = {
        (task.protocol, task.name, lane.subject): lane
        for task in earlier
        for lane in task.lanes
        if lane.contender == OURS
    }
    return [evolve(task, lanes=list(_paired(task, commit, lanes))) for task in tasks]


def _paired(task: Task, commit: str, earlier: dict[tuple[str, str, str], Lane]) -> Iterator[Lane]:
    for lane in task.lanes:
        yield lane
        if lane.contender == OURS and (before := earlier.get((task.protocol, task.name, lane.subject))) is not None:
            yield Lane(lane.subject, f"at {commit}", before.inputs, before.run, before.check, before.units)


def _extract(commit: str, folder: Path) -> None:
    command = ["git", "-C", str(_ROOT), "archive", "--format=tar", commit, "src", "benchmarks"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise NoSuchCommitError(f"git cannot be run: {error}") from error
    if done.returncode:
        raise NoSuchCommitError(f"git cannot read {commit}: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


@contextmanager
def _packages_of(folder: Path) -> Iterator[None]:
    """Import our packages from another folder, and put today's back afterwards."""
    today = _take_modules()
    path = [str(folder / "src"), str(folder)]
    sys.path[:0] = path
    try:
        yield
    finally:
        _take_modules()
        sys.modules.update(today)
        for entry in path:
            sys.path.remove(entry)


def _take_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]
    return {name: sys.modules.pop(name) for name in names}
