"""The one server that is not Java's, behind the relay: called by Java, and by the client of its own library."""

import pytest
from peers.cache import NotInstalled
from peers.dubbo_clients import CLIENTS, OtherClient, SofaServer
from relay import running_relay
from required import require


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    try:
        running = SofaServer(tmp_path_factory.mktemp("sofa"))
    except NotInstalled as error:
        require("interop", f"sofa-rpc-node: {error}")
    with running:
        yield running


@pytest.fixture
def relay(server, tmp_path):
    with running_relay(tmp_path / "recorded", server.port, codec="dubbo", set={"x-zone": "eu-1"}) as relay:
        yield relay


def test_java_calls_it(consumer, server, relay):
    with consumer.client(relay.port, group="blue", version="1.2.3") as client:
        for method, argument in (("echo", "unicode"), ("bytes", "40000"), ("addInt", "2147483646")):
            outcome = client.call(method, argument)
            assert outcome.get("same") is True, (method, argument, outcome)
            assert server.next_call()["attachments"]["x-zone"] == "eu-1"
        assert "as asked for" in client.call("fail", "checked")["message"]
        assert server.next_call()["called"] == "fail"


def test_its_own_client_calls_it(server, relay, tmp_path):
    (kind,) = [kind for kind in CLIENTS if kind.name == "sofa-rpc-node"]
    with OtherClient(kind, relay.port, tmp_path) as client:
        for method, arguments, answer in (("echo", ["世界 😀"], "世界 😀"), ("addInt", [1, 2], 3)):
            assert client.call(method, arguments) == {"value": answer}
            assert server.next_call()["attachments"]["x-zone"] == "eu-1"
