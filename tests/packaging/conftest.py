"""The distributions of this tree, which the tests of packaging install."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from required import require

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "engine"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this tree, built without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="session")
def build_engine() -> Callable[..., Path]:
    """Build the engine in this environment, which has hatchling, and return the file."""

    def build(folder: Path, *arguments: str, source: Path = ENGINE) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *arguments]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (path,) = folder.iterdir()
        return path

    return build


@pytest.fixture(scope="session")
def engine_wheel(build_engine: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the engine, compiled by the system's compiler."""
    if not (os.environ.get("CC") or shutil.which("cc")):
        require("compiler", "this machine has no C compiler")
    return build_engine(tmp_path_factory.mktemp("engine"), "-t", "wheel")
