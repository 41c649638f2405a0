"""The recorded connections of tRPC-Go, beside what its client was told to do and what it said of the answers."""

import json
from pathlib import Path

import pytest
from recordings import Recording, decode

from metaprotocol_codecs.trpc import TrpcCodec
from metaprotocol_sdk import EncodeError, MessageType, Mutation, Status, UnsupportedMutation

VECTORS = Path(__file__).parents[1] / "vectors" / "trpc"
STREAMS = sorted(path.name for path in VECTORS.glob("*.bin"))
CALLS = sorted({name.split(".")[0] for name in STREAMS if "stream" not in name and "bidirectional" not in name})
CODEC = TrpcCodec()
SERVICE = "trpc.test.helloworld.Greeter"
CAN_CHANGE = {MessageType.REQUEST, MessageType.RESPONSE, MessageType.EXCEPTION, MessageType.ONEWAY}


def messages_of(name):
    recording = Recording(VECTORS / name)
    decoded = decode(CODEC, recording.direction, [recording.data])
    assert decoded.error is None
    assert b"".join(each.message for each in decoded.messages) == recording.data
    assert all(each.error is None for each in decoded.messages)
    return decoded.messages


def asked(name):
    return json.loads((VECTORS / f"{name}.said.json").read_text("utf-8"))["asked"]


def kinds(name):
    return [str(each.message_type).removeprefix("stream_") for each in messages_of(name)]


@pytest.mark.parametrize("name", CALLS)
def test_the_requests_are_those_that_the_client_was_told_to_send(name):
    for message, (command, answer) in zip(messages_of(f"{name}.c2s.bin"), asked(name), strict=True):
        fields = {"caller": "trpc.test.caller.service", "callee": SERVICE, "func": f"/{SERVICE}/{command['name']}"}
        assert message.properties == {**command.get("meta", {}), **fields}
        assert message.operation == f"{SERVICE}/{command['name']}"
        assert message.expects_reply is (not command.get("oneway", False))
        assert message.message[message.body_end :].decode() == command.get("attachment", "")
        assert message.message[message.header_size : message.body_end].endswith(command["msg"].encode())
        assert message.request_id == answer.get("id", message.request_id)


@pytest.mark.parametrize("name", [name for name in CALLS if "oneway" not in name])
def test_the_responses_are_those_that_the_client_reported(name):
    for message, (_, answer) in zip(messages_of(f"{name}.s2c.bin"), asked(name), strict=True):
        properties = message.properties
        failed = "error" in answer
        assert (message.message_type is MessageType.EXCEPTION) is failed
        if failed:
            framework = not answer["business"]
            assert (message.status is Status.ERROR) is framework
            assert properties["ret" if framework else "func_ret"] == str(answer["code"])
            assert properties["error_msg"] == answer["error"]
            assert (CODEC.error_type(message) is not None) is framework
        else:
            assert {key: properties[key] for key in answer["meta"]} == answer["meta"]
            assert message.message[message.header_size : message.body_end].endswith(answer["reply"].encode())
            assert message.message[message.body_end :].decode() == answer.get("attachment", "")


def test_a_bidirectional_stream_has_both_windows_and_both_ends():
    up, down = (kinds(f"go-bidirectional.{way}.bin") for way in ("c2s", "s2c"))
    assert (up[0], up[-1], down[0], down[-1]) == ("init", "close_one_way", "init", "close_two_way")
    assert up.count("data") == down.count("data") == 3
    assert "flow_control" in up
    assert "flow_control" in down


def test_a_server_ends_a_stream_that_its_client_has_not():
    assert kinds("go-server-stream.c2s.bin") == ["init", "data"]
    assert kinds("go-server-stream.s2c.bin") == ["init", "data", "data", "data", "close_two_way"]


def test_a_client_ends_its_half():
    assert kinds("go-client-stream.c2s.bin") == ["init", "data", "data", "data", "close_one_way"]
    assert kinds("go-client-stream.s2c.bin") == ["init", "data", "close_two_way"]


@pytest.mark.parametrize(("name", "code"), [("go-stream-framework", 22), ("go-stream-business", 0)])
def test_a_stream_is_reset(name, code):
    end = messages_of(f"{name}.s2c.bin")[-1]
    assert (end.message_type, end.status, end.status_code) == (MessageType.STREAM_CLOSE_TWO_WAY, Status.ERROR, code)
    assert CODEC.error_type(end) is not None


def test_a_server_refuses_a_stream():
    [refusal] = messages_of("go-stream-refused.s2c.bin")
    [(_, answer)] = asked("go-stream-refused")
    assert (refusal.message_type, refusal.status, refusal.status_code) == (
        MessageType.STREAM_INIT,
        Status.ERROR,
        answer["code"],
    )
    assert refusal.properties["error_msg"] == answer["error"]


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
        opens = each.message_type is MessageType.STREAM_INIT and each.expects_reply
        if not opens and each.message_type not in CAN_CHANGE:
            with pytest.raises(UnsupportedMutation):
                CODEC.encode(each, Mutation({"zone": "eu-1"}))
            continue
        changed = CODEC.decode(CODEC.encode(each, Mutation({"zone": "eu-1"})), direction)
        assert changed.properties == {**each.properties, "zone": "eu-1"}
        assert CODEC.encode(changed, Mutation({"zone": None})) == each.message
        for key, value in each.properties.items():
            if key not in {"caller", "callee", "func", "ret", "func_ret", "error_msg"}:
                changed = CODEC.decode(CODEC.encode(each, Mutation({key: "other"})), direction)
                assert CODEC.encode(changed, Mutation({key: value})) == each.message


@pytest.mark.parametrize("name", STREAMS)
def test_a_new_id_that_is_taken_back_leaves_the_same_bytes(name):
    direction = Recording(VECTORS / name).direction
    for each in messages_of(name):
        if each.stream_id is None:
            changed = CODEC.decode(CODEC.encode(each, Mutation(), 2**31), direction)
            assert changed.request_id == int.from_bytes(changed.message[10:14]) == 2**31
            assert CODEC.encode(changed, Mutation(), each.request_id) == each.message
        else:
            changed = CODEC.decode(CODEC.encode(each, Mutation(), None, 7), direction)
            assert changed.stream_id == 7
            assert CODEC.encode(changed, Mutation(), None, each.stream_id) == each.message
            with pytest.raises(EncodeError):
                CODEC.encode(each, Mutation(), 7)
