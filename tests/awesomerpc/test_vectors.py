"""The recorded connection in tests/vectors/awesomerpc: what the client sent, and what it printed of the answers."""

from pathlib import Path

import pytest
from recordings import Recording, decode

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import MessageType, Mutation

VECTORS = Path(__file__).parents[1] / "vectors" / "awesomerpc"
BOTH = ["example.c2s.bin", "example.s2c.bin"]
GREETER = {"service": "Greeter", "user": "Zoë"}


@pytest.fixture
def recording(request):
    return Recording(VECTORS / request.param)


@pytest.fixture
def messages(recording):
    decoded = decode(AwesomeRpcCodec(), recording.direction, [recording.data])
    assert decoded.error is None
    return decoded.messages


def payload(metadata):
    return metadata.message[metadata.header_size :].decode()


@pytest.mark.parametrize("recording", ["example.c2s.bin"], indirect=True)
def test_the_requests_are_those_of_the_clients_source(messages):
    assert [(each.message_type, each.request_id, each.properties, payload(each)) for each in messages] == [
        (MessageType.REQUEST, 1, {**GREETER, "cmd": "7"}, "Ada"),
        (MessageType.REQUEST, 2, {**GREETER, "cmd": "7"}, "世界 😀"),
        (MessageType.ONEWAY, 3, {**GREETER, "cmd": "9"}, ""),
        (MessageType.REQUEST, 4, {**GREETER, "cmd": "99"}, ""),
        (MessageType.HEARTBEAT, 5, {"cmd": "0"}, ""),
    ]
    assert [each.operation for each in messages] == ["Greeter/7", "Greeter/7", "Greeter/9", "Greeter/99", "0"]
    assert [each.expects_reply for each in messages] == [True, True, False, True, True]


@pytest.mark.parametrize("recording", ["example.s2c.bin"], indirect=True)
def test_the_answers_are_those_that_the_client_printed(messages):
    printed = (VECTORS / "example.said.txt").read_text("utf-8").splitlines()
    *replies, heartbeat = messages
    assert [
        f"{each.request_id}: {each.message_type}, status {each.status_code}: {payload(each)}" for each in replies
    ] == printed[:3]
    assert f"{heartbeat.request_id}: {heartbeat.message_type}" == printed[3]


@pytest.mark.parametrize("recording", BOTH, indirect=True)
@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(recording, messages, pieces):
    assert decode(AwesomeRpcCodec(), recording.direction, getattr(recording, pieces)).messages == messages


@pytest.mark.parametrize("recording", BOTH, indirect=True)
def test_a_change_that_is_taken_back_leaves_the_same_bytes(recording, messages):
    codec = AwesomeRpcCodec()
    for each in messages:
        assert codec.encode(each, Mutation()) == each.message
        changed = codec.decode(codec.encode(each, Mutation({"zone": "eu-1"}), request_id=99), recording.direction)
        assert (changed.properties["zone"], changed.request_id) == ("eu-1", 99)
        assert codec.encode(changed, Mutation({"zone": None}), request_id=each.request_id) == each.message
