"""Servers that are restarted under load. Retries see to it that no call is lost."""

import threading
import time
from contextlib import contextmanager, suppress

import pytest
from dubbo_bytes import message as dubbo_message
from dubbo_bytes import request as dubbo_request
from dubbo_bytes import response, string
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, Server
from live_envoy.config import bootstrap, route
from patience import PATIENCE

from metaprotocol_codecs.dubbo import DubboCodec

pytestmark = pytest.mark.live

READONLY = dubbo_message(0xA2, string("R"))
POOL = 30


def start(start_envoy, codec, port):
    retry = {"retry_on": "connect-failure,reset,refused-stream", "num_retries": 20}
    retry["retry_back_off"] = {"base_interval": "0.05s", "max_interval": "0.2s"}
    listener = codec_listener(codec, [route("up", retry_policy=retry)])
    return start_envoy(bootstrap([listener], [bridged("up", port)]))


@contextmanager
def load(codec, port, calls):
    """Make calls on four connections until the block ends, all of `calls` at once on each; yield the answers."""
    answers, stop = [], threading.Event()

    def client():
        with Client(codec, port) as client:
            while not stop.is_set():
                client.send(b"".join(calls))
                answers.extend(client.receive() for _ in calls)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_server_that_is_restarted_under_load_loses_no_call(start_envoy):
    """Idle connections of the pool are found closed, and new ones are refused for a moment."""
    first = Server(CODEC, replying(b"first"))
    envoy = start(start_envoy, "awesomerpc", first.port)
    with load(CODEC, envoy.port("in"), [request(number) for number in range(5)]) as answers:
        first.wait(200)
        first.close()
        second = Server(CODEC, replying(b"second"), first.port)
        second.wait(200)
    second.close()
    assert {body(answer) for answer in answers} == {b"first", b"second"}
    assert {answer.status_code for answer in answers} == {0}


def test_a_provider_that_says_readonly_and_is_restarted_under_load_loses_no_call(start_envoy):
    """Most of its connections are idle in Envoy's pool. At the notice Envoy gives up all of them by itself."""
    codec = DubboCodec()

    def answering(text):
        return lambda message, connection: response(b"\x91" + string(text), request_id=message.request_id)

    def gathering(message, connection):
        first.wait(POOL)  # so that the pool has as many connections
        return answering("first")(message, connection)

    first = Server(codec, gathering)
    envoy = start(start_envoy, "dubbo", first.port)
    with Client(codec, envoy.port("in")) as client:
        client.send(b"".join(dubbo_request(request_id=number) for number in range(POOL)))
        assert {client.receive().request_id for _ in range(POOL)} == set(range(POOL))
    with load(codec, envoy.port("in"), [dubbo_request(request_id=number) for number in range(3)]) as answers:
        first.wait(200)
        told = list(first.connections)
        assert len(told) >= POOL
        for connection in told:
            with suppress(OSError):  # it was used up meanwhile
                connection.socket.sendall(READONLY)
        end = time.monotonic() + PATIENCE
        while any(connection.socket.fileno() != -1 for connection in told):
            assert time.monotonic() < end, "a connection that has the notice stays open"
            time.sleep(0.01)
        first.close()
        second = Server(codec, answering("second"), first.port)
        second.wait(200)
    second.close()
    assert {answer.message[17:] for answer in answers} == {string("first"), string("second")}
    assert envoy.stat("cluster.up.upstream_rq_5xx") == 0
