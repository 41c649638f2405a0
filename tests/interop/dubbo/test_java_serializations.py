"""Messages in other serializations pass a relay that decodes them, and Java finds nothing changed."""

import pytest
from dubbo_frames import wait_for_frames
from peers.dubbo_java import DUBBO_3_2, VERSIONS
from relay import running_relay

SPOKEN = [
    pytest.param(version, name, id=f"dubbo-{version.number}-{name}")
    for version in (*VERSIONS, DUBBO_3_2)
    for name in version.serializations
]
CALLS = [
    ("echo", "hello"),
    ("echo", "unicode"),
    ("echo", "null"),
    ("echo", "text 0"),
    ("bytes", "1048576"),
    ("addLong", "2147483648"),
    ("not", "true"),
    ("note", "something"),
]


@pytest.mark.parametrize(("version", "serialization"), SPOKEN, indirect=["version"])
def test_calls_are_answered(serialization, consumer, provider, tmp_path):
    with (
        running_relay(tmp_path / "recorded", provider.ports[serialization], codec="dubbo") as relay,
        consumer.client(relay.port, serialization=serialization) as client,
    ):
        for method, argument in CALLS:
            outcome = client.call(method, argument, mine="kept")
            assert outcome.get("same") is True, (method, argument, outcome)
            assert provider.next_call()["attachments"]["mine"] == "kept"


@pytest.mark.parametrize(("version", "serialization"), SPOKEN, indirect=["version"])
def test_a_change_that_the_codec_cannot_make_is_refused_and_the_call_is_answered(
    serialization, consumer, provider, tmp_path
):
    changeable = serialization in ("hessian2", "fastjson2")
    with (
        running_relay(
            tmp_path / "recorded",
            provider.ports[serialization],
            codec="dubbo",
            set={"x-zone": "eu-1"},
            status=0 if changeable else 1,
        ) as relay,
        consumer.client(relay.port, serialization=serialization) as client,
    ):
        assert client.call("echo", "hello")["same"] is True
    assert ("x-zone" in provider.next_call()["attachments"]) == changeable


@pytest.mark.parametrize(("version", "serialization"), SPOKEN, indirect=["version"])
def test_heartbeats_are_answered_in_the_consumers_serialization(serialization, consumer, tmp_path):
    with (
        running_relay(tmp_path / "recorded", None, codec="dubbo", reply_error="over_limit") as relay,
        consumer.client(relay.port, serialization=serialization, heartbeat=500) as client,
    ):
        client.call("echo", "hello")
        wait_for_frames(relay.folder, "c2s", lambda frame: frame.is_heartbeat, 5)
    assert len(relay.manifest) == 1  # it has not given up and connected again


def test_a_call_that_the_provider_refuses_is_an_error_with_its_text(consumer, provider, tmp_path, version):
    with (
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", set={"x-zone": "1"}) as relay,
        consumer.client(relay.port, generic="true") as client,
    ):
        outcome = client.call("nosuch", "x")
    assert outcome["exception"] == version.rpc_exception
    assert "nosuch" in outcome["message"]
