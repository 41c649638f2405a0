"""A client that nobody here wrote gets an error for a server's garbage, and does not hang."""

import socket
import threading
from contextlib import suppress

import pytest
from live_engine.config import bridged, codec_listener
from live_envoy.config import bootstrap, route
from peers.thrift.clients import run_client
from peers.thrift.stacks import Combination, Stack

pytestmark = pytest.mark.interop

GARBAGE = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a length over any limit": b"\xff" * 64,
    "a frame that cannot be read": bytes.fromhex("00000010 80010002") + b"\xff" * 12,
}  # an empty frame is not garbage: Thrift's own readers go on to the next


@pytest.fixture(params=GARBAGE.values(), ids=GARBAGE)
def liar(request):
    """The port of a server that answers whatever it gets with garbage, and keeps its connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connections.append(connection)
                    connection.recv(1 << 16)
                    connection.sendall(request.param)

        connections = []
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("combination", [Combination(Stack("binary", "framed"), "python", "python")], ids=str)
def test_garbage_of_a_server_is_an_error_of_the_client(combination, liar, start_envoy):
    listener = codec_listener("thrift", [route("up", timeout="60s")])
    port = start_envoy(bootstrap([listener], [bridged("up", liar)])).port("in")
    outcomes = run_client(combination.client, port, combination.stack, ["greet", "ping"]).outcomes
    assert {one["outcome"] for one in outcomes.values()} == {"TApplicationException"}
