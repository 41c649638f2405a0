"""Connections end, are limited and are drained as docs/governance/connections.md says."""

import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import dubbo_bytes
import pytest
from governance import EVERY_FORM, Scenario, calling, shown
from live_engine.peers import released, serving
from mesh_protocols import DUBBO, Protocol, text_of
from mesh_scenarios import ports, versions
from patience import PATIENCE, eventually

from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live


SLOW = {"method": "slow"}


def holding(protocol: Protocol, free: threading.Event, text: str) -> Any:
    """Return a handler that answers the method "slow" when it is free to, and all others at once."""

    def handle(message: Metadata, connection: Any) -> bytes:
        if message.properties.get("method") == "slow":
            assert free.wait(PATIENCE)
        return protocol.answer(message, text)

    return handle


@EVERY_FORM
def test_an_idle_connection_is_closed_and_one_that_waits_for_an_answer_is_not(
    scenario: Scenario, protocol: Protocol
) -> None:
    """A8: a connection that came later and is idle ends first, and then the other gets its answer."""
    idle_timeout = shown("connections", "idle-clients").replace("600s", "0.5s")
    with released() as free, serving(protocol.codec, holding(protocol, free, "at last")) as server:
        scenario.apply(protocol, {"v1": [server.port]}, idle_timeout)
        with scenario.caller() as busy:
            busy.send(protocol.request(1, SLOW))
            server.wait(1)
            with scenario.caller() as idle:
                assert idle.ended()
            free.set()
            assert text_of(busy.receive()) == "at last"
            assert busy.ended()  # idle now
    assert scenario.envoy.stat(f"{scenario.listener}.downstream_cx_idle_timeout") == 2


@EVERY_FORM
def test_an_idle_connection_to_a_server_is_closed_and_a_busy_one_is_not(scenario: Scenario, protocol: Protocol) -> None:
    idle_timeout = shown("connections", "idle-servers").replace("30s", "0.1s")
    with released() as free, serving(protocol.codec, holding(protocol, free, "at last")) as server:
        scenario.apply(protocol, {"v1": [server.port]}, idle_timeout)
        with scenario.caller() as busy, scenario.caller() as quick:
            busy.send(protocol.request(1, SLOW))
            server.wait(1)
            for closed in range(1, 4):
                assert quick.text() == "at last"
                scenario.envoy.wait_for_stat(
                    f"{scenario.cluster()}.upstream_cx_destroy", lambda count, wanted=closed: count == wanted
                )
            free.set()
            assert text_of(busy.receive()) == "at last"


@EVERY_FORM
def test_no_call_is_lost_to_a_server_that_closes_connections(scenario: Scenario, protocol: Protocol) -> None:
    """It closes each after one answer, so that every further request may meet a close that is on its way."""

    def handle(message: Metadata, connection: Any) -> None:
        connection.socket.sendall(protocol.answer(message, "served"))
        connection.reset()

    with serving(protocol.codec, handle) as server:
        scenario.apply(protocol, {"v1": [server.port]}, shown("connections", "retry-resets"))
        with scenario.caller() as client:
            assert [client.text() for _ in range(100)] == ["served"] * 100


@EVERY_FORM
def test_no_call_is_lost_or_made_twice_where_idle_timeouts_of_clients_meet(
    scenario: Scenario, protocol: Protocol
) -> None:
    """The client waits for about as long as Envoy does, and calls again where the close was quicker."""
    idle_timeout = shown("connections", "idle-clients").replace("600s", "0.02s")
    with protocol.serving("v1") as server:
        scenario.apply(protocol, {"v1": [server.port]}, idle_timeout)
        client, closed = scenario.caller(), 0
        for number in range(40):
            time.sleep(0.015 + 0.0005 * (number % 20))
            answered = False
            while not answered:
                try:
                    assert client.text() == "v1"
                    answered = True
                except (EOFError, ConnectionError):
                    closed += 1
                    client.socket.close()
                    client = scenario.caller()
        client.socket.close()
    assert closed
    assert len(server.received) == 40


@EVERY_FORM
def test_connections_over_the_limit_are_closed(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1") as servers, ExitStack() as stack:
        scenario.apply(protocol, ports(servers), shown("connections", "connection-limit"))
        first, second = (stack.enter_context(scenario.caller()) for _ in range(2))
        assert [first.text(), second.text()] == ["v1"] * 2
        with scenario.caller() as third:
            assert third.ended()
        assert [first.text(), second.text()] == ["v1"] * 2
        first.socket.close()

        def another() -> bool:
            with scenario.caller() as client:
                try:
                    return client.text() == "v1"
                except (EOFError, ConnectionError):
                    return False

        eventually(another)


@EVERY_FORM
def test_requests_over_the_limit_of_a_connection_are_refused(scenario: Scenario, protocol: Protocol) -> None:
    """The third of three is refused; the other two are answered, and then there is room."""
    with released() as free:

        def handle(message: Metadata, connection: Any) -> bytes:
            assert free.wait(PATIENCE)
            return protocol.answer(message, "served")

        with serving(protocol.codec, handle) as server:
            scenario.apply(protocol, {"v1": [server.port]}, shown("connections", "in-flight"))
            with scenario.caller() as client:
                client.send(protocol.request(1, {}) + protocol.request(2, {}))
                server.wait(2)
                client.send(protocol.request(3, {}))
                assert protocol.codec.error_type(client.receive()) is not None
                free.set()
                assert [text_of(client.receive()) for _ in range(2)] == ["served"] * 2


@EVERY_FORM
def test_a_server_gets_no_more_requests_at_once_than_its_ingress_lets_through(
    scenario: Scenario, protocol: Protocol
) -> None:
    """Two are at the server, one waits, and the fourth is refused."""
    with released() as free, ExitStack() as stack:
        server = stack.enter_context(serving(protocol.codec, holding(protocol, free, "served")))
        stack.callback(free.set)
        ingress = shown("connections", "ingress").replace("21101", str(server.port))
        scenario.apply(protocol, {"v1": [server.port]}, ingress)
        clients = [stack.enter_context(scenario.caller()) for _ in range(3)]
        for number, client in enumerate(clients, 1):
            client.send(protocol.request(1, SLOW))
            server.wait(min(number, 2))
        pending = f"cluster.inbound|{scenario.number}||.upstream_rq_pending_active"
        scenario.envoy.wait_for_stat(pending, lambda count: count == 1)
        with scenario.caller() as fourth:
            assert fourth.error() is not None
        assert len(server.received) == 2
        free.set()
        assert [text_of(client.receive()) for client in clients] == ["served"] * 3


@EVERY_FORM
def test_a_server_is_drained_and_no_call_is_lost(scenario: Scenario, protocol: Protocol) -> None:
    """While clients call, a server is taken out; what it has been asked is answered, and nothing more comes."""
    with (
        released() as free,
        serving(protocol.codec, holding(protocol, free, "old")) as old,
        protocol.serving("new") as new,
    ):
        scenario.apply(protocol, {"v1": [old.port]})
        with scenario.caller() as slow, calling(scenario.caller) as answers, calling(scenario.caller) as more:
            slow.send(protocol.request(1, SLOW))
            eventually(lambda: "old" in answers and "old" in more)
            eventually(lambda: any(message.properties.get("method") == "slow" for message in old.received))
            scenario.apply(protocol, {"v1": [old.port, new.port]})
            eventually(lambda: "new" in answers and "new" in more)
            scenario.apply(protocol, {"v1": [new.port]})
            with scenario.caller() as later:
                assert [later.text() for _ in range(20)] == ["new"] * 20
            count = len(old.received)
            free.set()
            assert text_of(slow.receive()) == "old"
        assert len(old.received) == count
        eventually(lambda: all(connection.socket.fileno() < 0 for connection in old.connections))


def test_connections_on_which_readonly_came_are_used_no_more(scenario: Scenario) -> None:
    """A provider sends it, refuses new connections and serves the others, which end one by one; no call is lost."""
    readonly = dubbo_bytes.message(0xA2, dubbo_bytes.string("R"))
    with DUBBO.serving("old") as old, DUBBO.serving("new") as new:
        scenario.apply(DUBBO, {"v1": [old.port, new.port]})
        with calling(scenario.caller) as answers, calling(scenario.caller) as more:
            eventually(lambda: all({"old", "new"} <= set(each) for each in (answers, more)))
            old.refuse()
            for connection in old.connections:
                with suppress(OSError):  # Envoy has closed it
                    connection.socket.sendall(readonly)
            eventually(lambda: all(connection.socket.fileno() < 0 for connection in old.connections))
            count = len(answers)
            eventually(lambda: len(answers) > count + 20)
        assert set(answers[count + 1 :]) == {"new"}
