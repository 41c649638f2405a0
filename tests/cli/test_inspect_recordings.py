"""`metaprotocol inspect` reads what `metaprotocol record` wrote as a conversation, with its times."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main
from metaprotocol_proxy import Recorder
from metaprotocol_sdk import Direction

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
NAME = "java27-pipeline"
STREAMS = {
    way: (VECTORS / f"{NAME}.{suffix}.bin").read_bytes() for way, suffix in zip(Direction, ("c2s", "s2c"), strict=True)
}


def inspect(path: Path, *arguments: str):
    return CliRunner().invoke(main, ["inspect", "--codec", "dubbo", *arguments, str(path)])


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in inspect(path, "--json").stdout.splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder that the relay's own recorder wrote, with two connections."""
    folder = tmp_path / "recorded"
    with Recorder(folder, {"upstream": "127.0.0.1:20880"}) as recorder:
        for client in ("127.0.0.1:1111", "127.0.0.1:2222"):
            recording = recorder.connection(client)
            for way, data in STREAMS.items():
                recording.add(way, data)
            recording.close("the client closed it", None)
    return folder


def test_a_folder_is_read_one_connection_after_the_other(recorded: Path) -> None:
    found = rows(recorded)
    assert [row["connection"]["client"] for row in found] == ["127.0.0.1:1111"] * 16 + ["127.0.0.1:2222"] * 16
    assert {row["connection"]["server"] for row in found} == {"127.0.0.1:20880"}
    assert [row["number"] for row in found] == list(range(1, 33))


def test_an_answer_names_its_request_and_both_have_their_time(recorded: Path) -> None:
    answers = [row for row in rows(recorded / "conn1.chunks.json") if row["type"] == "response"]
    assert len(answers) == 8
    assert {row["answers"] for row in answers} == {"org.corpus.DemoService/slow"}
    assert all(row["elapsed_ms"] >= 0 and row["time"] > 1_700_000_000 for row in answers)


def test_a_recording_without_times_is_a_conversation_all_the_same() -> None:
    found = rows(VECTORS / f"{NAME}.chunks.json")
    assert {row["answers"] for row in found if row["type"] == "response"} == {"org.corpus.DemoService/slow"}
    assert {row["elapsed_ms"] for row in found} == {None}


def test_one_stream_of_a_recording_is_still_read_alone(recorded: Path) -> None:
    assert "8 messages, 1,527 bytes: 8 request" in inspect(recorded / "conn1.c2s.bin").stderr


def test_the_text_has_both_directions_and_the_connection(recorded: Path) -> None:
    lines = inspect(recorded / "conn2.chunks.json").stdout.splitlines()
    assert lines[1] == "connection 1: 127.0.0.1:2222 → 127.0.0.1:20880"
    assert "after " in lines[-1]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("conn1.chunks.json", b"{", "is not JSON"),
        ("conn1.chunks.json", b'[["c2s", 5, 10, 0]]', "row 1 of"),
        ("conn1.chunks.json", b'[["up", 0, 10, 0]]', "row 1 of"),
        ("conn1.chunks.json", b"7", "row 1 of"),
        ("conn1.c2s.bin", b"\xda\xbb", "conn1.c2s.bin ends before the bytes that conn1.chunks.json lists"),
        ("conn1.c2s.bin", STREAMS[Direction.TO_SERVER] + b"AB", "2 bytes at the end of conn1.c2s.bin are not in"),
    ],
)
def test_files_that_do_not_fit_together_are_named(recorded: Path, name: str, content: bytes, fault: str) -> None:
    (recorded / name).write_bytes(content)
    result = inspect(recorded / "conn1.chunks.json")
    assert fault in result.stdout
    assert result.exit_code == 1


def test_a_missing_stream_is_named(recorded: Path) -> None:
    (recorded / "conn1.s2c.bin").unlink()
    assert "conn1.s2c.bin cannot be read: No such file or directory" in inspect(recorded / "conn1.chunks.json").stdout


def test_a_recording_that_still_grows_has_no_manifest_line_and_is_read(recorded: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(recorded, tmp_path / "copy")
    (copy / "manifest.jsonl").write_text('{"name": "conn1"')
    assert len(rows(copy)) == 32
