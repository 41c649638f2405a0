"""VirtualService and DestinationRule of Istio hold for the protocol, as istiod makes Envoy's configuration of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.peers import Client, Handler, Server, ServerConnection
from live_istio.scenario import Scenario, before_the_router
from mesh_running import calling
from mesh_scenarios import likely
from patience import eventually

from metaprotocol_codecs.awesomerpc.codec import STATUSES
from metaprotocol_mesh.istio.convert import convert
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_sdk import ErrorType, Metadata

pytestmark = pytest.mark.live

RATE_LIMIT = (
    before_the_router("limit")
    + """        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          stat_prefix: limit
          token_bucket: {max_tokens: 5, tokens_per_fill: 5, fill_interval: 600s}
          filter_enabled: {default_value: {numerator: 100}}
          filter_enforced: {default_value: {numerator: 100}}
"""
)


def to(version: str, more: str = "") -> str:
    return f"{{destination: {{host: reviews, subset: {version}}}{more}}}"


@contextmanager
def behaving(server: Server, handler: Handler) -> Iterator[None]:
    """Let a server answer otherwise for a while."""
    before, server._handler = server._handler, handler
    try:
        yield
    finally:
        server._handler = before


def test_a_property_and_an_operation_choose_the_version(mesh: Scenario) -> None:
    mesh.rules(
        f"""
- match: [{{headers: {{user: {{exact: jason}}}}}}, {{uri: {{exact: /reviews/9}}}}]
  route: [{to("v2")}]
- route: [{to("v1")}]
"""
    )
    assert mesh.answers(user="jason") == b"v2"
    assert mesh.answers(user="mary") == b"v1"
    found = mesh.call(command=9)
    assert found is not None
    assert body(found) == b"v2"


def test_weights_split_the_calls(mesh: Scenario) -> None:
    mesh.rules(f"- route: [{to('v1', ', weight: 80')}, {to('v2', ', weight: 20')}]")
    with Client(CODEC, mesh.port) as client:
        found = Counter(body(client.call(request(number))) for number in range(1, 501))
    assert found[b"v2"] in likely(500, 0.2)
    assert found.total() == 500


def test_changed_routes_and_clusters_lose_no_call(mesh: Scenario) -> None:
    mesh.rules(f"- route: [{to('v1')}]")
    with calling(mesh.port, 4) as calls:
        for version, limit in zip(("v2", "v1") * 2, (0, 1000, 0, 1000), strict=True):
            policy = f"{{connectionPool: {{tcp: {{maxConnections: {limit}}}}}}}" if limit else ""
            mesh.rules(f"- route: [{to(version)}]", policy=policy)
            calls.wait_for(40)
            assert mesh.answers() == version.encode()
    assert not calls.lost
    assert not calls.reconnected


def test_a_timeout_is_an_error_of_the_protocol(mesh: Scenario) -> None:
    mesh.rules(f"- timeout: 0.1s\n  route: [{to('v1')}]")
    with behaving(mesh.v1, lambda message, connection: None):
        assert mesh.error() is ErrorType.TIMEOUT


def test_an_injected_fault_is_an_error_of_the_protocol(mesh: Scenario) -> None:
    fault = "fault: {abort: {httpStatus: 429, percentage: {value: 100}}}"
    mesh.rules(
        f"- match: [{{headers: {{user: {{exact: eve}}}}}}]\n  {fault}\n  route: [{to('v1')}]\n- route: [{to('v1')}]"
    )
    assert mesh.error(user="eve") is ErrorType.OVER_LIMIT
    assert mesh.answers(user="bob") == b"v1"


def test_a_failing_server_is_asked_again(mesh: Scenario) -> None:
    failing, good = replying(b"", STATUSES["other"]), replying(b"v1")
    mesh.rules(f"- retries: {{attempts: 3, retryOn: 5xx}}\n  route: [{to('v1')}]")
    turns = cycle((failing, good))

    def every_other_fails(message: Metadata, connection: ServerConnection) -> bytes | None:
        return next(turns)(message, connection)

    with behaving(mesh.v1, every_other_fails):
        assert [mesh.answers() for _ in range(10)] == [b"v1"] * 10


def test_a_mirror_gets_copies(mesh: Scenario) -> None:
    mesh.rules(f"- route: [{to('v1')}]\n  mirror: {{host: reviews, subset: v2}}")
    before = len(mesh.v2.received)
    assert mesh.answers(user="mirrored") == b"v1"
    assert mesh.v2.wait(before + 1)[-1].properties["user"] == "mirrored"


def test_a_hash_of_a_property_keeps_a_user_at_a_server(mesh: Scenario) -> None:
    mesh.rules("- route: [{destination: {host: reviews}}]",
               policy="{loadBalancer: {consistentHash: {httpHeaderName: user}}}")  # fmt: skip
    users = [f"user-{number}" for number in range(12)]
    found = {one: {mesh.answers(user=one) for _ in range(4)} for one in users}
    assert {len(one) for one in found.values()} == {1}
    assert set.union(*found.values()) == {b"v1", b"v2"}


def test_a_failing_server_is_ejected(mesh: Scenario) -> None:
    outliers = "{consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 600s, maxEjectionPercent: 100}"
    mesh.rules("- retries: {attempts: 0}\n  route: [{destination: {host: reviews}}]",
               policy=f"{{outlierDetection: {outliers}}}")  # fmt: skip
    with behaving(mesh.v2, replying(b"", STATUSES["other"])):
        eventually(lambda: {mesh.answers() for _ in range(20)} == {b"v1"})


def test_a_limit_on_connections_refuses_the_calls_above_it(mesh: Scenario) -> None:
    pool = "{connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}"
    mesh.rules(f"- retries: {{attempts: 0}}\n  route: [{to('v1')}]", policy=pool)
    with Client(CODEC, mesh.port) as client:
        client.send(b"".join(request(number) for number in range(1, 21)))
        found = [client.receive() for _ in range(20)]
    errors = {CODEC.error_type(one) for one in found if one.status_code}
    assert errors == {ErrorType.OVER_LIMIT}  # the protocol has one status for both


def test_a_limit_of_envoy_is_an_error_of_the_protocol(mesh: Scenario) -> None:
    mesh.rules(f"- route: [{to('v1')}]", RATE_LIMIT)
    eventually(lambda: mesh.error() is ErrorType.OVER_LIMIT)
    mesh.write()
    eventually(lambda: bool(mesh.answers()))


def test_a_metarouter_of_aeraki_that_was_converted_holds(mesh: Scenario) -> None:
    router = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  routes:
  - match: {attributes: {user: {exact: converted}}}
    route: [{destination: {host: reviews.default.svc.cluster.local, subset: v2}}]
    requestMutation: [{key: lane, value: "100%"}]
  - route: [{destination: {host: reviews.default.svc.cluster.local, subset: v1}}]
"""
    mesh.write(as_yaml(*convert(load_text(router), ["1"]).objects))
    eventually(lambda: {mesh.answers(user="converted") for _ in range(10)} == {b"v2"})
    assert {mesh.answers(user="other") for _ in range(10)} == {b"v1"}
    assert mesh.v2.received[-1].properties["lane"] == "100%"
