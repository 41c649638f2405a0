"""`make demo` on a fresh machine: Python, make and the package index are there, and no compiler."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from required import require

from metaprotocol_mesh.check import envoy

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheels are for Linux"),
]

# What make's recipes, pip and `--fetch-libpython` run.
PROGRAMS = (
    "apt-get awk basename bash cat chmod cp dpkg dpkg-deb dpkg-query env expr grep head ls make mkdir mktemp mv rm"
)
PROGRAMS += " sed sh sleep sort tail tar test touch tr true uname"
DEBIAN = Path("/usr/bin/python3")
# An overlay in a namespace of its own: elsewhere the library stays.
HIDE = """
set -e
path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$2"
rm -f "$2"/libpython3*
shift 2
PATH=$path
exec "$@"
"""


@pytest.fixture
def tree(built: Path, tmp_path: Path) -> Path:
    """A copy of this tree without anything that was made in it."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (found,) = (tmp_path / "unpacked").iterdir()
    return found


def make_demo(tree: Path, python: Path, *before: str | Path) -> None:
    """Run `make demo`, all that it shows is right; `before` is a command that runs it."""
    if envoy() is None:
        require("envoy", "there is no wheel of Envoy for this machine")
    programs = tree.parent / "programs"
    programs.mkdir()
    for name in PROGRAMS.split():
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    pip_cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pip"
    environment = {name: value for name, value in os.environ.items() if name not in {"CC", "PYTHONPATH"}}
    environment |= {"PIP_CACHE_DIR": str(pip_cache), **environment}
    environment |= {"PATH": str(programs), "XDG_CACHE_HOME": str(tree.parent / "cache")}
    command = [*before, shutil.which("make"), "-s", "demo", f"PYTHON={python}", "ARGS=--json"]
    done = subprocess.run(
        list(map(str, command)), cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    if "No matching distribution" in done.stderr:
        require("index", f"pip cannot install what the demo needs: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout[done.stdout.index("{") :])["ok"]


def test_it_needs_no_compiler(tree: Path) -> None:
    make_demo(tree, Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}"))


def test_it_fetches_the_library_that_debian_s_python_has_not(tree: Path, tmp_path: Path) -> None:
    ask = "import sys, sysconfig; print(sys.version_info >= (3, 11), sysconfig.get_config_var('MULTIARCH'))"
    asked = (
        subprocess.run([DEBIAN, "-c", ask], capture_output=True, text=True, check=False) if DEBIAN.exists() else None
    )
    if asked is None or not asked.stdout.startswith("True ") or not shutil.which("apt-get"):
        pytest.skip("this is not Debian with Python 3.11 or newer")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    hide = [
        shutil.which("unshare") or "unshare",
        "-m",
        "bash",
        "-c",
        HIDE,
        "bash",
        hidden,
        Path("/usr/lib", asked.stdout.split()[1]),
    ]
    if os.geteuid() or subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root can hide a library from a program")
    make_demo(tree, DEBIAN, *hide)
    assert list((tree.parent / "cache" / "metaprotocol").rglob("libpython3*.so.1.0"))
