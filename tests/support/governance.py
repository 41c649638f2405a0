"""The rules that the pages about governance show, run by one Envoy as they stand there."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from live_engine.peers import Handler, ServerConnection
from live_envoy import Envoy
from mesh_files import anywhere, rendered
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, THRIFT, Caller, Protocol
from mesh_scenarios import destination_rule, service_entry, sidecar
from patience import PATIENCE

from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.running.apply import Applier
from metaprotocol_sdk import Error, ErrorType, Metadata

PAGES = Path(__file__).parents[2] / "docs" / "governance"
AT_ONCE = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: at-once, namespace: default}
spec:
  configPatches:
  - {applyTo: CLUSTER, patch: {operation: MERGE, value: {common_lb_config: {update_merge_window: 0s}}}}
"""
"""Envoy acts on a change of health at once, where it otherwise collects those of a second."""
_BLOCK = re.compile(r"^```yaml\n# ([a-z-]+)\.yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def blocks(page: str) -> dict[str, str]:
    """Return the YAML of a page, by the names of the files that it is.

    Args:
        page: The page's name, without ".md".
    """
    return dict(_BLOCK.findall((PAGES / f"{page}.md").read_text("utf-8")))


def shown(page: str, name: str) -> str:
    """Return what a page shows under the name of a file, without ".yaml"."""
    return blocks(page)[name]


class _Process:
    """An Envoy as `Applier` sees it."""

    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy

    def check(self) -> None:
        self._envoy.check()

    def mark(self) -> int:
        return len(self._envoy.log)

    def rejection(self, mark: int) -> str:
        return "\n".join(line for line in self._envoy.log[mark:] if "rejected" in line or "error" in line.lower())


class SharedMesh:
    """An Envoy that one test after the other configures: each has a namespace, clusters and a listener of its own.

    Args:
        start: Starts an Envoy.
        folder: For its files.
    """

    def __init__(self, start: Any, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._files: Any = rendered(engine=Engine.installed()).files(folder)
        write_files(folder, self._files)
        # A listener that was taken away keeps its watches of files until it is drained; the kernel gives a user 128.
        self.envoy: Envoy = start(self._files["bootstrap.json"], arguments=["--drain-time-s", "2"])
        self._applier = Applier(folder, self.envoy.admin, _Process(self.envoy))  # type: ignore[arg-type]

    def next(self) -> "Scenario":
        """Return a scenario of which Envoy knows nothing yet."""
        self._number += 1
        return Scenario(self, self._number)

    def apply(self, texts: list[str], labels: Mapping[str, str] | None) -> None:
        """Bring a configuration to Envoy, and wait until it is in force."""
        files = anywhere(rendered(*texts, engine=Engine.installed(), labels=labels)).files(self._folder)
        self._applier.apply(self._files, files)
        self._files = files


class Scenario:
    """The configuration of one test.

    Args:
        mesh: The Envoy.
        number: Of the scenario.
    """

    def __init__(self, mesh: SharedMesh, number: int) -> None:
        self._mesh = mesh
        self._namespace = f"t{number}"
        self.number = 19080 + number
        """The number of the listener's port in the files; Envoy listens on `port`."""
        self._protocol: Protocol | None = None
        self.envoy = mesh.envoy

    def apply(
        self,
        protocol: Protocol,
        servers: Mapping[str, list[int]],
        *texts: str,
        localities: Mapping[str, str] = {},
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Configure the service, or configure it anew; wait until that is in force.

        Args:
            protocol: What it speaks.
            servers: The ports of its servers, by version.
            texts: Rules. Without a DestinationRule there is one with a subset for each version, and a Sidecar.
            localities: Where the servers of a version are.
            labels: The proxy's.
        """
        self._protocol = protocol
        files = [service_entry(protocol, servers, localities), *texts]
        together = "".join(texts)
        if "kind: Sidecar" not in together:
            files.append(sidecar(protocol))
        if "kind: DestinationRule" not in together:
            files.append(destination_rule(servers))
        self._mesh.apply([self._own(text) for text in files], labels)

    def caller(self) -> Caller:
        """Return a client of the service."""
        assert self._protocol is not None
        return Caller(self._protocol, self.port)

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self.envoy.port(f"127.0.0.1_{self.number}")

    def cluster(self, version: str = "") -> str:
        """Return the beginning of the statistics of a subset, or of the service without one."""
        return f"cluster.outbound|9080|{version}|reviews.{self._namespace}.svc.cluster.local"

    @property
    def listener(self) -> str:
        """The beginning of the statistics of the listener."""
        return f"http.outbound_127.0.0.1_{self.number}"

    @property
    def limit(self) -> str:
        """The beginning of the statistics of the service's local limit."""
        return f"{self._namespace}/reviews.http_local_rate_limit"

    def _own(self, text: str) -> str:
        text = text.replace(".default.svc", f".{self._namespace}.svc").replace("19080", str(self.number))
        text = text.replace("http-awesomerpc", f"http-{self._protocol}")
        return text.replace("namespace: default", f"namespace: {self._namespace}")


EVERY_FORM = pytest.mark.parametrize(
    "protocol", [AWESOMERPC, DUBBO, THRIFT, FRAMED], ids=["awesomerpc", "dubbo", "theader", "framed"]
)
WITH_PROPERTIES = pytest.mark.parametrize(
    "protocol", [AWESOMERPC, DUBBO, THRIFT], ids=["awesomerpc", "dubbo", "theader"]
)


def failing(protocol: Protocol, code: int) -> Handler:
    """Return a handler that answers each request with an error of the protocol.

    Args:
        protocol: It.
        code: The protocol's own number of the error.
    """

    def handle(message: Metadata, connection: ServerConnection) -> bytes:
        return protocol.codec.on_error(message, Error(ErrorType.UNSPECIFIED, "as it was told", code))

    return handle


class Switched:
    """A handler that can be replaced by another while its server runs.

    Args:
        handler: The first.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(self, message: Metadata, connection: ServerConnection) -> bytes | None:
        return self.handler(message, connection)


def silent(message: Metadata, connection: ServerConnection) -> None:
    """Answer nothing."""


@contextmanager
def calling(connect: Callable[[], Caller]) -> Iterator[list[str]]:
    """Make calls on one connection until the block ends; yield the answers, of which each must be a server's.

    Args:
        connect: Returns the client.
    """
    answers: list[str] = []
    faults: list[Exception] = []
    over = threading.Event()

    def run() -> None:
        try:
            with connect() as client:
                while not over.is_set():
                    answers.append(client.text())
        except Exception as fault:  # noqa: BLE001 - the test fails with it
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(PATIENCE)
    assert not faults
