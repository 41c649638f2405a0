"""Clients of Tars for Java and for Node call a server through Envoy: routed, changed, limited."""

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import bootstrap, limit, route
from peers.programs import required
from peers.tars import TarsJava, TarsNode

pytestmark = pytest.mark.interop
ZONE = {"header": {"key": "zone", "value": "eu-1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    required("tars")
    with TarsNode(tmp_path_factory.mktemp("server"), "server.js") as running:
        yield running


@pytest.fixture(params=["java", "node", "node, TUP"])
def call(request, tmp_path):
    """Call a port as one of the clients does, in one version."""
    required("tars")
    how = {"version": 3} if "TUP" in request.param else {}
    with TarsJava(tmp_path) if request.param == "java" else TarsNode(tmp_path) as client:
        yield lambda port, method, text, **more: client.call(port, method, text, **how, **more)


def test_the_server_sees_what_envoy_has_added_and_a_limit_is_an_overload(start_envoy, server, call):
    changed = {**route("up", headers={"func": "echo"}), "request_headers_to_add": [ZONE]}
    listener = codec_listener("tars", [changed], limit())
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
    assert call(envoy.port("in"), "echo", "Zoë 世界", headers={"mine": "kept"}) == {"value": "Zoë 世界"}
    seen = server.next_call()
    assert (seen["called"], seen["headers"]) == ("echo", {"zone": "eu-1", "mine": "kept"})
    assert "-9" in str(call(envoy.port("in"), "echo", "two"))


def test_a_call_without_a_route_fails_at_once(start_envoy, server, call):
    envoy = start_envoy(
        bootstrap([codec_listener("tars", [route("up", headers={"func": "other"})])], [bridged("up", server.port)])
    )
    outcome = str(call(envoy.port("in"), "echo", "hello"))
    assert "-4" in outcome
    assert "route_not_found" in outcome or '"message":""' in outcome  # Node does not show the text of TUP
