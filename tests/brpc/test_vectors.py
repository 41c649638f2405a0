"""The recorded connections of brpc-java, beside what its client was told to do and what it said of the answers."""

import gzip
import json
from pathlib import Path

import pytest
from recordings import Recording, decode

from metaprotocol_codecs.brpc import BrpcCodec
from metaprotocol_sdk import MessageType, Mutation, Status

VECTORS = Path(__file__).parents[1] / "vectors" / "brpc"
STREAMS = sorted(path.name for path in VECTORS.glob("*.bin"))
CALLS = sorted({name.split(".")[0] for name in STREAMS})
CODEC = BrpcCodec()


def messages_of(name):
    recording = Recording(VECTORS / name)
    decoded = decode(CODEC, recording.direction, [recording.data])
    assert decoded.error is None
    assert all(each.error is None for each in decoded.messages)
    assert b"".join(each.message for each in decoded.messages) == recording.data
    return decoded.messages


def asked(name):
    return json.loads((VECTORS / f"{name}.said.json").read_text("utf-8"))["asked"]


def body_of(message):
    body = message.message[message.header_size : message.body_end]
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


@pytest.mark.parametrize("name", CALLS)
def test_the_requests_are_those_that_the_client_was_told_to_send(name):
    for message, (command, _) in zip(messages_of(f"{name}.c2s.bin"), asked(name), strict=True):
        assert (message.message_type, message.operation) == (MessageType.REQUEST, "example.EchoService/Echo")
        assert message.properties == {"service": "example.EchoService", "method": "Echo"}
        assert body_of(message).endswith(command["msg"].encode())
        assert message.message[message.body_end :].decode() == command.get("attachment", "")
        assert message.state["request"]["log_id"] == command.get("log_id", 0)


@pytest.mark.parametrize("name", CALLS)
def test_the_responses_are_those_that_the_client_reported(name):
    ids = [message.request_id for message in messages_of(f"{name}.c2s.bin")]
    for message, number, (_, answer) in zip(messages_of(f"{name}.s2c.bin"), ids, asked(name), strict=True):
        assert message.request_id == number
        failed = "error" in answer
        assert (message.status is Status.ERROR) is (message.message_type is MessageType.EXCEPTION) is failed
        if failed:
            assert message.properties["error_text"] in answer["error"]
        else:
            assert body_of(message).endswith(answer["reply"].encode())
            assert message.message[message.body_end :].decode() == answer["attachment"]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(name, pieces):
    recording = Recording(VECTORS / name)
    assert decode(CODEC, recording.direction, getattr(recording, pieces)).messages == messages_of(name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_change_that_is_taken_back_leaves_the_same_bytes(name):
    direction = Recording(VECTORS / name).direction
    for each in messages_of(name):
        assert CODEC.encode(each, Mutation()) == each.message
        changed = CODEC.decode(CODEC.encode(each, Mutation({"zone": "eu-1"}), 2**63), direction)
        assert changed.properties == {**each.properties, "zone": "eu-1"}
        assert changed.request_id == 2**63
        assert changed.message[changed.header_size :] == each.message[each.header_size :]
        assert CODEC.encode(changed, Mutation({"zone": None}), each.request_id) == each.message
