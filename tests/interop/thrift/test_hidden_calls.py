"""Calls that hide behind another one in its frame: servers by others run them, so none may get that far."""

import socket
from collections.abc import Callable

import pytest
from peers.thrift.clients import run_client
from peers.thrift.programs import LIBRARIES, Server
from peers.thrift.stacks import Stack
from relay import running_relay
from thrift_messages import CALL, ONEWAY, STRUCTS, WRITERS, framed, in_header

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder, MessageType, Metadata

pytestmark = pytest.mark.interop

PROTOCOL_ERROR = 7
WRITER = {"binary": "strict", "compact": "compact", "json": "json"}
FRAMED = [(key, Stack(protocol, "framed")) for key in LIBRARIES for protocol in ("binary", "compact")]
# Python's THeader looks at one message of a frame only.
IN_HEADER = [(key, Stack("compact", "header")) for key in ("node", "go", "cpp")]


def hide(stack: Stack) -> bytes:
    """Return a frame with a call, and behind it another that only the server should find."""
    name = WRITER[stack.protocol]
    write, structs = WRITERS[name], STRUCTS[name]
    messages = write(CALL, "ping", 7, structs["nothing"]) + write(ONEWAY, "notify", 8, structs["hi"])
    return in_header(messages, protocol=2) if stack.has_headers else framed(messages)


def send(port: int, frame: bytes) -> Metadata:
    """Send a frame and return the answer."""
    decoder = MessageDecoder(ThriftCodec(), Direction.TO_CLIENT)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(frame)
        while True:
            for answer in decoder.feed(connection.recv(65536)):
                return answer


def told(server: Server, stack: Stack) -> list[str]:
    """Return what the server's method `notify` was told, as a client asks it without a relay."""
    client = "python" if stack.has_headers else server.library.key
    result: list[str] = run_client(client, server.port, stack, ["notifications"]).outcomes["notifications"]["result"]
    return result


@pytest.fixture
def server(
    library: str, stack: Stack, install: Callable[[str], None], running_servers: Callable[[str, Stack], Server]
) -> Server:
    install(library)
    install("python")
    return running_servers(library, stack)


@pytest.mark.parametrize(("library", "stack"), [*FRAMED, *IN_HEADER], ids=str)
def test_a_frame_with_a_hidden_call_is_answered_by_the_relay_and_not_run(library, stack, server, tmp_path):
    with running_relay(tmp_path, server.port, codec="thrift", status=1) as relay:
        answer = send(relay.port, hide(stack))
    assert (answer.message_type, answer.request_id, answer.status_code) == (MessageType.ERROR, 7, PROTOCOL_ERROR)
    assert told(server, stack) == []


@pytest.mark.parametrize(("library", "stack"), [*FRAMED, *IN_HEADER], ids=str)
def test_where_frames_are_trusted_the_server_runs_the_hidden_call(library, stack, server, tmp_path):
    with running_relay(tmp_path, server.port, codec="thrift", options=["trust_frames=true"]) as relay:
        answer = send(relay.port, hide(stack))
    assert (answer.message_type, answer.request_id) == (MessageType.RESPONSE, 7)
    asked = (told(server, stack) for _ in range(20))  # it runs behind the answer
    assert next(heard for heard in asked if heard) == ["hi"]
