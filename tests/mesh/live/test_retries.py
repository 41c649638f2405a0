"""Timeouts and further attempts, as docs/governance/retries.md has them."""

from contextlib import ExitStack

import pytest
from dubbo_bytes import response, string
from governance import EVERY_FORM, Scenario, failing, shown, silent
from live_engine.peers import Handler, released, serving
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, THRIFT, Protocol, text_of
from patience import PATIENCE

from metaprotocol_codecs.awesomerpc.codec import STATUSES
from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live

TIMEOUT = {"dubbo": 31, "awesomerpc": STATUSES["timeout"], "thrift": 6}
ERRORS = [
    *((AWESOMERPC, STATUSES[name]) for name in ("timeout", "no_healthy_upstream", "other")),
    *((DUBBO, status) for status in (30, 31, 70, 80, 100)),
    *((protocol, kind) for protocol in (THRIFT, FRAMED) for kind in (0, 6)),
]


@EVERY_FORM
def test_a_call_without_an_answer_ends_with_a_timeout(scenario: Scenario, protocol: Protocol) -> None:
    """The error is the protocol's own. The server's late answer reaches nobody, and the connection goes on."""
    with released() as free:

        def late(message: Metadata, connection: object) -> bytes:
            first = len(server.received) == 1
            assert not first or free.wait(PATIENCE)
            return protocol.answer(message, "late" if first else "next")

        with serving(protocol.codec, late) as server:
            scenario.apply(protocol, {"v1": [server.port]}, shown("retries", "timeout"))
            with scenario.caller() as client:
                answer = client.ask()
                assert b"timeout" in answer.message.lower() or protocol is AWESOMERPC
                assert answer.status_code == TIMEOUT[protocol.codec.name]
                free.set()
                client.text_until(lambda text: text == "next")
                assert len(server.connections) > 1


def pair(stack: ExitStack, protocol: Protocol, handler: Handler) -> dict[str, list[int]]:
    """Start a server with a handler and one that answers "good", both of one version."""
    servers = [stack.enter_context(serving(protocol.codec, one)) for one in (handler, protocol.answering("good"))]
    return {"v1": [server.port for server in servers]}


@EVERY_FORM
def test_a_reset_is_tried_again_on_another_server(scenario: Scenario, protocol: Protocol) -> None:
    with ExitStack() as stack:
        servers = pair(stack, protocol, lambda message, connection: connection.reset())
        scenario.apply(protocol, servers, shown("retries", "retries"), shown("retries", "round-robin"))
        with scenario.caller() as client:
            assert [client.text() for _ in range(20)] == ["good"] * 20
    assert scenario.envoy.stat(f"{scenario.cluster('v1')}.upstream_rq_retry_success") > 0


@pytest.mark.parametrize(
    ("protocol", "status"), ERRORS, ids=[f"{'framed' if one is FRAMED else one}-{status}" for one, status in ERRORS]
)
def test_the_protocols_own_status_is_tried_again_on_another_server(
    scenario: Scenario, protocol: Protocol, status: int
) -> None:
    with ExitStack() as stack:
        servers = pair(stack, protocol, failing(protocol, status))
        scenario.apply(protocol, servers, shown("retries", "retries"), shown("retries", "round-robin"))
        with scenario.caller() as client:
            assert [client.text() for _ in range(20)] == ["good"] * 20
    assert scenario.envoy.stat(f"{scenario.cluster('v1')}.upstream_rq_retry_success") > 0


@EVERY_FORM
def test_a_retry_avoids_the_server_that_failed(scenario: Scenario, protocol: Protocol) -> None:
    """Envoy draws up to six times, so one call in 128 fails, where one in four would.

    13 of 100 do with a probability below 1e-10.
    """
    with ExitStack() as stack:
        servers = pair(stack, protocol, failing(protocol, TIMEOUT[protocol.codec.name]))
        scenario.apply(protocol, servers, shown("retries", "retries"))
        with scenario.caller() as client:
            assert 100 - client.errors(100).count(None) < 13


def _thrown(message: Metadata) -> bytes:
    """Return a Dubbo response with an exception: a value of the kind 0."""
    return response(b"\x90" + string("an exception"), request_id=message.request_id)


def test_an_exception_of_the_service_is_an_answer(scenario: Scenario) -> None:
    with serving(DUBBO.codec, lambda message, connection: _thrown(message)) as server:
        scenario.apply(DUBBO, {"v1": [server.port]}, shown("retries", "retries"))
        with scenario.caller() as client:
            assert b"an exception" in client.ask().message
    assert len(server.received) == 1


@EVERY_FORM
def test_an_attempt_that_takes_too_long_is_followed_by_another(scenario: Scenario, protocol: Protocol) -> None:
    with serving(protocol.codec, silent) as mute, protocol.serving("good") as good:
        rules = shown("retries", "per-try-timeout"), shown("retries", "round-robin")
        scenario.apply(protocol, {"v1": [mute.port, good.port]}, *rules)
        with scenario.caller() as client:
            client.text_until(lambda text: text == "good" and len(mute.received) > 0)


@EVERY_FORM
def test_retries_over_the_budget_are_not_made(scenario: Scenario, protocol: Protocol) -> None:
    """The retry of the first call is under way when the second fails, whose client gets the server's own error."""
    with released() as free:

        def handle(message: Metadata, connection: object) -> bytes:
            if len(server.received) == 2:  # the further attempt of the first call
                assert free.wait(PATIENCE)
                return protocol.answer(message, "good")
            return failing(protocol, TIMEOUT[protocol.codec.name])(message, connection)

        with serving(protocol.codec, handle) as server:
            rules = shown("retries", "retries"), shown("retries", "retry-budget")
            scenario.apply(protocol, {"v1": [server.port]}, *rules)
            with scenario.caller() as first, scenario.caller() as second:
                first.send(protocol.request(1, {}))
                server.wait(2)
                assert second.error() is not None
                free.set()
                assert text_of(first.receive()) == "good"
        assert len(server.received) == 3
    assert scenario.envoy.stat(f"{scenario.cluster('v1')}.upstream_rq_retry_overflow") == 1
