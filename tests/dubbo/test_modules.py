"""The size of the codec, and how much of it one message passes through: a reader should find what decoded a message."""

import sys
from pathlib import Path

import pytest
from dubbo_bytes import request, response, string
from dubbo_messages import CODEC, hx
from fastjson2_bytes import fastjson2_request, text

import metaprotocol_codecs.dubbo
from metaprotocol_sdk import Direction

MODULES = Path(metaprotocol_codecs.dubbo.__file__).parent
PACKAGES = (str(MODULES.parent), str(MODULES.parents[1] / "metaprotocol_sdk"))
STRING = "Ljava/lang/String;"
OBJECT = hx("43 0c 6a6176612e696f2e46696c65 91 05 76616c7565 60 01 78")


def test_the_codec_has_at_most_20_modules():
    modules = [path for path in MODULES.rglob("*.py") if path.name != "strategies.py"]  # that one is for the kit
    assert len(modules) <= 20


def files_of(message: bytes, direction: Direction) -> set[str]:
    """Return the files of ours whose functions decode a message."""
    found: set[str] = set()

    def note(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGES):
            found.add(Path(frame.f_code.co_filename).name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        CODEC.decode(message, direction)
    finally:
        sys.setprofile(before)
    return found


@pytest.mark.parametrize(("direction", "message"), list(CODEC.examples()))
def test_an_example_passes_through_at_most_6_files(direction, message):
    assert len(files_of(message, direction)) <= 6


@pytest.mark.parametrize(
    "message",
    [
        request(types=STRING, arguments=string("x"), attachments={"group": "blue"}),
        request(types=STRING, arguments=string("x" * 5000), attachments={"group": "blue"}),
        request(types="Ljava/lang/Object;", arguments=OBJECT, attachments={"größe": "1"}),
        request(types="[" + STRING, arguments=b"\x79" + string("x"), attachments=b"H" + string("a") + OBJECT + b"Z"),
        request(method="$invoke", types="Ljava/lang/Object;" * 3, arguments=string("echo") + hx("78 78")),
        fastjson2_request({"group": "blue"}, types=STRING, arguments=(text("x"),)),
        fastjson2_request(
            {"group": "blau 世", "object": b"\xa6\xa5"}, method="$invoke", arguments=(text("x"),), types="I"
        ),
    ],
)
def test_a_request_passes_through_at_most_6_files(message):
    assert len(files_of(message, Direction.TO_SERVER)) <= 6


@pytest.mark.parametrize("attachments", [b"HZ", b"H" + string("größe") + string("1") + b"Z", b"H" + OBJECT + b"NZ"])
def test_a_response_passes_through_at_most_6_files(attachments):
    message = response(hx("94") + OBJECT + attachments)
    assert len(files_of(message, Direction.TO_CLIENT)) <= 6
