"""Connections of Tars for Java and for Node, each beside what the programs at its ends said of it.

`tests/interop/record_vectors.py tars` recorded them; tests/vectors/tars/README.md says what they hold.
"""

import json
from pathlib import Path

import pytest
from recordings import Recording, decode, names_in, unpack_vectors

from metaprotocol_codecs.tars import TarsCodec
from metaprotocol_sdk import MessageType, Mutation

ARCHIVE = Path(__file__).parents[1] / "vectors" / "tars" / "tars.tar.xz"
WAYS = ("c2s", "s2c")
CODEC = TarsCodec()
VERSIONS = {"java-to-node": "1", "node-to-node": "1", "node-to-node-tup": "2", "node-to-node-tup-simple": "3"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return unpack_vectors(ARCHIVE, tmp_path_factory.mktemp("tars"))


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


def test_the_requests_are_the_calls_that_the_server_saw(name, messages, said):
    for request, call in zip(messages["c2s"], said, strict=True):
        assert request.error is None
        assert request.operation == f"{call['servant']}/{call['called']}"
        expected = {"servant": call["servant"], "func": call["called"], "version": VERSIONS[name], **call["headers"]}
        assert {key: request.properties.get(key) for key in expected} == expected
        assert request.expects_reply is (call["called"] != "note")
        assert (request.message_type is MessageType.HEARTBEAT) == (call["called"] == "tars_ping")


def test_the_answers_are_those_that_the_client_got(messages, said):
    expected = [call for call in said if call["called"] != "note"]
    for answer, call in zip(messages["s2c"], expected, strict=True):
        assert answer.error is None
        assert answer.status_code == (-3 if call["called"] == "missing" else 0)
        failed = answer.message_type is MessageType.EXCEPTION
        assert failed == ("value" not in call["outcome"])


def test_answers_have_the_ids_of_their_requests(messages):
    asked = [each.request_id for each in messages["c2s"] if each.expects_reply]
    assert sorted(each.request_id for each in messages["s2c"]) == sorted(asked)


@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(recordings, messages, pieces):
    for way, recording in recordings.items():
        assert decode(CODEC, recording.direction, getattr(recording, pieces)).messages == messages[way]


def test_a_change_that_is_taken_back_leaves_the_same_bytes(recordings, messages):
    for way, recording in recordings.items():
        for each in messages[way]:
            assert CODEC.encode(each, Mutation()) == each.message
            changed = CODEC.decode(CODEC.encode(each, Mutation({"zone": "eu"}), request_id=70_000), recording.direction)
            assert (changed.properties["zone"], changed.request_id, changed.error) == ("eu", 70_000, None)
            assert CODEC.encode(changed, Mutation({"zone": None}), request_id=each.request_id) == each.message
