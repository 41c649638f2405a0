"""The C half compiles without a warning, and stands random bytes, with each compiler that is here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from required import require

NATIVE = Path(__file__).parents[2] / "engine" / "native"
COMPILERS = ("gcc", "clang")  # the tests of packaging have zig

pytestmark = pytest.mark.live


@pytest.fixture(params=COMPILERS)
def environment(request):
    """An environment in which the C half is compiled by gcc, or by clang."""
    if not shutil.which(request.param):
        require(request.param, f"there is no {request.param} here")
    return {**os.environ, "CC": request.param}


def build(what, output, environment):
    command = [sys.executable, str(NATIVE / "compile.py"), what, str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_module_compiles_without_a_warning(environment, tmp_path):
    build("module", tmp_path / "module.so", environment)
    assert (tmp_path / "module.so").stat().st_size


def test_the_http2_half_stands_random_bytes(environment, tmp_path):
    printed = build("fuzz", tmp_path / "fuzz", environment)
    if "clang" in environment["CC"]:
        assert "address,undefined" in printed
    done = subprocess.run([tmp_path / "fuzz", "2", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
