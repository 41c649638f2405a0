"""The files of the configuration: what they are, and whether they have changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from metaprotocol_mesh.load import files_of
from metaprotocol_mesh.places import Place, Problem
from metaprotocol_mesh.running.trust import distrust

if TYPE_CHECKING:
    from collections.abc import Iterable

Signature: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Changes when a file does: path, time, size and inode of each."""


def signature(paths: Iterable[str]) -> Signature:
    """Return what changes when a file of the configuration does, or comes, or goes.

    Args:
        paths: Of files and folders; "-" never changes.
    """
    found = []
    for path in _all(paths):
        try:
            facts = path.stat()
        except OSError:
            found.append((str(path), 0, 0, 0))
        else:
            found.append((str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(found)


def distrusted(paths: Iterable[str]) -> list[Problem]:
    """Return the problems of files and folders that others may write to.

    Args:
        paths: Of files and folders.
    """
    reasons: dict[str, Problem] = {}
    for path in guarded(paths):
        reason = distrust(path)
        if reason:
            reasons.setdefault(reason, Problem(Place(str(path)), f"it is not read: {reason}"))
    return list(reasons.values())


def guarded(paths: Iterable[str]) -> list[Path]:
    """Return the files and folders that others must not write to.

    Args:
        paths: Of files and folders.
    """
    paths = [path for path in paths if path != "-"]
    return [*map(Path, paths), *_all(paths)]


def folders(paths: Iterable[str]) -> set[Path]:
    """Return the folders in which something changes when a file does.

    Args:
        paths: Of files and folders.
    """
    found: set[Path] = set()
    for path in map(Path, (path for path in paths if path != "-")):
        if path.is_dir():
            found.update((path, *(one for one in path.rglob("*") if one.is_dir())))
        else:
            found.update((path.absolute().parent, Path(path).resolve().parent))
    return {path for path in found if path.is_dir()}


def _all(paths: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path != "-":
            try:
                found += files_of(Path(path))
            except OSError:
                found.append(Path(path))
    return found
