"""Protocols without ids: what order clients and servers see."""

import socket
import threading

import pytest
from live_engine.config import bridge_options, bridged, codec_listener
from live_engine.peers import Client, released, serving
from live_engine.toys import Fifo, Large, Ordered, Serial, Stateful, build
from live_envoy.config import bootstrap, route
from patience import PATIENCE

pytestmark = pytest.mark.live


def start(start_envoy, codec, server, *clusters, routes=None, **settings):
    listener = codec_listener(f"live_engine.toys:{type(codec).__name__}", routes or [route("up")], **settings)
    return start_envoy(bootstrap([listener], [bridged("up", server.port), *clusters]))


def text(message):
    return message.properties["body"]


class Gate:
    """A server that answers the first request last."""

    def __init__(self):
        self.free = threading.Event()

    def __call__(self, message, connection):
        if text(message) == "0":
            self.free.wait(60)
        return build(b"R", text(message))


def test_answers_come_in_the_order_of_requests(start_envoy):
    gate, codec = Gate(), Fifo()
    with serving(codec, gate) as server:
        envoy = start(start_envoy, codec, server)
        with Client(codec, envoy.port("in")) as client:
            client.send(b"".join(build(b"Q", str(number)) for number in range(10)))
            server.wait(10)  # all are on their way at once
            gate.free.set()
            assert [text(client.receive()) for _ in range(10)] == [str(number) for number in range(10)]


def test_an_answer_of_envoys_own_waits_for_its_turn(start_envoy):
    gate, codec = Gate(), Fifo()
    with serving(codec, gate) as server:
        envoy = start(start_envoy, codec, server, routes=[route("up", headers={"body": "0"})])
        with Client(codec, envoy.port("in")) as client:
            client.send(build(b"Q", "0") + build(b"Q", "1"))
            envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.local_replies.route_not_found", bool)
            gate.free.set()
            assert text(client.receive()) == "0"
            assert text(client.receive()) == "route_not_found"


@pytest.mark.parametrize("codec", [Ordered(), Serial()], ids=lambda codec: codec.name)
def test_a_server_sees_the_requests_of_a_client_in_order(start_envoy, codec):
    gate = Gate()
    with serving(codec, gate) as server:
        envoy = start(start_envoy, codec, server)
        with Client(codec, envoy.port("in")) as client:
            client.send(b"".join(build(b"Q", str(number)) for number in range(50)))
            server.wait(1)
            envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.in_flight", lambda value: value == 50)
            assert len(server.received) == 1
            gate.free.set()
            assert [text(client.receive()) for _ in range(50)] == [str(number) for number in range(50)]
        assert [text(message) for message in server.received] == [str(number) for number in range(50)]


def test_a_oneway_counts_as_answered_once_it_is_written(start_envoy):
    codec = Ordered()
    with serving(codec, lambda message, connection: build(b"R", text(message)) if message.expects_reply else None) as s:
        envoy = start(start_envoy, codec, s)
        with Client(codec, envoy.port("in")) as client:
            client.send(build(b"O", "0") + build(b"Q", "1") + build(b"O", "2") + build(b"Q", "3"))
            assert [text(client.receive()), text(client.receive())] == ["1", "3"]
            s.wait(4)


def test_an_unasked_answer_to_a_oneway_without_an_id_reaches_nobody(start_envoy):
    codec = Fifo()
    with serving(codec, lambda message, connection: build(b"R", text(message))) as server:
        envoy = start(start_envoy, codec, server)
        with Client(codec, envoy.port("in")) as liar, Client(codec, envoy.port("in")) as client:
            for number in range(50):
                liar.send(build(b"O", "unasked"))
                assert text(client.call(build(b"Q", str(number)))) == str(number)
            server.wait(100)


def test_oneways_whose_connections_their_server_does_not_close_are_bounded(start_envoy):
    codec = Fifo()

    def stubborn(message, connection):
        if not message.expects_reply:
            free.wait(60)  # and does not see that nothing more comes
            return None
        return build(b"R", text(message))

    with serving(codec, stubborn) as server, released() as free:
        envoy = start(start_envoy, codec, server, routes=[route("up", timeout="0s")], max_in_flight=5)
        with Client(codec, envoy.port("in")) as client:
            for number in range(1, 31):
                client.send(build(b"O", str(number)))
                server.wait(number)
            assert text(client.call(build(b"Q", "answered"))) == "answered"
            assert envoy.stat("dynamicmodulescustom.metaprotocol.in_flight") == 4
            envoy.wait_for_stat("cluster.up.upstream_cx_active", lambda value: value <= 5)
        envoy.wait_for_stat("cluster.up.upstream_cx_active", lambda value: value == 1)  # which others may use
        envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.in_flight", lambda value: value == 0)


@pytest.mark.parametrize("codec", [Ordered(), Serial()], ids=lambda codec: codec.name)
def test_a_oneway_whose_connection_stays_open_does_not_hold_the_next_request(start_envoy, codec):
    def stubborn(message, connection):
        if not message.expects_reply:
            free.wait(60)
            return None
        return build(b"R", text(message))

    with serving(codec, stubborn) as server, released() as free:
        envoy = start(start_envoy, codec, server)
        with Client(codec, envoy.port("in")) as client:
            client.send(build(b"O", "0"))
            server.wait(1)
            for number in range(3):
                assert text(client.call(build(b"Q", str(number)))) == str(number)


def test_a_long_oneway_of_a_client_that_leaves_reaches_the_server_whole(start_envoy):
    message = b"O" + (9_000_000).to_bytes(4) + bytes(9_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listener = codec_listener("live_engine.toys:Large", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", port)]))
        with Client(Large(), envoy.port("in")) as client:
            client.send(message)
            client.socket.shutdown(socket.SHUT_WR)
            envoy.wait_for_stat("cluster.up.upstream_rq_200", lambda value: value == 1)
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as got:
                connection.settimeout(PATIENCE)
                assert got.read() == message
            assert client.ended()
        envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.in_flight", lambda value: value == 0)


def test_without_ids_a_connection_that_is_used_once_keeps_a_late_copy_from_others(start_envoy):
    """Nothing tells a copy of an answer from the next answer where the protocol has no ids."""
    codec, last = Fifo(), {}

    def copying(message, connection):
        copy = last.get(connection.number, b"")
        last[connection.number] = build(b"R", text(message))
        return copy + last[connection.number]

    with serving(codec, copying) as server:
        once = bridge_options(common_http_protocol_options={"max_requests_per_connection": 1})
        listener = codec_listener("live_engine.toys:Fifo", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port, **once)]))
        with Client(codec, envoy.port("in")) as one, Client(codec, envoy.port("in")) as other:
            for turn in range(5):
                assert text(one.call(build(b"Q", f"secret {turn}"))) == f"secret {turn}"
                assert text(other.call(build(b"Q", f"{turn}"))) == f"{turn}"
        assert len(server.connections) == 10


def test_only_delivered_answers_change_the_state_of_a_connection(start_envoy):
    codec = Fifo()
    answered = []

    def flaky(message, connection):
        answered.append(message)
        return build(b"E" if len(answered) % 2 else b"R", text(message))

    with serving(codec, flaky) as server, serving(codec, lambda m, c: build(b"R", "mirror")) as mirror:
        retry = {"retry_on": "5xx", "num_retries": 2}
        action = route("up", retry_policy=retry, request_mirror_policies=[{"cluster": "mirror"}])
        envoy = start(start_envoy, Stateful(), server, bridged("mirror", mirror.port), routes=[action])
        with Client(codec, envoy.port("in")) as client:
            assert [text(client.call(build(b"Q", word))) for word in "abc"] == ["a 1", "b 2", "c 3"]
            mirror.wait(3)
        with Client(codec, envoy.port("in")) as client:
            assert text(client.call(build(b"Q", "d"))) == "d 1"
