"""Mutual TLS between two proxies, and policies by principal."""

from pathlib import Path
from typing import Any

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, serving
from live_envoy.certificates import self_signed
from mesh_files import LISTENER, SERVICE, anywhere, rendered

from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import Status

pytestmark = pytest.mark.live

PRINCIPAL = "cluster.local/ns/default/sa/web"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"), f"spiffe://{PRINCIPAL}")


def ingress(port: int, key: Path, certificate: Path) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: server}}
spec:
  ingress:
  - port: {{number: 19081, name: http-awesomerpc}}
    defaultEndpoint: "127.0.0.1:{port}"
    tls: {{mode: MUTUAL, serverCertificate: {certificate}, privateKey: {key}, caCertificates: {certificate}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: strict}}
spec: {{mtls: {{mode: STRICT}}}}
"""


def egress(port: int, key: Path, certificate: Path, name: str) -> list[str]:
    tls = f"{{mode: MUTUAL, clientCertificate: {certificate}, privateKey: {key}, caCertificates: {certificate}"
    policy = f"  trafficPolicy: {{tls: {tls}, subjectAltNames: ['{name}']}}}}\n"
    services = SERVICE.replace("21101", str(port)).replace("21102", str(port))
    return [services.replace("  subsets:", f"{policy}  subsets:"), LISTENER]


def policy(principal: str) -> str:
    source, operation = f"{{principals: ['{principal}']}}", "{paths: ['/reviews/*']}"
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: web}}
spec: {{rules: [{{from: [{{source: {source}}}], to: [{{operation: {operation}}}]}}]}}
"""


@pytest.mark.parametrize(
    ("principal", "server", "allowed"),
    [
        (PRINCIPAL, f"spiffe://{PRINCIPAL}", True),
        ("cluster.local/ns/default/sa/*", f"spiffe://{PRINCIPAL}", True),
        ("cluster.local/ns/other/*", f"spiffe://{PRINCIPAL}", False),
        (PRINCIPAL, "spiffe://cluster.local/ns/default/sa/impostor", False),
    ],
    ids=["the principal", "its beginning", "another principal", "another server"],
)
def test_the_principal_decides(start_envoy: Any, certificates: Any, principal: str, server: str, allowed: bool) -> None:
    built_module()
    engine = Engine.installed()
    with serving(CODEC, replying(b"served")) as peer:
        inbound = rendered(ingress(peer.port, *certificates), policy(principal), engine=engine)
        behind = start_envoy(anywhere(inbound).bootstrap())
        outbound = rendered(*egress(behind.port("127.0.0.1_19081"), *certificates, server), engine=engine)
        front = start_envoy(anywhere(outbound).bootstrap())
        with Client(CODEC, front.port("127.0.0.1_19080")) as client:
            answer = client.call(request(1, {"service": "reviews"}))
            other = client.call(request(2, {"service": "details"}))
    assert (answer.status is Status.ERROR) is not allowed
    assert not allowed or body(answer) == b"served"
    assert other.status is Status.ERROR
    assert len(peer.received) == allowed
