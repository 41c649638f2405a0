"""Finds the shared library of the running Python, which the module loads into Envoy.

Debian's and Ubuntu's python3 comes without it; their package libpython3.X brings it, also to somebody who is not root:
see `fetch_libpython`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_ASK_VERSION = (
    "import ctypes, sys; ask = ctypes.CDLL(sys.argv[1]).Py_GetVersion; ask.restype = ctypes.c_char_p; "
    "print(ask().decode().split()[0])"
)


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

    # It may be that of another Python of the same minor, which does not go with this one's standard library.
    found = search()
    if found is not None and _version_of(found) == sys.version.split()[0]:
        return Path(found)
    raise LibpythonNotFound(
        f"{sys.executable} (Python {sys.version.split()[0]}) has no shared library, which Envoy must load. {_remedy()}"
    )


def fetch_libpython() -> Path:
    """Fetch the shared library of Debian's or Ubuntu's Python into the cache, as any user; return where it is.

    `apt-get download` takes the package from the system's own sources. Where their lists were never fetched, as in a
    container, they are fetched into the cache.

    Raises:
        LibpythonNotFound: This is not the system's Python, or the package cannot be had.
    """
    if not _is_debian():
        raise LibpythonNotFound(f"only the Python of Debian or Ubuntu has its library in a package. {_remedy()}")
    folder = _fetched().parents[3]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as name:
        unfinished = Path(name)
        _download(unfinished)
        (package,) = unfinished.glob("*.deb")
        content = unfinished / "content"
        _run(["dpkg", "-x", str(package), str(content)], unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        content.rename(folder)
    if not _fetched().is_file():
        raise LibpythonNotFound(f"the package {package.name} does not have {_fetched().relative_to(folder)}")
    return _fetched()


def _candidates() -> list[Path]:
    """Return where the library may be; sysconfig names a file also where there is none."""
    names = [sysconfig.get_config_var(variable) for variable in ("INSTSONAME", "LDLIBRARY")]
    names = [name for name in names if name and ".so" in name]
    folders = [Path(sys.base_prefix) / "lib"]
    if folder := sysconfig.get_config_var("LIBDIR"):
        folders.insert(0, Path(folder))
        if triple := sysconfig.get_config_var("MULTIARCH"):
            folders.insert(1, Path(folder) / triple)
    found = [folder / name for folder in folders for name in names]
    return [*found, _fetched()] if _is_debian() else found


def _is_debian() -> bool:
    return sys.base_prefix == "/usr" and shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def _fetched() -> Path:
    """Return where `fetch_libpython` puts the library."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "metaprotocol"
    folder = cache / f"libpython-{sys.version.split()[0]}"
    return folder / "usr" / "lib" / str(sysconfig.get_config_var("MULTIARCH")) / f"libpython{_VERSION}.so.1.0"


def _download(folder: Path) -> None:
    """Download the package into a folder, with the system's lists of packages or with lists of our own."""
    package = f"libpython{_VERSION}"
    # Of several builds of this Python, the one that is installed.
    build = _run(["dpkg-query", "-W", "-f", "${Version}", f"python{_VERSION}-minimal"], folder, check=False)
    wanted = [f"{package}={build}", package] if build else [package]
    own = [f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}/cache", "APT::Sandbox::User="]
    options = [part for option in own for part in ("-o", option)]
    for apt in (["apt-get"], ["apt-get", *options]):
        if len(apt) > 1:
            for name in ("lists/partial", "cache/archives/partial"):
                (folder / name).mkdir(parents=True)
            _run([*apt, "-qq", "update"], folder)
        for what in wanted:
            _run([*apt, "-qq", "download", what], folder, check=False)
            if list(folder.glob("*.deb")):
                return
    raise LibpythonNotFound(f"apt-get knows no package {package}. {_remedy()}")


def _run(command: list[str], folder: Path, *, check: bool = True) -> str:
    """Return what a command prints; "" if it fails and need not succeed."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603 - fixed programs; names of packages come from this Python's version
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode and check:
        raise LibpythonNotFound(f"{' '.join(command[:1])} failed: {done.stderr.strip()[-500:]}")
    return "" if done.returncode else done.stdout.strip()


def _version_of(library: str) -> str:
    """Return the version of a library of Python's, "" if it cannot be loaded; asked in a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _ASK_VERSION, library], check=False, capture_output=True, text=True
    )
    return done.stdout.strip()


def _remedy() -> str:
    if "pyenv" in sys.base_prefix:
        return f"Build it with one: env PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force {_VERSION}"
    if _is_debian():
        return (
            f"Install it: apt-get install libpython{_VERSION}; without root: "
            f"{sys.executable} -m metaprotocol_envoy --fetch-libpython"
        )
    return "Use a Python that was built with --enable-shared, such as uv's or the official container's"
