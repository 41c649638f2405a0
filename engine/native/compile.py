"""Compiles the C half: `python engine/native/compile.py module OUTPUT`, or `fuzz OUTPUT` for the driver that fuzzes it.

With `$CC` or `cc`, otherwise with zig from the package index (`ziglang`), which needs nothing of the system. No header
of Python or Envoy is needed, and nothing but libc is linked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NATIVE = Path(__file__).parent
FLAGS = "-std=gnu11 -O2 -g -fPIC -Wall -Wextra -Werror -fstack-protector-strong -fvisibility=hidden".split()
FORTIFY = "-D_FORTIFY_SOURCE=2"
PROTOCOL = ("buffer.c", "hpack.c", "http2.c")  # what the driver fuzzes
MODULE = sorted(path.name for path in NATIVE.glob("*.c") if path.name != "fuzz.c")
GLIBC = "2.28"  # the oldest that manylinux_2_28 promises


class NoCompiler(Exception):
    """There is neither cc nor ziglang."""


def digest() -> str:
    """Return the digest of the module's sources, by which its Python half knows it."""
    found = hashlib.sha256()
    for path in sorted({*NATIVE.glob("*.h"), *(NATIVE / name for name in MODULE)}):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def system_compiler() -> list[str]:
    """Return the command of the system's C compiler, or [] if there is none."""
    if command := os.environ.get("CC"):
        return shlex.split(command)
    return ["cc"] if shutil.which("cc") else []


def zig() -> list[str]:
    """Return the command of zig from the package index."""
    if importlib.util.find_spec("ziglang") is None:
        raise NoCompiler(
            f"the C half needs a compiler: install one (apt-get install gcc), "
            f"or {sys.executable} -m pip install ziglang"
        )
    target = f"{platform.machine()}-linux-gnu.{GLIBC}"
    return [sys.executable, "-m", "ziglang", "cc", "-target", target]


def run(command: list[str]) -> None:
    """Run a compiler.

    Raises:
        subprocess.CalledProcessError: It failed; what it said is on standard error.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "metaprotocol" / "zig"
    subprocess.run(command, check=True, env={"ZIG_GLOBAL_CACHE_DIR": str(cache), **os.environ})  # noqa: S603


def build_module(output: Path, compiler: list[str] | None = None) -> None:
    """Build the dynamic module.

    Args:
        output: The file; Envoys that have it loaded keep the old one.
        compiler: The command of a compiler, with any options; the system's or zig if there is none.
    """
    sources = [str(NATIVE / name) for name in MODULE]
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:  # Envoy may run with the file that is there
        new = Path(folder) / output.name
        run(
            [
                *(compiler or system_compiler() or zig()),
                *FLAGS,
                FORTIFY,
                f'-DMP_SOURCES="{digest()}"',
                "-shared",
                "-o",
                str(new),
                *sources,
                "-ldl",
                "-pthread",
            ]
        )
        new.replace(output)


def build_library(output: Path, compiler: list[str] | None = None) -> None:
    """Build the HTTP/2 and HPACK halves as a library that tests call."""
    sources = [str(NATIVE / name) for name in PROTOCOL]
    flags = [flag for flag in FLAGS if not flag.startswith("-fvisibility")]
    run([*(compiler or system_compiler() or zig()), *flags, FORTIFY, "-shared", "-o", str(output), *sources])


def build_fuzzer(output: Path) -> str:
    """Build the driver that fuzzes the HTTP/2 and HPACK halves; return the sanitizers that it runs under."""
    sources = [str(NATIVE / name) for name in (*PROTOCOL, "fuzz.c")]
    compiler = system_compiler()
    if compiler:
        for sanitizers in ("address,undefined", "undefined"):
            flags = [*FLAGS, f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-o", str(output)]
            tried = subprocess.run([*compiler, *flags, *sources], check=False, capture_output=True)  # noqa: S603
            if tried.returncode == 0:
                return sanitizers
    run([*(compiler or zig()), *FLAGS, "-o", str(output), *sources])
    return ""


def main() -> None:
    """Run the command line."""
    what, output = sys.argv[1:]
    if what == "module":
        build_module(Path(output))
    elif what == "fuzz":
        print(f"sanitizers: {build_fuzzer(Path(output)) or 'none, the compiler has none'}")
    else:
        raise SystemExit(f"there is no {what!r}; there are module and fuzz")


if __name__ == "__main__":
    main()
