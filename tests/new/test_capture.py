"""Headers of real protocols are found from recorded traffic."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest
from captures import write_pieces
from projects import imported, new

from metaprotocol_cli.new.evidence import find_ids, find_lengths, learn_lengths, read_conversations
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, MessageDecoder, Mutation

VECTORS = Path(__file__).parents[1] / "vectors"
DUBBO = sorted((VECTORS / "dubbo").glob("*.c2s.bin"))
FRAMED_THRIFT = sorted((VECTORS / "thrift").glob("*framed*.c2s.bin"))
PIPELINE = VECTORS / "dubbo" / "java27-pipeline.c2s.bin"
AWESOMERPC = VECTORS / "awesomerpc" / "example.c2s.bin"

Place = tuple[int, int, str]


def found(*paths: Path) -> tuple[Place, int, list[Place]]:
    """Return the likeliest length, what it must be added to, and the places that behave like an id."""
    conversations, (length, *_) = learn_lengths(read_conversations(paths))
    ids = find_ids(conversations, length)
    return (
        (length.offset, length.size, length.byte_order),
        length.surplus,
        [(field.offset, field.size, field.byte_order) for field in ids if field.is_likely and not field.is_split],
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
    assert find_lengths(list(conversation.streams.values())) == []


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


def test_the_text_of_a_dump_tells_what_the_bytes_tell(tmp_path: Path, make: Callable[..., tuple[str, Path]]) -> None:
    data = AWESOMERPC.read_bytes()
    rows = [f"{at:08x}: {data[at : at + 16].hex(' ', 2)}" for at in range(0, len(data), 16)]
    (tmp_path / "dump.txt").write_text("\n".join(f"2024-05-01 12:00:01.123 DEBUG wire - {row}" for row in rows))
    output, _ = make("--defaults", "--from-capture", str(tmp_path / "dump.txt"))
    assert "length 1: offset 8, 4 bytes, big endian" in output


def test_a_text_that_is_not_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "dump.txt").write_text("[B@6d06d69c\n")
    result = new("acme", "-o", str(tmp_path), "--defaults", "--from-capture", str(tmp_path / "dump.txt"))
    assert result.exit_code == 2
    assert "a Java array's identity, not its bytes" in result.output


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
        assert package.AcmeCodec.correlation == "serial"


def test_only_the_user_says_that_responses_come_in_order(make: Callable[..., tuple[str, Path]]) -> None:
    _, project = make("--defaults", "--id", "in-order", "--from-capture", str(AWESOMERPC))
    with imported(project) as package:
        assert package.AcmeCodec.correlation == "fifo"


def recorded(folder: Path, to_server: list[bytes], to_client: list[bytes]) -> Path:
    """Write a recording of one connection."""
    for end, made in (("c2s", to_server), ("s2c", to_client)):
        (folder / f"conn1.{end}.bin").write_bytes(b"".join(made))
    return folder / "conn1.c2s.bin"


def texts(number: int) -> tuple[bytes, bytes, bytes]:
    """Return three parts of a message whose sizes all change."""
    return b"c" * (number % 3), b"header" * (number % 4), f"body {number}".encode() * (number % 5 + 1)


def bolt(kind: int, number: int, status: bytes = b"") -> bytes:
    parts = texts(number + kind)
    return struct.pack(">2sBxI", b"BO", kind, number) + status + struct.pack(">HHI", *map(len, parts)) + b"".join(parts)


def test_a_length_that_is_a_sum_becomes_a_header_length(tmp_path: Path, make: Callable[..., tuple[str, Path]]) -> None:
    streams = [[bolt(kind, number) for number in range(8)] for kind in (1, 2)]
    output, project = make("--defaults", "--from-capture", str(recorded(tmp_path, *streams)))
    assert "length 1: 2 bytes at 8 + 2 bytes at 10 + 4 bytes at 12, big endian" in output
    assert "so the framing is a HeaderLength that adds them up" in output
    assert "id 1: offset 4, 4 bytes, big endian" in output
    source = (project / "src" / "acme_codec" / "codec.py").read_text("utf-8")
    assert 'framing = HeaderLength(16, message_size, magic=b"BO")' in source
    with imported(project) as package:
        decoder = MessageDecoder(package.AcmeCodec(), Direction.TO_CLIENT)
        assert [metadata.request_id for metadata in decoder.feed(b"".join(streams[1]))] == [*range(8)]


def test_lengths_at_other_places_in_each_direction_are_told(tmp_path: Path) -> None:
    requests = [bolt(1, number) for number in range(20)]
    responses = [bolt(2, number, status=b"\x07\x08") for number in range(20)]
    path = recorded(tmp_path, requests, responses)
    result = new("acme", "--defaults", "--output-dir", str(tmp_path), "--from-capture", str(path))
    assert result.exit_code == 2
    assert "write a HeaderLength whose function looks at the type of the message" in result.output
    assert "to the server: 2 bytes at 8 + 2 bytes at 10 + 4 bytes at 12" in result.output
    assert "to the client: 2 bytes at 10 + 2 bytes at 12 + 4 bytes at 14" in result.output


def test_an_id_at_other_places_in_requests_and_responses_is_found(
    tmp_path: Path, make: Callable[..., tuple[str, Path]]
) -> None:
    """Kafka's requests have their correlation id at 8, its responses at 4."""
    requests, responses = [], []
    for number in range(70, 80):
        body, answer = b"topic" * (number % 4), b"offsets" * (number % 3 + 1)
        requests.append(struct.pack(">iHHi", 8 + len(body), 18, 3, number) + body)
        responses.append(struct.pack(">ii", 4 + len(answer), number) + answer)
    output, project = make("--defaults", "--from-capture", str(recorded(tmp_path, requests, responses)))
    assert "id 1: offset 8 of requests and 4 of responses, 4 bytes, big endian: 10 requests have 10 values" in output
    with imported(project) as package:
        codec = package.AcmeCodec()
        for direction, made in ((Direction.TO_SERVER, requests), (Direction.TO_CLIENT, responses)):
            found = MessageDecoder(codec, direction).feed(b"".join(made))
            assert [metadata.request_id for metadata in found] == [*range(70, 80)]
            changed = codec.encode(found[0], Mutation(), request_id=7)
            assert codec.decode(changed, direction).request_id == 7
            assert changed.replace(bytes([7]), bytes([70]), 1) == made[0]


@pytest.mark.parametrize("cut", [0, 30], ids=["at a message", "inside a message"])
def test_a_capture_of_a_running_connection_is_read_from_a_packet_that_begins_a_message(
    cut: int, tmp_path: Path, make: Callable[..., tuple[str, Path]]
) -> None:
    whole = tmp_path / "whole.pcap"
    messages = {
        way: MessageDecoder(DubboCodec(), direction).feed(PIPELINE.with_name(f"java27-pipeline.{way}.bin").read_bytes())
        for way, direction in (("c2s", Direction.TO_SERVER), ("s2c", Direction.TO_CLIENT))
    }
    pieces = [(way, metadata.message) for way, found in messages.items() for metadata in found]
    pieces[0] = ("c2s", pieces[0][1][cut:])
    pieces[-1] = ("s2c", pieces[-1][1][: -cut or None])
    write_pieces(whole, pieces)
    running = tmp_path / "running.pcap.gz"
    with whole.open("rb") as file:
        packets = [packet for _, packet in dpkt.pcap.Reader(file)][2:]  # without the two that open the connection
    with gzip.open(running, "wb") as file:
        writer = dpkt.pcap.Writer(file)
        for packet in packets:
            writer.writepkt(packet, 1.0)
    output, project = make("--defaults", "--from-capture", str(running))
    assert "the capture begins in the middle of connections" in output
    assert ("bytes of packets before the first message are left out" in output) is bool(cut)
    assert "length 1: offset 12, 4 bytes, big endian" in output
    assert "id 1: offset 4, 8 bytes, big endian" in output
    kept = (project / "tests" / "vectors" / "running-1.c2s.bin").read_bytes()
    assert (
        kept
        == b"".join(metadata.message for metadata in messages["c2s"])[len(messages["c2s"][0].message) * bool(cut) :]
    )


def test_the_recording_becomes_vectors_of_the_project(make: Callable[..., tuple[str, Path]]) -> None:
    output, project = make("--defaults", "--from-capture", str(AWESOMERPC))
    for end in ("c2s", "s2c"):
        copied = project / "tests" / "vectors" / f"example.{end}.bin"
        assert copied.read_bytes() == AWESOMERPC.with_name(copied.name).read_bytes()
    assert "tests/vectors has 2 recorded streams: remove secrets before you publish them" in output
    assert 'vectors = Path(__file__).parent / "vectors"' in (project / "tests" / "test_conformance.py").read_text(
        "utf-8"
    )


def test_without_a_recording_the_project_names_no_vectors(make: Callable[..., tuple[str, Path]]) -> None:
    _, project = make("--defaults")
    assert "vectors" not in (project / "tests" / "test_conformance.py").read_text("utf-8")


def test_a_folder_of_record_is_read_whole(tmp_path: Path, make: Callable[..., tuple[str, Path]]) -> None:
    for name in ("java27-pipeline", "java27-heartbeat"):
        for end in ("c2s", "s2c"):
            copy = tmp_path / "recorded" / f"{name}.{end}.bin"
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes((VECTORS / "dubbo" / copy.name).read_bytes())
    output, project = make("--defaults", "--from-capture", str(tmp_path / "recorded"))
    assert output.startswith("2 connections\n")
    assert len([*(project / "tests" / "vectors").glob("*.bin")]) == 4


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
