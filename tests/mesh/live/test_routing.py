"""Requests take the routes of docs/governance/routing.md."""

import pytest
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, calling, shown
from mesh_protocols import Protocol
from mesh_scenarios import likely, ports, versions

from metaprotocol_sdk import ErrorType

pytestmark = pytest.mark.live


@EVERY_FORM
def test_weights_split_the_requests(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), shown("routing", "weights"))
        with scenario.caller() as client:
            answers = [client.text() for _ in range(200)]
    assert answers.count("v2") in likely(200, 0.2)
    assert answers.count("v1") + answers.count("v2") == 200


@WITH_PROPERTIES
def test_a_canary_serves_testers_always_and_others_rarely(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), shown("routing", "canary"))
        with scenario.caller() as client:
            assert [client.text({"user": "tester-7"}) for _ in range(10)] == ["v2"] * 10
            others = [client.text({"user": "tested"}) for _ in range(200)]
    assert others.count("v2") in likely(200, 0.05)


@EVERY_FORM
def test_blue_turns_green_and_back_and_no_call_is_lost(scenario: Scenario, protocol: Protocol) -> None:
    """The next request of each open connection takes the new rule; those that call meanwhile are all answered."""
    blue = shown("routing", "blue")
    green = blue.replace("subset: v1", "subset: v2")
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), blue)
        with scenario.caller() as client, calling(scenario.caller) as answers:
            assert client.text() == "v1"
            for rules, version in ((green, "v2"), (blue, "v1"), (green, "v2")):
                scenario.apply(protocol, ports(servers), rules)
                client.text_until(lambda text, wanted=version: text == wanted)
                assert [client.text() for _ in range(5)] == [version] * 5
        assert set(answers) == {"v1", "v2"}
    assert scenario.envoy.stat(f"{scenario.listener}.downstream_cx_total") == 2


@WITH_PROPERTIES
def test_conditions_on_properties_are_combined_and_inverted(scenario: Scenario, protocol: Protocol) -> None:
    known = {"user": "jason"}
    with versions(protocol, "v1", "v2", "v3") as servers:
        scenario.apply(protocol, ports(servers), shown("routing", "conditions"))
        with scenario.caller() as client:
            for properties, version in [
                ({"user": "vip-1", "region": "eu"}, "v2"),
                ({"user": "vip-1", "region": "us"}, "v1"),
                ({"user": "vip-1"}, "v1"),
                ({"user": "Vip-1", "region": "eu"}, "v1"),
                ({"tier": "gold"}, "v2"),
                ({"Tier": "gold", "client": "1.2"}, "v2"),
                (known | {"client": "1.2"}, "v3"),
                (known | {"client": "1.2.3", "beta": "off"}, "v3"),
                (known | {"client": "1.2", "beta": "on"}, "v1"),
                (known | {"client": "11.2"}, "v1"),
                (known | {"client": "1.2-rc"}, "v1"),
            ]:
                assert client.text(properties) == version, properties
            assert client.error({"region": "eu"}) is ErrorType.UNAUTHORIZED or protocol.codec.name == "thrift"
            assert client.error({"region": "eu"}) is not None
    assert sum(len(server.received) for server in servers.values()) == 11


@WITH_PROPERTIES
def test_a_regex_takes_numbers_from_a_thousand_on(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), shown("routing", "at-least"))
        with scenario.caller() as client:
            for amount in ("1000", "4711", "123456"):
                assert client.text({"amount": amount}) == "v2"
            for amount in ("999", "0999", "-1000", "1000.0", ""):
                assert client.text({"amount": amount}) == "v1"
            assert client.text() == "v1"


@WITH_PROPERTIES
def test_a_range_takes_whole_numbers_up_to_its_end(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1", "v2") as servers:
        scenario.apply(protocol, ports(servers), shown("routing", "range"))
        with scenario.caller() as client:
            for amount in ("-50", "0", "1499"):
                assert client.text({"amount": amount}) == "v2"
            for amount in ("-51", "1500", "7.5", "many"):
                assert client.text({"amount": amount}) == "v1"
            assert client.text() == "v1"
