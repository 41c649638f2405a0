"""Every recorded Thrift stream of the corpus, against what independent eyes saw in it.

`frames.jsonl` was written by a framer that shares nothing with ours, `manifest.jsonl` by the clients' own APIs.
"""

import json
from itertools import pairwise

import pytest
from recordings import Recording, boundaries, decode
from thrift_messages import read

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageType, Mutation, Status

CONNECTIONS = [
    "binary-buffered-node_to_py",
    "binary-framed-cpp_to_node",
    "binary-framed-go_to_tpy2",
    "binary-framed-py_to_cpp-nonstrict",
    "binary-framed-py_to_go-mux",
    "binary-header-go_to_go-zlib",
    "binary-header-py_to_go",
    "compact-buffered-go_to_cpp",
    "compact-framed-java_to_go",
    "compact-framed-node_to_go-pipeline",
    "compact-framed-tpy2_to_py",
    "compact-header-cpp_to_py",
    "json-framed-py_to_java",
]
STREAMS = [f"{name}.{direction}.bin" for name in CONNECTIONS for direction in ("c2s", "s2c")]
UNFRAMED = [name for name in CONNECTIONS if "buffered" in name]
CODEC = ThriftCodec()
METHODS = {"ping", "echo", "echoAll", "fire", "throwBoom", "unexpected", "big", "nested", "noargs"}


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def recording(request, corpus):
    return Recording(corpus / "thrift" / request.param)


@pytest.fixture
def decoded(recording):
    return decode(CODEC, recording.direction, [recording.data])


def test_no_stream_of_the_corpus_is_forgotten(corpus):
    assert sorted(path.name for path in (corpus / "thrift").glob("*.bin")) == STREAMS


@pytest.mark.parametrize("recording", STREAMS, indirect=True)
class TestEveryStream:
    def test_all_of_it_can_be_read(self, recording, decoded):
        assert decoded.error is None
        assert [metadata.error for metadata in decoded.messages] == [None] * len(decoded.messages)
        assert b"".join(metadata.message for metadata in decoded.messages) == recording.data

    def test_the_recorded_pieces_give_the_same_messages(self, recording, decoded):
        assert decode(CODEC, recording.direction, recording.chunks) == decoded

    def test_single_bytes_give_the_same_messages(self, recording, decoded):
        assert decode(CODEC, recording.direction, recording.single_bytes) == decoded

    def test_every_message_names_its_method_and_is_what_its_direction_says(self, recording, decoded):
        kinds = {
            Direction.TO_SERVER: {MessageType.REQUEST, MessageType.ONEWAY},
            Direction.TO_CLIENT: {MessageType.RESPONSE, MessageType.EXCEPTION},
        }
        for metadata in decoded.messages:
            if metadata.message_type is not MessageType.EVENT:
                assert metadata.properties["method"] in METHODS
                assert metadata.message_type in kinds[recording.direction]

    def test_unchanged_messages_are_the_same_bytes(self, decoded):
        for metadata in decoded.messages:
            assert CODEC.encode(metadata, Mutation()) == metadata.message

    def test_a_new_id_and_a_new_name_can_be_taken_back(self, recording, decoded):
        for metadata in decoded.messages:
            if metadata.message_type is MessageType.EVENT:
                continue
            changed = CODEC.encode(metadata, Mutation(method="other"), request_id=2**32 - 1)
            other = read(changed, recording.direction)
            assert (other.request_id, other.properties["method"]) == (2**32 - 1, "other")
            back = CODEC.encode(other, Mutation(method=metadata.properties["method"]), request_id=metadata.request_id)
            restored = read(back, recording.direction)
            assert (restored.properties, restored.request_id) == (metadata.properties, metadata.request_id)
            if "zlib" not in recording.path.name and "header" not in recording.path.name:
                assert back == metadata.message

    def test_spans_cover_every_message_in_order(self, decoded):
        for metadata in decoded.messages:
            spans = CODEC.spans(metadata)
            edges = [(span.start, span.end) for span in spans]
            assert edges[0][0] == 0
            assert edges[-1][1] == len(metadata.message)
            assert all(end == start for (_, end), (start, _) in pairwise(edges))
            assert "unreadable" not in {span.name for span in spans}


@pytest.mark.parametrize("recording", [name for name in STREAMS if "buffered" not in name], indirect=True)
def test_boundaries_are_those_an_independent_framer_found(recording, decoded):
    (row,) = [row for row in rows(recording.path.parent / "frames.jsonl") if row["file"] == recording.path.name]
    assert boundaries(decoded.messages) == [(frame["off"], frame["len"]) for frame in row["frames"]]


@pytest.mark.parametrize("recording", [f"{name}.c2s.bin" for name in CONNECTIONS], indirect=True)
def test_the_calls_are_those_the_client_made(recording, decoded):
    name = recording.path.name.removesuffix(".c2s.bin")
    (manifest,) = [row for row in rows(recording.path.parent / "manifest.jsonl") if row["name"] == name]
    calls = [metadata for metadata in decoded.messages if metadata.message_type is not MessageType.EVENT]
    # Node sends its calls in an order of its own.
    assert sorted(metadata.properties["method"] for metadata in calls) == sorted(
        call["method"] for call in manifest["calls"]
    )


@pytest.mark.parametrize("recording", [f"{name}.s2c.bin" for name in CONNECTIONS], indirect=True)
def test_declared_and_undeclared_exceptions_are_told_apart(decoded):
    errors = [metadata for metadata in decoded.messages if metadata.message_type is MessageType.EXCEPTION]
    declared = [metadata for metadata in errors if metadata.status is Status.OK]
    assert {metadata.properties["method"] for metadata in declared} == {"echo", "throwBoom"}
    for metadata in errors:
        assert ("error" in metadata.properties) == (metadata.status is Status.ERROR)
        assert (metadata.status_code is None) == (metadata.status is Status.OK)


@pytest.mark.parametrize("recording", ["compact-header-cpp_to_py.c2s.bin"], indirect=True)
def test_a_cpp_client_sends_a_header_without_a_message(decoded):
    events = [metadata for metadata in decoded.messages if metadata.message_type is MessageType.EVENT]
    assert [metadata.body_size for metadata in events] == [0]


@pytest.mark.parametrize(
    ("recording", "key"),
    [("binary-header-py_to_go.c2s.bin", "py-123"), ("binary-header-go_to_go-zlib.c2s.bin", "go-123")],
    indirect=["recording"],
)
def test_the_keys_that_clients_set_are_properties(decoded, key):
    first = decoded.messages[0]
    assert first.properties["x-req-id"] == key
    assert first.properties["tenant"] == "中文"


@pytest.mark.parametrize("recording", ["binary-framed-py_to_go-mux.c2s.bin"], indirect=True)
def test_a_multiplexed_client_names_its_service(decoded):
    assert {metadata.properties["service"] for metadata in decoded.messages} == {"CorpusSvc"}
    assert decoded.messages[0].operation == "CorpusSvc/ping"


@pytest.mark.parametrize("name", UNFRAMED)
def test_every_call_of_an_unframed_connection_is_answered_but_for_the_oneway_one(corpus, name):
    folder = corpus / "thrift"
    calls = decode(CODEC, Direction.TO_SERVER, [Recording(folder / f"{name}.c2s.bin").data]).messages
    answers = decode(CODEC, Direction.TO_CLIENT, [Recording(folder / f"{name}.s2c.bin").data]).messages
    # Go sends it as a plain call, and no server answers.
    assert [metadata.request_id for metadata in calls if metadata.properties["method"] != "fire"] == [
        metadata.request_id for metadata in answers
    ]
