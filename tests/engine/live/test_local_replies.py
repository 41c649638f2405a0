"""Envoy's own replies are the protocol's errors, told apart by their cause."""

import socket
import threading

import pytest
from live_engine.awesome import CODEC, body, reply, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, serving
from live_envoy.config import abort, bootstrap, deny, limit, route
from patience import PATIENCE

from metaprotocol_codecs.awesomerpc.codec import STATUSES

pytestmark = pytest.mark.live


def ask(envoy, **fields):
    with Client(CODEC, envoy.port("in")) as client:
        return client.call(request(1, **fields))


@pytest.fixture
def start(start_envoy):
    def start(handler, *filters, routes=None, clusters=None, cluster=None, **settings):
        server = stack.enter_context(serving(CODEC, handler))
        listener = codec_listener("awesomerpc", routes or [route("up")], *filters, **settings)
        clusters = [bridged("up", server.port, **(cluster or {}))] if clusters is None else clusters
        return start_envoy(bootstrap([listener], clusters))

    from contextlib import ExitStack

    with ExitStack() as stack:
        yield start


def check(envoy, answer, status, cause, text):
    assert answer.status_code == STATUSES[status]
    assert text in body(answer).decode()
    assert envoy.stat(f"dynamicmodulescustom.metaprotocol.local_replies.{cause}") == 1


def test_no_route(start):
    envoy = start(replying(), routes=[route("up", headers={"no": "body"})])
    check(envoy, ask(envoy), "no_route", "route_not_found", "route_not_found")


def test_no_cluster(start):
    envoy = start(
        replying(),
        routes=[route("gone")],
        hcm={
            "route_config": {
                "validate_clusters": False,
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route("gone")]}],
            }
        },
    )
    check(envoy, ask(envoy), "no_route", "cluster_not_found", "cluster_not_found")


def test_no_host(start):
    envoy = start(replying(), clusters=[bridged("up")])
    check(envoy, ask(envoy), "no_healthy_upstream", "no_healthy_upstream", "no_healthy_upstream")


def test_a_server_that_refuses_connections(start, free_port):
    envoy = start(replying(), clusters=[bridged("up", free_port)])
    check(envoy, ask(envoy), "no_healthy_upstream", "no_healthy_upstream", "connection_failure")


@pytest.fixture
def free_port():
    with socket.socket() as taken:  # bound, and it does not listen
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_server_that_resets_the_connection(start):
    envoy = start(lambda message, connection: connection.reset())
    check(envoy, ask(envoy), "other", "upstream_reset", "connection_termination")


def test_a_server_that_dies_in_the_middle_of_its_answer(start):
    def handle(message, connection):
        connection.socket.sendall(reply(message, bytes(100))[:50])
        connection.socket.close()

    envoy = start(handle)
    check(envoy, ask(envoy), "other", "upstream_reset", "connection_termination")


@pytest.mark.parametrize("size", [0, 50], ids=["nothing", "half an answer"])
def test_a_server_that_closes_its_half_and_has_not_answered(start, size):
    def handle(message, connection):
        connection.socket.sendall(reply(message, bytes(100))[:size])
        connection.socket.shutdown(socket.SHUT_WR)

    envoy = start(handle, routes=[route("up", timeout="60s")])
    check(envoy, ask(envoy), "other", "upstream_reset", "connection_termination")


def test_a_timeout(start):
    envoy = start(lambda message, connection: None, routes=[route("up", timeout="0.2s")])
    check(envoy, ask(envoy), "timeout", "timeout", "response_timeout")


def test_too_many_connections(start):
    asked, free = threading.Event(), threading.Event()

    def handle(message, connection):
        asked.set()
        free.wait(60)
        return reply(message)

    limits = {"thresholds": [{"max_connections": 1, "max_pending_requests": 1}]}
    envoy = start(handle, cluster={"circuit_breakers": limits})
    with Client(CODEC, envoy.port("in")) as client:
        client.send(request(1))
        assert asked.wait(PATIENCE)  # until then it is the one that may wait for a connection
        client.send(request(2) + request(3))
        answer = client.receive()
        free.set()
        assert answer.request_id == 3
        check(envoy, answer, "over_limit", "overflow", "overflow")
        assert {client.receive().request_id, client.receive().request_id} == {1, 2}


def test_a_fault_is_not_a_missing_host(start):
    envoy = start(replying(), abort())
    check(envoy, ask(envoy), "other", "fault_abort", "fault_filter_abort")


def test_a_denial_by_a_property(start):
    jason = {"header": {"name": "user", "string_match": {"exact": "jason"}}}
    envoy = start(replying(), deny(**{"no-jason": {"permissions": [jason], "principals": [{"any": True}]}}))
    check(envoy, ask(envoy, headers={"User": "jason"}), "unauthorized", "unauthorized", "no-jason")
    assert ask(envoy, headers={"User": "mary"}).status_code == 0


def test_a_rate_limit(start):
    envoy = start(replying(), limit())
    assert ask(envoy).status_code == 0
    check(envoy, ask(envoy), "over_limit", "over_limit", "local_rate_limited")


def test_a_failure_of_the_servers_own_is_delivered_as_it_is(start):
    envoy = start(replying(b"I am busy", STATUSES["no_healthy_upstream"]))
    answer = ask(envoy)
    assert (answer.status_code, body(answer)) == (STATUSES["no_healthy_upstream"], b"I am busy")
    assert envoy.stat("dynamicmodulescustom.metaprotocol.local_replies.no_healthy_upstream") == 0
    assert envoy.stat("cluster.up.upstream_rq_503") == 1


def test_garbage_of_a_server_is_a_bad_response_and_its_connection_is_not_used_again(start):
    def handle(message, connection):
        return b"HTTP/1.1 400 Bad Request\r\n\r\n" if connection.number == 0 else reply(message)

    envoy = start(handle)
    check(envoy, ask(envoy), "bad_response", "bad_response", "no answer")
    assert ask(envoy).status_code == 0


RETRY = {"retry_policy": {"retry_on": "5xx,reset,connect-failure", "num_retries": 3}}


@pytest.mark.parametrize("size", [0, 3_000_000])
def test_a_failure_is_retried_with_the_whole_message(start, size):
    payload = bytes(size)
    seen = []

    def handle(message, connection):
        seen.append(len(body(message)))
        return reply(message, b"", STATUSES["no_healthy_upstream"] if len(seen) < 3 else 0)

    envoy = start(handle, routes=[route("up", **RETRY)])
    assert ask(envoy, payload=payload).status_code == 0
    assert seen == [size] * 3
    assert envoy.stat("cluster.up.upstream_rq_retry") == 2


def test_resets_and_bad_responses_are_retried(start):
    seen = []

    def handle(message, connection):
        seen.append(message)
        if len(seen) == 1:
            return connection.reset()
        return b"garbage, garbage, garbage" if len(seen) == 2 else reply(message)

    envoy = start(handle, routes=[route("up", **RETRY)])
    assert ask(envoy).status_code == 0
    assert len(seen) == 3


def test_retries_that_all_fail_deliver_the_last_answer(start):
    envoy = start(replying(b"busy", STATUSES["no_healthy_upstream"]), routes=[route("up", **RETRY)])
    answer = ask(envoy)
    assert (answer.status_code, body(answer)) == (STATUSES["no_healthy_upstream"], b"busy")
    assert envoy.stat("cluster.up.upstream_rq_retry") == 3
