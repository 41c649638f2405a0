"""What recorded traffic of real protocols tells about their headers."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import imported, new

from metaprotocol_cli.new.evidence import find_ids, find_lengths, read_conversations
from metaprotocol_sdk import Direction, MessageDecoder

VECTORS = Path(__file__).parents[1] / "vectors"
DUBBO = sorted((VECTORS / "dubbo").glob("*.c2s.bin"))
FRAMED_THRIFT = sorted((VECTORS / "thrift").glob("*framed*.c2s.bin"))
AWESOMERPC = VECTORS / "awesomerpc" / "example.c2s.bin"

Place = tuple[int, int, str]


def found(*paths: Path) -> tuple[Place, int, list[Place]]:
    """Return the likeliest length, what it must be added to, and the places that behave like an id."""
    conversations = read_conversations(paths)
    length = find_lengths([data for conversation in conversations for data in conversation.values()])[0]
    ids = find_ids(conversations, length)
    return (
        (length.offset, length.size, length.byte_order),
        length.surplus,
        [(field.offset, field.size, field.byte_order) for field in ids if field.is_likely],
    )


@pytest.mark.parametrize("name", ["heartbeat", "pipeline", "generic"])
def test_dubbo_has_its_length_at_12_and_its_id_at_4(name: str) -> None:
    path = VECTORS / "dubbo" / f"java27-{name}.c2s.bin"
    assert found(path) == ((12, 4, "big"), 16, [(4, 8, "big")])


def test_all_recordings_of_dubbo_together_tell_the_same() -> None:
    assert found(*DUBBO) == ((12, 4, "big"), 16, [(4, 8, "big")])


@pytest.mark.parametrize("name", ["oneway", "readonly"])
def test_one_answer_is_too_little_to_know_an_id_by(name: str) -> None:
    assert found(VECTORS / "dubbo" / f"java27-{name}.c2s.bin") == ((12, 4, "big"), 16, [])


def test_a_packet_capture_tells_what_the_recorded_streams_tell() -> None:
    assert found(VECTORS / "dubbo" / "java27-pipeline.pcap") == ((12, 4, "big"), 16, [(4, 8, "big")])


def test_awesomerpc_has_its_length_at_8_and_its_id_at_4() -> None:
    assert found(AWESOMERPC) == ((8, 4, "big"), 0, [(4, 4, "big")])


@pytest.mark.parametrize("path", FRAMED_THRIFT, ids=lambda path: path.name)
def test_framed_thrift_has_its_length_at_0_and_no_id_in_a_fixed_place(path: Path) -> None:
    assert found(path) == ((0, 4, "big"), 4, [])


def test_all_recordings_of_framed_thrift_together_tell_the_same() -> None:
    assert found(*FRAMED_THRIFT) == ((0, 4, "big"), 4, [])


def test_thrift_with_headers_has_an_id_in_a_fixed_place() -> None:
    assert found(VECTORS / "thrift" / "compact-header-go-to-cpp.c2s.bin") == ((0, 4, "big"), 4, [(8, 4, "big")])


@pytest.mark.parametrize("name", ["binary-buffered-java-to-node", "compact-buffered-cpp-to-python"])
def test_what_has_no_length_is_not_given_one(name: str) -> None:
    (conversation,) = read_conversations([VECTORS / "thrift" / f"{name}.c2s.bin"])
    assert find_lengths(list(conversation.values())) == []


@pytest.mark.parametrize("protocol", ["dubbo", "thrift"])
def test_the_corpus_tells_nothing_else(corpus: Path, protocol: str) -> None:
    for path in (corpus / protocol).glob("*.c2s.bin"):
        if protocol == "dubbo" and path.with_name(path.name.replace("c2s", "s2c")).stat().st_size > 51:
            assert found(path) == ((12, 4, "big"), 16, [(4, 8, "big")])
        elif "framed" in path.name:
            assert found(path) == ((0, 4, "big"), 4, [])


@pytest.mark.parametrize("path", [AWESOMERPC, *DUBBO], ids=lambda path: path.name)
@pytest.mark.parametrize("lost", [1, 2, 3, 5, 8])
def test_a_stream_that_was_cut_off_within_a_message_is_not_given_a_wrong_length(path: Path, lost: int) -> None:
    assert find_lengths([path.read_bytes()[:-lost]]) == []


def test_either_direction_stands_for_both() -> None:
    other = AWESOMERPC.with_name("example.s2c.bin")
    assert read_conversations([AWESOMERPC]) == read_conversations([other]) == read_conversations([AWESOMERPC, other])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[str, Path]]:
    def run(*options: str, answers: str | None = None) -> tuple[str, Path]:
        result = new("acme", "--output-dir", str(tmp_path), *options, answers=answers)
        assert result.exit_code == 0, result.output
        return result.output, tmp_path / "acme-codec"

    return run


def test_the_evidence_is_shown(make: Callable[..., tuple[str, Path]]) -> None:
    output, _ = make("--defaults", "--from-capture", str(AWESOMERPC))
    assert output.splitlines()[:4] == [
        "1 connection",
        (
            "length 1: offset 8, 4 bytes, big endian, of the whole message: it leads through 9 messages of 7 sizes "
            "to the last byte of 2 streams; 3 narrower or shifted places do the same"
        ),
        ("id 1: offset 4, 4 bytes, big endian: 5 requests have 5 values, 1 apart, 4 of 4 responses repeat one"),
        "magic: every message begins with 415201",
    ]


def test_where_no_offset_behaves_like_an_id_it_says_so(make: Callable[..., tuple[str, Path]]) -> None:
    output, _ = make("--defaults", "--from-capture", str(FRAMED_THRIFT[0]))
    assert "id: no fixed offset behaves like one" in output.splitlines()


@pytest.mark.parametrize("path", [AWESOMERPC, *DUBBO[:4]], ids=lambda path: path.name)
def test_the_codec_that_is_made_reads_the_recording(path: Path, make: Callable[..., tuple[str, Path]]) -> None:
    _, project = make("--defaults", "--from-capture", str(path))
    with imported(project) as package:
        for direction, end in ((Direction.TO_SERVER, "c2s"), (Direction.TO_CLIENT, "s2c")):
            decoder = MessageDecoder(package.AcmeCodec(), direction)
            data = path.with_name(path.name.replace("c2s", end)).read_bytes()
            messages = decoder.feed(data)
            decoder.eof()
            assert b"".join(message.message for message in messages) == data
            assert all(message.error is None for message in messages)


@pytest.mark.parametrize(
    ("uncounted", "framing"),
    [
        (9, 'LengthField(offset=2, length=2, adjustment=5, magic=b"PB")'),
        (6, 'LengthField(offset=2, length=2, adjustment=2, magic=b"PB")'),
    ],
    ids=["the body alone", "the body and some of the header"],
)
def test_a_length_may_stand_in_front_of_what_it_does_not_count(
    uncounted: int, framing: str, tmp_path: Path, make: Callable[..., tuple[str, Path]]
) -> None:
    for end in ("c2s", "s2c"):
        bodies = [f"{end} {number}".encode() * (number % 3 + 1) for number in range(1, 9)]
        messages = [
            struct.pack(">2sHIB", b"PB", 9 + len(body) - uncounted, number, 7) + body
            for number, body in enumerate(bodies, 1)
        ]
        (tmp_path / f"conn1.{end}.bin").write_bytes(b"".join(messages))
    _, project = make("--defaults", "--from-capture", str(tmp_path / "conn1.c2s.bin"))
    assert f"framing = {framing}" in (project / "src" / "acme_codec" / "codec.py").read_text("utf-8")
    with imported(project) as package:
        (first, *_) = MessageDecoder(package.AcmeCodec(), Direction.TO_CLIENT).feed(b"".join(messages))
    assert (first.message, first.request_id) == (messages[0], 1)


def test_the_user_chooses_and_may_describe_the_header_further(make: Callable[..., tuple[str, Path]]) -> None:
    fields = "type:1\nid:4\nlength:4\ncmd:2\nstatus:2\nmeta_length:2\n"
    answers = f"1\n1\n\n\n{fields}\n" + "\n" * 9
    output, project = make("--from-capture", str(AWESOMERPC), answers=answers)
    assert "An empty list is this one:\n  unknown_3:1\n  id:4\n  length:4\n" in output
    with imported(project) as package:
        names = [field.name for field in package.AcmeCodec.layout.fields]
    assert names == ["magic", "type", "id", "length", "cmd", "status", "meta_length"]


def test_the_user_may_take_no_id(make: Callable[..., tuple[str, Path]]) -> None:
    _, project = make("--from-capture", str(AWESOMERPC), answers="1\n0\n" + "\n" * 12)
    with imported(project) as package:
        assert package.AcmeCodec.correlation == "fifo"


@pytest.mark.parametrize(
    "content", [b"GET /\r\n\r\n" * 20, AWESOMERPC.read_bytes()[:-1]], ids=["text", "cut off within a message"]
)
def test_a_recording_without_a_length_makes_no_project(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stream.bin").write_bytes(content)
    result = new("acme", "--defaults", "--output-dir", str(tmp_path), "--from-capture", str(tmp_path / "stream.bin"))
    assert result.exit_code == 2
    assert "nothing in the recording behaves like a length" in result.output
    assert "streams that end where a message does" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["stream.bin"]


@pytest.mark.parametrize("content", [b"", bytes(1024 * 1024 + 1)], ids=["empty", "more than is read"])
def test_a_recording_to_learn_nothing_from_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stream.bin"
    path.write_bytes(content)
    result = new("acme", "--defaults", "--output-dir", str(tmp_path), "--from-capture", str(path))
    assert result.exit_code == 2
    assert "connections found can be used" in result.output
