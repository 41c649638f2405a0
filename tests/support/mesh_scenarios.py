"""Aeraki's scenarios: a mesh of files, a real Envoy that watches them, and what chance may do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import comb
from pathlib import Path
from typing import Any

from live_engine.peers import Server
from live_envoy import Envoy
from mesh_files import anywhere, documents, rendered
from mesh_protocols import Protocol

from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.render.engine import Engine

SERVICE = "reviews.default.svc.cluster.local"
LISTENER = "127.0.0.1_19080"
CHANCE = 1e-9
"""The probability that is never."""


def service(protocol: Protocol | str, servers: Mapping[str, list[int]], policy: str = "") -> str:
    """Return the service, its subsets and its listener.

    Args:
        protocol: What it speaks.
        servers: The ports of its servers, by version, which is also the name of a subset.
        policy: The DestinationRule's `trafficPolicy`, as YAML in one line.
    """
    return documents(service_entry(protocol, servers), destination_rule(servers, policy), sidecar(protocol))


def service_entry(
    protocol: Protocol | str, servers: Mapping[str, list[int]], localities: Mapping[str, str] = {}
) -> str:
    """Return the service.

    Args:
        protocol: What it speaks.
        servers: The ports of its servers, by version.
        localities: Where those of a version are, if they are somewhere.
    """
    endpoints = [
        f"  - {{address: 127.0.0.1, ports: {{http-{protocol}: {port}}}, labels: {{version: {version}}}"
        f"{f', locality: {localities[version]}' if version in localities else ''}}}"
        for version, ports in servers.items()
        for port in ports
    ]
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [{SERVICE}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 9080, name: http-{protocol}, protocol: HTTP}}]
  endpoints:
{chr(10).join(endpoints)}
"""


def destination_rule(versions: Iterable[str], policy: str = "") -> str:
    """Return the subsets of the service, one for each version, and its `trafficPolicy`, as YAML in one line."""
    subsets = ", ".join(f"{{name: {version}, labels: {{version: {version}}}}}" for version in versions)
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: default}}
spec:
  host: {SERVICE}
  subsets: [{subsets}]
  trafficPolicy: {policy or "{}"}
"""


def sidecar(protocol: Protocol | str) -> str:
    """Return the listener of the service."""
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: here, namespace: default}}
spec:
  egress:
  - port: {{number: 19080, name: http-{protocol}, protocol: HTTP}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./{SERVICE}"]
"""


def gateway(protocol: Protocol | str, tls: str = "") -> str:
    """Return a listener of the service for clients outside, and the route there.

    Args:
        protocol: What it speaks.
        tls: Its certificates, as YAML in one line.
    """
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: door, namespace: default}}
spec:
  servers:
  - port: {{number: 19080, name: http-{protocol}, protocol: HTTP}}
    bind: 127.0.0.1
    hosts: [{SERVICE}]
{f"    tls: {tls}" if tls else ""}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: outside, namespace: default}}
spec:
  hosts: [{SERVICE}]
  gateways: [door]
  http: [{{route: [{{destination: {{host: {SERVICE}}}}}]}}]
"""


def meta_router(spec: str) -> str:
    """Return Aeraki's MetaRouter of the service, without its hosts; the YAML stands at the margin."""
    lines = "".join(f"  {line}\n" for line in spec.strip().splitlines())
    head = "apiVersion: metaprotocol.aeraki.io/v1alpha1\nkind: MetaRouter\nmetadata: {name: reviews}\n"
    return f"{head}spec:\n  hosts: [{SERVICE}]\n{lines}"


def destination(version: str) -> str:
    """Return a subset of the service, as YAML in one line."""
    return f"{{host: {SERVICE}, subset: {version}}}"


def to(version: str, more: str = "") -> str:
    """Return an entry of `route`, as YAML in one line: a destination and more keys."""
    return f"{{destination: {destination(version)}{more}}}"


class LiveMesh:
    """An Envoy of files that it watches.

    Args:
        start: Starts one.
        folder: For the files.
        texts: The configuration.
    """

    def __init__(self, start: Callable[..., Envoy], folder: Path, *texts: str) -> None:
        self._folder = folder
        self.envoy = start(self.write(*texts)["bootstrap.json"])

    def write(self, *texts: str) -> Mapping[str, Any]:
        """Render a configuration and write what has changed, which Envoy then takes."""
        files = anywhere(rendered(*texts, engine=Engine.installed())).files(self._folder)
        write_files(self._folder, files)
        return files

    @property
    def port(self) -> int:
        """The address that clients connect to."""
        return self.envoy.port(LISTENER)


def likely(count: int, share: float) -> range:
    """Return how many of `count` independent events happen, except with a probability below `CHANCE`."""
    weights = [comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(count + 1)]
    low = next(n for n in range(count + 1) if sum(weights[: n + 1]) > CHANCE / 2)
    high = next(n for n in range(count, -1, -1) if sum(weights[n:]) > CHANCE / 2)
    return range(low, high + 1)


@contextmanager
def versions(protocol: Protocol, *names: str) -> Iterator[dict[str, Server]]:
    """Run a server for each version, which answers with its name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(protocol.serving(name)) for name in names}


def ports(servers: Mapping[str, Server]) -> dict[str, list[int]]:
    """Return the ports of some servers, by version."""
    return {name: [server.port] for name, server in servers.items()}
