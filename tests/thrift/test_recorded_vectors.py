"""The recorded connections in tests/vectors/thrift, against what the client's own library said of every message."""

import json
from pathlib import Path
from typing import Any

import pytest
from recordings import Recording, decode
from thrift_recordings import Message, errors, told

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder, MessageType, Metadata, Mutation, Status

VECTORS = Path(__file__).parents[1] / "vectors" / "thrift"
CONNECTIONS = sorted(path.name.removesuffix(".said.json") for path in VECTORS.glob("*.said.json"))
WAYS = {"c2s": Direction.TO_SERVER, "s2c": Direction.TO_CLIENT}
STREAMS = [f"{name}.{direction}.bin" for name in CONNECTIONS for direction in WAYS]


def said(name: str) -> dict[str, Any]:
    """Return what the client said of a connection."""
    account: dict[str, Any] = json.loads((VECTORS / f"{name}.said.json").read_text("utf-8"))
    return account


def recorded(stream: str) -> list[Metadata]:
    recording = Recording(VECTORS / stream)
    decoded = decode(ThriftCodec(), recording.direction, [recording.data])
    assert decoded.error is None
    return decoded.messages


def failed(name: str, outcome: str) -> list[dict[str, Any]]:
    """Return the calls of a connection of which the client saw this outcome."""
    return [result for result in said(name)["outcomes"].values() if result["outcome"] == outcome]


def test_every_recording_has_both_streams_their_pieces_and_the_account_of_the_client():
    kinds = ("c2s.bin", "s2c.bin", "chunks.json", "said.json")
    files = {f"{name}.{kind}" for name in CONNECTIONS for kind in kinds}
    assert {path.name for path in VECTORS.iterdir()} == files | {"README.md"}


def test_four_libraries_in_three_languages_were_recorded():
    libraries = {said(name)[role].rpartition(" ")[0] for name in CONNECTIONS for role in ("client", "server")}
    assert libraries == {
        "thrift (Python)",
        "thriftpy2",
        "thrift (Node)",
        "thrift (Go)",
        "thrift (Java)",
        "thrift (C++)",
    }


@pytest.mark.parametrize("name", CONNECTIONS)
def test_messages_are_what_the_client_wrote_and_read(name):
    assert told(recorded(f"{name}.c2s.bin")) == [Message(*message) for message in said(name)["sent"]]
    assert told(recorded(f"{name}.s2c.bin")) == [Message(*message) for message in said(name)["received"]]


@pytest.mark.parametrize("name", CONNECTIONS)
def test_what_the_client_raised_is_an_error_that_the_interface_declares_or_not(name):
    failures = [metadata for metadata in recorded(f"{name}.s2c.bin") if metadata.message_type is MessageType.EXCEPTION]
    assert len([metadata for metadata in failures if metadata.status is Status.OK]) == len(failed(name, "Refused"))
    assert errors(failures) == [(result["type"], result["text"]) for result in failed(name, "TApplicationException")]


@pytest.mark.parametrize("name", [name for name in CONNECTIONS if "headers" in said(name)["outcomes"]])
def test_the_headers_that_the_server_saw_are_properties_of_the_call(name):
    (call,) = [metadata for metadata in recorded(f"{name}.c2s.bin") if metadata.properties.get("method") == "headers"]
    assert call.properties == {"method": "headers", **said(name)["outcomes"]["headers"]["result"]}


@pytest.mark.parametrize("name", [name for name in CONNECTIONS if name.endswith("pipelined")])
def test_pipelined_calls_were_sent_before_the_answers_to_those_before_them(name):
    pieces = json.loads((VECTORS / f"{name}.chunks.json").read_text("utf-8"))
    decoders = {way: MessageDecoder(ThriftCodec(), direction) for way, direction in WAYS.items()}
    sent = {way: (VECTORS / f"{name}.{way}.bin").read_bytes() for way in WAYS}
    waiting = [0]
    for way, start, size, *_ in pieces:
        count = len(decoders[way].feed(sent[way][start : start + size]))
        waiting.append(waiting[-1] + (count if way == "c2s" else -count))
    assert max(waiting) > 1
    assert waiting[-1] == 0


@pytest.mark.parametrize("stream", STREAMS)
def test_any_pieces_give_the_same_messages(stream):
    recording, whole = Recording(VECTORS / stream), recorded(stream)
    for pieces in (recording.chunks, recording.single_bytes):
        decoded = decode(ThriftCodec(), recording.direction, pieces)
        assert decoded.error is None
        assert decoded.messages == whole


@pytest.mark.parametrize("stream", STREAMS)
def test_messages_are_encoded_as_they_were(stream):
    messages, codec = recorded(stream), ThriftCodec()
    encoded = [codec.encode(metadata, Mutation()) for metadata in messages]
    assert b"".join(encoded) == (VECTORS / stream).read_bytes()
    assert [codec.encode(metadata, Mutation(), metadata.request_id) for metadata in messages] == encoded
