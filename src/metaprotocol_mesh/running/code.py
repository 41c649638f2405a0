"""The code of codecs: where it is, whether it has changed, and copies of it.

Nothing is imported here. What Envoy loads is a copy, so that it is what was checked, whatever is edited meanwhile.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.places import Place, Problem
from metaprotocol_mesh.running.trust import distrust
from metaprotocol_sdk import available_codecs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaprotocol_mesh.running.files import Signature

_SIZE_AT_MOST = 64 << 20
_LEFT_OUT = ("__pycache__", "*.pyc", ".git", ".*_cache", "node_modules", ".venv")


@frozen
class Code:
    """The code of a codec: its package, or its module if that is one file.

    Args:
        name: The codec's.
        target: Its class, as "package.module:Class".
        origin: The folder of the package, or the file.
        release: The version of the distribution that it comes from; "" if there is none.
    """

    name: str
    target: str
    origin: Path
    release: str = ""


@frozen
class Copy:
    """A copy of a codec's code.

    Args:
        code: What was copied.
        folder: Where; its name is the hash of what is in it.
    """

    code: Code
    folder: Path

    @property
    def version(self) -> str:
        """The hash of the code."""
        return self.folder.name

    def original(self, path: str) -> str:
        """Return the path of the file that a file of the copy was made of; other paths as they are."""
        root = str(self.folder)
        return f"{self.code.origin.parent}{path.removeprefix(root)}" if path.startswith(f"{root}/") else path


def find_codes(named: Mapping[str, str]) -> tuple[list[Code], list[Problem]]:
    """Return the code of the codecs that are installed, and of those that are named, and what is wrong with these.

    Args:
        named: Classes, as "package.module:Class", by the codec's name.
    """
    importlib.invalidate_caches()
    found: dict[str, Code] = {}
    problems = []
    for info in available_codecs(refresh=True):
        origin = _origin(info.target)
        if origin is not None:
            found[info.name] = Code(info.name, info.target, origin, info.version)
    for name, target in named.items():
        place = Place(f"--codec {name}={target}")
        origin = _origin(target)
        if ":" not in target:
            problems.append(Problem(place, "a codec is named as package.module:Class"))
        elif name in found and found[name].target != target:
            text = f"another codec is called {name}: {found[name].target} is installed"
            problems.append(Problem(place, text, "give yours another name"))
        elif origin is None:
            module = target.partition(":")[0].partition(".")[0]
            problems.append(Problem(place, f"there is no module {module!r}", "run this in its folder, or install it"))
        else:
            found[name] = Code(name, target, origin)
    return list(found.values()), problems


def distrusted(codes: Iterable[Code], named: Mapping[str, str]) -> list[Problem]:
    """Return the problems of code that others may write to.

    Args:
        codes: All.
        named: Those that the command line names.
    """
    found = []
    for code in codes:
        reasons = (reason for path in guarded(code) if (reason := distrust(path)))
        reason = next(reasons, "")
        if reason:
            word = f"--codec {code.name}" if code.name in named else f"the codec {code.name}"
            found.append(Problem(Place(str(code.origin)), f"{word} is not loaded: {reason}"))
    return found


def guarded(code: Code) -> list[Path]:
    """Return the files and folders of a codec's code that others must not write to."""
    return [
        code.origin,
        *sorted(path for path in code.origin.rglob("*") if path.is_dir() or path.suffix == ".py"),
    ]


def signature(codes: Iterable[Code]) -> Signature:
    """Return what changes when a file of the code does, or a distribution is installed."""
    origins = sorted({code.origin for code in codes})
    found = [(one, os.stat(one).st_mtime_ns, 0, 0) for one in sys.path if os.path.isdir(one)]  # noqa: PTH112, PTH116
    for path in (path for origin in origins for path in (origin, *sorted(origin.rglob("*")))):
        if "__pycache__" in path.parts or path.suffix == ".pyc":
            continue
        try:
            facts = path.stat()
        except OSError:
            continue
        if path.is_file():
            found.append((str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(found)


def copy(codes: Iterable[Code], folder: Path) -> dict[str, Copy]:
    """Copy the code of codecs, and return the copies by the names of the codecs.

    Args:
        codes: What to copy.
        folder: Gets a folder for each version; one that is there already is taken.

    Raises:
        OSError: Something cannot be read or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made: dict[Path, Path] = {}
    for origin in {code.origin for code in codes}:
        size = sum(path.stat().st_size for path in origin.rglob("*") if path.is_file())
        if size > _SIZE_AT_MOST:
            raise OSError(0, f"it has {size >> 20} MiB, and the code of a codec at most {_SIZE_AT_MOST >> 20}", origin)
        unfinished = Path(tempfile.mkdtemp(prefix=".", dir=folder))
        try:
            target = unfinished / origin.name
            if origin.is_dir():
                shutil.copytree(origin, target, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            else:
                shutil.copyfile(origin, target)
            made[origin] = folder / _digest(unfinished)
            if not made[origin].exists():
                unfinished.rename(made[origin])
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return {code.name: Copy(code, made[code.origin]) for code in codes}


def folders(codes: Iterable[Code]) -> set[Path]:
    """Return the folders in which something changes when the code does.

    Args:
        codes: All.
    """
    found: set[Path] = set()
    for origin in {code.origin for code in codes}:
        found.add(origin.parent)
        if origin.is_dir():
            inside = (one for one in origin.rglob("*") if one.is_dir() and "__pycache__" not in one.parts)
            found.update((origin, *inside))
    return {path for path in found if path.is_dir()}


def remove_old(folders: Iterable[Path], kept: int) -> None:
    """Remove copies that are no longer used but by old connections, which have imported nearly all of it.

    Args:
        folders: Of copies.
        kept: The number of them that stay, the newest.
    """
    found = sorted(folders, key=lambda folder: folder.stat().st_mtime)
    for folder in found[: max(0, len(found) - kept)]:
        shutil.rmtree(folder, ignore_errors=True)


def _origin(target: str) -> Path | None:
    top = target.partition(":")[0].partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    if folders:
        # A namespace package has several: the one that has the codec.
        rest = target.partition(":")[0].split(".")[1:2]
        fitting = [one for one in folders if not rest or any(Path(one).glob(f"{rest[0]}*"))]
        return Path((fitting or folders)[0])
    path = Path(spec.origin or "")
    return path if spec.origin and path.suffix == ".py" and path.is_file() else None


def _digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found.update(f"{path.relative_to(folder)}\0{len(data)}\0".encode("utf-8", "surrogatepass") + data)
    return found.hexdigest()[:12]
