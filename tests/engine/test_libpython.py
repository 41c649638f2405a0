"""The shared library of the running Python is found, or the error names the command that brings it."""

import ctypes.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import find_libpython as package
import pytest
from required import require

from metaprotocol_envoy import LibpythonNotFound, libpython

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/bin/python3")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
PATHS = [ROOT / "src", ROOT / "engine" / "src", sysconfig.get_path("purelib")]


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A Python whose library is not where sysconfig says, and of which the package find-libpython knows nothing."""
    variables = {"INSTSONAME": f"libpython{VERSION}.so.1.0", "LIBDIR": str(tmp_path), "MULTIARCH": "x86_64-linux-gnu"}
    monkeypatch.setattr(sysconfig, "get_config_var", variables.get)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(package, "find_libpython", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def debian(nowhere, monkeypatch):
    """The same on Debian. Its programs are ours: a folder for them, first on the PATH."""
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    programs = nowhere / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def program(name, script):
        path = programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    program("apt-get", "exit 100")
    program("dpkg-query", "exit 1")
    program("dpkg", f'mkdir -p "$3/usr/lib/x86_64-linux-gnu" && cp "$2" "$3/usr/lib/x86_64-linux-gnu/{SONAME}"')
    return program


SONAME = f"libpython{VERSION}.so.1.0"


def test_the_library_of_this_python_is_found():
    try:
        path = libpython.find_libpython()
    except LibpythonNotFound as error:
        require("libpython", str(error))
    assert path.is_file()


def test_a_library_that_sysconfig_names_and_that_is_not_there_is_not_taken(nowhere):
    with pytest.raises(LibpythonNotFound, match="has no shared library"):
        libpython.find_libpython()


def test_the_folder_of_the_architecture_is_searched(nowhere):
    (nowhere / "x86_64-linux-gnu").mkdir()
    (nowhere / "x86_64-linux-gnu" / SONAME).touch()
    assert libpython.find_libpython() == nowhere / "x86_64-linux-gnu" / SONAME


def test_a_library_beside_the_interpreter_is_found(nowhere):
    (nowhere / "lib").mkdir()
    (nowhere / "lib" / SONAME).touch()
    assert libpython.find_libpython() == nowhere / "lib" / SONAME


def test_the_library_of_another_python_is_not_taken(nowhere, monkeypatch):
    monkeypatch.setattr(package, "find_libpython", lambda: ctypes.util.find_library("c"))
    with pytest.raises(LibpythonNotFound):
        libpython.find_libpython()


def test_the_error_names_the_commands_that_bring_the_library(debian):
    with pytest.raises(LibpythonNotFound, match=f"apt-get install libpython{VERSION}.* --fetch-libpython"):
        libpython.find_libpython()


def test_the_library_is_fetched_from_the_systems_sources_and_found_from_then_on(debian):
    debian("apt-get", f'test "$2" = download && touch "$3.deb" && test "$3" = libpython{VERSION}')
    fetched = libpython.fetch_libpython()
    assert fetched.name == SONAME
    assert fetched.is_file()
    assert libpython.find_libpython() == fetched


def test_lists_that_were_never_fetched_are_fetched_into_the_cache(debian):
    debian(
        "apt-get",
        f"""case "$*" in
        *Dir::State::Lists=*update) touch updated;;
        *Dir::State::Lists=*download*) test -e updated && touch libpython{VERSION}.deb;;
        *) exit 100;;
        esac""",
    )
    assert libpython.fetch_libpython().is_file()


def test_what_apt_get_does_not_know_is_told(debian):
    debian("apt-get", "case $* in *update) ;; *) exit 100;; esac")
    with pytest.raises(LibpythonNotFound, match=f"apt-get knows no package libpython{VERSION}"):
        libpython.fetch_libpython()


def test_only_the_systems_own_python_has_a_package(nowhere):
    with pytest.raises(LibpythonNotFound, match="only the Python of Debian or Ubuntu"):
        libpython.fetch_libpython()


@pytest.mark.live
def test_debians_own_package_has_the_library_of_debians_python(tmp_path):
    """With the real apt-get and no lists, as in a container."""
    is_debian = Path("/usr/bin/apt-get").exists() and DEBIAN.exists()
    ask = "import sys; sys.exit(sys.version_info < (3, 11))"
    if not is_debian or subprocess.run([DEBIAN, "-c", ask], check=False).returncode:
        pytest.skip("this is not Debian or Ubuntu with a python3 that we support")
    (tmp_path / "apt.conf").write_text(f'Dir::State::Lists "{tmp_path}/lists";\n')
    environment = {
        **os.environ,
        "APT_CONFIG": str(tmp_path / "apt.conf"),
        "PYTHONPATH": os.pathsep.join(map(str, PATHS)),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    program = "from metaprotocol_envoy.libpython import fetch_libpython as f, _version_of as v; print(v(str(f())))"
    done = subprocess.run([DEBIAN, "-c", program], env=environment, capture_output=True, text=True, check=False)
    if "apt-get failed" in done.stderr or "knows no package" in done.stderr:
        require("index", f"Debian's packages cannot be reached: {done.stderr[-300:]}")
    version = subprocess.run([DEBIAN, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert done.stdout.strip() == version, done.stderr
