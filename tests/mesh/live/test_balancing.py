"""Servers are chosen as docs/governance/balancing.md says."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from governance import AT_ONCE, EVERY_FORM, WITH_PROPERTIES, Scenario, shown
from live_engine.peers import Server
from mesh_files import routes
from mesh_protocols import Protocol
from mesh_scenarios import likely, ports, versions

pytestmark = pytest.mark.live

KEYS = [f"method{number}" for number in range(200)]
HERE = {"app": "here", "topology.istio.io/locality": "eu.a.1"}
ONCE = routes("- {route: [{destination: {host: reviews.default.svc.cluster.local}}], retries: {attempts: 0}}")
LOCALITIES = {"v1": "eu/a/1", "v2": "eu/b/1", "v3": "us/a/1", "v4": "asia/a/1"}


@pytest.fixture
def three(protocol: Protocol) -> Iterator[dict[str, Server]]:
    """Three servers, by the name that each answers with."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(protocol.serving(name)) for name in "abc"}


def as_one(servers: Mapping[str, Server]) -> dict[str, list[int]]:
    """Return the ports of servers, as those of one version."""
    return {"v1": [server.port for server in servers.values()]}


# Seen with 1,000 keys and 3 to 10 servers: Maglev moves up to 0.4 % of the others' keys, a ring 9 to 13 %.
@EVERY_FORM
@pytest.mark.parametrize(("kind", "most"), [("maglev: {}", 0.05), ("ringHash: {}", 0.5)], ids=["maglev", "ring"])
def test_a_key_stays_at_its_server(
    scenario: Scenario, protocol: Protocol, three: dict[str, Server], kind: str, most: float
) -> None:
    """A7: a key's calls reach one server. Without it its keys move, and most others stay; with it all are back."""
    rule = shown("balancing", "consistent-hash").replace("maglev: {}", kind).replace("user", "method")
    scenario.apply(protocol, as_one(three), rule)
    with scenario.caller() as client:
        before = {key: client.text({"method": key}) for key in KEYS}
        assert set(before.values()) == set(three)
        assert [client.text({"method": KEYS[0]}) for _ in range(10)] == [before[KEYS[0]]] * 10
        gone = before[KEYS[0]]
        scenario.apply(protocol, as_one({name: server for name, server in three.items() if name != gone}), rule)
        after = {key: client.text({"method": key}) for key in KEYS}
        scenario.apply(protocol, as_one(three), rule)
        assert {key: client.text({"method": key}) for key in KEYS} == before
    assert gone not in after.values()
    others = [key for key in KEYS if before[key] != gone]
    assert sum(before[key] != after[key] for key in others) < len(others) * most


@WITH_PROPERTIES
def test_requests_without_the_key_reach_every_server(
    scenario: Scenario, protocol: Protocol, three: dict[str, Server]
) -> None:
    """A7: of 60 calls, all miss one of 3 servers with a probability below 1e-10."""
    scenario.apply(protocol, as_one(three), shown("balancing", "consistent-hash"))
    with scenario.caller() as client:
        assert {client.text() for _ in range(60)} == set(three)
        assert len({client.text({"user": "jason"}) for _ in range(10)}) == 1


@EVERY_FORM
def test_an_address_stays_at_its_server(scenario: Scenario, protocol: Protocol, three: dict[str, Server]) -> None:
    scenario.apply(protocol, as_one(three), shown("balancing", "source-address"))
    answers = set()
    for _ in range(20):
        with scenario.caller() as client:
            answers.add(client.text())
    assert len(answers) == 1


@EVERY_FORM
def test_far_servers_are_called_when_the_near_ones_have_failed(scenario: Scenario, protocol: Protocol) -> None:
    """The same subzone, the same region, the region that `failover` names, and any other."""
    with versions(protocol, "v1", "v2", "v3", "v4") as servers:
        rules = shown("balancing", "locality"), ONCE, AT_ONCE
        scenario.apply(protocol, ports(servers), *rules, labels=HERE, localities=LOCALITIES)
        with scenario.caller() as client:
            for version, server in servers.items():
                client.text_until(lambda text, wanted=version: text == wanted)
                assert [client.text() for _ in range(20)] == [version] * 20
                server.close()


@EVERY_FORM
def test_localities_get_their_shares(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1", "v2", "v3") as servers:
        rule = shown("balancing", "distribute")
        scenario.apply(protocol, ports(servers), rule, labels=HERE, localities=LOCALITIES)
        with scenario.caller() as client:
            answers = [client.text() for _ in range(200)]
    assert answers.count("v2") in likely(200, 0.2)
    assert "v3" not in answers


@EVERY_FORM
def test_a_subset_falls_back_to_other_servers(scenario: Scenario, protocol: Protocol) -> None:
    """When its servers fail, when there are none of them, and when they are back."""
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), shown("balancing", "fallback"), labels=HERE)
        with scenario.caller() as client:
            assert [client.text() for _ in range(20)] == ["v2"] * 20
            servers["v2"].close()
            client.text_until(lambda text: text == "v1")
            assert [client.text() for _ in range(20)] == ["v1"] * 20
            with protocol.serving("v2") as new:
                scenario.apply(protocol, {"v1": [servers["v1"].port]}, shown("balancing", "fallback"), labels=HERE)
                assert client.text() == "v1"
                both = {"v1": [servers["v1"].port], "v2": [new.port]}
                scenario.apply(protocol, both, shown("balancing", "fallback"), labels=HERE)
                assert [client.text() for _ in range(20)] == ["v2"] * 20
