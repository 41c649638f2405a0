"""The codecs of real protocols in Envoy: requests and answers pass unchanged, and changed where Envoy says so."""

import pytest
from live_engine.config import bridged, codec_listener, listener_filter
from live_engine.peers import Client, serving, with_id, with_id_of
from live_envoy.config import bootstrap, limit, route

from metaprotocol_sdk import Correlation, Direction, ErrorType, MessageType, load_codec

pytestmark = pytest.mark.live


def pairs(codec):
    """Return requests among the examples of a codec with answers that fit them."""
    found = []
    answers = {}
    for direction, message in codec.examples():
        metadata = codec.decode(message, direction)
        if direction is Direction.TO_CLIENT and metadata.message_type in {MessageType.RESPONSE, MessageType.EXCEPTION}:
            answers.setdefault(metadata.request_id, message)
    for direction, message in codec.examples():
        if direction is Direction.TO_SERVER:
            metadata = codec.decode(message, direction)
            if metadata.message_type is MessageType.REQUEST and metadata.request_id in answers:
                found.append((message, answers[metadata.request_id]))
    return found


@pytest.mark.parametrize("name", ["awesomerpc", "bolt", "brpc", "dubbo", "tars", "thrift", "trpc"])
def test_the_examples_of_a_codec_pass_unchanged(start_envoy, name):
    codec = load_codec(name)
    examples = pairs(codec)
    assert examples
    by_request = dict(examples)
    ids = {request: codec.decode(request, Direction.TO_SERVER).request_id for request in by_request}

    def handle(message, connection):
        (answer,) = [by_request[request] for request in by_request if with_id(codec, message, ids[request]) == request]
        return with_id_of(codec, answer, message)

    with serving(codec, handle) as server:
        envoy = start_envoy(bootstrap([codec_listener(name, [route("up")])], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            for request, answer in examples:
                assert client.call(request).message == answer
    assert len(server.received) == len(examples)


@pytest.mark.parametrize("name", ["bolt", "brpc", "dubbo", "tars", "thrift", "trpc"])
def test_every_cause_is_an_error_of_the_protocol(start_envoy, name):
    codec = load_codec(name)
    routes = [route("up", headers={"no": "body"})]
    envoy = start_envoy(bootstrap([codec_listener(name, routes)], [bridged("up", 1)]))
    for request, _ in pairs(codec):
        sent = codec.decode(request, Direction.TO_SERVER)
        with Client(codec, envoy.port("in")) as client:
            answer = client.call(request)
            assert codec.correlation is not Correlation.ID or answer.request_id == sent.request_id
            assert codec.error_type(answer) is not None


@pytest.mark.parametrize("name", ["bolt", "brpc", "dubbo", "tars", "trpc"])
def test_properties_choose_routes_and_change(start_envoy, name):
    codec = load_codec(name)
    (request, answer), *_ = pairs(codec)
    sent = codec.decode(request, Direction.TO_SERVER)
    key = codec.service_property
    with serving(codec, lambda message, connection: with_id_of(codec, answer, message)) as server:
        action = route("up", headers={key: sent.properties[key]})
        routes = [{**action, "request_headers_to_add": [{"header": {"key": "tag", "value": "blue"}}]}]
        envoy = start_envoy(bootstrap([codec_listener(name, routes)], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            assert client.call(request).message == answer
    (got,) = server.received
    assert got.properties == {**sent.properties, "tag": "blue"}


@pytest.mark.parametrize("name", ["bolt", "brpc", "tars", "trpc"])
def test_a_limit_is_an_error_of_the_protocol_and_heartbeats_are_answered(start_envoy, name):
    codec = load_codec(name)
    (request, answer), *_ = pairs(codec)
    with serving(codec, lambda message, connection: with_id_of(codec, answer, message)) as server:
        envoy = start_envoy(bootstrap([codec_listener(name, [route("up")], limit())], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            assert client.call(request).message == answer
            refused = client.call(request)
            assert codec.error_type(refused) is ErrorType.OVER_LIMIT
            for direction, message in codec.examples():
                asked = codec.decode(message, direction)
                if asked.message_type is MessageType.HEARTBEAT and asked.expects_reply:
                    assert client.call(message).message == codec.heartbeat_reply(asked)
    assert len(server.received) == 1


def test_a_listener_filter_tells_a_protocol_by_its_first_bytes(start_envoy):
    """As in Istio's outbound listeners: the chain with the codec filter matches on `h2c`."""
    codec = load_codec("awesomerpc")
    from live_engine.awesome import replying, request
    from live_envoy.config import tcp_proxy

    with serving(codec, replying(b"mesh")) as server, serving(codec, replying(b"direct")) as direct:
        listener = codec_listener(
            "awesomerpc", [route("up")], listener={"listener_filters": [listener_filter("awesomerpc")]}
        )
        (chain,) = listener["filter_chains"]
        chain["filter_chain_match"] = {"application_protocols": ["h2c"]}
        listener["default_filter_chain"] = {"filters": [tcp_proxy("direct")]}
        clusters = [bridged("up", server.port), bridged("direct", direct.port, upstream_config=None, metadata=None)]
        envoy = start_envoy(bootstrap([listener], clusters))
        with Client(codec, envoy.port("in")) as client:
            assert client.call(request(1)).message.endswith(b"mesh")
        with Client(codec, envoy.port("in")) as client:
            for byte in request(1):  # however it comes
                client.send(bytes((byte,)))
            assert client.receive().message.endswith(b"mesh")
        import socket

        with socket.create_connection(("127.0.0.1", envoy.port("in"))) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            envoy.wait_for_stat("cluster.direct.upstream_cx_total", bool)
