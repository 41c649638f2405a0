"""Services of Kubernetes, and a proxy to which iptables would bring the connections.

Each listener of istiod that clients call is bound to an address of this machine, by EnvoyFilters of this test; in
test_iptables.py it is not. All else is what the proxy of a pod gets.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dubbo_bytes
import pytest
from attrs import frozen
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, serving
from live_envoy import Release
from live_istio import ControlPlane
from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from live_istio.scenario import virtual_service
from live_istio.services import Selected, put_service, service
from mesh_files import documents
from mesh_protocols import DUBBO, text_of
from mesh_running import free_port
from patience import PATIENCE, eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import ErrorType, Metadata

pytestmark = pytest.mark.live

REVIEWS, WEB, GREETER, POD = "127.0.0.66", "127.0.0.67", "127.0.0.68", "127.0.0.69"
"""Addresses of services, and one that is of none, as a registry names pods."""
RATINGS = "127.0.0.3"
NAMES = "{metaprotocol.io/authority-property: interface, metaprotocol.io/names: INTERFACE}"
BOUND = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: bound-PORT, namespace: default}
spec:
  configPatches:
  - applyTo: LISTENER
    match: {context: SIDECAR_OUTBOUND, listener: {name: 0.0.0.0_PORT}}
    patch:
      operation: MERGE
      value:
        bind_to_port: true
        address: {socket_address: {address: FIRST, port_value: PORT}}
        additional_addresses: [{address: {socket_address: {address: SECOND, port_value: PORT}}}]
"""
UNBOUND = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: unbound, namespace: default}
spec:
  configPatches:
  - applyTo: LISTENER
    match: {listener: {name: virtualOutbound}}
    patch: {operation: MERGE, value: {bind_to_port: false}}
  - applyTo: LISTENER
    match: {listener: {name: virtualInbound}}
    patch: {operation: MERGE, value: {bind_to_port: false}}
"""


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"web")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing."""


@frozen
class Cluster:
    """The services that the tests call."""

    caller: Sidecar
    server: Sidecar
    port: int
    dubbo: int
    target: int

    def call(self, **properties: str) -> Metadata | None:
        """Call the address of reviews; None if the connection ends before the answer."""
        try:
            with Client(CODEC, self.port, REVIEWS) as client:
                return client.call(request(1, properties))
        except (OSError, EOFError):
            return None


@pytest.fixture(scope="module")
def cluster(istio: None, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    built_module()
    folder = tmp_path_factory.mktemp("kubernetes")
    istiod, authority = ControlPlane(folder / "istiod"), Authority(folder / "authority")
    port, dubbo, target = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        web = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
        stack.callback(web.server_close)
        stack.callback(web.shutdown)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        reviews = stack.enter_context(serving(CODEC, replying(b"reviews")))
        greeter = stack.enter_context(DUBBO.serving("greeter"))
        names = NAMES.replace("INTERFACE", dubbo_bytes.INTERFACE)
        ours = {
            service("reviews", "http-awesomerpc", REVIEWS, port, reviews.port): "127.0.0.1",
            service("greeter", "http-dubbo", GREETER, dubbo, greeter.port, names): "127.0.0.1",
            service("ratings", "http-awesomerpc", "127.0.0.70", port, target): RATINGS,
        }
        plain = service("web", "http", WEB, port, web.server_address[1])
        filters = envoy_filters(load_text(documents(*ours, plain)), Engine.installed(), Options())
        istiod.write("20-filters", as_yaml(*filters))
        bound = [
            BOUND.replace("PORT", str(number)).replace("FIRST", first).replace("SECOND", second)
            for number, first, second in ((port, REVIEWS, WEB), (dubbo, GREETER, POD))
        ]
        istiod.write("25-bound", documents(UNBOUND, *bound))
        denied = "- match: [{headers: {user: {exact: mallory}}}]\n  directResponse: {status: 403}\n"
        rules = denied + "- route: [{destination: {host: reviews}}]"
        istiod.write("30-rules", virtual_service("reviews", rules))
        stack.enter_context(istiod)
        for text, pod in {**ours, plain: "127.0.0.1"}.items():
            put_service(istiod.cluster, text, Selected(pod))
        proxies = [
            stack.enter_context(Sidecar(app, ip, istiod.port, release, folder / app, authority, mode="REDIRECT"))
            for app, ip in (("productpage", "127.0.0.2"), ("ratings", RATINGS))
        ]
        try:
            yield Cluster(*proxies, port, dubbo, target)
        finally:
            for one in (istiod, *proxies):
                print(one.log[-15_000:])  # noqa: T201 - pytest shows it if a test has failed


def test_a_call_to_the_address_of_a_service_meets_its_rules(cluster: Cluster) -> None:
    def served() -> bool:
        found = cluster.call(user="bob")
        return found is not None and body(found) == b"reviews"

    eventually(served)
    found = cluster.call(user="mallory")
    assert found is not None
    assert CODEC.error_type(found) is ErrorType.UNAUTHORIZED


def test_http_of_others_passes_at_the_same_port(cluster: Cluster) -> None:
    def got() -> bytes:
        connection = http.client.HTTPConnection(WEB, cluster.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except OSError:
            return b""
        finally:
            connection.close()

    eventually(lambda: got() == b"web")


@pytest.mark.parametrize("address", [GREETER, POD])
def test_a_property_names_the_service_whatever_address_is_called(cluster: Cluster, address: str) -> None:
    def answer() -> str:
        try:
            with Client(DUBBO.codec, cluster.dubbo, address) as client:
                return text_of(client.call(DUBBO.request(1, {"user": "jason"})))
        except (OSError, EOFError):
            return ""

    eventually(lambda: answer() == "greeter")


def test_the_pods_that_a_service_selects_get_the_codec_in_each_filter_chain_of_their_port(cluster: Cluster) -> None:
    def chains() -> list[Any]:
        found = [one["active_state"]["listener"] for one in cluster.server.dump("dynamic_listeners")]
        (inbound,) = [one for one in found if one["name"] == "virtualInbound"]
        return [
            one for one in inbound["filter_chains"]
            if one.get("filter_chain_match", {}).get("destination_port") == cluster.target
        ]  # fmt: skip

    eventually(lambda: bool(chains()))
    for one in chains():
        names = [each["name"] for each in one["filters"]]
        assert names[-2:] == ["metaprotocol", "envoy.filters.network.http_connection_manager"]
        manager = one["filters"][-1]["typed_config"]
        assert manager["codec_type"] == "HTTP2"
        assert manager["http_filters"][0]["name"] == "metaprotocol.admission"
        tls = one["filter_chain_match"].get("transport_protocol") == "tls"
        assert manager["common_http_protocol_options"].get("idle_timeout") == ("2s" if tls else None)
