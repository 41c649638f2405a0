"""Renders the configuration in another process, so that codecs are not imported in this one."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Place, Problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping

    from metaprotocol_mesh.render.pieces import Json
    from metaprotocol_mesh.running.code import Copy

PATIENCE = 90.0
"""Seconds that a codec has to be imported, and the configuration to be rendered and validated."""
_LOOK = 0.1
"""Seconds between two looks at whether the mesh ends."""

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; "
    "from metaprotocol_mesh.running.worker import main; main()"
)


class Abandoned(Exception):
    """The mesh ends, and the rendering was not waited for."""


@frozen
class Wish:
    """The input of a rendering.

    Args:
        paths: Files and folders.
        stdin: The text that "-" among them stands for.
        namespace: The proxy's; "" takes the Sidecar's.
        labels: The proxy's; None takes those that the Sidecar selects.
        folder: Where Envoy will read the files.
        metrics: The IP address and the port where Prometheus finds Envoy's metrics; None for nowhere.
    """

    paths: tuple[str, ...]
    stdin: str | None
    namespace: str
    labels: Mapping[str, str] | None
    folder: Path
    metrics: tuple[str, int] | None = None


@frozen
class Answer:
    """The output of a rendering.

    Args:
        files: Of Envoy, by name.
        listeners: name, address, port, codec and direction of each.
        warnings: What is likely wrong.
    """

    files: dict[str, Json]
    listeners: tuple[Json, ...]
    warnings: tuple[Problem, ...]


class Renderer:
    """A process that renders.

    Args:
        copies: The code of the codecs, by name.
        named: Names of the codecs that no distribution announces.
    """

    def __init__(self, copies: Mapping[str, Copy], named: Iterable[str]) -> None:
        self._copies = dict(copies)
        codecs = {name: [copy.code.target, str(copy.folder)] for name, copy in self._copies.items()}
        path = list(dict.fromkeys(str(Path(one or ".").absolute()) for one in sys.path))
        self._setup = json.dumps({"path": path, "codecs": codecs, "named": list(named)})
        self._process = self._start()

    def render(self, wish: Wish, validate: Path | None = None, stopping: threading.Event | None = None) -> Answer:
        """Render.

        Args:
            wish: What.
            validate: The Envoy that reads the result first; None leaves that out.
            stopping: Is set when the mesh ends.

        Raises:
            ConfigurationError: The configuration or a codec is wrong; nothing was written.
            Abandoned: The mesh ends.
        """
        line = {
            "paths": wish.paths,
            "stdin": wish.stdin,
            "namespace": wish.namespace,
            "labels": wish.labels,
            "folder": str(wish.folder),
            "metrics": wish.metrics,
            "validate": str(validate) if validate is not None else "",
        }
        answer = self._ask(json.dumps(line).encode() + b"\n", stopping)
        problems = tuple(map(self._problem, answer["problems"]))
        if not answer["ok"]:
            raise ConfigurationError(problems)
        return Answer(answer["files"], tuple(answer["listeners"]), problems)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-c", _PROGRAM, self._setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us
        )

    def _ask(self, line: bytes, stopping: threading.Event | None) -> dict[str, Any]:
        if self._process.poll() is not None:  # a codec has ended it, or hung
            self.close()
            self._process = self._start()
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise TypeError("the process has pipes")
        end = time.monotonic() + PATIENCE
        found = bytearray()
        try:
            stdin.write(line)
            stdin.flush()
            while not found.endswith(b"\n"):
                if not select.select([stdout], [], [], _LOOK)[0]:
                    ends = stopping is not None and stopping.is_set()
                    if not ends and time.monotonic() < end:
                        continue
                    self._process.kill()
                    if ends:
                        raise Abandoned
                    raise ConfigurationError([Problem(NOWHERE, f"a codec was not imported within {PATIENCE:g} s")])
                data = os.read(stdout.fileno(), 1 << 20)
                if not data:
                    raise BrokenPipeError
                found += data
        except BrokenPipeError:
            status = self._process.wait()
            text = f"a codec ended the process that imported it, with exit status {status}; see above"
            raise ConfigurationError([Problem(NOWHERE, text)]) from None
        answer: dict[str, Any] = json.loads(found)
        return answer

    def _problem(self, fields: dict[str, Any]) -> Problem:
        place = Place(**fields.pop("place"))
        for copy in self._copies.values():
            place = evolve(place, source=copy.original(place.source))
        return Problem(place, **fields)
