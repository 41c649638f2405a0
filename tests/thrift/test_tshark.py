"""Wireshark's dissector as a third opinion on recorded connections, and on what we make of them.

It tells method, type and sequence id of every message.

What tshark 4.0 cannot say, so that it is not asked:

- THeader and JSON it does not know, and of binary without a version it refuses messages that are very short;
- in the compact protocol it takes the number of a boolean field that is written out for one with a value after it,
  which breaks the answer to the corpus's `noargs`;
- an unframed message that comes in several packets it shows once for each of them.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from captures import BOTH, SERVER_PORT, write_capture
from patience import PATIENCE
from recordings import Recording, decode
from required import require
from thrift_recordings import Message, told

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Mutation

VECTORS = Path(__file__).parents[1] / "vectors" / "thrift"
UNKNOWN = ("header", "json", "nonstrict")
NAMES = sorted(path.name.removesuffix(".said.json") for path in VECTORS.glob("*.said.json"))
RECORDED = [name for name in NAMES if not any(word in name for word in UNKNOWN)]
TO_SERVER = ("c2s",)
FIRST_ID = 120  # of those that we write: in the compact protocol ids from 128 on take a byte more
CORPUS = {
    "binary-framed-cpp_to_node": BOTH,
    "binary-framed-go_to_tpy2": BOTH,
    "binary-framed-py_to_go-mux": BOTH,
    "compact-framed-java_to_go": TO_SERVER,
    "compact-framed-node_to_go-pipeline": TO_SERVER,
    "compact-framed-tpy2_to_py": TO_SERVER,
}
COLUMNS = ("tcp.srcport", "thrift.method", "thrift.mtype", "thrift.seq_id", "_ws.malformed")
METHOD, KIND, SEQUENCE = range(3)


def dissect(capture: Path, ways: Sequence[str]) -> dict[str, list[Message]]:
    """Return the messages of a capture of one connection, by the way they travel."""
    tshark = shutil.which("tshark")
    if tshark is None:
        require("tshark", "tshark is not installed")
    command = [tshark, "-r", capture, "-d", f"tcp.port=={SERVER_PORT},thrift", "-T", "fields", "-E", "aggregator=|"]
    for column in COLUMNS:
        command += ["-e", column]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    found: dict[str, list[Message]] = {way: [] for way in ways}
    for line in done.stdout.splitlines():
        port, *fields, malformed = line.split("\t")
        assert not malformed, line
        values = [field.split("|") for field in fields if field]
        if values:  # else a packet without the end of a message
            messages = zip(values[METHOD], values[KIND], values[SEQUENCE], strict=True)
            way = "s2c" if port == str(SERVER_PORT) else "c2s"
            found[way] += [Message(method, int(kind, 0), int(seqid)) for method, kind, seqid in messages]
    return found


def decode_streams(folder: Path, name: str, ways: Sequence[str]) -> dict[str, list[Message]]:
    found = {}
    for way in ways:
        recording = Recording(folder / f"{name}.{way}.bin")
        found[way] = told(decode(ThriftCodec(), recording.direction, [recording.data]).messages)
    return found


def as_shown(messages: Mapping[str, list[Message]], name: str) -> dict[str, list[Message]]:
    """Return messages as tshark shows them: sequence ids of the compact protocol as if they were zigzag integers."""
    if not name.startswith("compact"):
        return dict(messages)
    return {
        way: [Message(m.method, m.type, (m.seqid >> 1) ^ -(m.seqid & 1)) for m in those]
        for way, those in messages.items()
    }


@pytest.mark.parametrize("name", RECORDED)
def test_tshark_finds_the_messages_of_our_recordings(name, tmp_path):
    write_capture(tmp_path / "capture.pcap", VECTORS / f"{name}.chunks.json")
    assert dissect(tmp_path / "capture.pcap", BOTH) == as_shown(decode_streams(VECTORS, name, BOTH), name)


@pytest.mark.parametrize("name", RECORDED)
def test_tshark_finds_the_names_and_sequence_ids_that_we_write(name, tmp_path):
    codec, pieces, expected = ThriftCodec(), [], {}
    for way in BOTH:
        recording = Recording(VECTORS / f"{name}.{way}.bin")
        messages = decode(codec, recording.direction, [recording.data]).messages
        written = [codec.encode(m, Mutation(method="renamed"), FIRST_ID + number) for number, m in enumerate(messages)]
        (tmp_path / f"written.{way}.bin").write_bytes(b"".join(written))
        pieces += [[way, sum(map(len, written[:number])), len(piece)] for number, piece in enumerate(written)]
        expected[way] = [
            Message(":".join([*m.method.split(":")[:-1], "renamed"]), m.type, FIRST_ID + number)
            for number, m in enumerate(told(messages))
        ]
    (tmp_path / "written.chunks.json").write_text(json.dumps(pieces), "utf-8")
    write_capture(tmp_path / "capture.pcap", tmp_path / "written.chunks.json")
    assert dissect(tmp_path / "capture.pcap", BOTH) == as_shown(expected, name)


@pytest.mark.parametrize("name", CORPUS)
def test_tshark_finds_the_messages_of_the_corpus(name, corpus, tmp_path):
    folder, ways = corpus / "thrift", CORPUS[name]
    write_capture(tmp_path / "capture.pcap", folder / f"{name}.chunks.json", ways)
    assert dissect(tmp_path / "capture.pcap", ways) == as_shown(decode_streams(folder, name, ways), name)
