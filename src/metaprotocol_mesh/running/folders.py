"""The folders of running meshes, each locked while its Envoy lives."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCK = "lock"
_FACTS = "mesh.json"
_NAME_AT_MOST = 32  # the path of a unix socket has at most 107 bytes
_PATH_AT_MOST = 107


class RuntimeFolderError(MetaProtocolError):
    """A folder for running meshes that cannot be used; the text says why."""


def base() -> Path:
    """Return the folder of this user's running meshes: $XDG_RUNTIME_DIR/metaprotocol-<uid>, or below /tmp."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(), f"metaprotocol-{os.getuid()}")


def claim(name: str) -> tuple[Path, int]:
    """Make and lock an empty folder.

    Args:
        name: How it is called; "-2" and so on is added if a mesh of this name runs.

    Returns:
        The folder, and the descriptor that keeps it locked. A process that inherits it keeps the lock, too.

    Raises:
        RuntimeFolderError: It cannot be made, or others could write there.
    """
    folder = base()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            text = f"{folder} must be a folder of this user that nobody else can open: remove it, or `chmod 700` it"
            raise RuntimeFolderError(text)
        safe = "".join(one if (one.isalnum() and one.isascii()) or one in "-_." else "-" for one in name)
        safe = safe.strip(".-")[:_NAME_AT_MOST] or "mesh"
        for number in range(1, 1000):
            found = folder / (safe if number == 1 else f"{safe}-{number}")
            if len(os.fsencode(found / "admin.sock")) > _PATH_AT_MOST:
                raise RuntimeFolderError(
                    f"{found} is too long for a unix socket: set XDG_RUNTIME_DIR to a shorter folder"
                )
            descriptor = _lock(found)
            if descriptor is not None:
                for one in found.iterdir():
                    if one.name != _LOCK:
                        _remove(one)
                return found, descriptor
    except OSError as error:
        raise RuntimeFolderError(f"{error.filename or folder} cannot be made: {error.strerror}") from error
    raise RuntimeFolderError(f"{folder} has a thousand running meshes of the name {name}")


def release(folder: Path, descriptor: int) -> None:
    """Remove a folder, and unlock it.

    Args:
        folder: From `claim`.
        descriptor: From `claim`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def running_folders() -> list[Path]:
    """Return the folders of this user's running meshes, by name."""
    found = []
    with suppress(OSError):
        for folder in sorted(base().iterdir()):
            with suppress(OSError):
                descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(folder)
                finally:
                    os.close(descriptor)
    return found


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what others may know of a running mesh.

    Args:
        folder: The mesh's.
        facts: By name.
    """
    path = folder / f".{_FACTS}"
    path.write_text(json.dumps(facts), "utf-8")
    path.replace(folder / _FACTS)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what a running mesh tells of itself; nothing if it has not started yet.

    Args:
        folder: The mesh's.
    """
    try:
        found: dict[str, Any] = json.loads((folder / _FACTS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _lock(folder: Path) -> int | None:
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another may have removed it between the two calls.
        if os.fstat(descriptor).st_ino == os.stat(folder / _LOCK).st_ino:  # noqa: PTH116 - beside fstat
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
