"""A compiler for WebAssembly: zig, from the package index."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from required import require

_OPTIONS = ["-target", "wasm32-freestanding", "-nostdlib", "-O2", "-Wl,--no-entry"]


def compiled(source: Path, output: Path) -> Path:
    """Compile C to WebAssembly, and return the output; the test is skipped without zig.

    Args:
        source: A file in C.
        output: The file to write.
    """
    installed = importlib.util.find_spec("ziglang") is not None
    zig = [sys.executable, "-m", "ziglang"] if installed else [shutil.which("python-zig") or shutil.which("zig")]
    if zig[0] is None:
        require("zig", "there is no zig here, which compiles WebAssembly: python -m pip install ziglang")
    subprocess.run([*zig, "cc", *_OPTIONS, "-o", str(output), str(source)], check=True)
    return output
