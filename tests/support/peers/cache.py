"""A folder in which peers are installed once and found again."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[3]


@frozen
class NotInstalled(Exception):
    """A peer cannot be installed here.

    Args:
        reason: Why, in one sentence.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


def cache_folder() -> Path:
    """Return the folder for everything installed: METAPROTOCOL_INTEROP_CACHE, or .cache/interop in the checkout."""
    return Path(os.environ.get("METAPROTOCOL_INTEROP_CACHE") or ROOT / ".cache" / "interop").absolute()


def installed(name: str, inputs: Iterable[Path | str], install: Callable[[Path], None]) -> Path:
    """Return the folder in which something is installed; install it if it is not there, or was made from other inputs.

    Args:
        name: What it is, as part of a folder's name.
        inputs: Files, and texts such as versions, that decide what is installed.
        install: Installs it into the empty folder that it is given.

    Raises:
        NotInstalled: A program is missing, or has failed.
    """
    digest = hashlib.sha256()
    for item in inputs:
        digest.update(item.read_bytes() if isinstance(item, Path) else item.encode())
        digest.update(b"\0")
    folder = cache_folder() / f"{name}-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes wait for the one that installs
            if not folder.is_dir():
                _install(name, folder, install)
    return folder


def _install(name: str, folder: Path, install: Callable[[Path], None]) -> None:
    # What was not finished is never found under the final name.
    unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=".unfinished", dir=folder.parent))
    try:
        install(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def tool(name: str) -> str:
    """Return where a program is.

    Raises:
        NotInstalled: It is not on the PATH.
    """
    path = shutil.which(name)
    if path is None:
        raise NotInstalled(f"{name} is not installed")
    return path


def run(command: Sequence[str | Path], folder: Path, *, minutes: float = 10) -> str:
    """Run an installer to its end and return what it printed.

    Args:
        command: The program and its arguments.
        folder: Where it runs; made if it is not there.
        minutes: How long it may take.

    Raises:
        NotInstalled: It failed, or took longer.
    """
    name = Path(command[0]).name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=minutes * 60, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{name} took longer than {minutes} minutes") from None
    if done.returncode:
        raise NotInstalled(f"{name} failed: {(done.stdout + done.stderr)[-2000:].strip()}")
    return done.stdout
