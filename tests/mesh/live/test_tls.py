"""Mutual TLS between two proxies, and policies by principal."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from governance import EVERY_FORM, shown
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, serving
from live_envoy.certificates import self_signed
from mesh_files import LISTENER, SERVICE, anywhere, rendered
from mesh_protocols import Caller, Protocol, text_or_error
from mesh_scenarios import LiveMesh, gateway, service_entry, sidecar
from patience import PATIENCE

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
        server_side = start_envoy(anywhere(inbound).bootstrap())
        outbound = rendered(*egress(server_side.port("127.0.0.1_19081"), *certificates, server), engine=engine)
        front = start_envoy(anywhere(outbound).bootstrap())
        with Client(CODEC, front.port("127.0.0.1_19080")) as client:
            answer = client.call(request(1, {"service": "reviews"}))
            other = client.call(request(2, {"service": "details"}))
    assert (answer.status is Status.ERROR) is not allowed
    assert not allowed or body(answer) == b"served"
    assert other.status is Status.ERROR
    assert len(peer.received) == allowed


CALLS = {
    "awesomerpc": ({"service": "greeter"}, {"service": "admin"}),
    "dubbo": (
        {"interface": "org.demo.Greeter", "method": "hello"},
        {"interface": "org.demo.Greeter", "method": "delete"},
    ),
    "thrift": ({"method": "hello"}, {"method": "delete"}),
}


def of_gateway(ingress: str, protocol: Protocol, port: int) -> str:
    """Return what a page shows for a Sidecar's ingress, for a Gateway."""
    _, _, policy_of_page = ingress.split("---")
    names = ("serverCertificate", "privateKey", "caCertificates")
    files = dict(zip(names, ("certificate", "key", "authority"), strict=True))
    tls = ", ".join(f"{name}: /etc/mesh/{file}.pem" for name, file in files.items())
    door = gateway(protocol, f"{{mode: MUTUAL, {tls}}}")
    return "---".join((door, service_entry(protocol, {"v1": [port]}), policy_of_page))


@EVERY_FORM
@pytest.mark.parametrize("kind", ["ingress", "gateway"])
def test_a_certificate_and_an_operation_decide_at_ingress_and_gateway(
    start_envoy: Any, tmp_path: Path, certificates: tuple[Path, Path], protocol: Protocol, kind: str
) -> None:
    built_module()
    key, certificate = certificates

    def named(text: str) -> str:
        for file, path in (("key", key), ("certificate", certificate), ("authority", certificate)):
            text = text.replace(f"/etc/mesh/{file}.pem", str(path))
        return text.replace("http-awesomerpc", f"http-{protocol}").replace("sa/reviews", "sa/web")

    allowed, refused = CALLS[protocol.codec.name]
    with protocol.serving("served") as server:
        page = shown("authorization", "by-identity").replace("21101", str(server.port))
        if kind == "gateway":
            page = of_gateway(page, protocol, server.port)
        server_side = LiveMesh(start_envoy, tmp_path / "server", named(page))
        servers = {"v1": [server_side.port]}
        of_caller = named(shown("authorization", "of-a-caller"))
        front = LiveMesh(
            start_envoy, tmp_path / "client", service_entry(protocol, servers), of_caller, sidecar(protocol)
        )
        with Caller(protocol, front.port) as client:
            assert client.text(allowed) == "served"
            assert not text_or_error(client.ask(refused))
            server_side.write(named(page).replace("sa/web", "sa/other"))
            client.text_until(lambda text: not text, allowed)
            count = len(server.received)
        with socket.create_connection(("127.0.0.1", server_side.port), PATIENCE) as plain:
            plain.sendall(protocol.request(1, allowed))
            with suppress(ConnectionError):
                while plain.recv(100):  # an alert of TLS
                    pass
        assert all(message.operation == server.received[0].operation for message in server.received)
        assert len(server.received) == count
