"""Finds the shared library of the running Python, which the module loads into Envoy."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path


class LibpythonNotFound(Exception):
    """This Python has no shared library; the text names the command that brings one."""


def find_libpython() -> Path:
    """Return the shared library of the running Python.

    Raises:
        LibpythonNotFound: There is none.
    """
    for candidate in _candidates():
        if candidate.is_file():
            return candidate
    from find_libpython import find_libpython as search  # rarely needed

    found = search()
    if found is not None:
        return Path(found)
    raise LibpythonNotFound(
        f"{sys.executable} (Python {sys.version.split()[0]}) has no shared library, which Envoy must load. {_remedy()}"
    )


def _candidates() -> list[Path]:
    """Return where the library may be; sysconfig names a file also where there is none."""
    names = [sysconfig.get_config_var(variable) for variable in ("INSTSONAME", "LDLIBRARY")]
    names = [name for name in names if name and ".so" in name]
    folders = [Path(sys.base_prefix) / "lib"]
    if folder := sysconfig.get_config_var("LIBDIR"):
        folders.insert(0, Path(folder))
        if triple := sysconfig.get_config_var("MULTIARCH"):
            folders.insert(1, Path(folder) / triple)
    return [folder / name for folder in folders for name in names]


def _remedy() -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if "pyenv" in sys.base_prefix:
        return f"Build it with one: env PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force {version}"
    if shutil.which("apt-get") and sys.base_prefix == "/usr":
        return f"Install it: apt-get install libpython{version}"
    return "Use a Python that was built with --enable-shared, such as uv's or the official container's"
