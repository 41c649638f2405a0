"""Whoever has only the source distribution can build what we publish, and run the tests."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


def contents(folder):
    """Return the files of the wheel in a folder, by name, as digests."""
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return {name: hashlib.sha256(wheel.read(name)).hexdigest() for name in wheel.namelist()}


def test_it_builds_the_same_wheel_as_the_tree(built, unpacked, tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run(command, cwd=unpacked, check=True, capture_output=True)
    assert contents(tmp_path) == contents(built)


def test_it_has_the_recorded_vectors_that_the_tests_and_the_demo_read(unpacked):
    recorded = Path("tests", "vectors", "dubbo")
    assert {path.name for path in (unpacked / recorded).iterdir()} == {
        path.name for path in (ROOT / recorded).iterdir()
    }


def test_it_has_nothing_that_a_build_or_a_test_run_leaves_behind(unpacked):
    left_behind = {"__pycache__", ".venv", "dist", "build", ".hypothesis", ".pytest_cache", ".coverage"}
    assert not [path for path in unpacked.rglob("*") if path.name in left_behind or path.suffix == ".pyc"]
