"""Streams of a protocol, each on one HTTP stream and one connection to a server."""

import resource
import socket
import threading
from pathlib import Path

import pytest
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, released, serving
from live_engine.streams import Streams, build
from live_envoy.config import bootstrap, route
from patience import PATIENCE

pytestmark = pytest.mark.live

CODEC = Streams()
PREFIX = "dynamicmodulescustom.metaprotocol."
HCM = {"stream_idle_timeout": "0s"}


def start(start_envoy, *servers, routes=None, cluster=None, **settings):
    routes = routes or [route("0", timeout="0s")]
    listener = codec_listener("live_engine.streams:Streams", routes, hcm=HCM, **settings)
    clusters = [bridged(str(number), server.port, **(cluster or {})) for number, server in enumerate(servers)]
    return start_envoy(bootstrap([listener], clusters))


def kind(message):
    return message.message[:1]


def echo(message, connection):
    """Accept streams, send data back, and end what the client ends."""
    number, body = message.message[1], message.message[4:]
    match kind(message):
        case b"I":
            return build(b"A", number, b"welcome")
        case b"D" | b"H":
            return build(kind(message), number, body)
        case b"Q":
            return build(b"R", number, body)
    return None


def test_a_stream_carries_messages_both_ways(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"I", 1, b"hello")).message == build(b"A", 1, b"welcome")
            for number in range(20):
                message = build(b"D", 1, b"%d" % number)
                assert client.call(message).message == message
            assert client.call(build(b"H", 1)).message == build(b"H", 1)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            assert client.call(build(b"Q", 1, b"q")).message == build(b"R", 1, b"q")
            assert client.call(build(b"I", 1, b"again")).message == build(b"A", 1, b"welcome")
        assert len(server.connections) == 1  # a stream that ended well leaves its connection for others


def test_messages_may_follow_at_once(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        messages = [build(b"D", 1, b"%d" % number) for number in range(50)]
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"I", 1) + b"".join(messages) + build(b"H", 1))
            answers = [client.receive().message for _ in range(52)]
        assert answers == [build(b"A", 1, b"welcome"), *messages, build(b"H", 1)]


def test_streams_and_requests_share_a_connection(start_envoy):
    with serving(CODEC, echo) as one, serving(CODEC, echo) as other:
        routes = [route("1", headers={"body": "other"}, timeout="0s"), route("0", timeout="0s")]
        envoy = start(start_envoy, one, other, routes=routes)
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(10):
                assert kind(client.call(build(b"I", number, b"other" if number % 2 else b"one"))) == b"A"
            for turn in range(5):
                for number in range(10):
                    message = build(b"D", number, b"%d" % turn)
                    assert client.call(message).message == message
                assert kind(client.call(build(b"Q", turn, b"q"))) == b"R"
        assert [message.message[4:] for message in other.received if kind(message) == b"I"] == [b"other"] * 5
        assert len({message.stream_id for message in other.received}) == 5


def test_later_messages_of_a_stream_go_where_its_first_one_went(start_envoy):
    """Whatever their own properties would choose."""
    with serving(CODEC, echo) as one, serving(CODEC, echo) as other:
        routes = [route("1", headers={"body": "other"}, timeout="0s"), route("0", timeout="0s")]
        envoy = start(start_envoy, one, other, routes=routes)
        with Client(CODEC, envoy.port("in")) as client:
            assert kind(client.call(build(b"I", 1, b"one"))) == b"A"
            assert client.call(build(b"H", 1, b"other")).message == build(b"H", 1, b"other")
        assert len(one.received) == 2
        assert other.received == []


def test_a_large_stream_passes_in_both_directions(start_envoy):
    chunk = bytes(60_000)
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            everything = b"".join(build(b"D", 1, chunk) for _ in range(500))
            sending = threading.Thread(target=client.send, args=(everything,))
            sending.start()
            for _ in range(500):
                assert client.receive().message == build(b"D", 1, chunk)
            sending.join()


def test_a_server_that_does_not_read_holds_its_client_back(start_envoy):
    free = threading.Event()

    def stuck(message, connection):
        if kind(message) == b"D":
            free.wait(60)
        return echo(message, connection) if kind(message) == b"I" else None

    def memory():
        return int(Path(f"/proc/{envoy.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    with serving(CODEC, stuck) as server:
        hcm = {**HCM, "http2_protocol_options": {"initial_stream_window_size": 65_536}}
        listener = codec_listener(
            "live_engine.streams:Streams", [route("0", timeout="0s")], hcm=hcm, max_held=1_000_000
        )
        envoy = start_envoy(bootstrap([listener], [bridged("0", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            before = memory()
            client.socket.settimeout(2)
            with pytest.raises(TimeoutError):
                client.send(build(b"D", 1, bytes(60_000)) * 3000)  # 180 MB
            assert memory() - before < 60_000_000
            free.set()


def test_a_client_that_does_not_read_holds_its_server_back(start_envoy):
    def flood(message, connection):
        if kind(message) == b"I":
            connection.socket.sendall(build(b"A", message.message[1]))
            connection.socket.settimeout(3)
            try:
                for _ in range(3000):
                    connection.socket.sendall(build(b"D", message.message[1], bytes(60_000)))
            except TimeoutError:
                stalled.set()

    stalled = threading.Event()
    with serving(CODEC, flood) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(build(b"I", 1))
            assert stalled.wait(60)


def test_several_streams_may_end_while_a_client_does_not_read(start_envoy):
    """Their ends wait until it reads, since each would give a connection back to the pool that is not read from."""
    free = threading.Event()

    def handle(message, connection):
        number = message.message[1]
        match kind(message), message.message[4:]:
            case b"I", b"flood":
                flood = b"".join(build(b"D", number, bytes(60_000)) for _ in range(70))
                return build(b"A", number) + flood
            case b"I", _:
                free.wait(60)
                return build(b"A", number) + build(b"H", number)

    with serving(CODEC, handle) as server:
        small = {"level": socket.SOL_SOCKET, "name": socket.SO_SNDBUF, "int_value": 16_384}
        envoy = start(start_envoy, server, listener={"socket_options": [small]})
        with Client(CODEC, envoy.port("in")) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            client.send(build(b"I", 1) + build(b"H", 1) + build(b"I", 2) + build(b"H", 2) + build(b"I", 3, b"flood"))
            envoy.wait_for_stat("cluster.0.upstream_flow_control_paused_reading_total", bool)
            free.set()
            envoy.wait_for_stat("cluster.0.upstream_rq_200", lambda value: value == 3)
            answers = [client.receive().message[:2] for _ in range(5 + 70)]
            assert {*answers} == {b"A\1", b"H\1", b"A\2", b"H\2", b"A\3", b"D\3"}
            assert kind(client.call(build(b"I", 1, b"again"))) == b"A"


def test_an_answer_after_one_of_another_stream_is_not_read(start_envoy):
    """While the error waits for a client that does not read, nothing may wait a second time."""

    def handle(message, connection):
        number = message.message[1]
        match kind(message), message.message[4:]:
            case b"I", b"flood":
                flood = b"".join(build(b"D", number, bytes(60_000)) for _ in range(70))
                return build(b"A", number) + flood
            case b"I", b"wrong":
                wrong.wait(60)
                connection.socket.sendall(build(b"A", 200))
                right.wait(60)
                return build(b"A", number) + build(b"H", number)
            case b"I", _:
                return echo(message, connection)

    with serving(CODEC, handle) as server, released() as wrong, released() as right:
        small = {"level": socket.SOL_SOCKET, "name": socket.SO_SNDBUF, "int_value": 16_384}
        envoy = start(start_envoy, server, listener={"socket_options": [small]})
        with Client(CODEC, envoy.port("in")) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            client.send(build(b"I", 1, b"wrong") + build(b"H", 1) + build(b"I", 2, b"flood"))
            envoy.wait_for_stat("cluster.0.upstream_flow_control_paused_reading_total", bool)
            wrong.set()
            envoy.wait_for_stat(PREFIX + "upstream_closed", bool)
            received = envoy.stat("cluster.0.upstream_cx_rx_bytes_total")
            right.set()
            envoy.wait_for_stat("cluster.0.upstream_cx_rx_bytes_total", lambda value: value >= received + 8)
            answers = [client.receive().message for _ in range(72)]
            assert [message for message in answers if message[1] == 1] == [build(b"N", 1, b"bad_response")]
            client.reset()
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
        with Client(CODEC, envoy.port("in")) as client:
            assert kind(client.call(build(b"I", 1))) == b"A"


def test_a_stream_without_a_route_is_refused(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server, routes=[route("0", headers={"body": "fine"})])
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"I", 1, b"not") + build(b"D", 1, b"data"))
            assert client.receive().message == build(b"N", 1, b"route_not_found")
            assert kind(client.call(build(b"I", 2, b"fine"))) == b"A"


def test_a_servers_refusal_is_delivered(start_envoy):
    with serving(CODEC, lambda message, connection: build(b"N", message.message[1], b"no")) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"I", 1)).message == build(b"N", 1, b"no")
            assert client.call(build(b"D", 1)).message == build(b"X", 1, b"bad_request")


def test_a_lost_server_ends_the_stream(start_envoy):
    def handle(message, connection):
        return connection.reset() if kind(message) == b"D" else echo(message, connection)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            assert client.call(build(b"D", 1)).message == build(b"X", 1, b"upstream_reset")
            assert kind(client.call(build(b"I", 2))) == b"A"


def test_garbage_of_a_server_ends_the_stream(start_envoy):
    def handle(message, connection):
        return b"zz\0\0" if kind(message) == b"D" else echo(message, connection)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            assert client.call(build(b"D", 1)).message == build(b"X", 1, b"bad_response")


def test_a_client_that_leaves_ends_its_streams_at_the_server(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            client.reset()
        envoy.wait_for_stat("cluster.0.upstream_cx_active", lambda value: value == 0)
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_client_may_end_a_stream_in_both_directions_at_once(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            client.send(build(b"X", 1))
            assert kind(server.wait(2)[1]) == b"X"
            assert kind(client.call(build(b"I", 1))) == b"A"
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 1)


def test_parts_of_a_servers_messages_are_bounded_in_memory(start_envoy):
    """In each stream the server sends a message but for its last byte."""

    def handle(message, connection):
        number = message.message[1]
        return build(b"A", number) + build(b"D", number, bytes(60_000))[:-1] if kind(message) == b"I" else None

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server, max_process_bytes=300_000)
        with Client(CODEC, envoy.port("in")) as client:
            client.send(b"".join(build(b"I", number) for number in range(1, 21)))
            seen = [client.receive().message for _ in range(20)]
            while len([one for one in seen if one[:1] != b"A"]) < 16:
                seen.append(client.receive().message)
        refusals = [one for one in seen if one[:1] != b"A"]
        assert {one[4:] for one in refusals} == {b"overflow"}
        assert envoy.stat(PREFIX + "in_flight_over_limit") == len(refusals)


def test_what_clients_that_leave_have_sent_in_streams_takes_no_room(start_envoy):
    """Their server has not read it. All of it together is over the limit."""

    def stuck(message, connection):
        if kind(message) == b"D":
            free.wait(60)
        return echo(message, connection)

    small = {"level": socket.SOL_SOCKET, "name": socket.SO_SNDBUF, "int_value": 16_384}
    bind = {"source_address": {"address": "127.0.0.1", "port_value": 0}, "socket_options": [small]}
    cluster = {"upstream_bind_config": bind, "per_connection_buffer_limit_bytes": 32_768}
    with serving(CODEC, stuck) as server, released() as free:
        envoy = start(start_envoy, server, cluster=cluster, max_process_bytes=3_000_000)
        for turn in range(1, 11):
            with Client(CODEC, envoy.port("in")) as client:
                client.call(build(b"I", 1))
                client.send(build(b"D", 1, bytes(60_000)) * 40)
                envoy.wait_for_stat(PREFIX + "requests.stream_data", lambda value, turn=turn: value == 40 * turn)
                client.reset()
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"Q", 1, b"q")).message == build(b"R", 1, b"q")


def test_streams_that_their_server_does_not_end_are_bounded(start_envoy):
    """The client has ended them. The server goes on reading and closes nothing."""

    def stubborn(message, connection):
        if kind(message) == b"X":
            free.wait(60)
        return echo(message, connection)

    with serving(CODEC, stubborn) as server, released() as free:
        envoy = start(start_envoy, server, max_in_flight=5)
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(1, 31):
                assert kind(client.call(build(b"I", number))) == b"A"
                client.send(build(b"X", number))
                server.wait(2 * number)
            assert kind(client.call(build(b"I", 31))) == b"A"
            assert envoy.stat(PREFIX + "in_flight") <= 5
            envoy.wait_for_stat("cluster.0.upstream_cx_active", lambda value: value <= 5)
            envoy.wait_for_stat("http.http.downstream_rq_active", lambda value: value <= 5)
            client.reset()
        envoy.wait_for_stat("cluster.0.upstream_cx_active", lambda value: value == 0)
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


@pytest.mark.parametrize("name", ["Streams", "Unnumbered"])
def test_a_late_message_of_a_stream_reaches_no_other(start_envoy, name):
    """Both clients open stream 1, one after the other; the server goes on in the first when the second is open."""
    last = {}

    def handle(message, connection):
        number = message.message[1]
        late = last.get(connection.number, b"")
        if kind(message) == b"I":
            last[connection.number] = build(b"D", number, b"secret")
            return build(b"A", number) + late
        return build(b"H", number)

    with serving(CODEC, handle) as server:
        listener = codec_listener(f"live_engine.streams:{name}", [route("0", timeout="0s")], hcm=HCM)
        envoy = start_envoy(bootstrap([listener], [bridged("0", server.port)]))
        for _ in range(2):
            with Client(CODEC, envoy.port("in")) as client:
                assert client.call(build(b"I", 1)).message == build(b"A", 1)
                assert client.call(build(b"H", 1)).message == build(b"H", 1)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
    assert len(server.connections) == (1 if name == "Streams" else 2)


def test_the_connection_of_a_stream_that_a_client_has_ended_ends_with_it(start_envoy):
    """The server may still speak in the stream."""

    def handle(message, connection):
        number = message.message[1]
        return build(b"D", number, b"late") if kind(message) == b"X" else build(b"A", number, b"%d" % connection.number)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            for turn in range(5):
                assert client.call(build(b"I", 1)).message == build(b"A", 1, b"%d" % turn)
                client.send(build(b"X", 1))
                assert kind(server.wait(2 * turn + 2)[-1]) == b"X"
            envoy.wait_for_stat("cluster.0.upstream_cx_active", lambda value: value == 0)


def test_a_stream_that_its_client_ends_and_leaves_reaches_the_server_whole(start_envoy):
    messages = build(b"I", 1) + b"".join(build(b"D", 1, bytes(60_000)) for _ in range(150)) + build(b"X", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        port = server.getsockname()[1]
        listener = codec_listener("live_engine.streams:Streams", [route("0", timeout="0s")], hcm=HCM)
        envoy = start_envoy(bootstrap([listener], [bridged("0", port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(messages)
            client.socket.shutdown(socket.SHUT_WR)
            connection, _ = server.accept()
            envoy.wait_for_stat(PREFIX + "requests.stream_close_two_way", bool)
            with connection, connection.makefile("rb") as got:
                connection.settimeout(PATIENCE)
                assert len(got.read()) == len(messages)
            assert client.ended()
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_message_of_a_stream_that_the_server_was_not_told_of_ends_the_one_that_it_was(start_envoy):
    def handle(message, connection):
        number = message.message[1]
        return build(b"D", number ^ 1, b"x") if kind(message) == b"D" else echo(message, connection)

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            assert client.call(build(b"D", 1, b"x")).message == build(b"X", 1, b"bad_response")
        assert envoy.stat(PREFIX + "upstream_closed") == 1


def test_a_message_of_a_stream_that_cannot_be_read_ends_it_and_is_not_forwarded(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            client.send(build(b"D", 1, b"unreadable"))
            assert [kind(message) for message in server.wait(2)] == [b"I", b"X"]
            assert server.received[1].message[4:] == b"bad_request"
            assert client.call(build(b"D", 1, b"x")).message == build(b"X", 1, b"bad_request")


def test_an_open_stream_cannot_be_opened_again(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(build(b"I", 1))
            assert client.call(build(b"I", 1)).message == build(b"N", 1, b"bad_request")
            assert client.call(build(b"D", 1, b"x")).message == build(b"D", 1, b"x")


def test_a_stream_is_neither_mirrored_nor_retried(start_envoy):
    def handle(message, connection):
        return connection.reset() if kind(message) == b"H" else None

    with serving(CODEC, handle) as server, serving(CODEC, echo) as mirror:
        retry = {"retry_on": "reset", "num_retries": 2}
        action = route("0", timeout="0s", retry_policy=retry, request_mirror_policies=[{"cluster": "1"}])
        envoy = start(start_envoy, server, mirror, routes=[action])
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"I", 1) + build(b"D", 1) + build(b"H", 1))
            assert client.receive().message == build(b"N", 1, b"upstream_reset")
        assert len(server.received) == 3
        assert mirror.received == []


def test_a_stream_that_was_refused_can_be_opened_when_there_is_room(start_envoy):
    with serving(CODEC, echo) as server:
        envoy = start(start_envoy, server, max_in_flight=1)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"I", 1)).message == build(b"A", 1, b"welcome")
            assert client.call(build(b"I", 2)).message == build(b"N", 2, b"overflow")
            assert client.call(build(b"H", 1)).message == build(b"H", 1)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            assert client.call(build(b"I", 2)).message == build(b"A", 2, b"welcome")


def test_a_client_that_leaves_with_open_streams_leaves_nothing(start_envoy):
    with serving(CODEC, echo) as server:
        routes = [route("0", timeout="0s")]
        listener = codec_listener("live_engine.streams:Mortal", routes, hcm=HCM)
        envoy = start_envoy(bootstrap([listener], [bridged("0", server.port)]), workers=1)
        with Client(CODEC, envoy.port("in")) as other:
            other.call(build(b"Q", 1))
            client = Client(CODEC, envoy.port("in"))
            client.call(build(b"I", 1))
            since = len(envoy.log)
            client.reset()
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            for _ in range(260):  # more than are kept for mirrors that are late
                other.call(build(b"Q", 1))
            envoy.wait_for_log("the codec of a connection has gone", since)
