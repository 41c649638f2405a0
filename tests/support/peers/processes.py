"""A peer's process, which reports in lines and stops with the test that started it."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from patience import PATIENCE


class PeerProcess:
    """A process that prints one JSON object a line, the first when it is ready, and takes commands a line each.

    Its `with` block begins when it is ready. Lines that are no objects are its libraries' talk.

    Args:
        command: The program and its arguments.
        log: The file for what it prints to standard error.
        folder: Where it runs.
        environment: Variables on top of our own.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, folder: Path, environment: Mapping[str, str] = {}
    ) -> None:
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            self.ready(self.report())
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ready(self, first: dict[str, Any]) -> None:
        """Take the first report."""

    def send(self, line: str) -> None:
        """Write a command."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """Return the next object that it prints.

        Raises:
            AssertionError: It ended, or printed nothing for a long time.
        """
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the peer says nothing; its log ends with:\n{self._end_of_log()}") from None
        if line is None:
            self._lines.put(None)
            raise AssertionError(f"the peer has ended; its log ends with:\n{self._end_of_log()}")
        report: dict[str, Any] = json.loads(line)
        return report

    @property
    def runs(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def terminate(self) -> None:
        """Ask it to shut down, as an operator does; it may take its time."""
        self._process.terminate()

    def stop(self) -> None:
        """End it: close its standard input, and if that is not enough, by its process id."""
        self._process.stdin.close()
        for end in (lambda: None, self._process.terminate, self._process.kill):
            end()
            try:
                self._process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(PATIENCE)
        self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._lines.put(None)

    def _end_of_log(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:]
