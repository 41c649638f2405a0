"""A server that says what it was not asked for: nobody gets it, and its connection is not used again."""

import socket
import threading
from contextlib import suppress

import pytest
from live_engine.awesome import CODEC, HEARTBEAT, ONEWAY, body, reply, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, serving
from live_engine.toys import Fifo
from live_engine.toys import build as toy
from live_envoy.config import bootstrap, cluster, lua, route
from patience import PATIENCE

pytestmark = pytest.mark.live

PREFIX = "dynamicmodulescustom.metaprotocol."


def start(start_envoy, server):
    return start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", server.port)]))


@pytest.mark.parametrize("kind", [HEARTBEAT, ONEWAY], ids=["question", "notice"])
def test_a_message_before_the_answer_that_is_none(start_envoy, kind):
    """A heartbeat that the server wants answered, or an announcement. The answer after it is delivered."""

    def handle(message, connection):
        return request(99, kind=kind) + reply(message, b"%d" % connection.number)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            assert [body(client.call(request(number))) for number in range(5)] == [b"%d" % n for n in range(5)]
        assert envoy.stat(PREFIX + "upstream_closed") == 5


def test_an_answer_to_a_oneway_before_the_next_answer(start_envoy):
    """The connection carries the oneway of one client and then the call of another, which gets its own answer."""
    late = []

    def handle(message, connection):
        if not message.expects_reply:
            late.append(reply(message, b"unasked"))
            return None
        return b"".join(late.pop() for _ in late[:1]) + reply(message, b"%d" % connection.number)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as one, Client(CODEC, envoy.port("in")) as other:
            for turn in range(5):
                one.send(request(turn, kind=ONEWAY))
                server.wait(2 * turn + 1)
                envoy.wait_for_stat("cluster.up.upstream_rq_active", lambda value: value == 0)
                assert body(other.call(request(turn))) == b"%d" % turn
        assert envoy.stat(PREFIX + "upstream_closed") == 5


def test_an_answer_before_the_question(start_envoy):
    """A filter adds a body, and another lets the headers pass and not the body: the request is not sent yet."""
    adds = "function envoy_on_request(h) h:body(true):setBytes('x') end"
    waits = """
        function envoy_on_request(h)
            for chunk in h:bodyChunks() do
                h:httpCall('silent', {[':method'] = 'GET', [':path'] = '/', [':authority'] = 'silent'}, '', 600000)
            end
        end
    """

    def greet():
        with suppress(OSError):
            accepted, _ = listening.accept()
            with accepted:
                accepted.sendall(toy(b"R", "unasked"))
                got.append(accepted.recv(100))

    got = []
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        filters = (lua(adds), lua(waits))
        listener = codec_listener("live_engine.toys:Fifo", [route("up")], *filters)
        clusters = [bridged("up", listening.getsockname()[1]), cluster("silent", silent.getsockname()[1])]
        envoy = start_envoy(bootstrap([listener], clusters))
        with Client(Fifo(), envoy.port("in")) as client:
            assert client.call(toy(b"Q", "q")).properties["body"] == "bad_response"
        thread.join(PATIENCE)
    assert got == [b""]  # the request has not left
