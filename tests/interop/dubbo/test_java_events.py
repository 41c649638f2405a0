"""Heartbeats and the notice of a graceful shutdown pass the relay, which decodes them, and do what they should."""

import time

import pytest
from dubbo_frames import wait_for_frames
from peers.dubbo_java import DUBBO_2_6, JavaProvider
from peers.processes import PATIENCE
from relay import running_relay

MUTATIONS = {"set": {"x-zone": "eu-1"}, "set_response": {"x-served-by": "relay"}}


def test_heartbeats_keep_an_idle_connection_alive_beyond_its_interval(consumer, provider, tmp_path):
    with (
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **MUTATIONS) as relay,
        consumer.client(relay.port, heartbeat=1500) as client,
    ):
        assert client.call("echo", "hello")["same"] is True
        # A side that hears nothing for three intervals gives the connection up.
        asked = wait_for_frames(relay.folder, "c2s", lambda frame: frame.is_heartbeat and frame.is_request, 4)
        answered = wait_for_frames(relay.folder, "s2c", lambda frame: frame.is_heartbeat and not frame.is_request, 4)
        assert client.call("echo", "again")["same"] is True
        provider.next_call()
        assert provider.next_call()["attachments"]["x-zone"] == "eu-1"
    assert {frame.request_id for frame in asked[:4]} <= {frame.request_id for frame in answered}
    assert len(relay.manifest) == 1


@pytest.mark.parametrize("version", [DUBBO_2_6], ids=["dubbo-2.6.12"], indirect=True)
def test_a_provider_that_sends_heartbeats_itself_is_answered(version, consumer, tmp_path):
    with (
        JavaProvider(version, tmp_path, heartbeat=1500) as provider,
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **MUTATIONS) as relay,
        consumer.client(relay.port) as client,
    ):
        assert client.call("echo", "hello")["same"] is True
        asked = wait_for_frames(relay.folder, "s2c", lambda frame: frame.is_heartbeat and frame.is_request, 4)
        answered = wait_for_frames(relay.folder, "c2s", lambda frame: frame.is_heartbeat and not frame.is_request, 4)
        assert client.call("echo", "again")["same"] is True
    assert {frame.request_id for frame in asked[:4]} <= {frame.request_id for frame in answered}
    assert len(relay.manifest) == 1


def test_a_provider_that_shuts_down_says_so_and_is_called_no_more(version, consumer, tmp_path):
    with (
        JavaProvider(version, tmp_path, ["hessian2"]) as provider,
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **MUTATIONS) as relay,
        consumer.client(relay.port, cluster="available") as client,
    ):
        assert client.call("echo", "hello")["same"] is True
        provider.terminate()  # it waits for its clients to go
        wait_for_frames(relay.folder, "s2c", lambda frame: frame.is_readonly, 1)
        deadline = time.monotonic() + PATIENCE
        while "exception" not in (outcome := client.call("echo", "again")):
            assert time.monotonic() < deadline, "the notice does not reach the consumer"
        assert relay.manifest == []  # the connection is still open
    assert outcome["message"].startswith("No provider available")
