"""A Java consumer of one version of Dubbo calls a provider of another, through a relay that adds attachments."""

import pytest
from peers.dubbo_java import DUBBO_2_7, DUBBO_3, JavaProvider, required
from relay import running_relay

CALLS = [("echo", "unicode"), ("echo", "null"), ("bytes", "40000"), ("node", "object"), ("any", "shared")]


@pytest.fixture
def other_provider(version, running):
    provider = running(JavaProvider, required(DUBBO_2_7 if version is DUBBO_3 else DUBBO_3))
    provider.forget()
    return provider


def test_both_sides_understand_what_the_relay_has_changed(consumer, other_provider, tmp_path):
    changes = {"set": {"x-zone": "eu-1"}, "set_response": {"x-served-by": "relay"}}
    with (
        running_relay(tmp_path / "recorded", other_provider.ports["hessian2"], codec="dubbo", **changes) as relay,
        consumer.client(relay.port) as client,
    ):
        for method, argument in CALLS:
            outcome = client.call(method, argument)
            assert outcome.get("same") is True, (method, argument, outcome)
            assert outcome["attachments"]["x-served-by"] == "relay"
            assert other_provider.next_call()["attachments"]["x-zone"] == "eu-1"
        outcome = client.call("fail", "checked")
    assert (outcome["exception"], outcome["message"]) == ("org.example.interop.Trouble", "as asked for")
