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


@pytest.mark.live
def test_the_module_compiles_without_a_warning(environment, tmp_path):
    build("module", tmp_path / "module.so", environment)
    assert (tmp_path / "module.so").stat().st_size


def fuzz(driver):
    done = subprocess.run([driver, "1", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_http2_half_stands_random_bytes(tmp_path):
    """Under the sanitizers that the system's compiler has; without any compiler the module's own tests are skipped."""
    if not (os.environ.get("CC") or shutil.which("cc")):
        require("compiler", "this machine has no C compiler")
    build("fuzz", tmp_path / "fuzz", os.environ)
    fuzz(tmp_path / "fuzz")


@pytest.mark.live
def test_the_http2_half_stands_random_bytes_with_each_compiler(environment, tmp_path):
    assert "address,undefined" in build("fuzz", tmp_path / "fuzz", environment)
    fuzz(tmp_path / "fuzz")
