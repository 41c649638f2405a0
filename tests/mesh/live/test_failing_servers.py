"""Servers that fail are left alone, as docs/governance/failing-servers.md says."""

from contextlib import ExitStack
from typing import Any

import pytest
from governance import AT_ONCE, EVERY_FORM, Scenario, Switched, failing, shown, silent
from live_engine.peers import released, serving
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, THRIFT, Protocol, text_of
from patience import PATIENCE

from metaprotocol_codecs.awesomerpc.codec import STATUSES
from metaprotocol_sdk import MessageType, Metadata

pytestmark = pytest.mark.live

FAILURES = [
    *((AWESOMERPC, STATUSES[name]) for name in ("timeout", "other")),
    *((DUBBO, status) for status in (31, 70, 80, 100)),
    *((protocol, 6) for protocol in (THRIFT, FRAMED)),
]
INNOCENT = [(AWESOMERPC, STATUSES["bad_request"]), (DUBBO, 40), (DUBBO, 60), (THRIFT, 1)]


def named(cases: list[tuple[Protocol, int]]) -> list[str]:
    return [f"{'framed' if protocol is FRAMED else protocol}-{status}" for protocol, status in cases]


@EVERY_FORM
def test_a_circuit_breaker_refuses_what_has_no_room(scenario: Scenario, protocol: Protocol) -> None:
    """One request is at the server, one waits, and the third is refused; then both others are answered."""
    with released() as free, ExitStack() as stack:

        def handle(message: Metadata, connection: object) -> bytes:
            assert free.wait(PATIENCE)
            return protocol.answer(message, "served")

        server = stack.enter_context(serving(protocol.codec, handle))
        stack.callback(free.set)
        scenario.apply(protocol, {"v1": [server.port]}, shown("failing-servers", "circuit-breaker"))
        first, second, third = (stack.enter_context(scenario.caller()) for _ in range(3))
        first.send(protocol.request(1, {}))
        server.wait(1)
        second.send(protocol.request(1, {}))
        scenario.envoy.wait_for_stat(f"{scenario.cluster()}.upstream_rq_pending_active", lambda count: count == 1)
        answer = third.ask()
        assert protocol.codec.error_type(answer) is not None
        if protocol.codec.name == "thrift":
            assert b"overflow" in answer.message.lower()
        else:
            assert answer.status_code == {"dubbo": 100, "awesomerpc": STATUSES["over_limit"]}[protocol.codec.name]
        free.set()
        assert [text_of(client.receive()) for client in (first, second)] == ["served"] * 2
        assert third.text() == "served"


@pytest.mark.parametrize(("protocol", "status"), FAILURES, ids=named(FAILURES))
def test_a_server_is_ejected_by_the_protocols_own_status_and_returns(
    scenario: Scenario, protocol: Protocol, status: int
) -> None:
    """Clients see five errors, none while it is ejected, and the server again when it is well."""
    sick = Switched(failing(protocol, status))
    with serving(protocol.codec, sick) as server, protocol.serving("other") as other:
        quick = shown("failing-servers", "outliers").replace("1s", "0.1s")
        scenario.apply(protocol, {"v1": [server.port, other.port]}, quick, AT_ONCE)
        with scenario.caller() as client:
            errors = 0
            while errors < 5:
                errors += client.error() is not None
            ejected = f"{scenario.cluster()}.outlier_detection.ejections"
            scenario.envoy.wait_for_stat(f"{ejected}_enforced_total", lambda count: count == 1)
            sick.handler = protocol.answering("well")
            assert client.text_until(lambda text: text == "well")
            scenario.envoy.wait_for_stat(f"{ejected}_active", lambda count: count == 0)
        assert len(server.received) >= 6


def test_of_two_servers_none_is_ejected_without_a_higher_limit(scenario: Scenario) -> None:
    rule = shown("failing-servers", "outliers").replace(", maxEjectionPercent: 100", "")
    with serving(DUBBO.codec, failing(DUBBO, 80)) as server, DUBBO.serving("other") as other:
        scenario.apply(DUBBO, {"v1": [server.port, other.port]}, rule)
        with scenario.caller() as client:
            while len(server.received) < 12:
                client.ask()
    assert scenario.envoy.stat(f"{scenario.cluster()}.outlier_detection.ejections_overflow") > 0
    assert scenario.envoy.stat(f"{scenario.cluster()}.outlier_detection.ejections_enforced_total") == 0


@pytest.mark.parametrize(("protocol", "status"), INNOCENT, ids=named(INNOCENT))
def test_errors_that_are_the_callers_eject_nobody(scenario: Scenario, protocol: Protocol, status: int) -> None:
    with serving(protocol.codec, failing(protocol, status)) as server:
        scenario.apply(protocol, {"v1": [server.port]}, shown("failing-servers", "outliers"))
        with scenario.caller() as client:
            assert all(client.errors(20))
    assert len(server.received) == 20
    assert scenario.envoy.stat(f"{scenario.cluster()}.outlier_detection.ejections_detected_consecutive_5xx") == 0


def heartbeats(protocol: Protocol, text: str) -> Any:
    """Return a handler that answers heartbeats, and calls with a text."""
    answer = protocol.answering(text)

    def handle(message: Metadata, connection: Any) -> bytes | None:
        if message.message_type is MessageType.HEARTBEAT:
            return protocol.codec.heartbeat_reply(message)
        return answer(message, connection)

    return handle


@EVERY_FORM
def test_a_server_is_called_only_while_it_answers(scenario: Scenario, protocol: Protocol) -> None:
    """Its port is open all the time; it is silent at first, then well, then it resets connections.

    Well again, it is taken out of the service.
    """
    page = shown("failing-servers", f"health-{protocol}").replace("interval: 1s", "interval: 0.1s")
    sick = Switched(silent)
    with serving(protocol.codec, sick) as server, serving(protocol.codec, heartbeats(protocol, "other")) as other:
        scenario.apply(protocol, {"v1": [server.port, other.port]}, page, AT_ONCE)
        healthy = f"{scenario.cluster()}.membership_healthy"
        with scenario.caller() as client:
            scenario.envoy.wait_for_stat(healthy, lambda count: count == 1)
            assert [client.text() for _ in range(20)] == ["other"] * 20
            sick.handler = heartbeats(protocol, "well")
            client.text_until(lambda text: text == "well")
            sick.handler = lambda message, connection: connection.reset()
            scenario.envoy.wait_for_stat(healthy, lambda count: count == 1)
            assert [client.text() for _ in range(20)] == ["other"] * 20
            sick.handler = heartbeats(protocol, "well")
            client.text_until(lambda text: text == "well")
            scenario.apply(protocol, {"v1": [other.port]}, page, AT_ONCE)
            assert [client.text() for _ in range(20)] == ["other"] * 20
