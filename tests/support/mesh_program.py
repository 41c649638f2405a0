"""`metaprotocol mesh run` as a program."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patience import PATIENCE


class Program:
    """`metaprotocol mesh run`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def event(self, name: str) -> dict[str, Any]:
        """Return the next event, which must be of this name; those that the engine reports are left out."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found: dict[str, Any] = json.loads(line)
            if found["event"] != "report":
                assert found["event"] == name, found
                return found
        raise AssertionError(f"it has ended with {self.process.wait(PATIENCE)} before {name}: {self.errors()}")

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def ends(self) -> int:
        return self.process.wait(PATIENCE)


@contextmanager
def running(release: Any, *arguments: object, folder: Path | None = None, json_lines: bool = True) -> Iterator[Program]:
    command = [sys.executable, "-m", "metaprotocol_cli", "mesh", "run", "--envoy", str(release.binary())]
    command += ["--json"] if json_lines else []
    with subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
    ) as process:  # fmt: skip
        try:
            yield Program(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=PATIENCE)
