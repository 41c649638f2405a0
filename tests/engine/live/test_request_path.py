"""A message's way through Envoy and back, with AwesomeRPC."""

import threading
import time
from contextlib import ExitStack

import pytest
from live_engine.awesome import CODEC, HEARTBEAT, ONEWAY, body, reply, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, released, serving, with_id
from live_engine.toys import Beating, Upgrading
from live_engine.toys import build as toy
from live_envoy.config import bootstrap, deny, lua, route, typed

from metaprotocol_codecs.dubbo.header import EVENT, SERIALIZATION
from metaprotocol_sdk import Direction, load_codec


def servers(*handlers):
    return [serving(CODEC, handler) for handler in handlers]


@pytest.fixture
def start(start_envoy):
    def start(server, *filters, clusters=(), routes=None, cluster=None, **settings):
        listener = codec_listener("awesomerpc", routes or [route("v1")], *filters, **settings)
        return start_envoy(bootstrap([listener], [bridged("v1", server.port, **(cluster or {})), *clusters]))

    return start


def test_a_request_reaches_its_server_and_the_answer_the_client(start, v1):
    envoy = start(v1)
    sent = request(5, {"service": "reviews", "User": "jason"}, b"hello")
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(sent)
    assert (answer.request_id, body(answer)) == (5, b"v1")
    assert [with_id(CODEC, message, 5) for message in v1.received] == [sent]
    assert v1.received[0].request_id != 5
    assert envoy.stat("dynamicmodulescustom.metaprotocol.requests.request") == 1


def test_a_property_chooses_the_cluster(start, v1, v2):
    routes = [route("v2", headers={"user": "jason"}), route("v1")]
    envoy = start(v1, routes=routes, clusters=[bridged("v2", v2.port)])
    with Client(CODEC, envoy.port("in")) as client:
        assert body(client.call(request(1, {"User": "jason"}))) == b"v2"
        assert body(client.call(request(2, {"User": "mary"}))) == b"v1"


def test_messages_may_come_byte_by_byte_from_both_sides(start):
    def handle(message, connection):
        for byte in reply(message, body(message)):
            connection.socket.sendall(bytes((byte,)))

    with serving(CODEC, handle) as server:
        envoy = start(server)
        with Client(CODEC, envoy.port("in")) as client:
            for byte in request(1, payload=b"slow"):
                client.send(bytes((byte,)))
            assert body(client.receive()) == b"slow"
            assert body(client.call(request(2, payload=b"again"))) == b"again"
    assert len(server.connections) == 1


def test_messages_of_three_megabytes_pass_unchanged(start_envoy):
    payload = bytes(range(256)) * 12_288
    with serving(CODEC, replying()) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            assert body(client.call(request(1, payload=payload))) == payload


def test_replies_overtake_each_other_where_the_protocol_has_ids(start_envoy):
    free = threading.Event()

    def handle(message, connection):
        if body(message) == b"first":
            free.wait(60)
        return replying()(message, connection)

    with serving(CODEC, handle) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1, payload=b"first") + request(2))
            assert client.receive().request_id == 2
            free.set()
            assert client.receive().request_id == 1


@pytest.mark.parametrize("count", [50, 300])
def test_many_large_replies_at_once_do_not_stall(start_envoy, count):
    payload = bytes(200_000)
    with serving(CODEC, replying(payload)) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            for _ in range(2):  # the second time on connections that have been used
                client.send(b"".join(request(number) for number in range(count)))
                assert {client.receive().request_id for _ in range(count)} == set(range(count))


def test_large_requests_and_large_replies_at_once_do_not_stall(start_envoy):
    payload = bytes(200_000)
    with serving(CODEC, replying()) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            everything = b"".join(request(number, payload=payload) for number in range(100))
            sending = threading.Thread(target=client.send, args=(everything,))
            sending.start()
            assert {client.receive().request_id for _ in range(100)} == set(range(100))
            sending.join()


def test_a_header_that_a_route_sets_is_a_property_for_the_server(start, v1):
    added = {"header": {"key": "x-team", "value": "blue"}}
    routes = [{**route("v1"), "request_headers_to_add": [added], "request_headers_to_remove": ["user"]}]
    envoy = start(v1, routes=routes)
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(9, {"service": "reviews", "User": "jason"}, b"hello"))
    (got,) = v1.received
    assert got.properties == {"cmd": "7", "service": "reviews", "x-team": "blue"}
    assert body(got) == b"hello"


def test_a_header_that_a_route_sets_is_a_property_for_the_client(start, v1):
    added = {"header": {"key": "x-served-by", "value": "mesh"}}
    envoy = start(v1, routes=[{**route("v1"), "response_headers_to_add": [added]}])
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(9))
    assert answer.properties == {"cmd": "7", "x-served-by": "mesh"}
    assert body(answer) == b"v1"


def test_envoys_own_headers_change_nothing(start, v1):
    hcm = {"generate_request_id": True, "use_remote_address": True, "via": "envoy", "add_user_agent": False}
    envoy = start(v1, hcm=hcm)
    sent = request(1)
    with Client(CODEC, envoy.port("in")) as client:
        client.call(sent)
    assert with_id(CODEC, v1.received[0], 1) == sent


@pytest.mark.live
def test_headers_that_envoy_writes_into_an_answer_are_not_changes_of_its_properties(start):
    own = {"Server": "mine", "date": "yesterday", "via": "nobody", "x-envoy-upstream-service-time": "none"}
    tag = {"header": {"key": "tag", "value": "t"}}
    with serving(CODEC, replying(headers=own)) as server:
        envoy = start(server, routes=[{**route("v1"), "response_headers_to_add": [tag]}], hcm={"via": "envoy"})
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(1)).properties == {"cmd": "7", **own, "tag": "t"}


def test_a_changed_path_is_refused_since_no_message_can_carry_it(start, v1):
    envoy = start(v1, routes=[route("v1", prefix_rewrite="/other/")])
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1))
    assert answer.status_code == 5
    assert b":path" in body(answer)
    assert v1.received == []
    assert envoy.stat("dynamicmodulescustom.metaprotocol.mutations_refused") == 1


def test_a_changed_method_is_refused_since_no_message_can_carry_it(start, v1):
    envoy = start(v1, lua("function envoy_on_request(h) h:headers():replace(':method', 'PUT') end"))
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1))
    assert answer.status_code == 5
    assert b"method" in body(answer)
    assert v1.received == []
    assert envoy.stat("dynamicmodulescustom.metaprotocol.mutations_refused") == 1


def test_a_body_that_a_filter_gives_an_answer_is_refused(start, v1):
    """The server's answer is not delivered either: the filter meant another."""
    envoy = start(v1, lua("function envoy_on_response(h) h:body(true):setBytes('two frames') end"))
    with Client(CODEC, envoy.port("in")) as client:
        for number in range(3):
            answer = client.call(request(number))
            assert (answer.request_id, answer.status_code) == (number, 6)
    assert envoy.stat("dynamicmodulescustom.metaprotocol.bodies_changed") == 3


def test_a_body_that_a_filter_adds_is_refused(start, v1):
    code = "function envoy_on_request(h) h:body(true):setBytes('two frames') end"
    envoy = start(v1, lua(code))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1)).status_code == 5
    assert v1.received == []


@pytest.mark.live
def test_trailers_that_a_filter_adds_are_refused(start, v1):
    """The decompressor reports sizes in trailers, also of an empty body."""
    code = "function envoy_on_request(h) h:headers():add('content-encoding', 'gzip') h:body(true) end"
    gzip = typed("gzip", "extensions.compression.gzip.decompressor.v3.Gzip")
    kind = "extensions.filters.http.decompressor.v3.Decompressor"
    envoy = start(v1, lua(code), typed("decompressor", kind, decompressor_library=gzip))
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1))
    assert (answer.status_code, v1.received) == (5, [])
    assert b"HTTP body" in body(answer)
    assert envoy.stat("dynamicmodulescustom.metaprotocol.bodies_changed") == 1


def test_a_oneway_reaches_the_server_under_another_id_and_its_answer_nobody(start_envoy):
    def lying(message, connection):
        return CODEC.build(1, message.request_id, 7, payload=b"unasked")

    with serving(CODEC, lying) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1, kind=ONEWAY, payload=b"one"))
            (oneway,) = server.wait(1)
            assert body(oneway) == b"one"
            for number in range(2, 20):
                answer = client.call(request(number))
                assert answer.request_id == number


def test_a_heartbeat_is_answered_here(start, v1):
    envoy = start(v1)
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(3, kind=HEARTBEAT))
        assert (answer.message_type, answer.request_id) == ("heartbeat", 3)
    assert v1.received == []


def test_a_heartbeat_beside_a_call_is_answered_and_costs_no_request_of_its_own(start):
    """The call keeps the connection. A stream for the heartbeat could be one more than Envoy allows."""

    def handle(message, connection):
        free.wait(60)
        return replying()(message, connection)

    with serving(CODEC, handle) as server, released() as free:
        envoy = start(server)
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1))
            server.wait(1)
            assert client.call(request(2, kind=HEARTBEAT)).request_id == 2
            assert envoy.stat("http.http.downstream_rq_total") == 1
            free.set()
            assert client.receive().request_id == 1
            assert client.call(request(3, kind=HEARTBEAT)).request_id == 3
            assert envoy.stat("http.http.downstream_rq_total") == 2


def test_an_unreadable_request_is_answered_and_the_connection_goes_on(start, v1):
    envoy = start(v1)
    bad = bytearray(request(1, {"service": "reviews"}))
    bad[18] = 200  # the length of a key, past the block
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(bytes(bad))
        assert (answer.request_id, answer.status_code) == (1, 5)
        assert body(client.call(request(2))) == b"v1"
    assert envoy.stat("dynamicmodulescustom.metaprotocol.decode_errors") == 1


def test_garbage_ends_the_connection_after_what_came_before_is_answered(start, v1):
    envoy = start(v1)
    with Client(CODEC, envoy.port("in")) as client:
        client.send(request(1) + b"GET / HTTP/1.1\r\n\r\n")
        assert body(client.receive()) == b"v1"
        assert client.ended()


def test_a_client_that_has_said_all_still_gets_its_answers(start, v1):
    import socket

    envoy = start(v1)
    with Client(CODEC, envoy.port("in")) as client:
        client.send(request(1) + request(2))
        client.socket.shutdown(socket.SHUT_WR)
        assert {client.receive().request_id, client.receive().request_id} == {1, 2}
        assert client.ended()


def test_a_client_that_has_said_all_while_reading_was_paused_gets_all_answers(start_envoy):
    """More than `max_held` waits, so that Envoy has not read the rest when the client closes its half."""
    import socket

    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return replying(b"ok")(message, connection)

    with serving(CODEC, handle) as server:
        listener = codec_listener("awesomerpc", [route("v1")], max_held=100_000)
        envoy = start_envoy(bootstrap([listener], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(b"".join(request(number, payload=bytes(20_000)) for number in range(45)))
            client.socket.shutdown(socket.SHUT_WR)
            server.wait(1)
            free.set()
            assert {client.receive().request_id for _ in range(45)} == set(range(45))
            assert client.ended()


def test_a_client_that_leaves_cancels_its_requests(start_envoy):
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return replying()(message, connection)

    with serving(CODEC, handle) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("v1")])], [bridged("v1", server.port)]))
        client = Client(CODEC, envoy.port("in"))
        client.send(request(1))
        server.wait(1)
        client.reset()
        envoy.wait_for_stat("dynamicmodulescustom.metaprotocol.in_flight", lambda value: value == 0)
        envoy.wait_for_stat("cluster.v1.upstream_cx_active", lambda value: value == 0)
        free.set()


def test_too_many_requests_at_once_are_refused(start_envoy):
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return replying()(message, connection)

    with serving(CODEC, handle) as server:
        listener = codec_listener("awesomerpc", [route("v1")], max_in_flight=2)
        envoy = start_envoy(bootstrap([listener], [bridged("v1", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1) + request(2) + request(3))
            answer = client.receive()
            assert (answer.request_id, answer.status_code) == (3, 3)
            free.set()
            assert {client.receive().request_id, client.receive().request_id} == {1, 2}
            assert client.call(request(4)).status_code == 0


@pytest.mark.live
def test_requests_that_envoy_refuses_before_its_limit_is_known_are_too_many(start, v1):
    """The first ones leave before the SETTINGS of the HTTP connection manager have come."""
    envoy = start(v1, hcm={"http2_protocol_options": {"max_concurrent_streams": 10}})
    with Client(CODEC, envoy.port("in")) as client:
        for _ in range(2):
            client.send(b"".join(request(number) for number in range(30)))
            status = {answer.request_id: answer.status_code for answer in (client.receive() for _ in range(30))}
            assert status == {number: 0 if number < 10 else 3 for number in range(30)}
    assert envoy.stat("dynamicmodulescustom.metaprotocol.in_flight_over_limit") == 40


def test_a_draining_envoy_answers_what_is_in_flight_and_closes(start_envoy):
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return replying()(message, connection)

    with serving(CODEC, handle) as server:
        listener = codec_listener("awesomerpc", [route("v1")], hcm={"drain_timeout": "0.1s"})
        envoy = start_envoy(
            bootstrap([listener], [bridged("v1", server.port)]),
            arguments=["--drain-time-s", "1", "--drain-strategy", "immediate"],
        )
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1))
            server.wait(1)
            envoy.admin.post("/drain_listeners?graceful&skip_exit")
            free.set()
            assert client.receive().request_id == 1
            assert client.ended()


def test_an_authority_comes_from_a_property_and_a_change_of_it_goes_back_there(start, v1):
    hosts = [{"name": "a", "domains": ["reviews.local"], "routes": [route("v1", host_rewrite_literal="ratings.local")]}]
    hcm = {"route_config": {"virtual_hosts": hosts}}
    envoy = start(v1, hcm=hcm, authority_property="service", authority_suffix=".local")
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1, {"service": "reviews"})).status_code == 0
        assert client.call(request(2, {"service": "unknown"})).status_code == 1
        assert client.call(request(3, {})).status_code == 1
    assert [message.properties["service"] for message in v1.received] == ["ratings"]


def test_a_change_of_an_authority_that_no_property_stands_for_is_refused(start, v1):
    envoy = start(v1, routes=[route("v1", host_rewrite_literal="other")])
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1)).status_code == 5
    assert v1.received == []


@pytest.mark.parametrize("strip", [False, True])
def test_a_port_that_envoy_strips_from_the_authority_is_not_a_change(start, v1, v2, strip):
    mirrored = route("v1", request_mirror_policies=[{"cluster": "v2"}])
    hcm = {"strip_any_host_port": strip}
    envoy = start(v1, routes=[mirrored], clusters=[bridged("v2", v2.port)], hcm=hcm, authority="$dst")
    sent = request(1)
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(sent).status_code == 0
    assert [with_id(CODEC, server.wait(1)[0], 1) for server in (v1, v2)] == [sent, sent]


def test_tracing_headers_are_written_into_requests_as_configured(start, v1):
    added = [
        {"header": {"key": "traceparent", "value": "00-1-2-03"}},
        {"header": {"key": "x-b3-traceid", "value": "1"}},
        {"header": {"key": "x-request-id", "value": "1"}},
    ]
    routes = [{**route("v1"), "request_headers_to_add": added}]
    envoy = start(v1, routes=routes, propagate=("traceparent",))
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(1, {}))
    assert v1.received[0].properties == {"cmd": "7", "traceparent": "00-1-2-03"}


@pytest.mark.parametrize("way", ["request", "response"])
def test_a_change_that_no_message_can_carry_may_pass_unchanged(start, v1, way):
    added = {"header": {"key": "cmd", "value": "8"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    routes = [{**route("v1"), f"{way}_headers_to_add": [added]}]
    envoy = start(v1, routes=routes, unsupported_mutation="pass")
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1))
    assert (answer.status_code, answer.properties["cmd"], v1.received[0].properties["cmd"]) == (0, "7", "7")
    assert envoy.stat("dynamicmodulescustom.metaprotocol.mutations_refused") == 1


@pytest.mark.live
def test_heartbeats_that_are_answered_here_keep_the_connection(start, v1):
    hcm = {"common_http_protocol_options": {"idle_timeout": "3s"}}
    envoy = start(v1, hcm=hcm)
    with Client(CODEC, envoy.port("in")) as client:
        # One heartbeat after the other, for twice the time after which an idle connection ends.
        begin, number = time.monotonic(), 0
        while time.monotonic() < begin + 6:
            assert client.call(request(number, kind=HEARTBEAT)).request_id == number
            number += 1
        assert body(client.call(request(99))) == b"v1"
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(1))
        assert client.ended()
    assert len(v1.received) == 2


def test_a_heartbeat_that_the_codec_cannot_answer_is_a_request(start_envoy):
    codec = Beating()
    with serving(codec, lambda message, connection: toy(b"B", "pong")) as server:
        envoy = start_envoy(
            bootstrap([codec_listener("live_engine.toys:Beating", [route("up")])], [bridged("up", server.port)])
        )
        with Client(codec, envoy.port("in")) as client:
            assert client.call(toy(b"H", "ping")).message == toy(b"B", "pong")
        assert [message.message for message in server.received] == [toy(b"H", "ping")]


def test_a_clients_answer_to_a_heartbeat_goes_nowhere(start_envoy):
    codec = Beating()
    with serving(codec, lambda message, connection: toy(b"R", "r")) as server:
        listener = codec_listener("live_engine.toys:Beating", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            client.send(toy(b"B", "pong"))
            assert client.call(toy(b"Q", "q")).message == toy(b"R", "r")
        assert [message.message for message in server.received] == [toy(b"Q", "q")]
        assert envoy.stat("dynamicmodulescustom.metaprotocol.ignored") == 1


def test_a_heartbeat_with_a_call_in_it_goes_nowhere_but_through_the_policies(start_envoy):
    """Dubbo's frames with the flag of an event: one that the codec answers, and one that only a server could."""
    codec = load_codec("dubbo")
    direction, call = next(iter(codec.examples()))
    assert direction is Direction.TO_SERVER
    event = bytes((call[2] | EVENT,))
    answered_here = call[:2] + event + call[3:]
    # Of a serialization that nobody reads, and too long to be its null.
    long = call[16:] * 10
    unknown = call[:2] + bytes((event[0] & ~SERIALIZATION | 8,)) + call[3:12] + len(long).to_bytes(4) + long
    everything = {"any": True}
    denied = deny(all={"permissions": [everything], "principals": [everything]})
    with serving(codec, lambda message, connection: None) as server:
        envoy = start_envoy(bootstrap([codec_listener("dubbo", [route("up")], denied)], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            answer = client.call(answered_here)
            assert (answer.message_type, answer.body_size) == ("heartbeat", 1)  # null, and nothing of the call
            client.call(unknown)
        assert server.received == []
        assert envoy.stat("dynamicmodulescustom.metaprotocol.local_replies.unauthorized") == 1


def test_bytes_after_the_protocols_end_are_not_handed_on(start_envoy):
    """No policy could judge them. What came before is answered, and then the connection ends."""
    codec = Upgrading()
    with serving(codec, lambda message, connection: toy(b"R", message.properties["body"])) as server:
        listener = codec_listener("live_engine.toys:Upgrading", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            client.send(toy(b"Q", "1") + toy(b"T", "2") + b"QQQQ")
            assert [client.receive().message for _ in range(2)] == [toy(b"R", "1"), toy(b"R", "2")]
            assert client.ended()
        assert {message.properties["body"] for message in server.received} == {"1", "2"}
        assert envoy.stat("dynamicmodulescustom.metaprotocol.decode_errors") == 1


@pytest.mark.live
def test_too_many_connections_that_say_nothing_are_closed(start, v1):
    envoy = start(v1, max_silent=3)
    with ExitStack() as stack:
        silent = [stack.enter_context(Client(CODEC, envoy.port("in"))) for _ in range(3)]
        envoy.wait_for_stat("listener_manager.total_listeners_active", bool)
        for client in silent:
            client.send(request(1)[:5])
        envoy.wait_for_stat("http.http.downstream_cx_active", lambda value: value == 3)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.ended()
        assert body(silent[0].call(request(1)[5:])) == b"v1"
        with Client(CODEC, envoy.port("in")) as client:
            assert body(client.call(request(2))) == b"v1"
