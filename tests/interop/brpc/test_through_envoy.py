"""brpc-java calls brpc-java through a real Envoy with the module: routed, changed and refused."""

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import bootstrap, limit, route
from peers.brpc import JAVA
from peers.rpc import Client, Server

pytestmark = pytest.mark.interop

ZONE = {"header": {"key": "x-zone", "value": "eu-1"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(JAVA, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(start_envoy, server, tmp_path):
    changed = {**route("java", headers={"service": "example.EchoService"}), "request_headers_to_add": [ZONE]}
    envoy = start_envoy(bootstrap([codec_listener("brpc", [changed])], [bridged("java", server.port)]))
    with Client(JAVA, envoy.port("in"), tmp_path) as running:
        yield running


def test_calls_pass_changed(client):
    """The server skips what Envoy has added: brpc-java does not know `user_fields`."""
    assert client.ask(msg="Zoë 世界", log_id=77) == {"reply": "Hello Zoë 世界", "attachment": ""}
    assert client.ask(msg="file", attachment="12345") == {"reply": "Hello file", "attachment": "back: 12345"}
    assert client.ask(msg="zip " * 100, gzip=True)["reply"] == "Hello " + "zip " * 100
    assert "the business failed" in client.ask(msg="fail")["error"]


def test_a_limit_is_an_error_of_brpc(start_envoy, server, tmp_path):
    listener = codec_listener("brpc", [route("java")], limit())
    envoy = start_envoy(bootstrap([listener], [bridged("java", server.port)]))
    with Client(JAVA, envoy.port("in"), tmp_path) as client:
        assert client.ask(msg="Ada")["reply"] == "Hello Ada"
        assert "local_rate_limited" in client.ask(msg="Ada")["error"]
