"""Calls that hide behind another one in its frame, or in what its types say: servers by others run them."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from peers.thrift.clients import run_client
from peers.thrift.programs import LIBRARIES, Server
from peers.thrift.stacks import Stack
from relay import running_relay
from thrift_messages import CALL, ONEWAY, STRUCTS, WRITERS, framed, hx, in_header, strict

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder, MessageType, Metadata

pytestmark = pytest.mark.interop

PROTOCOL_ERROR = 7
WRITER = {"binary": "strict", "compact": "compact", "json": "json"}
FRAMED = [(key, Stack(protocol, "framed")) for key in LIBRARIES for protocol in ("binary", "compact")]
# Python's THeader looks at one message of a frame only.
IN_HEADER = [(key, Stack("compact", "header")) for key in ("node", "go", "cpp")]

# thriftpy2 and the accelerated protocols of Python, which the program uses, compare the types.
BY_DEFINITION = [(key, Stack("binary", "framed")) for key in LIBRARIES if key not in ("thriftpy2", "python")]
DEFINITION = Path(__file__).with_name("peers.thrift")


def hide(stack: Stack) -> bytes:
    """Return a frame with a call, and after it another that only the server should find."""
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
    assert (answer.message_type, answer.request_id, answer.status_code) == (MessageType.EXCEPTION, 7, PROTOCOL_ERROR)
    assert told(server, stack) == []


@pytest.mark.parametrize(("library", "stack"), [*FRAMED, *IN_HEADER], ids=str)
def test_where_frames_are_trusted_the_server_runs_the_hidden_call(library, stack, server, tmp_path):
    with running_relay(tmp_path, server.port, codec="thrift", options=["trust_frames=true"]) as relay:
        answer = send(relay.port, hide(stack))
    assert (answer.message_type, answer.request_id) == (MessageType.RESPONSE, 7)
    asked = (told(server, stack) for _ in range(20))  # it runs after the answer
    assert next(heard for heard in asked if heard) == ["hi"]


def hide_in_a_map() -> bytes:
    """Return a call of `nested`, a map of texts and maps, that says it is one of i64 and texts.

    By what it says there is a key of 8 bytes, and a text of 0x80. Who reads by the definition finds in the 12 bytes
    `00…0080` the length of an empty key, the types and the size of an empty map, the end of the arguments, and the 80
    that begins a call.
    """
    call = strict(ONEWAY, "notify", 8, hx("0b0001 00000068") + b"hi" * 52)  # the stop is the outer one's
    assert len(call[1:]) == 0x80
    return framed(strict(CALL, "nested", 7, hx("0d0001 0a0b 00000001") + bytes(8) + hx("00000080") + call[1:] + b"\0"))


@pytest.mark.parametrize(("library", "stack"), BY_DEFINITION, ids=str)
def test_a_call_that_hides_in_wrong_types_is_run_by_the_server_and_unseen_without_the_definition(
    library, stack, server
):
    frame = hide_in_a_map()
    assert ThriftCodec().decode(frame, Direction.TO_SERVER).properties == {"method": "nested"}
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(frame)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    asked = (told(server, stack) for _ in range(20))
    assert next(heard for heard in asked if heard) == ["hi" * 52]


@pytest.mark.parametrize(("library", "stack"), BY_DEFINITION, ids=str)
def test_with_the_definition_the_relay_answers_it(library, stack, server, tmp_path):
    with running_relay(tmp_path, server.port, codec="thrift", options=[f"idl={DEFINITION}"], status=1) as relay:
        answer = send(relay.port, hide_in_a_map())
    assert (answer.message_type, answer.request_id, answer.status_code) == (MessageType.EXCEPTION, 7, PROTOCOL_ERROR)
    assert told(server, stack) == []
