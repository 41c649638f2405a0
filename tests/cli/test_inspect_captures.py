"""`metaprotocol inspect` reads a packet capture as it reads the raw streams of the same connection."""

import json
import random
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
NAMES = sorted(path.name.removesuffix(".chunks.json") for path in VECTORS.glob("*.chunks.json"))
PORTS = {"c2s": (40000, 20880), "s2c": (20880, 40000)}
# The first wraps its sequence numbers after 100 bytes.
FIRST_SEQUENCE = {"c2s": 2**32 - 100, "s2c": 7}
SYN, ACK, PUSH, FIN = 0x02, 0x10, 0x08, 0x01


def packet(way: str, offset: int, payload: bytes, flags: int) -> bytes:
    """Return an IPv4 packet; `offset` counts the stream's bytes, and a SYN stands at -1."""
    source, destination = PORTS[way]
    sequence = (FIRST_SEQUENCE[way] + offset) % 2**32
    tcp = struct.pack(">HHIIBBHHH", source, destination, sequence, 0, 5 << 4, flags, 65535, 0, 0) + payload
    address = bytes((127, 0, 0, 1))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + 2 * address + tcp


def capture(packets: Iterable[bytes]) -> bytes:
    """Return a pcap file of raw IP packets, a millisecond apart."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for number, data in enumerate(packets):
        records.append(struct.pack("<IIII", 1_700_000_000, 1000 * number, len(data), len(data)) + data)
    return b"".join(records)


def segments(name: str, size: int = 100) -> list[bytes]:
    """Return the packets of a recorded connection, in its order, its streams cut into small segments."""
    streams = {way: (VECTORS / f"{name}.{way}.bin").read_bytes() for way in PORTS}
    packets = []
    for way, offset, length in json.loads((VECTORS / f"{name}.chunks.json").read_text()):
        packets += (
            packet(way, start, streams[way][start : min(start + size, offset + length)], PUSH)
            for start in range(offset, offset + length, size)
        )
    return packets


def with_handshake(packets: list[bytes]) -> list[bytes]:
    return [packet("c2s", -1, b"", SYN), packet("s2c", -1, b"", SYN | ACK), *packets]


def inspect(data: bytes, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", "--json", *arguments, "-"], input=data)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def of_stream(rows: list[dict[str, object]], direction: str) -> list[dict[str, object]]:
    """Return one direction's messages as the raw stream shows them."""
    only_in_captures = ("number", "connection", "time", "answers", "elapsed_ms")
    return [
        {key: value for key, value in row.items() if key not in only_in_captures}
        for row in rows
        if row.get("direction") == direction
    ]


def raw_stream(name: str, way: str, direction: str) -> list[dict[str, object]]:
    _, rows = inspect((VECTORS / f"{name}.{way}.bin").read_bytes(), "--direction", direction.replace("_", "-"))
    return of_stream(rows, direction)


def disturbed(packets: list[bytes], seed: int) -> list[bytes]:
    """Return packets that come late within a window, twice, and with bytes of their neighbours."""
    chance = random.Random(seed)
    arrival = [(number + chance.uniform(0, 8), data) for number, data in enumerate(packets)]
    arrival += [(number + chance.uniform(0, 12), data) for number, data in enumerate(packets) if chance.random() < 0.3]
    return [data for _, data in sorted(arrival)]


@pytest.mark.parametrize("name", NAMES)
def test_a_capture_shows_what_the_raw_streams_show(name: str) -> None:
    _, rows = inspect(capture(with_handshake(segments(name))))
    assert of_stream(rows, "to_server") == raw_stream(name, "c2s", "to_server")
    assert of_stream(rows, "to_client") == raw_stream(name, "s2c", "to_client")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", NAMES)
def test_late_repeated_and_wrapped_segments_change_nothing(name: str, seed: int) -> None:
    _, rows = inspect(capture(with_handshake(disturbed(segments(name, size=40), seed))))
    assert of_stream(rows, "to_server") == raw_stream(name, "c2s", "to_server")
    assert of_stream(rows, "to_client") == raw_stream(name, "s2c", "to_client")


def test_overlapping_segments_change_nothing() -> None:
    stream = (VECTORS / "java27-pipeline.c2s.bin").read_bytes()
    overlapping = [packet("c2s", start, stream[start : start + 150], PUSH) for start in range(0, len(stream), 60)]
    _, rows = inspect(capture(with_handshake(overlapping)))
    assert of_stream(rows, "to_server") == raw_stream("java27-pipeline", "c2s", "to_server")


def test_an_answer_names_its_request_and_the_time_between_them() -> None:
    _, rows = inspect(capture(with_handshake(segments("java27-readonly", size=1000))))
    answer = next(row for row in rows if row["type"] == "response")
    assert answer["answers"] == "org.corpus.DemoService/echo"
    assert answer["elapsed_ms"] == 1.0


def test_answers_that_overtake_each_other_are_paired_by_id() -> None:
    _, rows = inspect(capture(with_handshake(segments("java27-pipeline", size=1000))))
    answers = [row for row in rows if row["type"] == "response"]
    assert [row["id"] for row in answers] != sorted(row["id"] for row in answers)
    assert all(row["answers"] == "org.corpus.DemoService/slow" for row in answers)


def test_after_missing_bytes_the_next_message_is_read_and_the_header_of_the_one_that_lacks_them() -> None:
    stream = (VECTORS / "java27-pipeline.c2s.bin").read_bytes()
    parts = [(0, 250), (300, len(stream))]  # the second message lacks 50 bytes
    code, rows = inspect(
        capture(
            with_handshake(
                [packet("c2s", i, stream[i:j], PUSH) for i, j in parts] + [packet("c2s", len(stream), b"", FIN)]
            )
        )
    )
    whole = raw_stream("java27-pipeline", "c2s", "to_server")
    first, cut, *rest = of_stream([row for row in rows if "note" not in row], "to_server")
    assert [first, *rest] == [whole[0], *whole[2:]]
    assert [cut[key] for key in ("offset", "type", "id", "header_size", "body_size")] == [191, "request", 4, 16, 43]
    assert cut["error"]["message"] == "only the first 59 of 191 bytes were captured together"
    assert [row["note"] for row in rows if "note" in row] == ["50 bytes are not in the capture"]
    assert code == 1


def test_a_capture_that_begins_in_mid_stream_is_read_from_the_next_message() -> None:
    stream = (VECTORS / "java27-pipeline.c2s.bin").read_bytes()
    _, rows = inspect(capture([packet("c2s", 100, stream[100:], PUSH)]), "--port", "20880")
    messages = [row for row in rows if "note" not in row]
    assert [row["id"] for row in messages] == [row["id"] for row in raw_stream("java27-pipeline", "c2s", "to_server")][
        1:
    ]
    assert rows[0]["note"] == "the capture begins in the middle of this stream"


def test_where_the_port_does_not_tell_the_server_the_side_that_sends_requests_is_the_client(monkeypatch) -> None:
    monkeypatch.setitem(PORTS, "c2s", (20880, 40000))
    monkeypatch.setitem(PORTS, "s2c", (40000, 20880))
    _, rows = inspect(capture(segments("java27-readonly", size=1000)))
    requests = [row for row in rows if row.get("type") == "request"]
    assert requests
    assert {row["direction"] for row in requests} == {"to_server"}
    assert {row["connection"]["server"] for row in requests} == {"127.0.0.1:40000"}


def test_after_bytes_that_were_cut_off_inside_a_message_the_next_one_begins_at_its_end() -> None:
    stream = (VECTORS / "java27-pipeline.c2s.bin").read_bytes()
    whole = [row["offset"] for row in raw_stream("java27-pipeline", "c2s", "to_server")]
    packets = [packet("c2s", 0, stream[:60], PUSH), packet("c2s", 100, stream[100:], PUSH)]
    _, rows = inspect(capture(with_handshake(packets)))
    assert [row["offset"] for row in rows if "type" in row] == whole
    assert [row["note"] for row in rows if "note" in row] == ["40 bytes are not in the capture"]


def test_only_the_connections_of_the_port_are_read() -> None:
    note = "no TCP packet is of port 9999; those of the capture are of 20880 (6 packets)"
    assert inspect(capture(with_handshake(segments("java27-readonly"))), "--port", "9999") == (0, [{"note": note}])


def test_a_port_without_a_capture_is_refused() -> None:
    code, rows = inspect((VECTORS / "java27-readonly.c2s.bin").read_bytes(), "--port", "20880")
    assert (code, rows) == (2, [])


def test_a_capture_that_is_cut_off_shows_what_came_before() -> None:
    data = capture(with_handshake(segments("java27-readonly", size=1000)))
    code, rows = inspect(data[:-10])
    assert [row["type"] for row in rows if "type" in row][:1] == ["request"]
    assert code == 1
    assert "note" in rows[-1]


def test_the_text_names_each_connection_once() -> None:
    data = capture(with_handshake(segments("java27-readonly", size=1000)))
    result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", "-"], input=data)
    assert result.stdout.splitlines()[1] == "connection 1: 127.0.0.1:40000 → 127.0.0.1:20880"
    assert result.stdout.count("connection 1") == 1
