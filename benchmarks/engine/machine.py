"""The programs in C, and what the kernel says of processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 180.0


class BenchmarkFault(Exception):
    """The benchmark cannot run; the text says why."""


def compile_programs(folder: Path) -> None:
    """Compile `load` and `server` into a folder, with the system's compiler or with zig.

    Raises:
        BenchmarkFault: There is neither, or it failed.
    """
    compiler = shlex.split(os.environ.get("CC", "")) or (["cc"] if shutil.which("cc") else [])
    compiler = compiler or [sys.executable, "-m", "ziglang", "cc"]
    for name in ("load", "server"):
        flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(folder / name)]
        done = subprocess.run(
            [*compiler, *flags, str(_PROGRAMS / f"{name}.c")], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkFault(f"{compiler[0]} cannot compile {name}.c: {done.stderr[-1000:]}")


def processor_time(pid: int) -> float:
    """Return the seconds that the threads of a process have had a processor, in user and kernel, to the nanosecond.

    Threads that have ended are not counted; those of Envoy last.
    """
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # it has ended
            total += int((task / "schedstat").read_text("ascii").split()[0])
    return total / 1e9


def pin(pid: int, processor: int) -> None:
    """Bind all threads of a process, and those they will start, to a processor."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {processor})


def processors() -> tuple[int, int, int]:
    """Return a processor for Envoy, one for the server and one for the load; with fewer than three they share."""
    usable = sorted(os.sched_getaffinity(0))
    envoy, *rest = usable
    if not rest:
        return envoy, envoy, envoy
    return envoy, rest[0], rest[1] if len(rest) > 1 else rest[0]


def start_server(
    program: Path, reply: Path, layout: Sequence[int], processor: int
) -> tuple[subprocess.Popen[str], int]:
    """Start the server; return it and its port. It ends with its standard input."""
    command = [str(program), str(reply), *map(str, layout)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pin(server.pid, processor)
    return server, int(_line(server.stdout))


def run_load(command: Sequence[str], processor: int, sample: Callable[[], float]) -> tuple[dict[str, Any], float]:
    """Run the load tool to its end.

    Args:
        command: The program and its arguments.
        processor: Where it runs.
        sample: Called when the measurement begins and when it ends; returns seconds.

    Returns:
        What it measured, and the difference of the two samples.

    Raises:
        BenchmarkFault: It failed: a connection ended, or a reply was wrong.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
        pin(load.pid, processor)
        lines, samples = [], []
        for _ in ("begin", "end"):
            lines.append(_line(load.stdout))
            samples.append(sample())
        lines.append(_line(load.stdout))
        errors = load.stderr.read() if load.stderr is not None else ""
    if load.returncode or lines[:2] != ["begin", "end"]:
        raise BenchmarkFault(f"the load tool failed: {errors.strip()}")
    measured: dict[str, Any] = json.loads(lines[2])
    return measured, samples[1] - samples[0]


def _line(stream: IO[str] | None) -> str:
    return stream.readline().strip() if stream is not None else ""
