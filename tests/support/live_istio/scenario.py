"""A mesh of Istio with two proxies: productpage calls reviews, which has no proxies, and ratings, which has one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from live_engine.awesome import CODEC, body, replying, request
from live_engine.peers import Client, Server, serving
from live_envoy import Release
from mesh_running import free_port
from patience import eventually

from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from live_istio.control import ControlPlane
from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import ErrorType, Metadata

RATINGS_IP = "127.0.0.3"
SERVICES = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: PORT, name: http-awesomerpc, protocol: HTTP}}]
  endpoints:
  - {{address: 127.0.0.1, ports: {{http-awesomerpc: V1}}, labels: {{version: v1}}}}
  - {{address: 127.0.0.1, ports: {{http-awesomerpc: V2}}, labels: {{version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: ratings, namespace: default}}
spec:
  hosts: [ratings.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: PORT, name: http-awesomerpc, protocol: HTTP}}]
  endpoints:
  - address: {RATINGS_IP}
    labels: {{app: ratings, version: v1, security.istio.io/tlsMode: istio}}
    serviceAccount: ratings
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: ratings, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: ratings}}}}
  ingress:
  - port: {{number: PORT, name: http-awesomerpc, protocol: HTTP}}
    bind: {RATINGS_IP}
    captureMode: NONE
    defaultEndpoint: 127.0.0.1:SERVER
  egress: [{{hosts: ["istio-system/*"]}}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: productpage, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: productpage}}}}
  egress:
  - port: {{number: PORT, name: http-awesomerpc, protocol: HTTP}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./*"]
"""
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
"""
SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews.default.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""


def before_the_router(name: str) -> str:
    """Return an EnvoyFilter that adds an HTTP filter at the caller's proxy, without the filter, which has 8 blanks."""
    return f"""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: {name}, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: productpage}}}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_OUTBOUND
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {{name: envoy.filters.http.router}}
    patch:
      operation: INSERT_BEFORE
      value:
"""


def virtual_service(service: str, http: str) -> str:
    """Return a VirtualService with rules that are written at the margin."""
    indented = "".join(f"  {line}\n" for line in http.strip().splitlines())
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {service}, namespace: default}}\n"
        f"spec:\n  hosts: [{service}.default.svc.cluster.local]\n  http:\n{indented}"
    )


class Scenario:
    """The mesh.

    Args:
        istiod: Its control plane.
        port: Of the services, and of the listener that productpage calls.
        v1: A server of reviews.
        v2: The other.
        ratings: The server of ratings.
        productpage: The caller's proxy.
        server: The proxy of ratings.
        authority: Of the proxies' certificates.
        services: What the files of services and Sidecars say.
    """

    def __init__(
        self,
        istiod: ControlPlane,
        port: int,
        v1: Server,
        v2: Server,
        ratings: Server,
        productpage: Sidecar,
        server: Sidecar,
        authority: Authority,
        services: str,
    ) -> None:
        self.istiod, self.port, self.v1, self.v2, self.ratings = istiod, port, v1, v2, ratings
        self.productpage, self.server, self.authority = productpage, server, authority
        self.services, self._version = services, 0

    def write(self, *documents: str) -> None:
        """Write objects, in place of those before; they are not in force at once."""
        self.istiod.write("30-rules", "\n---\n".join([SUBSETS, *documents]))

    def rules(self, http: str, *documents: str, policy: str = "") -> None:
        """Write the rules of reviews, in place of those before, and wait until they are in force.

        Args:
            http: Of a VirtualService, written at the margin.
            documents: More objects.
            policy: The DestinationRule's `trafficPolicy`, as YAML in one line.
        """
        self._version += 1
        version = str(self._version)
        marker = f"- match: [{{headers: {{rules: {{exact: '{version}'}}}}}}]\n  directResponse: {{status: 400}}\n"
        marked = virtual_service("reviews", marker + http.strip())
        subsets = SUBSETS + (f"  trafficPolicy: {policy}\n" if policy else "")
        self.istiod.write("30-rules", "\n---\n".join([subsets, marked, *documents]))
        eventually(lambda: self.error(rules=version) is ErrorType.BAD_REQUEST)

    def call(
        self,
        service: str = "reviews",
        payload: bytes = b"",
        command: int = 7,
        host: str = "127.0.0.1",
        **properties: str,
    ) -> Metadata | None:
        """Return the answer to a request on a new connection to a host; None if it ends before."""
        try:
            with Client(CODEC, self.port, host) as client:
                return client.call(request(1, {"service": service, **properties}, payload, command=command))
        except (OSError, EOFError):
            return None

    def answers(self, service: str = "reviews", host: str = "127.0.0.1", **properties: str) -> bytes:
        """Return the body of a good answer; b"" if there is none."""
        found = self.call(service, host=host, **properties)
        return body(found) if found is not None and not found.status_code else b""

    def error(self, service: str = "reviews", command: int = 7, **properties: str) -> ErrorType | None:
        """Return the error that an answer tells of; None if it is a good one, or there is none."""
        found = self.call(service, command=command, **properties)
        return CODEC.error_type(found) if found is not None and found.status_code else None

    def refuses(self, service: str = "reviews", command: int = 7, **properties: str) -> bool:
        """Return True if a policy refuses a call. A connection that fails, as one that is closing, does not show it."""
        return self.error(service, command, **properties) is ErrorType.UNAUTHORIZED

    def takes_plain_text(self) -> bool:
        """Return True if the proxy of ratings answers a client that has no proxy."""
        try:
            with Client(CODEC, self.port, RATINGS_IP) as client:
                return not client.call(request(1, {"service": "ratings"})).status_code
        except (OSError, EOFError):
            return False


@contextmanager
def scenario(
    release: Release, folder: Path, *, in_cluster: bool = False, port: int = 0, **mesh: Any
) -> Iterator[Scenario]:
    """Start the control plane, the servers and the proxies.

    Args:
        release: Of Envoy.
        folder: For files.
        in_cluster: As of ControlPlane.
        port: Of the services; 0 is one that is free.
        mesh: As of ControlPlane.
    """
    istiod, port = ControlPlane(folder / "istiod", in_cluster=in_cluster, **mesh), port or free_port()
    authority = Authority(folder / "authority")
    with ExitStack() as stack:
        v1, v2, ratings = (stack.enter_context(serving(CODEC, replying(name))) for name in (b"v1", b"v2", b"ratings"))
        services = SERVICES.replace("PORT", str(port)).replace("SERVER", str(ratings.port))
        services = services.replace("V1", str(v1.port)).replace("V2", str(v2.port))
        istiod.write("10-services", f"{services}\n---\n{STRICT}")
        istiod.write("20-filters", as_yaml(*envoy_filters(load_text(services), Engine.installed(), Options())))
        istiod.write("30-rules", SUBSETS)
        stack.enter_context(istiod)
        proxies = [
            stack.enter_context(Sidecar(app, ip, istiod.port, release, folder / app, authority))
            for app, ip in (("productpage", "127.0.0.2"), ("ratings", RATINGS_IP))
        ]
        found = Scenario(istiod, port, v1, v2, ratings, *proxies, authority, services)
        try:
            eventually(lambda: found.answers("ratings") == b"ratings")
            yield found
        finally:
            for one in (istiod, *proxies):
                print(one.log[-15_000:])  # noqa: T201 - pytest shows it if a test has failed
