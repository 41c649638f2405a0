"""Pods as Istio makes them: in each a network namespace, its iptables rules, and a proxy that runs as another user.

Nothing is bound for the clients: they call addresses of services, which no interface has.
"""

import http.client
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from attrs import frozen
from http_service import serving_http
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, Server, serving
from live_envoy import Release
from live_istio import ControlPlane
from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from live_istio.pods import PROXY_USER, Node, Pod
from live_istio.scenario import STRICT, SUBSETS, virtual_service
from live_istio.services import Selected, put_service, service
from mesh_files import documents
from patience import PATIENCE, eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import ErrorType, Metadata

pytestmark = pytest.mark.live

REVIEWS, RATINGS, WEB = "10.96.0.1", "10.96.0.2", "10.96.0.3"
"""Of the services; nobody has them."""
PORT, NAMED, HTTP = 9080, 9081, 8080
"""Of reviews and web; of ratings, where a property names the service; of web's server."""
NAMES = "{metaprotocol.io/authority-property: service, metaprotocol.io/names: ratings}"
ROUTES = """
- match: [{headers: {user: {exact: jason}}}]
  route: [{destination: {host: reviews, subset: v2}}]
- route: [{destination: {host: reviews, subset: v1}}]
"""
OTHERS = """
- match: [{headers: {user: {exact: jason}}}]
  route: [{destination: {host: reviews, subset: v1, port: {number: 9080}}}]
- route: [{destination: {host: ratings}}]
"""
DENIED = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews, namespace: default}
spec:
  selector: {matchLabels: {app: reviews}}
  action: DENY
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/productpage]}}]
    when: [{key: "request.headers[user]", values: [mallory]}]
"""


@frozen
class Pods:
    """What the tests call.

    Args:
        client: A pod with a proxy, and a client that knows nothing of it.
        outside: A pod without a proxy; it serves reviews v2, ratings, and HTTP.
        reviews: The address of the pod of reviews v1, which has a proxy.
        v1: The server in it.
    """

    client: Pod
    outside: Pod
    reviews: str
    v1: Server

    def call(self, user: str, host: str = REVIEWS, port: int = PORT, service: str = "reviews") -> Metadata | None:
        """Call an address from the client's pod; None if the connection ends before the answer."""
        try:
            with self.client.entered(), Client(CODEC, port, host) as client:
                return client.call(request(1, {"service": service, "user": user}))
        except (OSError, EOFError):
            return None

    def answers(self, user: str, host: str = REVIEWS, port: int = PORT, service: str = "reviews") -> bytes:
        """Return the body of a good answer; b"" if there is none."""
        found = self.call(user, host, port, service)
        return body(found) if found is not None and not found.status_code else b""


@pytest.fixture(scope="module")
def pods(istio: None, newest: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    built_module()
    folder = tmp_path_factory.mktemp("iptables")
    with ExitStack() as stack:
        node = stack.enter_context(Node())
        client, server, outside = node.pod(captured=True), node.pod(captured=True), node.pod(captured=False)
        authority = Authority(folder / "authority")
        with node.namespace.entered():
            istiod = ControlPlane(folder / "istiod", host=node.address)
        with server.entered():
            v1 = stack.enter_context(serving(CODEC, replying(b"v1"), PORT, server.ip))
        with outside.entered():
            stack.enter_context(serving(CODEC, replying(b"v2"), PORT, outside.ip))
            stack.enter_context(serving(CODEC, replying(b"ratings"), NAMED, outside.ip))
            stack.enter_context(serving_http(lambda path, headers, body: (200, {}, b"web " + body), HTTP, outside.ip))
        reviews = service("reviews", "http-awesomerpc", REVIEWS, PORT, PORT)
        ratings = service("ratings", "http-awesomerpc", RATINGS, NAMED, NAMED, NAMES)
        web = service("web", "http", WEB, PORT, HTTP)
        filters = envoy_filters(load_text(documents(reviews, ratings, web)), Engine.installed(), Options())
        istiod.write("10-strict", STRICT)
        istiod.write("20-filters", as_yaml(*filters))
        istiod.write(
            "30-rules",
            documents(SUBSETS, virtual_service("reviews", ROUTES), virtual_service("ratings", OTHERS), DENIED),
        )
        with node.namespace.entered():
            stack.enter_context(istiod)
        has_proxy = {"version": "v1", "security.istio.io/tlsMode": "istio"}
        both = Selected(server.ip, has_proxy), Selected(outside.ip, {"version": "v2"})
        put_service(istiod.cluster, reviews, *both)
        for one in (ratings, web):
            put_service(istiod.cluster, one, Selected(outside.ip))
        proxies = []
        for app, pod in (("productpage", client), ("reviews", server)):
            with pod.entered():
                proxy = Sidecar(
                    app, pod.ip, istiod.port, newest, folder / app, authority, mode="REDIRECT", host=node.address,
                    user=PROXY_USER,
                )  # fmt: skip
                proxies.append(stack.enter_context(proxy))
        try:
            yield Pods(client, outside, server.ip, v1)
        finally:
            for one in (istiod, *proxies):
                print(one.log[-15_000:])  # noqa: T201 - pytest shows it if a test has failed


def test_a_call_to_the_address_of_a_service_is_routed_by_its_rules(pods: Pods) -> None:
    eventually(lambda: pods.answers("bob") == b"v1")
    eventually(lambda: pods.answers("jason") == b"v2")


def test_a_policy_for_the_callers_certificate_refuses_with_the_error_of_the_protocol(pods: Pods) -> None:
    def refused() -> bool:
        found = pods.call("mallory")
        return found is not None and CODEC.error_type(found) is ErrorType.UNAUTHORIZED

    eventually(refused)
    assert not [one for one in pods.v1.received if one.properties["user"] == "mallory"]


def test_a_pod_that_takes_only_mutual_tls_refuses_a_caller_without_a_proxy(pods: Pods) -> None:
    eventually(lambda: pods.answers("bob") == b"v1")
    with pods.outside.entered(), Client(CODEC, PORT, pods.reviews) as client:
        client.send(request(1, {"service": "reviews", "user": "outside"}))
        assert client.ended()
    assert not [one for one in pods.v1.received if one.properties["user"] == "outside"]


def test_a_call_to_the_address_of_a_pod_meets_the_rules_of_the_service_that_a_property_names(pods: Pods) -> None:
    def answers(user: str) -> bytes:
        return pods.answers(user, pods.outside.ip, NAMED, "ratings")

    eventually(lambda: answers("bob") == b"ratings")
    eventually(lambda: answers("jason") == b"v1")


def test_http_of_others_passes_at_the_same_port(pods: Pods) -> None:
    def got() -> bytes:
        with pods.client.entered():
            connection = http.client.HTTPConnection(WEB, PORT, timeout=PATIENCE)
            try:
                connection.request("POST", "/", b"shop")
                return connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                return b""
            finally:
                connection.close()

    eventually(lambda: got() == b"web shop")
