"""A codec that is being written is found in the current folder, and one with streams is shown with their ids."""

import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE
from relay import running_relay

CODEC = """
from metaprotocol_sdk import Capability, LengthField, MessageType, Metadata, StreamCodec

class Mine(StreamCodec):
    name = "mine"
    capabilities = frozenset({Capability.STREAMS})
    framing = LengthField(offset=0, length=1)

    def decode(self, message, direction):
        return Metadata(message, MessageType.STREAM_DATA, message[1], "greet", stream_id=message[2], header_size=3)

    def end_stream(self, stream, error, direction):
        return b""
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "being_written.py").write_text(CODEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_inspect_finds_a_codec_in_the_current_folder_and_shows_stream_ids() -> None:
    # An installed script, unlike `python -m`, does not look for modules in the current folder.
    script = Path(sys.executable).with_name("metaprotocol")
    command = [sys.executable, "-P", str(script), "inspect", "--codec", "being_written:Mine", "-"]
    shown = subprocess.run(command, input=b"\2\1\7", capture_output=True, check=True, timeout=PATIENCE).stdout.decode()
    assert shown.splitlines()[1].split() == ["0", "→", "stream_data", "1", "3+0", "greet", "stream", "7"]


def test_record_finds_a_codec_in_the_current_folder(folder: Path) -> None:
    with running_relay(folder / "out", 1, codec="being_written:Mine"):
        pass
