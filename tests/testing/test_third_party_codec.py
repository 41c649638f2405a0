"""A codec that somebody else distributes goes through all three doors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "parcel-codec"
version = "2.1"
dependencies = ["metaprotocol-sdk"]

[project.entry-points."metaprotocol.codecs"]
parcel = "parcel_codec:ParcelCodec"

[project.entry-points."metaprotocol.strategies"]
parcel = "parcel_strategies:messages"

[tool.hatch.build.targets.wheel]
include = ["parcel_codec.py", "parcel_strategies.py"]
"""

STRATEGIES = """
from hypothesis import strategies as st
from metaprotocol_sdk import Direction
from parcel_codec import REQUEST, build

def messages():
    numbers = st.integers(0, 2**32 - 1)
    return st.builds(lambda number, payload: (Direction.TO_SERVER, build(REQUEST, number, payload=payload)),
                     numbers, st.binary(max_size=30))
"""

CONFORMANCE = """
from metaprotocol_sdk.testing import CodecConformance
from parcel_codec import ParcelCodec

class TestParcel(CodecConformance):
    codec = ParcelCodec
    effort = "quick"
"""


def tutorial_codec() -> str:
    """Return the codec that the tutorial builds, out of its text."""
    text = (Path(__file__).parents[2] / "docs" / "write-a-codec.md").read_text("utf-8")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    parts = [block for block in blocks if not block.startswith(">>>")]
    last = next(number for number, block in enumerate(parts) if "class ParcelCodec" in block)
    return "\n".join(parts[: last + 1])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the distribution is installed."""
    folder = tmp_path_factory.mktemp("parcel")
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    (folder / "parcel_codec.py").write_text(tutorial_codec(), "utf-8")
    (folder / "parcel_strategies.py").write_text(STRATEGIES, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder / "site"), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "site"


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


def test_its_author_inherits_the_tests(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_conformance.py").write_text(CONFORMANCE, "utf-8")
    result = run(installed, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}")
    assert result.returncode == 0, result.stdout


def test_its_name_is_checked_on_the_command_line_with_the_messages_that_it_provides(
    installed: Path, tmp_path: Path
) -> None:
    result = run(installed, tmp_path, "metaprotocol_cli", "check", "parcel", "--effort", "quick", "--strict")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "parcel_codec:ParcelCodec" in result.stdout
    assert "and those that a strategy draws" in result.stdout


def test_its_name_is_checked_by_pytest(installed: Path, tmp_path: Path) -> None:
    result = run(
        installed,
        tmp_path,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={tmp_path}",
        "--metaprotocol-codec=parcel",
        "--metaprotocol-effort=quick",
        "--metaprotocol-strict",
        str(tmp_path),
    )
    assert result.returncode == 0, result.stdout
