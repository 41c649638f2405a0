"""BookInfo's own services and Apache Dubbo's: all calls pass two proxies of Istio, under STRICT mutual TLS."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from live_engine.awesome import CODEC, request
from live_engine.config import built_module
from live_engine.peers import Client
from live_envoy import Release
from live_istio import ControlPlane
from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from live_istio.scenario import STRICT, virtual_service
from mesh_files import documents
from mesh_protocols import DUBBO
from mesh_running import free_port
from patience import eventually
from peers.dubbo_java import DUBBO_3, SERVICE, JavaConsumer, JavaProvider
from peers.dubbo_java import required as required_java

from metaprotocol_mesh.demo.claims import Claim
from metaprotocol_mesh.demo.files import copy_files, example_files, ports_in
from metaprotocol_mesh.demo.play import CLAIMS, Play
from metaprotocol_mesh.demo.services import Service, running
from metaprotocol_mesh.demo.stage import Stage
from metaprotocol_mesh.istio.convert import convert
from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import Codec

pytestmark = pytest.mark.live

CALLER_IP, SERVER_IP, POD_IP = "127.0.0.2", "127.0.0.3", "127.0.0.69"
CALLER = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: caller, namespace: default, annotations: ANNOTATIONS}
spec:
  workloadSelector: {labels: {app: caller}}
  egress:
"""
EGRESS = (
    "  - {port: {number: PORT, name: http-CODEC, protocol: HTTP}, bind: 127.0.0.1, captureMode: NONE, hosts: ['./*']}\n"
)
SERVER = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: server, namespace: default}
spec:
  workloadSelector: {labels: {app: server}}
  egress: [{hosts: ["istio-system/*"]}]
  ingress:
"""
INGRESS = (
    f"  - {{port: {{number: PORT, name: http-CODEC-PORT, protocol: HTTP}}, bind: {SERVER_IP}, captureMode: NONE, "
    "defaultEndpoint: '127.0.0.1:PORT'}\n"
)
DETAILS = """
apiVersion: v1
kind: Service
metadata: {name: details, namespace: default}
spec: {selector: {app: server}, ports: [{port: PORT, name: http-awesomerpc}]}
"""
"""By which `convert` finds the proxy that counts; istiod has a ServiceEntry."""
AT_POD = f"""
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: at-pod, namespace: default}}
spec:
  configPatches:
  - applyTo: LISTENER
    match: {{listener: {{name: 127.0.0.1_PORT}}}}
    patch:
      operation: MERGE
      value: {{additional_addresses: [{{address: {{socket_address: {{address: {POD_IP}, port_value: PORT}}}}}}]}}
"""
"""Lets the caller's proxy take connections to the address of a pod, to which iptables would bring them."""
DUBBO_SERVICE = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: demo, namespace: default, annotations: {{metaprotocol.io/names: {SERVICE}}}}}
spec:
  hosts: [demo.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: PORT, name: http-dubbo, protocol: HTTP}}]
  endpoints:
  - address: {SERVER_IP}
    ports: {{http-dubbo: TARGET}}
    labels: {{security.istio.io/tlsMode: istio}}
    serviceAccount: server
"""


@frozen
class Pair:
    """Two proxies.

    Args:
        istiod: Their control plane.
        caller: The proxy of all who call.
        server: That of all who are called.
    """

    istiod: ControlPlane
    caller: Sidecar
    server: Sidecar

    def show_logs(self) -> None:
        """Print what the programs have said; pytest shows it if a test has failed."""
        for one in (self.istiod, self.caller, self.server):
            print(one.log[-15_000:])  # noqa: T201


def answers_plain_text(codec: Codec, message: bytes, port: int) -> bool:
    """Return True if the server's proxy answers a client that has no proxy."""
    try:
        with Client(codec, port, SERVER_IP) as client:
            return client.call(message) is not None
    except (OSError, EOFError):
        return False


def started(stack: ExitStack, folder: Path, release: Release, services: str, rules: str) -> Pair:
    """Start the control plane with these files, and two proxies.

    Args:
        stack: Ends them.
        folder: For files.
        release: Of Envoy.
        services: ServiceEntries, and the Sidecars of both proxies.
        rules: All else.
    """
    istiod, authority = ControlPlane(folder / "istiod"), Authority(folder / "authority")
    istiod.write("10-services", documents(services, STRICT))
    filters = envoy_filters(load_text(services), Engine.installed(), Options())
    istiod.write("20-filters", as_yaml(*filters))
    istiod.write("30-rules", rules)
    stack.enter_context(istiod)
    caller, server = (
        stack.enter_context(Sidecar(app, ip, istiod.port, release, folder / app, authority))
        for app, ip in (("caller", CALLER_IP), ("server", SERVER_IP))
    )
    return Pair(istiod, caller, server)


def ingress(codec: str, *ports: int) -> str:
    return SERVER + "".join(INGRESS.replace("PORT", str(port)).replace("CODEC", codec) for port in ports)


def egress(codec: str, port: int, annotations: str = "{}") -> str:
    listener = EGRESS.replace("PORT", str(port)).replace("CODEC", codec)
    return CALLER.replace("ANNOTATIONS", annotations) + listener


class _Mesh:
    """The mesh of the demo: its files are istiod's.

    Args:
        folder: The files.
        pair: The proxies.
        details: As of `rules_in`.
    """

    def __init__(self, folder: Path, pair: Pair, details: int) -> None:
        self._folder, self._pair, self._details = folder, pair, details

    def apply(self) -> None:
        """Give istiod the changed files, and wait until the caller's proxy has them."""
        self._pair.istiod.write("30-rules", rules_in(self._folder, self._details))
        eventually(lambda: "'weight': 50" in str(self._pair.caller.dump("dynamic_route_configs")))


def rules_in(folder: Path, details: int) -> str:
    """Return what the files say for Istio, with Aeraki's limit converted.

    Args:
        folder: The files.
        details: The port at which the proxy of details counts.
    """
    found = [(folder / f"{name}.yaml").read_text() for name in ("reviews", "ratings")]
    service = DETAILS.replace("PORT", str(details))
    converted = convert(load_text(documents((folder / "details.yaml").read_text(), service)), ["1"])
    assert not converted.notes
    return documents(*found, as_yaml(*converted.objects))


def through_the_server_s_proxy(services: str) -> str:
    """Return services whose endpoints are at the proxy, with certificates."""
    pattern = r"\{address: 127\.0\.0\.1, ports: (\{.*?\}), labels: \{app: \w+, version: (\w+)\}\}"
    labels = r"{version: \2, security.istio.io/tlsMode: istio}"
    return re.sub(pattern, rf"{{address: {SERVER_IP}, ports: \1, labels: {labels}, serviceAccount: server}}", services)


async def _played(folder: Path, release: Release) -> list[Claim]:
    """Play BookInfo's users, and return what is claimed."""
    _, written = ports_in(example_files())
    port = free_port()
    services = {key: Service(*key, port) for key in written}
    claims: list[Claim] = []
    async with running(list(services.values())) as ports:
        files = folder / "files"
        copy_files(example_files(), files, {9080: port} | {written[key]: ports[one] for key, one in services.items()})
        entries = through_the_server_s_proxy((files / "services.yaml").read_text())
        text = documents(entries, egress("awesomerpc", port), ingress("awesomerpc", *ports.values()))
        details = ports[services["details", "v1"]]
        with ExitStack() as stack:
            pair = await asyncio.to_thread(started, stack, folder, release, text, rules_in(files, details))
            try:
                mesh: Any = _Mesh(files, pair, details)
                play = Play(Stage(files, mesh, port, services, ports), claims.append)
                await play.run()
                assert not answers_plain_text(CODEC, request(1, {"service": "details"}), details)
                return claims
            finally:
                pair.show_logs()


def test_all_claims_of_the_demo_hold(istio: None, newest: Release, tmp_path: Path) -> None:
    """Its services, users, files and claims are those of `metaprotocol mesh demo`; Istio has the place of its mesh."""
    built_module()
    claims = asyncio.run(_played(tmp_path, newest))
    assert not [one for one in claims if not one.holds]
    assert {one.name for one in claims} == set(CLAIMS)


@pytest.fixture(scope="module")
def dubbo(istio: None, newest: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, JavaProvider]]:
    built_module()
    folder, port = tmp_path_factory.mktemp("dubbo"), free_port()
    with ExitStack() as stack:
        provider = stack.enter_context(JavaProvider(required_java(DUBBO_3), folder, ["hessian2"]))
        target = provider.ports["hessian2"]
        services = documents(
            DUBBO_SERVICE.replace("PORT", str(port)).replace("TARGET", str(target)),
            egress("dubbo", port, annotations="{metaprotocol.io/authority-property: interface}"),
            ingress("dubbo", target),
        )
        rules = (
            "- match: [{headers: {zone: {exact: closed}}}]\n  directResponse: {status: 403}\n"
            "- headers: {request: {set: {hop: mesh}}}\n  route: [{destination: {host: demo}}]"
        )
        pair = started(
            stack,
            folder,
            newest,
            services,
            documents(virtual_service("demo", rules), AT_POD.replace("PORT", str(port))),
        )
        try:
            yield port, provider
        finally:
            pair.show_logs()


@pytest.mark.parametrize("address", ["127.0.0.1", POD_IP])
def test_a_java_consumer_calls_a_java_provider(dubbo: tuple[int, JavaProvider], tmp_path: Path, address: str) -> None:
    """Also if it dials the address of a pod, which Dubbo's registry has named: the interface names the service."""
    port, provider = dubbo
    with JavaConsumer(required_java(DUBBO_3), tmp_path, address) as consumer, consumer.client(port) as client:
        eventually(lambda: client.call("echo", "hello").get("same") is True)
        provider.forget()
        assert client.call("node", "circle", mine="kept")["same"] is True
        seen: Mapping[str, Any] = provider.next_call()
        assert (seen["attachments"]["mine"], seen["attachments"]["hop"]) == ("kept", "mesh")
        assert client.call("echo", "hello", zone="closed")["exception"] == DUBBO_3.rpc_exception
        assert client.call("echo", "again")["same"] is True


def test_a_provider_s_proxy_takes_no_call_without_a_certificate(dubbo: tuple[int, JavaProvider]) -> None:
    _, provider = dubbo
    call = DUBBO.request(1, {"interface": SERVICE, "method": "echo"})
    assert not answers_plain_text(DUBBO.codec, call, provider.ports["hessian2"])
