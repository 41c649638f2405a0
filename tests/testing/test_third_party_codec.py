"""A codec that somebody else distributes goes through all three doors: once good, and once with a mistake in it."""

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


def with_a_mistake(source: str) -> str:
    """Return the codec with a mutation that drops new labels, the mistake of several codecs in the field."""
    right = "labels = read_labels(block) | mutation"
    assert source.count(right) == 1
    return source.replace(right, "labels = {k: mutation.get(k, v) for k, v in read_labels(block).items()}")


def install(folder: Path, codec: str) -> Path:
    """Build the distribution, and return the folder in which it is installed."""
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    (folder / "parcel_codec.py").write_text(codec, "utf-8")
    (folder / "parcel_strategies.py").write_text(STRATEGIES, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder / "site"), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("parcel"), tutorial_codec())


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wrong"), with_a_mistake(tutorial_codec()))


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


def pytest_in(site: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(site, folder, "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", *options)


def inherited(site: Path, folder: Path, group: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_conformance.py").write_text(CONFORMANCE, "utf-8")
    return pytest_in(site, folder, "-k", f"mp_{group} and not mp_cost")


def checked(site: Path, folder: Path, group: str = "") -> subprocess.CompletedProcess[str]:
    only = f"MP-{group.upper()}*"
    return run(site, folder, "metaprotocol_cli", "check", "parcel", "--effort", "quick", "--strict", "--only", only)


def plugged_in(site: Path, folder: Path, group: str = "") -> subprocess.CompletedProcess[str]:
    options = ["--metaprotocol-codec=parcel", "--metaprotocol-effort=quick", "--metaprotocol-strict"]
    return pytest_in(site, folder, *options, "-k", f"MP-{group}", str(folder))


@pytest.mark.parametrize(("door", "group"), [(inherited, ""), (checked, "mutation"), (plugged_in, "mutation")])
def test_the_good_codec_passes(door, group: str, installed: Path, tmp_path: Path) -> None:
    result = door(installed, tmp_path, group)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("door", [inherited, checked, plugged_in])
def test_the_mistake_is_found_and_named(door, wrong: Path, tmp_path: Path) -> None:
    result = door(wrong, tmp_path, "mutation")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "MP-MUTATION-001 A key names a property" in result.stdout
    assert "the key 'x-kit' was set to '1', and the property is None afterwards" in result.stdout
    assert "def test_mp_mutation_001_" in result.stdout  # to paste
    assert "replay(" in result.stdout


def test_a_codec_is_tried_on_the_messages_that_its_distribution_provides(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "metaprotocol_cli", "check", "parcel", "--only", "MP-MESSAGE-001")
    assert "parcel_codec:ParcelCodec" in result.stdout
    assert "and those that a strategy draws" in result.stdout
