"""The process of Envoy: its start, its log, its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TAIL = 15
"""Lines of the log that tell why Envoy has died."""
_KEPT = 400
_LOG_AT_MOST = 16 << 20

_LINE = re.compile(
    r"\[\d{4}-\d\d-\d\d [\d:.]+\]\[\d+\]\[(?P<level>\w+)\]\[(?P<logger>\w+)\] (?:\[[^\]]*\] )?(?P<text>.*)"
)
_ENGINE = "metaprotocol: "
_PRINTED = "goo.gle/debug"  # begins a resource that is printed, in all spellings of protobuf


class EnvoyDied(MetaProtocolError):
    """Envoy has ended though nobody told it to; the text has its status and the end of its log."""


class EnvoyProcess:
    """A running Envoy.

    Args:
        program: Envoy.
        folder: Has `bootstrap.json`; gets `envoy.log`.
        workers: Threads that serve connections.
        drain_time: Seconds after which connections of a changed listener are closed.
        keep: A descriptor that it inherits: the lock of the folder.
        access_log: A descriptor that its standard output goes to, which has the access log.
        report: Is called with each line that the engine reports, in another thread.
        ended: Is called when it has ended, in another thread.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        workers: int,
        drain_time: int,
        keep: int,
        access_log: int,
        report: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._count = 0
        self._lock = threading.Lock()
        self._log = folder / "envoy.log"
        self._report = report
        self._ended = ended
        command = [str(program), "--config-path", str(folder / "bootstrap.json"), "--concurrency", str(workers)]
        command += ["--disable-hot-restart", "--log-level", "warning"]
        command += ["--file-flush-interval-msec", "1000"]  # of access logs; Envoy's own is 10 s
        command += ["--drain-time-s", str(drain_time), "--drain-strategy", "immediate"]
        self._process = subprocess.Popen(  # noqa: S603 - the user's own
            command,
            stdin=subprocess.DEVNULL,
            stdout=access_log,
            stderr=subprocess.PIPE,
            pass_fds=[keep],
            start_new_session=True,  # Ctrl-C is for us, who end it
            errors="replace",
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="envoy.log", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def mark(self) -> int:
        """Return a point in the log, for `since`."""
        with self._lock:
            return self._count

    def since(self, mark: int) -> list[str]:
        """Return the lines that were logged after a point, as far as they are kept."""
        with self._lock:
            new = self._count - mark
            return list(self._lines)[-new:] if new else []

    def rejection(self, mark: int) -> str:
        """Return the reason for which Envoy has refused a file after a point in its log; "" if it says none."""
        return rejection_in(self.since(mark))

    def check(self) -> None:
        """Do nothing if it runs.

        Raises:
            EnvoyDied: It does not.
        """
        status = self._process.poll()
        if status is None:
            return
        self._reader.join(5)
        how = f"by the signal {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
        tail = "\n".join(f"  {line}" for line in list(self._lines)[-TAIL:]) or "  (it logged nothing)"
        raise EnvoyDied(f"Envoy has ended {how}. The end of its log:\n{tail}")

    def stop(self, patience: float) -> None:
        """End it.

        Args:
            patience: Seconds that it has for this.
        """
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._reader.join(patience)

    def _read(self) -> None:
        stream = self._process.stderr
        if stream is not None:
            with stream, os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                for line in stream:
                    text = line.rstrip("\n")
                    with self._lock:
                        self._lines.append(text)
                        self._count += 1
                    if file.tell() < _LOG_AT_MOST:
                        file.write(line)
                        file.flush()
                    if text.startswith(_ENGINE):
                        self._report(text.removeprefix(_ENGINE))
        self._process.wait()
        self._ended()


def rejection_in(lines: Sequence[str]) -> str:
    """Return the reason for which Envoy has refused a file, from lines of its log.

    Returns:
        "" if none is there, or not all of it: the last line was read before Envoy had written the next.
    """
    for at, line in enumerate(lines):
        found = _LINE.match(line)
        if found is None or found["level"] not in ("warning", "error", "critical") or found["logger"] != "config":
            continue
        text, whole = found["text"], _PRINTED not in found["text"]
        for more in lines[at + 1 :]:  # a refused resource is printed first, in many lines
            if _LINE.match(more):
                whole = True
                break
            text += f"\n{more}"
        if not whole and "\n: " not in text:
            return ""  # the reason, which is its last line, was not read yet
        _, refused, reason = text.partition("update rejected: ")
        if not refused and "Unable to" not in text and "error" not in text.lower():
            continue
        why = (reason or text).strip().rpartition("\n: ")[2].strip()
        engine = [said for line in lines[:at] if (said := line.partition(f"] {_ENGINE}")[2])]
        if engine and "dynamic module" in why:  # it has said more of what it could not make
            why = f"{engine[-1]} ({why})"
        return why[:600]
    return ""
