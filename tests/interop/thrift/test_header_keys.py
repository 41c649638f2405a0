"""The keys of THeader that servers by others act on, for headers that are odd and for what came before them."""

import ast
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers.thrift.programs import Server
from peers.thrift.stacks import Stack
from relay import running_relay
from theader_readers import INFORMATION, READERS
from thrift_messages import CALL, CLIENT, CODEC, ONEWAY, compact, framed, hx, in_header, run

from metaprotocol_sdk import MessageDecoder, MessageType, Metadata

pytestmark = pytest.mark.interop

STACK = Stack("compact", "header")
LIBRARIES = list(READERS)
HEADERS = compact(CALL, "headers", 7, hx("00"))
"""A call of `headers`, which answers with the keys that the server sees."""
ASKS = HEADERS[2:]
"""The part of it without the type."""


def call(keys: dict[str, str] | None = None) -> bytes:
    """Return a call of `headers` with some keys."""
    return in_header(HEADERS, 2, information=run(keys) if keys else b"")


@pytest.fixture
def server(library: str, install: Callable[[str], None], tmp_path: Path) -> Iterator[Server]:
    install(library)
    # Node's ends when it refuses a message, so each test has its own.
    with Server(library, STACK, tmp_path / "server.log") as running:
        yield running


def ask(port: int, *messages: bytes) -> list[dict[str, str] | None]:
    """Send messages, each call when the one before is answered, and return the keys in the answers.

    None stands for a connection that the server has closed instead.
    """
    decoder = MessageDecoder(CODEC, CLIENT)
    answers: list[dict[str, str] | None] = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for data in messages:
            connection.sendall(data)
            while ASKS in data:
                received = connection.recv(65536)
                found = [answer for answer in decoder.feed(received) if answer.message_type is not MessageType.EVENT]
                if found or not received:
                    answers += [keys_in(answer) for answer in found] or [None]
                    break
    return answers


def keys_in(answer: Metadata) -> dict[str, str]:
    assert answer.message_type is MessageType.RESPONSE
    (value,) = [span.value for span in CODEC.spans(answer) if span.name == "result.0"]
    keys: dict[str, str] = ast.literal_eval(value)
    return keys


def read(library: str, what: str) -> dict[str, str] | None:
    information = hx(INFORMATION[what])
    keys = READERS[library](information + bytes(-(2 + len(information)) % 4))
    return None if keys is None else {key.decode(): value.decode() for key, value in keys.items()}


@pytest.mark.parametrize(
    ("library", "what"),
    [(library, what) for library in READERS for what in INFORMATION if read(library, what) is not None],
)
def test_servers_read_a_header_as_the_readers_of_the_unit_tests_do(library, what, server):
    assert ask(server.port, in_header(HEADERS, 2, information=hx(INFORMATION[what]))) == [read(library, what)]


@pytest.mark.parametrize("library", ["go", "cpp", "node"])
def test_a_message_without_a_header_has_the_keys_of_the_last_header_on_the_connection(library, server):
    assert ask(server.port, call({"a": "1"}), HEADERS) == [{"a": "1"}, {"a": "1"}]


@pytest.mark.parametrize("library", ["go", "cpp"])
def test_so_has_one_in_a_frame(library, server):
    assert ask(server.port, call({"a": "1"}), framed(HEADERS)) == [{"a": "1"}, {"a": "1"}]


@pytest.mark.parametrize("library", ["python", "go", "cpp"])
def test_a_message_with_a_header_has_its_own_keys_alone(library, server):
    assert ask(server.port, call({"a": "1"}), call({"b": "2"}), call()) == [{"a": "1"}, {"b": "2"}, {}]


@pytest.mark.parametrize("library", ["node"])
def test_node_keeps_all_keys_of_a_connection(library, server):
    assert ask(server.port, call({"a": "1"}), call({"b": "2"}), call()) == [
        {"a": "1"},
        {"a": "1", "b": "2"},
        {"a": "1", "b": "2"},
    ]


@pytest.mark.parametrize(("library", "keys"), [("python", {"a": "1"}), ("cpp", {"a": "1"}), ("go", {"b": "2"})])
def test_go_serves_a_call_with_the_keys_of_the_header_alone_before_it(library, keys, server):
    assert ask(server.port, in_header(b"", 2, information=run({"b": "2"})), call({"a": "1"})) == [keys]


@pytest.mark.parametrize("library", ["go"])
def test_no_call_passes_the_relay_after_a_header_alone(library, server, tmp_path):
    with running_relay(tmp_path / "recording", server.port, codec="thrift", status=1) as relay:
        for alone in (in_header(b"", 2), in_header(b"", 2, information=run({"b": "2"}))):
            assert ask(relay.port, alone, call({"a": "1"})) == [None]
        # The relay keeps a packed one to itself.
        packed = in_header(zlib.compress(b""), 2, transforms=(1,), information=run({"b": "2"}))
        assert ask(relay.port, packed, call({"a": "1"})) == [{"a": "1"}]


@pytest.mark.parametrize("library", LIBRARIES)
def test_servers_answer_a_oneway_call_of_a_method_that_answers(library, server):
    """So a mesh that waits for no answer gets one, which it could take for that of another call."""
    assert ask(server.port, in_header(compact(ONEWAY, "headers", 7, hx("00")), 2)) == [{}]
