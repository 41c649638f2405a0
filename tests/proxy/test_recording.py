"""The files of a recording."""

import asyncio
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from patience import PATIENCE
from recordings import Recording as RecordedStream
from sockets import close, connected, echo, serving, until

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Address, Recorder, RecordingError, Relay, Rules, Stats
from metaprotocol_sdk import Direction, MessageType, Mutation

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CODEC = AwesomeRpcCodec()


def manifest(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]


def test_both_directions_are_saved_in_the_chunks_that_were_received(tmp_path: Path) -> None:
    with Recorder(tmp_path, {}) as recorder:
        recording = recorder.connection("127.0.0.1:4000")
        for direction, piece in ((TO_SERVER, b"what"), (TO_CLIENT, b"th"), (TO_SERVER, b"?"), (TO_CLIENT, b"at")):
            recording.add(direction, piece)
        recording.close("the client closed the connection", None)
    assert RecordedStream(tmp_path / "conn1.c2s.bin").chunks == [b"what", b"?"]
    assert RecordedStream(tmp_path / "conn1.s2c.bin").chunks == [b"th", b"at"]
    rows = json.loads((tmp_path / "conn1.chunks.json").read_text())
    assert [row[:3] for row in rows] == [["c2s", 0, 4], ["s2c", 0, 2], ["c2s", 4, 1], ["s2c", 2, 2]]
    times = [row[3] for row in rows]
    assert times == sorted(times)
    assert times[0] >= 0


def test_the_manifest_names_the_client_the_server_and_the_files(tmp_path: Path) -> None:
    stats = Stats()
    stats.messages[TO_SERVER, MessageType.REQUEST] = 1
    with Recorder(tmp_path, {"upstream": "127.0.0.1:20880"}) as recorder:
        recording = recorder.connection("127.0.0.1:4000")
        recording.add(TO_SERVER, b"what?")
        recording.close("the client closed the connection", stats)
    (line,) = manifest(tmp_path)
    assert (line["name"], line["client"], line["upstream"]) == ("conn1", "127.0.0.1:4000", "127.0.0.1:20880")
    assert line["ended"] == "the client closed the connection"
    digest = hashlib.sha256(b"what?").hexdigest()
    assert line["files"]["c2s"] == {"file": "conn1.c2s.bin", "size": 5, "sha256": digest, "messages": 1}
    assert (line["files"]["s2c"]["size"], line["files"]["s2c"]["messages"]) == (0, 0)


def test_a_silent_connection_is_recorded_too(tmp_path: Path) -> None:
    with Recorder(tmp_path, {}) as recorder:
        recorder.connection("").close("the client closed the connection", None)
    assert (tmp_path / "conn1.c2s.bin").read_bytes() == b""
    assert json.loads((tmp_path / "conn1.chunks.json").read_text()) == []


def test_every_byte_and_its_row_are_in_the_files_before_the_recording_is_complete(tmp_path: Path) -> None:
    with Recorder(tmp_path, {}) as recorder:
        recording = recorder.connection("")
        for piece in (b"what", b"?"):
            recording.add(TO_SERVER, piece)
        assert (tmp_path / "conn1.c2s.bin").read_bytes() == b"what?"
        rows = json.loads((tmp_path / "conn1.chunks.json").read_text())
        assert [row[:3] for row in rows] == [["c2s", 0, 4], ["c2s", 4, 1]]


def test_the_list_of_chunks_is_json_from_the_beginning(tmp_path: Path) -> None:
    with Recorder(tmp_path, {}) as recorder:
        recorder.connection("")
        assert json.loads((tmp_path / "conn1.chunks.json").read_text()) == []


def test_a_folder_in_which_nothing_was_recorded_can_be_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        with Recorder(tmp_path / "out", {}):
            pass
    assert list((tmp_path / "out").iterdir()) == []


def test_a_relay_records_bytes_before_it_changes_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        rules = Rules(request=Mutation(tag="gray"))
        async with serving(echo) as server:
            relay = Relay(server, codec=CODEC, rules=rules, recorder=recorder)
            async with connected(relay) as client:
                call, changed = CODEC.build(0, 1, 7), CODEC.build(0, 1, 7, headers={"tag": "gray"})
                assert await client.ask(call, len(changed)) == changed
        assert (tmp_path / "conn1.c2s.bin").read_bytes() == call
        assert (tmp_path / "conn1.s2c.bin").read_bytes() == changed

    with Recorder(tmp_path, {}) as recorder:
        asyncio.run(scenario())


def test_the_manifest_writes_a_clients_address_as_it_is_typed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(echo) as server:
            relay = Relay(server, recorder=recorder)
            async with relay:
                (address,) = await relay.listen(Address("::1", 0))
                _, writer = await asyncio.open_connection("::1", address.port)
                port = writer.get_extra_info("sockname")[1]
                await close(writer)
                await until(lambda: relay.accepted == 1 and not relay.open_connections)
        assert manifest(tmp_path)[0]["client"] == f"[::1]:{port}"

    with Recorder(tmp_path, {}) as recorder:
        asyncio.run(scenario())


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conn1.c2s.bin").write_bytes(b"precious")
    with pytest.raises(RecordingError, match="is not empty"):
        Recorder(tmp_path, {})
    assert (tmp_path / "conn1.c2s.bin").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot be used"):
        Recorder(tmp_path / "file" / "folder", {})


def test_a_recording_that_cannot_be_written_ends_the_relay(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(echo) as server:
            relay = Relay(server, recorder=recorder)
            shutil.rmtree(tmp_path / "out")
            async with connected(relay) as client:
                assert await client.rest() == b""
                with pytest.raises(RecordingError, match="cannot be written: No such file or directory"):
                    await asyncio.wait_for(relay.failed, PATIENCE)

    with Recorder(tmp_path / "out", {}) as recorder:
        asyncio.run(scenario())
