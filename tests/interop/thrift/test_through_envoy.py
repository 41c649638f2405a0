"""Clients and servers that nobody here wrote, with a real Envoy and the module between them."""

import socket

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import CLOSED, abort, bootstrap, deny, limit, route
from peers.register import count_calls
from peers.thrift.clients import run_client
from peers.thrift.stacks import Combination, Stack

pytestmark = pytest.mark.interop

TEXT = "Grüße, 世界 😀𝄞"
UNKNOWN_METHOD, INTERNAL_ERROR = 1, 6
ANSWERS = {"ping": None, "greet": f"greet: {TEXT}", "mirror": True, "reverse": True, "nested": True}
COMBINATIONS = [
    Combination(Stack("binary", "framed"), "python", "cpp"),
    Combination(Stack("compact", "framed"), "go", "python"),
    Combination(Stack("binary", "buffered"), "cpp", "go"),
    Combination(Stack("binary", "header"), "go", "cpp"),
]


@pytest.fixture
def call(combination, server, start_envoy):
    """Make calls through an Envoy, and return what came of them."""

    def call(calls, *routes, filters=(), ports=None, **cluster):
        listener = codec_listener("thrift", list(routes) or [route("up")], *filters)
        up = bridged("up", *([server.port] if ports is None else ports), **cluster)
        config = bootstrap([listener], [up])
        said = run_client(combination.client, start_envoy(config).port("in"), combination.stack, calls)
        if not (filters or cluster) and ports is None:  # otherwise not all reach the server
            count_calls(server.library.name, server.library.version, "server", len(calls))
        return said.outcomes

    return call


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_every_call_gets_its_answer(combination, call):
    outcomes = call([*ANSWERS, "refuse"])
    refused = outcomes.pop("refuse")
    assert {name: outcome["result"] for name, outcome in outcomes.items()} == ANSWERS
    assert (refused["outcome"], refused["result"][:2]) == ("Refused", [42, "refused by request"])


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_the_method_chooses_the_route_and_another_is_the_clients_own_exception(combination, call):
    outcomes = call(["greet", "mirror", "ping"], route("up", headers={"method": "greet"}), route("up", prefix="/ping"))
    assert outcomes["greet"]["result"] == ANSWERS["greet"]
    assert outcomes["mirror"]["outcome"] == "TApplicationException"
    assert outcomes["mirror"]["type"] == UNKNOWN_METHOD
    assert "route_not_found" in outcomes["mirror"]["text"]
    assert outcomes["ping"]["outcome"] == "ok"


EVERYTHING = {"permissions": [{"any": True}], "principals": [{"any": True}]}
CAUSES = {
    "no server": ({"ports": []}, "no_healthy_upstream"),
    "circuit breaker": ({"circuit_breakers": CLOSED}, "overflow"),
    "fault": ({"filters": [abort()]}, "fault_filter_abort"),
    "rate limit": ({"filters": [limit()]}, "local_rate_limited"),
    "RBAC": ({"filters": [deny(everything=EVERYTHING)]}, "rbac_access_denied"),
}


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_a_refusal_is_the_clients_own_exception_and_tells_its_cause(combination, call, cause):
    options, text = CAUSES[cause]
    outcomes = call(["ping", "greet"], **options)
    assert outcomes["ping"]["outcome"] == ("ok" if cause == "rate limit" else "TApplicationException")
    assert (outcomes["greet"]["outcome"], outcomes["greet"]["type"]) == ("TApplicationException", INTERNAL_ERROR)
    assert text in outcomes["greet"]["text"]


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_a_server_that_does_not_answer_in_time_is_the_clients_own_exception(combination, call):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcomes = call(["greet"], route("up", timeout="0.2s"), ports=[silent.getsockname()[1]])
    assert outcomes["greet"]["outcome"] == "TApplicationException"
    assert "response_timeout" in outcomes["greet"]["text"]


@pytest.mark.parametrize("combination", COMBINATIONS[:1], ids=str)
def test_a_renamed_method_reaches_the_server_and_the_client_gets_the_answer_to_its_own(combination, call):
    change = {"header": {"key": "method", "value": "salute"}, "append_action": "OVERWRITE_IF_EXISTS"}
    outcomes = call(["greet"], {**route("up"), "request_headers_to_add": [change]})
    assert outcomes["greet"]["result"] == f"salute: {TEXT}"


@pytest.mark.parametrize("combination", COMBINATIONS[:3], ids=str)
def test_oneway_calls_arrive(combination, call):
    outcomes = call(["notify", "ping", "notifications"])
    assert outcomes["notifications"]["result"] == [TEXT]


@pytest.mark.parametrize("combination", COMBINATIONS[3:], ids=str)
def test_headers_of_theader_are_properties(combination, call):
    change = {"header": {"key": "client", "value": "envoy"}, "append_action": "OVERWRITE_IF_EXISTS"}
    outcomes = call(["headers"], {**route("up", headers={"client": "go"}), "request_headers_to_add": [change]})
    assert outcomes["headers"]["result"] == {"client": "envoy"}
