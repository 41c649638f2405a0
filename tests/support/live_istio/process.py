"""A program of Istio that runs in the background."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from patience import PATIENCE


class Process:
    """A program and those that it starts.

    Args:
        command: The program and its arguments.
        folder: In which it runs.
        environment: Its whole environment.
    """

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._name = Path(command[0]).name
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def log(self) -> str:
        """The output so far."""
        return "\n".join(self._lines)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until something holds that nobody tells of, while the program runs.

        Args:
            ready: Tells whether it holds; an OSError is a no.
        """
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                if ready():
                    return
            assert self._process.poll() is None, f"{self._name} has ended:\n{self.log[-4000:]}"
            assert time.monotonic() < end, f"{self._name} is not ready:\n{self.log[-4000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End all at once; asked to end, they would wait for each other and drain for seconds."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as output:
                for line in output:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
