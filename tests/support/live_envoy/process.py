"""One Envoy, from its start to its end."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from patience import PATIENCE

from live_envoy.admin import Admin
from live_envoy.releases import Release

TAIL = 60
"""Lines of the log that a failure shows."""

# Envoy lists all its extensions when it starts, indented: 60 lines that tell nothing.
_EXTENSIONS = re.compile(rb"\[info\]\[main\] \[source/server/server\.cc:\d+\]   ")


class EnvoyFault(AssertionError):
    """An Envoy did what no test may cause: it did not start, died, or did not end. The text ends with its log."""


class Envoy:
    """A running Envoy. Its `with` block begins when its workers accept connections.

    Args:
        release: Which.
        config: Its bootstrap, without `admin`: that is a unix socket which only its owner may open. Listeners have port
            0, which the kernel replaces; `port` tells.
        workers: Its `--concurrency`.
        log_level: Its `--log-level`.
        arguments: More of the command line.
        environment: Variables on top of our own.
        prefix: A command that runs Envoy, such as `taskset -c 0`; it must become Envoy, with the same process id.
    """

    def __init__(
        self,
        release: Release,
        config: Mapping[str, Any],
        *,
        workers: int = 1,
        log_level: str = "info",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] = {},
        prefix: Sequence[str] = (),
    ) -> None:
        self.release = release
        # The path of a unix socket has at most 107 bytes, and pytest's folders have long names.
        self.folder = Path(tempfile.mkdtemp(prefix="envoy-"))
        socket = self.folder / "admin.sock"
        self.admin = Admin(socket, PATIENCE)
        admin = {"address": {"pipe": {"path": str(socket), "mode": 0o600}}}
        path = self.folder / "envoy.json"
        path.write_text(json.dumps({**config, "admin": admin}, indent=1), "utf-8")
        self._command = [
            *prefix,
            str(release.binary()),
            *("--config-path", str(path), "--concurrency", str(workers), "--log-level", log_level),
            *("--disable-hot-restart", "--file-flush-interval-msec", "1"),
            *arguments,
        ]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except EnvoyFault as fault:
            if error is None:
                raise
            error.add_note(str(fault))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running.pid

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> list[str]:
        """The lines of standard output and standard error so far."""
        with self._news:
            return list(self._lines)

    def tail(self, since: int = 0) -> str:
        """Return the end of the log, of the lines from number `since` on."""
        lines = self.log[since:][-TAIL:]
        return "\n".join([f"--- log of Envoy {self.release}, the last {len(lines)} lines", *lines])

    def port(self, listener: str) -> int:
        """Return where a listener listens."""
        if listener not in self._ports:
            self._ports = self.admin.ports()
        return self._ports[listener]

    def stat(self, name: str) -> int:
        """Return a counter or gauge; 0 if there is none of this name yet."""
        return self.admin.numbers(f"^{name}$".replace(".", r"\.")).get(name, 0)

    def stats(self, part: str = "") -> dict[str, int]:
        """Return counters and gauges by name; `part` is a regular expression that they match."""
        return self.admin.numbers(part)

    def wait_for_stat(self, name: str, holds: Callable[[int], bool]) -> int:
        """Wait until a counter or gauge has a value, and return it.

        Raises:
            EnvoyFault: It has not, for a long time.
        """
        return self._poll(lambda: self.stat(name), holds, f"{name} stays at {{}}")

    def wait_for_log(self, text: str, since: int = 0) -> str:
        """Wait until a line of the log has a text, and return the line.

        Args:
            text: A part of the line.
            since: The number of the first line that counts.

        Raises:
            EnvoyFault: Envoy has ended, or wrote no such line for a long time.
        """
        end = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for number in range(since, len(self._lines)):
                    if text in self._lines[number]:
                        return self._lines[number]
                since = max(since, len(self._lines))
                if self._ended:
                    break
                if not self._news.wait(end - time.monotonic()):
                    break
        if self._ended:
            self._running.wait()
            self.check()
        raise EnvoyFault(f"Envoy {self.release} does not write {text!r}\n{self.tail()}")

    def check(self) -> None:
        """Do nothing if it runs.

        Raises:
            EnvoyFault: It does not.
        """
        if self._process is not None and not self.alive:
            raise EnvoyFault(f"Envoy {self.release} has died: {_ending(self._process.returncode)}\n{self.tail()}")

    def stop(self) -> None:
        """End it as an operator does, and remove its files.

        Raises:
            EnvoyFault: It had died before, did not end, or crashed while it ended.
        """
        process = self._process
        if process is None:
            return
        try:
            self.check()
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                raise EnvoyFault(f"Envoy {self.release} does not end when it is told to\n{self.tail()}") from None
            self._join()
            if process.returncode:
                how = _ending(process.returncode)
                raise EnvoyFault(f"Envoy {self.release} crashed while it ended: {how}\n{self.tail()}")
        finally:
            self._kill()

    def _start(self) -> None:
        self._process = process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        self.wait_for_log("all dependencies initialized. starting workers")
        # The kernel chose the ports before; a worker accepts once this is 1.
        started = "listener_manager.workers_started"
        self._poll(lambda: self.stat(started), bool, "the workers have not started")

    def _poll(self, ask: Callable[[], int], holds: Callable[[int], bool], failure: str) -> int:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                value = ask()
            except OSError:
                self._gone()
                raise
            if holds(value):
                return value
            if time.monotonic() > end:
                raise EnvoyFault(f"Envoy {self.release}: {failure.format(value)}\n{self.tail()}")
            time.sleep(0.005)

    def _gone(self) -> None:
        """Raise if it is ending, since then it does not answer."""
        if self._process is not None:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                return
            self._join()
            self.check()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout as output:
            for line in output:
                if not _EXTENSIONS.search(line):
                    with self._news:
                        self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                        self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join(PATIENCE)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.kill()
            process.wait()
            self._join()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise EnvoyFault(f"Envoy {self.release} does not run")
        return self._process


def _ending(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"
