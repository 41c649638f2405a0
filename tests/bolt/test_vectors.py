"""Connections of SOFARPC for Java and for Node, each beside what the programs at its ends said of it.

`tests/interop/record_vectors.py bolt` recorded them; tests/vectors/bolt/README.md says what they hold.
"""

import json
import zlib
from pathlib import Path

import pytest
from recordings import Recording, decode, names_in, unpack_vectors

from metaprotocol_codecs.bolt import BoltCodec
from metaprotocol_sdk import MessageType, Mutation, Status

ARCHIVE = Path(__file__).parents[1] / "vectors" / "bolt" / "bolt.tar.xz"
WAYS = ("c2s", "s2c")
CODEC = BoltCodec()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return unpack_vectors(ARCHIVE, tmp_path_factory.mktemp("bolt"))


@pytest.fixture(params=names_in(ARCHIVE))
def name(request):
    return request.param


@pytest.fixture
def recordings(folder, name):
    return {way: Recording(folder / f"{name}.{way}.bin") for way in WAYS}


@pytest.fixture
def messages(recordings):
    found = {way: decode(CODEC, recording.direction, [recording.data]) for way, recording in recordings.items()}
    assert [decoded.error for decoded in found.values()] == [None, None]
    return {way: decoded.messages for way, decoded in found.items()}


@pytest.fixture
def said(folder, name):
    return json.loads((folder / f"{name}.said.json").read_text("utf-8"))["calls"]


def test_every_message_is_read_whole(messages):
    for way in WAYS:
        assert [(each.error, each.incomplete) for each in messages[way]] == [(None, "")] * len(messages[way])


def test_the_requests_are_the_calls_that_the_server_saw(name, messages, said):
    from_node = name.startswith("node")
    requests = [each for each in messages["c2s"] if each.message_type is not MessageType.HEARTBEAT]
    calls = [call for call in said if call["method"] != "heartbeat"]
    for request, call in zip(requests, calls, strict=True):
        assert request.operation == f"{call['service']}/{call['called']}"
        assert (request.properties["service"], request.properties["method"]) == (call["service"], call["called"])
        assert request.expects_reply is (call["called"] != "note")
        assert request.properties["timeout"] == ("10000" if request.expects_reply or from_node else "-1")
        for key, value in call["headers"].items():
            if key.startswith("rpc_trace_context."):
                continue  # Java writes its own over it
            # Node writes its headers into the SofaRequest alone, if that is serialized by hessian2.
            assert request.properties.get(key, value) == value


def test_the_answers_are_those_that_the_client_got(messages, said):
    answers = [each for each in messages["s2c"] if each.message_type is not MessageType.HEARTBEAT]
    expected = [call for call in said if call["method"] not in ("heartbeat", "note")]
    for answer, call in zip(answers, expected, strict=True):
        failed = "value" not in call["outcome"]
        assert answer.message_type is (MessageType.EXCEPTION if failed else MessageType.RESPONSE)
        assert (answer.status is Status.ERROR) == (answer.status_code != 0)
        assert failed or answer.status_code == 0


def test_answers_have_the_ids_of_their_requests(messages):
    asked = [each.request_id for each in messages["c2s"] if each.expects_reply]
    assert sorted(each.request_id for each in messages["s2c"]) == sorted(asked)


def test_heartbeats_are_answered_as_the_peer_did(messages):
    answers = {each.request_id: each for each in messages["s2c"]}
    for each in messages["c2s"]:
        if each.message_type is MessageType.HEARTBEAT:
            answer = answers[each.request_id]
            if answer.trailer_size == each.trailer_size:  # Java answers without a CRC, Node with one
                assert CODEC.heartbeat_reply(each) == answer.message


@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(recordings, messages, pieces):
    for way, recording in recordings.items():
        assert decode(CODEC, recording.direction, getattr(recording, pieces)).messages == messages[way]


def test_a_change_that_is_taken_back_leaves_the_same_bytes(recordings, messages):
    for way, recording in recordings.items():
        for each in messages[way]:
            assert CODEC.encode(each, Mutation()) == each.message
            changed = CODEC.decode(CODEC.encode(each, Mutation({"zone": "eu-1"}), request_id=99), recording.direction)
            assert (changed.properties["zone"], changed.request_id, changed.error) == ("eu-1", 99, None)
            assert CODEC.encode(changed, Mutation({"zone": None}), request_id=each.request_id) == each.message


def test_the_crc_is_that_of_the_peers(name, messages):
    for each in messages["c2s"] + messages["s2c"]:
        if each.message_type is MessageType.HEARTBEAT:
            continue  # Java's have none
        assert each.trailer_size == (4 if name.endswith("-with-crc") else 0)
        if each.trailer_size:
            assert zlib.crc32(each.message[:-4]).to_bytes(4) == each.message[-4:]
