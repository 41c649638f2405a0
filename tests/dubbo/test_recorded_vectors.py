"""Connections of real peers, each beside what the programs at its ends said of it.

`tests/interop/record_vectors.py` recorded them; tests/vectors/dubbo/README.md says what they hold.
"""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from dubbo_frames import frames
from recordings import Recording, boundaries, decode, names_in, unpack_vectors

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, MessageType, Mutation, Status

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
CONNECTIONS = {
    f"{archive.name.removesuffix('.tar.xz')}/{name}": archive
    for archive in sorted(VECTORS.glob("*.tar.xz"))
    for name in names_in(archive)
}
DIRECTIONS = {"c2s": Direction.TO_SERVER, "s2c": Direction.TO_CLIENT}
# What is on the wire and no program shows: Dubbo takes it out before its filters see the attachments.
HIDDEN = {"dubbo", "path", "interface", "timeout", "generic", "group", "version", "async"}
READABLE = {"hessian2", "fastjson", "fastjson2"}
CHANGEABLE = {"hessian2", "fastjson2"}


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    return {
        archive: unpack_vectors(archive, tmp_path_factory.mktemp("vectors")) for archive in set(CONNECTIONS.values())
    }


@pytest.fixture(params=CONNECTIONS)
def folder_and_name(request, unpacked):
    return unpacked[CONNECTIONS[request.param]], request.param.rpartition("/")[2]


@pytest.fixture
def recordings(folder_and_name):
    folder, name = folder_and_name
    return {way: Recording(folder / f"{name}.{way}.bin") for way in DIRECTIONS}


@pytest.fixture
def said(folder_and_name):
    folder, name = folder_and_name
    return json.loads((folder / f"{name}.said.json").read_text("utf-8"))


@pytest.fixture
def messages(recordings):
    """The metadata of both directions."""
    found = {way: decode(DubboCodec(), recording.direction, [recording.data]) for way, recording in recordings.items()}
    assert [decoded.error for decoded in found.values()] == [None, None]
    return {way: decoded.messages for way, decoded in found.items()}


def calls(messages):
    return [each for each in messages["c2s"] if each.message_type in (MessageType.REQUEST, MessageType.ONEWAY)]


def answers(messages):
    return {
        each.request_id: each
        for each in messages["s2c"]
        if each.message_type in (MessageType.RESPONSE, MessageType.EXCEPTION)
    }


def test_every_message_can_be_read(messages):
    assert [each.error for way in DIRECTIONS for each in messages[way]] == [None] * sum(map(len, messages.values()))


def test_boundaries_and_headers_are_those_that_an_independent_framer_finds(recordings, messages):
    for way, recording in recordings.items():
        found = frames(recording.data)
        sizes = [16 + len(frame.body) for frame in found]
        assert [size for _, size in boundaries(messages[way])] == sizes
        assert sum(sizes) == len(recording.data)
        assert [each.request_id for each in messages[way]] == [frame.request_id for frame in found]
        assert [each.status_code for each in messages[way]] == [
            None if frame.is_request else frame.status for frame in found
        ]


def test_the_requests_are_the_calls_that_the_client_made_as_the_provider_saw_them(messages, said):
    requests = calls(messages)
    assert [each.request_id for each in requests] == [call["id"] for call in said["calls"]]
    assert [each.expects_reply for each in requests] == [not call["oneway"] for call in said["calls"]]
    if said["serialization"] not in READABLE:
        return
    for request, call in zip(requests, said["calls"], strict=True):
        assert request.operation == f"{call['interface']}/{call['method']}"
        fields = ("interface", "method", "version", "group", "parameter_types", "generic_method")
        expected = {name: call[name] for name in fields if call.get(name) is not None} | call["attachments"]
        properties = request.properties
        assert {name: properties.get(name) for name in expected} == expected
        if call.get("parameter_types") and call["attachments"].get("remote.application"):  # the provider was Java too
            assert properties.keys() - expected.keys() <= HIDDEN


def test_the_answers_are_those_that_the_client_got(messages, said):
    found = answers(messages)
    answered = {call["id"]: call["answer"] for call in said["calls"] if call["answer"] is not None}
    assert found.keys() == answered.keys()
    for request_id, answer in answered.items():
        response = found[request_id]
        assert response.status_code == answer["status"]
        assert response.status is (Status.ERROR if answer["refused"] else Status.OK)
        if said["serialization"] not in CHANGEABLE:
            continue
        failed = answer["exception"] is not None
        assert response.message_type is (MessageType.EXCEPTION if failed else MessageType.RESPONSE)
        properties = dict(response.properties)
        assert ("error" in properties) == answer["refused"]
        if not answer["refused"]:
            assert properties.pop("exception", None) == answer["exception"]
            if "attachments" in answer:
                assert properties == answer["attachments"]


@pytest.mark.parametrize("folder_and_name", ["dubbo-java-2.7.23/calls", "dubbo-java-3.3.6/calls"], indirect=True)
def test_answers_overtake_each_other(messages):
    in_order = [each.request_id for each in calls(messages) if each.expects_reply]
    assert list(answers(messages)) != in_order
    assert sorted(answers(messages)) == sorted(in_order)


def test_heartbeats_and_events_are_as_many_as_passed(messages, said):
    for way in DIRECTIONS:
        heartbeats = [each for each in messages[way] if each.message_type is MessageType.HEARTBEAT]
        assert len(heartbeats) == said["heartbeats"][way]
    events = [each.properties for each in messages["s2c"] if each.message_type is MessageType.EVENT]
    assert events == [{"event": "READONLY"}] * said["readonly"]


def test_a_heartbeat_can_be_answered_as_its_peer_did(messages):
    codec = DubboCodec()
    for way, back in (("c2s", "s2c"), ("s2c", "c2s")):
        peers = {each.request_id: each for each in messages[back] if each.message_type is MessageType.HEARTBEAT}
        for asked in messages[way]:
            if asked.message_type is MessageType.HEARTBEAT and asked.expects_reply:
                assert codec.heartbeat_reply(asked) == peers[asked.request_id].message


@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(recordings, messages, pieces):
    for way, recording in recordings.items():
        assert decode(DubboCodec(), recording.direction, getattr(recording, pieces)).messages == messages[way]


def test_encoding_without_a_change_gives_the_same_bytes(messages):
    codec = DubboCodec()
    for way, direction in DIRECTIONS.items():
        for each in messages[way]:
            assert codec.encode(each, Mutation()) == each.message
            renumbered = codec.encode(each, Mutation(), request_id=each.request_id ^ 0x55)
            again = codec.decode(renumbered, direction)
            assert codec.encode(again, Mutation(), request_id=each.request_id) == each.message


def test_an_attachment_that_is_set_and_removed_again_leaves_the_same_bytes(messages, said):
    if said["serialization"] not in CHANGEABLE:
        return
    codec = DubboCodec()
    with_attachments = [each for each in answers(messages).values() if "dubbo" in each.properties]
    requests = {each.request_id: each for each in calls(messages)}
    for each in with_attachments:
        each.request = requests[each.request_id]
    for each in [*requests.values(), *with_attachments]:
        direction = Direction.TO_CLIENT if each.request else Direction.TO_SERVER
        changed = codec.decode(codec.encode(each, Mutation({"x-added": "世界 😀"})), direction)
        changed.request = each.request
        assert changed.properties == each.properties | {"x-added": "世界 😀"}
        assert codec.encode(changed, Mutation({"x-added": None})) == each.message


def test_spans_cover_every_message_in_order(messages):
    codec = DubboCodec()
    for each in (*messages["c2s"], *messages["s2c"]):
        edges = [(span.start, span.end) for span in codec.spans(each)]
        assert (edges[0][0], edges[-1][1]) == (0, len(each.message))
        assert all(end == start for (_, end), (start, _) in pairwise(edges))


def test_they_hold_what_a_codec_stumbles_over(unpacked):
    accounts = {
        name: json.loads((unpacked[archive] / f"{name.rpartition('/')[2]}.said.json").read_text("utf-8"))
        for name, archive in CONNECTIONS.items()
    }
    every_call = [call for account in accounts.values() for call in account["calls"]]
    arguments = {str(call["argument"]) for call in every_call}
    assert {account["serialization"] for account in accounts.values()} == {
        "hessian2", "fastjson", "fastjson2", "kryo", "nativejava"
    }  # fmt: skip
    assert {"null", "text 0", "unicode", "lone surrogate", "circle", "shared", "1000 objects"} <= arguments
    assert {f"bytes {size}" for size in (0, 15, 16, 1023, 1024, 4092, 4093, 8189, 8190, 32768, 65536)} <= arguments
    assert {call["answer"]["status"] for call in every_call if call["answer"]} == {20, 70, 80}
    assert {call["method"] for call in every_call} >= {"$invoke", "note", "meet", "fail"}
    assert max(call["id"] for call in every_call) >= 2**56  # Dubbo 3 begins to count anywhere
    assert any(account["readonly"] for account in accounts.values())
    assert all(accounts["dubbo-java-2.6.12/heartbeats-of-the-provider"]["heartbeats"].values())
