"""A gateway of Istio takes the protocol from clients outside, and calls services inside by mutual TLS."""

from pathlib import Path

import pytest
from live_engine.awesome import CODEC, body, request
from live_engine.peers import Client
from live_envoy import Release
from live_istio.agent import Sidecar
from live_istio.scenario import Scenario
from mesh_files import documents
from mesh_running import free_port
from patience import eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine

pytestmark = pytest.mark.live

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {app: edge}
  servers:
  - {port: {number: PORT, name: http-awesomerpc, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - match: [{headers: {user: {exact: eve}}}]
    directResponse: {status: 403}
  - route: [{destination: {host: ratings}}]
"""


def test_a_gateway_routes_to_a_service_inside(mesh: Scenario, release: Release, tmp_path: Path) -> None:
    port = free_port()
    gateway = GATEWAY.replace("PORT", str(port))
    found = envoy_filters(load_text(documents(mesh.services, gateway)), Engine.installed(), Options())
    mesh.istiod.write("20-filters", as_yaml(*found))
    mesh.write(gateway)

    def answer(user: str) -> bytes | None:
        try:
            with Client(CODEC, port) as client:
                message = client.call(request(1, {"user": user}))
        except (OSError, EOFError):
            return None
        return body(message) if not message.status_code else b""

    with Sidecar("edge", "127.0.0.5", mesh.istiod.port, release, tmp_path / "edge", mesh.authority, role="router"):
        eventually(lambda: answer("bob") == b"ratings")
        assert answer("eve") == b""
