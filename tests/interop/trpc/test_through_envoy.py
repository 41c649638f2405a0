"""tRPC-Go calls tRPC-Go through a real Envoy with the module: calls and streams, changed, refused and broken off."""

import pytest
from live_engine.config import bridge_options, bridged, codec_listener
from live_engine.peers import Client as Connection
from live_envoy.config import bootstrap, limit, route
from peers.rpc import Client, Server
from peers.trpc import CALLER, GO, SERVICE

from metaprotocol_codecs.trpc import TrpcCodec
from metaprotocol_codecs.trpc.frames import INIT, STREAM_METAS, build
from metaprotocol_mesh.render.clusters import idle_options
from metaprotocol_sdk import Status

pytestmark = pytest.mark.interop

PREFIX = "dynamicmodulescustom.metaprotocol."
ZONE = {"header": {"key": "x-zone", "value": "eu-1"}}
SERVED = {"header": {"key": "x-served-by", "value": "envoy"}}
ROUTES = [
    {
        **route("go", prefix=f"/{SERVICE}/Say", timeout="0s"),
        "request_headers_to_add": [ZONE],
        "response_headers_to_add": [SERVED],
    },
    # The answer to a stream's first frame has no place for entries.
    {**route("go", timeout="0s"), "request_headers_to_add": [ZONE]},
]


@pytest.fixture
def server(tmp_path):
    with Server(GO, tmp_path) as running:
        yield running


@pytest.fixture
def start(start_envoy, server):
    def start(*filters, routes=ROUTES, idle_timeout="600s", **cluster):
        idle = {"idle_timeout": idle_timeout}
        hcm = {"stream_idle_timeout": "0s", "common_http_protocol_options": idle, "drain_timeout": "0.1s"}
        listener = codec_listener("trpc", routes, *filters, hcm=hcm)
        return start_envoy(bootstrap([listener], [bridged("go", server.port, **cluster)]))

    return start


@pytest.fixture
def envoy(start):
    return start()


@pytest.fixture
def client(envoy, tmp_path):
    with Client(GO, envoy.port("in"), tmp_path) as running:
        yield running


@pytest.mark.parametrize("multiplex", [False, True])
def test_both_sides_see_what_envoy_has_added(client, server, multiplex):
    for name in ("SayHello", "SayHi"):
        answer = client.ask(name=name, msg="Zoë", meta={"user": "jason"}, multiplex=multiplex)
        assert answer["reply"] == "Hello Zoë"
        assert answer["meta"] == {"user": "jason", "x-zone": "eu-1", "served-by": "go", "x-served-by": "envoy"}
        called = {"called": name, "msg": "Zoë", "caller": CALLER, "meta": {"user": "jason", "x-zone": "eu-1"}}
        assert server.report() == called


def test_an_attachment_arrives_and_comes_back(client):
    assert client.ask(name="SayHi", msg="file", attachment="12345")["attachment"] == "back: 12345"


@pytest.mark.parametrize(("msg", "code", "business"), [("business", 10001, True), ("framework", 22, False)])
def test_failures_arrive_as_they_were(client, msg, code, business):
    answer = client.ask(name="SayHi", msg=msg)
    assert (answer["code"], answer["business"], answer["error"]) == (code, business, f"the {msg} failed")


def test_a_oneway_call_arrives(client, server):
    client.ask(name="SayHi", msg="once", oneway=True)
    assert server.report()["msg"] == "once"


def test_a_limit_is_an_error_of_trpc(start, tmp_path):
    with Client(GO, start(limit()).port("in"), tmp_path) as client:
        assert client.ask(name="SayHi", msg="Ada")["reply"] == "Hello Ada"
        refused = client.ask(name="SayHi", msg="Ada")
        assert (refused["code"], refused["business"]) == (23, False)
        refused = client.ask("open", name="Talk")
        assert (refused["code"], refused["business"]) == (23, False)


def test_a_call_and_a_stream_without_a_route_are_refused(start, tmp_path):
    with Client(GO, start(routes=[route("go", headers={"user": "nobody"})]).port("in"), tmp_path) as client:
        assert client.ask(name="SayHi", msg="Ada")["code"] == 11
        assert client.ask("open", name="Talk")["code"] == 11


def test_a_bidirectional_stream_carries_more_than_its_windows_hold(client, server):
    assert client.ask("open", name="Talk", meta={"user": "jason"}) == {"done": True}
    assert server.report()["meta"] == {"user": "jason", "x-zone": "eu-1"}
    for _ in range(10):
        assert client.ask("send", msg="x", repeat=30_000) == {"done": True}
        assert client.ask("receive") == {"size": 30_000}
    assert client.ask("close") == {"done": True}
    assert client.ask("receive") == {"end": True}


def test_a_stream_of_the_server_ends(client, envoy):
    assert client.ask("open", name="Count") == {"done": True}
    assert client.ask("send", msg="a b c") == {"done": True}
    assert [client.ask("receive").get("reply") for _ in range(4)] == ["a", "b", "c", None]
    envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_stream_of_the_client_is_answered(client, envoy):
    assert client.ask("open", name="Collect") == {"done": True}
    for _ in range(3):
        assert client.ask("send", msg="abc") == {"done": True}
    client.ask("close")
    assert client.ask("receive") == {"reply": "9"}
    assert client.ask("receive") == {"end": True}
    envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_stream_that_the_server_resets_or_refuses(client):
    client.ask("open", name="Talk")
    client.ask("send", msg="framework")
    assert "code:22, msg:the framework failed" in client.ask("receive")["error"]
    assert client.ask("open", name="Missing")["code"] == 12


def test_a_silent_stream_outlives_the_idle_timeouts_of_both_sides(start, tmp_path):
    """They are short here. Connections that are idle, and became so later than the stream, are closed by them."""
    options = bridge_options()
    options["typed_extension_protocol_options"].update(idle_options("0.3s"))
    envoy = start(idle_timeout="0.3s", **options)
    codec = TrpcCodec()
    _, request = next(iter(codec.examples()))
    with Client(GO, envoy.port("in"), tmp_path) as client:
        client.ask("open", name="Talk")
        client.ask("send", msg="a")
        assert client.ask("receive") == {"reply": "a"}
        with Connection(codec, envoy.port("in")) as idle:
            assert idle.call(request).request_id == 1  # refused: the server has no such method
            assert idle.ended()
        envoy.wait_for_stat("cluster.go.upstream_cx_destroy", bool)
        client.ask("send", msg="b")
        assert client.ask("receive") == {"reply": "b"}


def test_a_server_that_dies_ends_the_stream(client, server, envoy):
    client.ask("open", name="Talk")
    client.ask("send", msg="a")
    assert client.ask("receive") == {"reply": "a"}
    server.stop()
    assert "code:141" in client.ask("receive")["error"]
    envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_client_that_dies_ends_the_stream(server, envoy):
    """As a crash does, by a reset: a client that closes its half may still wait for the server's messages."""
    names = {"caller": CALLER, "callee": SERVICE, "func": f"/{SERVICE}/Talk"}
    opening = build(STREAM_METAS[INIT], {"request_meta": names}, frame_type=INIT, stream_id=5)
    with Connection(TrpcCodec(), envoy.port("in")) as client:
        assert client.call(opening).status is Status.OK
        assert server.report()["called"] == "Talk"
        client.reset()
        assert server.report() == {"heard": 0, "ended": False, "failed": True}
    envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
