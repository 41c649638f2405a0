"""`metaprotocol record` as a process between the client and the server of a test."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from attrs import define
from patience import PATIENCE

_LIMITED = """
import json, resource, sys
from metaprotocol_cli.main import main
for name, limit in json.loads(sys.argv.pop(1)).items():
    resource.setrlimit(getattr(resource, name), limit if isinstance(limit, list) else (limit, limit))
main()
"""


@define
class RunningRelay:
    """A relay that accepts connections.

    Args:
        port: Its port at 127.0.0.1.
        folder: The folder of its recording.
        summary: Its standard output after the first line; "" until it has stopped.
        complaints: Its standard error; "" until it has stopped.
    """

    port: int
    folder: Path
    summary: str = ""
    complaints: str = ""

    def wait_for_ends(self, connections: int) -> None:
        """Wait until this many connections have ended."""
        deadline = time.monotonic() + PATIENCE
        while len(self.manifest) < connections:
            assert time.monotonic() < deadline, f"only {len(self.manifest)} of {connections} connections have ended"
            time.sleep(0.01)

    @property
    def manifest(self) -> list[dict[str, Any]]:
        """The lines of the manifest: the connections that have ended."""
        path = self.folder / "manifest.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@contextmanager
def running_relay(
    folder: Path,
    upstream_port: int | None,
    *,
    codec: str | None = None,
    options: Sequence[str] = (),
    set: Mapping[str, str] = {},  # noqa: A002 - named as the option is
    remove: Sequence[str] = (),
    set_response: Mapping[str, str] = {},
    remove_response: Sequence[str] = (),
    when: Mapping[str, str] = {},
    reply_error: str | None = None,
    reply_message: str = "",
    status: int = 0,
    stop: signal.Signals | None = signal.SIGINT,
    limits: Mapping[str, int | list[int]] = {},
) -> Iterator[RunningRelay]:
    """Run a relay, and stop it as Ctrl-C does.

    Args:
        folder: The folder of its recording; empty, or it does not exist.
        upstream_port: The server's port; None for a relay that answers every request.
        codec: `--codec`; `options` are for `--option`, each KEY=VALUE.
        set: `--set`, so do `remove`, `set_response`, `remove_response`, `when`, `reply_error`, `reply_message`.
        status: The exit status that is expected.
        stop: The signal that stops it; None if it ends by itself.
        limits: Resource limits of its process, such as RLIMIT_NOFILE: one number, or the soft and the hard one.
    """
    command = [sys.executable, "-m", "metaprotocol_cli", "record", "--listen", "0", str(folder)]
    command += [] if upstream_port is None else ["--upstream", str(upstream_port)]
    command += [] if codec is None else ["--codec", codec]
    for option in options:
        command += ["--option", option]
    for name, changes in (("--set", set), ("--set-response", set_response), ("--when", when)):
        for key, value in changes.items():
            command += [name, f"{key}={value}"]
    for name, keys in (("--remove", remove), ("--remove-response", remove_response)):
        for key in keys:
            command += [name, key]
    command += ["--reply-error", reply_error] if reply_error else []
    command += ["--reply-message", reply_message] if reply_message else []

    if limits:
        command = [sys.executable, "-c", _LIMITED, json.dumps(limits), *command[3:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
            if found is None:
                process.kill()
                raise RuntimeError(f"the relay does not start: {line}{process.stderr.read()}")
            relay = RunningRelay(int(found[1]), folder)
            yield relay
        except BaseException:
            process.kill()
            raise
        # Not `communicate`, which would lose what `readline` has read ahead.
        guard = Timer(PATIENCE, process.kill)
        guard.start()
        if stop is not None:
            process.send_signal(stop)
        relay.summary, complaints = process.stdout.read(), process.stderr.read()
        process.wait()
        guard.cancel()
    relay.complaints = complaints
    assert process.returncode == status, f"the relay ended with status {process.returncode}: {complaints}"
