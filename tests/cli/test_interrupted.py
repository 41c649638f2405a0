"""Ctrl-C while `metaprotocol` starts, which takes some tenths of a second: no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

INTERRUPTED = f"""
import os, signal, sys

module = sys.argv[1]

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), {int(signal.SIGINT)})

sys.meta_path.insert(0, Interrupt())
sys.argv = ["metaprotocol", "codecs"]
from metaprotocol_cli import main
main()
"""


@pytest.mark.parametrize("module", ["click", "metaprotocol_sdk", "metaprotocol_cli.lazy", "metaprotocol_cli.codecs"])
def test_an_interrupted_import_leaves_no_traceback(tmp_path: Path, module: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}, check=False,
    )  # fmt: skip
    assert (process.stdout, process.stderr.strip()) == ("", "Aborted!")
    # Python ends by the signal where an `exec` was interrupted, as of attrs, though it was caught.
    assert process.returncode in (1, -signal.SIGINT)
