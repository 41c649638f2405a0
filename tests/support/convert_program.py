"""`metaprotocol istio convert --watch` as a program, and the API server of its cluster."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from aeraki_cluster import KINDS
from kubernetes_api import ApiServer, Json, Refused
from patience import PATIENCE, eventually


class Program:
    """The program. Its `with` block ends it, if it has not ended.

    Args:
        kubeconfig: A file.
        options: More of the command line.
    """

    def __init__(self, kubeconfig: Path, *options: str) -> None:
        command = [sys.executable, "-m", "metaprotocol_cli", "istio", "convert", "--watch", *options]
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def says(self, text: str) -> None:
        """Wait until it has said something."""
        eventually(lambda: any(text in one for one in self.lines))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ends(self) -> int:
        """Wait for its end; return its exit status."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.ends()
        if kind is not None:
            print("\n".join(self.lines))  # noqa: T201 - pytest shows it if a test has failed


class Cluster(ApiServer):
    """An API server that knows the kinds of Aeraki and Istio.

    Args:
        folder: For its kubeconfig.
        certificate: As of ApiServer.
    """

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(KINDS, certificate)
        self.file = folder / "kubeconfig"

    def __enter__(self) -> Self:
        super().__enter__()
        self.file.write_text(json.dumps(self.kubeconfig))
        return self

    def program(self, *options: str) -> Program:
        """Start the program."""
        return Program(self.file, *options)

    def make(self, content: Json) -> Json:
        """Create or replace an object."""
        return self.put(content, next(one.plural for one in KINDS if one.name == content["kind"]))

    def has_any(self, kind: str) -> bool:
        """Return True if there is an object of a kind."""
        return bool(self.storage.list(next(one for one in KINDS if one.name == kind))[1])

    def clear(self, kind: str) -> None:
        """Delete all objects of a kind."""
        found = next(one for one in KINDS if one.name == kind)
        for one in self.storage.list(found)[1]:
            with suppress(Refused):  # the program has been faster
                self.storage.delete(found, one["metadata"]["namespace"], one["metadata"]["name"])

    def find(self, kind: str, name: str = "reviews", namespace: str = "default") -> Json | None:
        """Return an object; None if there is none."""
        try:
            return self.storage.get(next(one for one in KINDS if one.name == kind), namespace, name)
        except Refused:
            return None

    def subset(self, name: str = "reviews") -> str:
        """Return the subset that a VirtualService routes to; "" if there is none."""
        found = self.find("VirtualService", name)
        return str(found["spec"]["http"][0]["route"][0]["destination"]["subset"]) if found else ""

    def watches(self, plural: str = "metarouters") -> list[int]:
        """Return the versions that the watches of a kind began at."""
        return [
            int(one.query["resourceVersion"])
            for one in [*self.requests]
            if (one.verb, one.kind.plural) == ("watch", plural)
        ]

    def lists(self, plural: str = "metarouters") -> int:
        """Return how often a kind was listed."""
        return sum((one.verb, one.kind.plural) == ("list", plural) for one in [*self.requests])
