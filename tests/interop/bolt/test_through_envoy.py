"""Clients of SOFARPC for Java and for Node call a server through Envoy: routed, changed, limited, refused."""

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import bootstrap, limit, route
from peers.bolt import SERVICE

ZONE = {"header": {"key": "zone", "value": "eu-1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
WITH_CRC = {"protocol": "bolt2", "version": 2, "crc": True}
FORMS = {
    "java, protocol 1": ("java", {}),
    "java, protocol 2 with CRC": ("java", {"version": 2}),
    "node, protocol 1": ("node", {}),
    "node, protocol 2 with CRC": ("node", WITH_CRC),
}


@pytest.fixture(params=FORMS)
def call(request, java, node):
    """Call a port as one of the clients does, in one form of the protocol."""
    client, how = FORMS[request.param]
    peer = {"java": java, "node": node}[client]
    return lambda port, method, text, **more: peer.call(port, method, text, **how, **more)


def changing(start_envoy, server):
    changed = {**route("up", headers={"service": SERVICE}), "request_headers_to_add": [ZONE]}
    return start_envoy(bootstrap([codec_listener("bolt", [changed])], [bridged("up", server.port)]))


def test_the_server_sees_what_envoy_has_added(start_envoy, server, call):
    envoy = changing(start_envoy, server)
    assert call(envoy.port("in"), "echo", "Zoë 世界", headers={"mine": "kept"}) == {"value": "Zoë 世界"}
    seen = server.next_call()
    assert (seen["called"], seen["headers"]["zone"], seen["headers"]["mine"]) == ("echo", "eu-1", "kept")


def test_exceptions_of_the_service_arrive(start_envoy, server, call):
    envoy = changing(start_envoy, server)
    outcome = call(envoy.port("in"), "fail", "as asked for")
    assert "as asked for" in (outcome.get("message") or outcome["error"])
    assert server.next_call()["called"] == "fail"


def test_a_limit_reaches_each_client_as_busy(start_envoy, server, call):
    listener = codec_listener("bolt", [route("up")], limit())
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
    assert call(envoy.port("in"), "echo", "one") == {"value": "one"}
    server.next_call()
    outcome = call(envoy.port("in"), "echo", "two")
    if "exception" in outcome:  # Java
        assert "ServerBusy" in outcome["exception"] or "busy" in outcome["message"].lower(), outcome
    else:
        assert "local_rate_limited" in outcome["error"]


def test_a_call_without_a_route_fails_at_once(start_envoy, server, call):
    nowhere = route("up", headers={"method": "other"})
    envoy = start_envoy(bootstrap([codec_listener("bolt", [nowhere])], [bridged("up", server.port)]))
    outcome = call(envoy.port("in"), "echo", "hello")
    assert "value" not in outcome
    if "error" in outcome:
        assert "route_not_found" in outcome["error"]


def test_heartbeats_are_answered_in_envoy_and_the_connection_stays(start_envoy, server, java):
    envoy = changing(start_envoy, server)
    assert java.call(envoy.port("in"), "echo", "one")["value"] == "one"
    envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.requests.heartbeat", lambda count: count > 1)
    assert java.call(envoy.port("in"), "echo", "two")["value"] == "two"
    assert [server.next_call()["called"] for _ in range(2)] == ["echo", "echo"]
    assert envoy.stat("http.http.downstream_cx_total") == 1
