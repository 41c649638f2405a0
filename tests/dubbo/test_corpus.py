"""Every recorded Dubbo stream of the corpus, against what independent eyes saw in it.

`frames.jsonl` was written by a framer that shares nothing with ours, `manifest.jsonl` by the clients' own APIs.
"""

import json
from itertools import pairwise

import pytest
from recordings import Recording, boundaries, decode

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction, MessageType, Status

CONNECTIONS = [
    "dubbo2js_to_java27-hessian2",
    "java26_to_java26-hessian2",
    "java27_to_java27-fastjson",
    "java27_to_java27-hessian2-generic",
    "java27_to_java27-hessian2-hb",
    "java27_to_java27-hessian2-oneway",
    "java27_to_java27-hessian2-pipeline",
    "java27_to_java27-hessian2-readonly",
    "java27_to_java27-protobuf-pbservice",
    "python3-dubbo_to_java27-hessian2",
    "sofanode-hb_to_sofanode-hessian2.conn0",
    "sofanode-hb_to_sofanode-hessian2.conn1",
    "sofanode-hb_to_sofanode-hessian2.conn2",
    "sofanode-hb_to_sofanode-hessian2.conn3",
    "sofanode-hb_to_sofanode-hessian2.conn4",
]
STREAMS = [f"{name}.{direction}.bin" for name in CONNECTIONS for direction in ("c2s", "s2c")]

# What its peers got wrong: stream, offset of the message in it, offset of the error in the message.
UNREADABLE = {
    # A string of 70,000 characters announces 4,464: Java answered this request with an error and went on.
    "python3-dubbo_to_java27-hessian2.c2s.bin": [(1760, 4543)],
    # A null or an empty string without the number that says what kind of answer it is.
    "sofanode-hb_to_sofanode-hessian2.conn0.s2c.bin": [(0, 16)],
    "sofanode-hb_to_sofanode-hessian2.conn1.s2c.bin": [(73, 16)],
    "sofanode-hb_to_sofanode-hessian2.conn2.s2c.bin": [(0, 16)],
    "sofanode-hb_to_sofanode-hessian2.conn3.s2c.bin": [(129198, 16)],
}

ANSWERED = [name for name in CONNECTIONS if not name.startswith("sofanode")]  # a client_saw for each connection


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def recording(request, corpus):
    return Recording(corpus / "dubbo" / request.param)


@pytest.fixture
def frames(recording):
    """The messages that the independent framer found in this stream."""
    (row,) = [row for row in rows(recording.path.parent / "frames.jsonl") if row["file"] == recording.path.name]
    return row["frames"]


@pytest.fixture
def decoded(recording):
    return decode(DubboCodec(), recording.direction, [recording.data])


def test_no_stream_of_the_corpus_is_forgotten(corpus):
    assert sorted(path.name for path in (corpus / "dubbo").glob("*.bin")) == STREAMS


@pytest.mark.parametrize("recording", STREAMS, indirect=True)
class TestEveryStream:
    def test_boundaries_and_headers_are_those_an_independent_framer_found(self, decoded, frames):
        assert decoded.error is None
        assert boundaries(decoded.messages) == [(frame["off"], frame["len"]) for frame in frames]
        assert [metadata.request_id for metadata in decoded.messages] == [frame["id"] for frame in frames]
        assert [metadata.expects_reply for metadata in decoded.messages] == [frame["twoway"] for frame in frames]
        assert [metadata.status_code for metadata in decoded.messages] == [
            None if frame["req"] else frame["status"] for frame in frames
        ]

    def test_only_what_its_peers_got_wrong_is_unreadable(self, recording, decoded):
        unreadable = [
            (offset, metadata.error.offset)
            for (offset, _), metadata in zip(boundaries(decoded.messages), decoded.messages, strict=True)
            if metadata.error is not None
        ]
        assert unreadable == UNREADABLE.get(recording.path.name, [])

    def test_the_recorded_pieces_give_the_same_messages(self, recording, decoded):
        assert decode(DubboCodec(), recording.direction, recording.chunks) == decoded

    def test_single_bytes_give_the_same_messages(self, recording, decoded):
        assert decode(DubboCodec(), recording.direction, recording.single_bytes) == decoded

    def test_spans_cover_every_message_in_order(self, decoded):
        codec = DubboCodec()
        for metadata in decoded.messages:
            edges = [(span.start, span.end) for span in codec.spans(metadata)]
            assert edges[0][0] == 0
            assert edges[-1][1] == len(metadata.message)
            assert all(end == start for (_, end), (start, _) in pairwise(edges))
            assert all(start < end for start, end in edges)


@pytest.mark.parametrize(
    "recording", [name for name in STREAMS if "hessian2" in name and name.endswith("c2s.bin")], indirect=True
)
def test_every_hessian2_request_tells_interface_and_method(decoded):
    requests = [
        metadata
        for metadata in decoded.messages
        if metadata.message_type in (MessageType.REQUEST, MessageType.ONEWAY) and metadata.error is None
    ]
    assert requests
    for metadata in requests:
        assert metadata.properties["interface"] == "org.corpus.DemoService"
        assert metadata.operation == f"org.corpus.DemoService/{metadata.properties['method']}"


@pytest.mark.parametrize("recording", ["python3-dubbo_to_java27-hessian2.c2s.bin"], indirect=True)
def test_an_unreadable_request_can_still_be_answered_and_the_connection_goes_on(decoded):
    (number,) = [number for number, metadata in enumerate(decoded.messages) if metadata.error is not None]
    broken = decoded.messages[number]
    assert isinstance(broken.error, DecodeError)
    assert (broken.message_type, broken.request_id, broken.expects_reply) == (MessageType.REQUEST, 11, True)
    assert decoded.messages[number + 1].properties["method"] == "slow"


@pytest.mark.parametrize("name", ANSWERED)
def test_replies_are_as_many_and_as_failed_as_the_client_saw(corpus, name):
    folder = corpus / "dubbo"
    (manifest,) = [row for row in rows(folder / "manifest.jsonl") if row["name"] == name]
    requests = decode(DubboCodec(), Direction.TO_SERVER, [Recording(folder / f"{name}.c2s.bin").data]).messages
    answers = decode(DubboCodec(), Direction.TO_CLIENT, [Recording(folder / f"{name}.s2c.bin").data]).messages
    by_id = {
        metadata.request_id: metadata
        for metadata in answers
        if metadata.message_type in (MessageType.RESPONSE, MessageType.EXCEPTION)
    }
    calls = [metadata for metadata in requests if metadata.message_type in (MessageType.REQUEST, MessageType.ONEWAY)]
    assert len(calls) == len(manifest["client_saw"])
    assert by_id.keys() == {metadata.request_id for metadata in calls if metadata.expects_reply}


# Where the message type alone says what the client's API will do: with hessian2, and a client that reads its answers.
@pytest.mark.parametrize(
    "name", [name for name in ANSWERED if "hessian2" in name and not name.startswith("python3-dubbo")]
)
def test_exceptions_are_the_answers_that_the_client_saw_as_exceptions(corpus, name):
    folder = corpus / "dubbo"
    (manifest,) = [row for row in rows(folder / "manifest.jsonl") if row["name"] == name]
    answers = decode(DubboCodec(), Direction.TO_CLIENT, [Recording(folder / f"{name}.s2c.bin").data]).messages
    failed = [metadata for metadata in answers if metadata.message_type is MessageType.EXCEPTION]
    assert len(failed) == sum(outcome.startswith("EXC") for _, outcome in manifest["client_saw"])
    for metadata in failed:
        assert ("exception" in metadata.properties) == (metadata.status is Status.OK)
        assert ("error" in metadata.properties) == (metadata.status is Status.ERROR)
