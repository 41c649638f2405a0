"""A Java consumer calls Java providers through a real Envoy with the module: routed, changed, and refused."""

import socket
import threading
import time
from contextlib import suppress

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import CLOSED, Config, abort, bootstrap, deny, limit, route
from patience import PATIENCE
from peers.dubbo_java import (
    DUBBO_2_7,
    DUBBO_3,
    EXCEPTIONS,
    JavaProvider,
    assert_both_sides_see_what_is_added,
    required,
)

# Constants of RpcException.
NETWORK_EXCEPTION, TIMEOUT_EXCEPTION = 1, 2

CALLS = {
    "small": ("echo", "hello", {}),
    "unicode": ("echo", "unicode", {}),
    "3 MB of bytes": ("bytes", "3000000", {}),
    "circular objects": ("node", "circle", {}),
    "1000 objects": ("any", "1000 objects", {}),
    "group and version": ("echo", "hello", {"group": "blue", "version": "1.2.3"}),
    "generic": ("echo", "unicode", {"generic": "true"}),
}

ZONE = {"header": {"key": "x-zone", "value": "eu-1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
SERVED = {"header": {"key": "x-served-by", "value": "envoy"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def configuration(*routes: Config, clusters: list[Config], filters: tuple[Config, ...] = ()) -> Config:
    return bootstrap([codec_listener("dubbo", list(routes), *filters)], clusters)


@pytest.fixture
def envoy(start_envoy, provider):
    """An Envoy that adds a property to each request and each response."""
    changes = {"request_headers_to_add": [ZONE], "response_headers_to_add": [SERVED]}
    return start_envoy(
        configuration({**route("java"), **changes}, clusters=[bridged("java", provider.ports["hessian2"])])
    )


@pytest.mark.parametrize("name", CALLS)
def test_both_sides_see_what_envoy_has_added(name, consumer, provider, envoy):
    assert_both_sides_see_what_is_added(CALLS[name], consumer, provider, envoy.port("in"), "envoy")


@pytest.mark.parametrize(("kind", "exception"), EXCEPTIONS)
def test_exceptions_of_the_service_arrive_as_they_were_thrown(kind, exception, consumer, envoy):
    with consumer.client(envoy.port("in")) as client:
        outcome = client.call("fail", kind)
    assert (outcome["exception"], outcome["message"]) == (exception, "as asked for")


def test_a_oneway_call_arrives_and_the_next_call_is_answered(consumer, provider, envoy):
    with consumer.client(envoy.port("in")) as client:
        client.call("note", "something")
        assert client.call("echo", "hello")["same"] is True
    assert sorted(provider.next_call()["called"] for _ in range(2)) == ["echo", "note something"]


def test_answers_that_overtake_each_other_find_their_calls(version, consumer, envoy):
    if not version.has_futures:
        pytest.skip(f"Dubbo {version.number} waits for each answer")
    with consumer.client(envoy.port("in")) as client:
        assert client.call("meet", "8")["same"] is True


def test_heartbeats_of_the_consumer_are_answered_in_envoy(consumer, envoy):
    with consumer.client(envoy.port("in"), heartbeat=300) as client:
        assert client.call("echo", "hello")["same"] is True
        # A side that hears nothing for three intervals gives the connection up.
        envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.requests.heartbeat", lambda count: count > 3)
        assert client.call("echo", "again")["same"] is True
    assert envoy.stat("http.http.downstream_cx_total") == 1


def test_a_property_chooses_between_two_versions_of_dubbo(version, consumer, running, start_envoy):
    old, new = (running(JavaProvider, required(one)) for one in (DUBBO_2_7, DUBBO_3))
    for one in (old, new):
        one.forget()
    envoy = start_envoy(
        configuration(
            route("new", headers={"user": "jason"}),
            route("old"),
            clusters=[bridged("old", old.ports["hessian2"]), bridged("new", new.ports["hessian2"])],
        )
    )
    with consumer.client(envoy.port("in")) as client:
        assert client.call("echo", "hello", User="jason")["same"] is True
        assert new.next_call()["attachments"]["User"] == "jason"
        assert client.call("echo", "hello", user="mary")["same"] is True
        assert old.next_call()["attachments"]["user"] == "mary"


def test_a_removed_property_does_not_reach_the_provider(consumer, provider, start_envoy):
    changed = {**route("java"), "request_headers_to_remove": ["secret"]}
    envoy = start_envoy(configuration(changed, clusters=[bridged("java", provider.ports["hessian2"])]))
    with consumer.client(envoy.port("in")) as client:
        assert client.call("echo", "hello", Secret="1234", mine="kept")["same"] is True
    attachments = provider.next_call()["attachments"]
    assert "Secret" not in attachments
    assert attachments["mine"] == "kept"


MALLORY = {"header": {"name": "user", "string_match": {"exact": "mallory"}}}


@pytest.mark.parametrize(
    ("routes", "cluster", "filters", "calls", "text"),
    [
        ([route("java", prefix="/nothing")], {}, [], 1, "route_not_found"),
        ([route("java")], None, [], 1, "no_healthy_upstream"),
        ([route("java")], {"circuit_breakers": CLOSED}, [], 1, "overflow"),
        ([route("java")], {}, [abort()], 1, "fault_filter_abort"),
        ([route("java")], {}, [limit()], 2, "local_rate_limited"),
        (
            [route("java")],
            {},
            [deny(mallory={"permissions": [{"any": True}], "principals": [MALLORY]})],
            1,
            "rbac_access_denied_matched_policy",
        ),
    ],
    ids=["no route", "no provider", "circuit breaker", "fault", "rate limit", "RBAC"],
)
def test_a_refusal_is_an_exception_that_tells_its_cause(
    routes, cluster, filters, calls, text, version, consumer, provider, start_envoy
):
    ports = [] if cluster is None else [provider.ports["hessian2"]]
    servers = bridged("java", *ports, **(cluster or {}))
    envoy = start_envoy(configuration(*routes, clusters=[servers], filters=tuple(filters)))
    with consumer.client(envoy.port("in")) as client:
        outcomes = [client.call("echo", "hello", user="mallory") for _ in range(calls)]
    assert all(outcome.get("same") for outcome in outcomes[:-1])
    assert (outcomes[-1]["exception"], outcomes[-1]["code"]) == (version.rpc_exception, NETWORK_EXCEPTION)
    assert text in outcomes[-1]["message"]


def test_a_provider_that_does_not_answer_in_time_is_a_timeout_exception(version, consumer, start_envoy):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        late = route("java", timeout="0.3s")
        envoy = start_envoy(configuration(late, clusters=[bridged("java", silent.getsockname()[1])]))
        with consumer.client(envoy.port("in")) as client:
            outcome = client.call("echo", "hello")
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, TIMEOUT_EXCEPTION)


# HTTP, no Dubbo at all, and a length over any limit.
GARBAGE = (b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64), bytes.fromhex("dabb02 14 0000000000000000 7fffffff"))


def test_garbage_of_a_provider_is_an_exception_at_once(version, consumer, start_envoy):
    def serve():
        with suppress(OSError):
            for garbage in GARBAGE:
                connection, _ = listening.accept()
                connections.append(connection)
                connection.recv(1 << 16)
                connection.sendall(garbage)

    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        envoy = start_envoy(configuration(route("java", timeout="0s"), clusters=[bridged("java", port)]))
        with consumer.client(envoy.port("in"), timeout=int(PATIENCE * 1000)) as client:
            outcomes = [client.call("echo", "hello") for _ in GARBAGE]
        listening.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()
    assert [(one["exception"], one["code"]) for one in outcomes] == [(version.rpc_exception, NETWORK_EXCEPTION)] * 3


def test_a_provider_that_dies_is_an_exception_at_once(version, consumer, start_envoy, tmp_path):
    with JavaProvider(version, tmp_path, ["hessian2"]) as provider:
        envoy = start_envoy(configuration(route("java"), clusters=[bridged("java", provider.ports["hessian2"])]))
        client = consumer.client(envoy.port("in"))
        assert client.call("echo", "hello")["same"] is True
    with client:
        outcome = client.call("echo", "hello")
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, NETWORK_EXCEPTION)
    assert "upstream_reset_before_response_started" in outcome["message"]


def test_no_call_is_lost_when_a_provider_shuts_down(version, consumer, start_envoy, tmp_path):
    """It sends READONLY on its connections, waits, and closes them. Some are idle in Envoy's pool then, some busy."""
    retry = {"retry_on": "reset,connect-failure,refused-stream", "num_retries": 3}
    (tmp_path / "other").mkdir()
    with (
        JavaProvider(version, tmp_path, ["hessian2"]) as going,
        JavaProvider(version, tmp_path / "other", ["hessian2"]) as staying,
    ):
        servers = bridged("java", going.ports["hessian2"], staying.ports["hessian2"])
        envoy = start_envoy(configuration(route("java", retry_policy=retry), clusters=[servers]))
        with consumer.client(envoy.port("in")) as client:
            for _ in range(20):
                assert client.call("echo", "hello")["same"] is True
            going.terminate()
            deadline = time.monotonic() + PATIENCE
            while going.runs:
                assert client.call("echo", "hello")["same"] is True
                assert time.monotonic() < deadline
            for _ in range(20):
                assert client.call("echo", "hello")["same"] is True
        assert envoy.stat("http.http.downstream_cx_total") == 1
