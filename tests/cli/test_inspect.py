"""`metaprotocol inspect` shows the messages of a stream."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from toy_protocols import HELLO, TLS, UPGRADE, Upgrading, codec_for

from metaprotocol_cli import main
from metaprotocol_cli.inspect.conversation import read_stream
from metaprotocol_cli.inspect.records import Note, Record
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
HEARTBEAT = "4152 0103 00000004 00000012 0000 0000 0000"
REQUEST, RESPONSE = 0, 1

codec = AwesomeRpcCodec()


def inspect(*arguments: str, data: bytes | str = b"", codec: str = "awesomerpc") -> Result:
    return CliRunner().invoke(main, ["inspect", "--codec", codec, *arguments], input=data)


def json_rows(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_message_is_a_line_with_offset_direction_type_id_sizes_and_operation() -> None:
    result = inspect(str(VECTORS / "java27-heartbeat.c2s.bin"), codec="dubbo")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:3] == [
        "        0  → request         0  16+176                     org.corpus.DemoService/echo",
        "      192  → heartbeat       1  16+1",
    ]
    assert result.stderr == "6 messages, 451 bytes: 4 heartbeat, 2 request\n"


def test_hex_text_from_standard_input_is_read() -> None:
    assert "heartbeat" in inspect("-", data=HEARTBEAT).stdout


def test_verbose_shows_properties_and_which_bytes_are_which_field() -> None:
    message = codec.build(REQUEST, 7, 3, headers={"user": "ada"}, payload=b"hi")
    lines = inspect("-v", "-", data=message).stdout.splitlines()
    assert "  user  ada" in lines
    assert "  000012  04 75 73 65 72 00 03 61  .user..a  headers.user    ada" in lines
    assert "  00001a  64 61                    da" in lines
    assert "  00001c  68 69                    hi        payload" in lines


def test_long_fields_are_shortened_and_shown_in_full_with_vv() -> None:
    message = codec.build(REQUEST, 7, 3, payload=b"x" * 1000)
    assert "… 968 more bytes (-vv shows them)" in inspect("-v", "-", data=message).stdout
    assert "more bytes" not in inspect("-vv", "-", data=message).stdout


def test_the_name_of_the_file_tells_the_direction(tmp_path: Path) -> None:
    for name, direction in (("a.s2c.bin", "to_client"), ("a.c2s.bin", "to_server"), ("a.bin", "to_server")):
        path = tmp_path / name
        path.write_bytes(bytes.fromhex(HEARTBEAT))
        assert json_rows(inspect("--json", str(path)))[0]["direction"] == direction


def test_the_direction_option_wins_over_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.c2s.bin"
    path.write_bytes(bytes.fromhex(HEARTBEAT))
    result = inspect("--json", "--direction", "to-client", str(path))
    assert json_rows(result)[0]["direction"] == "to_client"


def test_json_has_an_object_a_line() -> None:
    message = codec.build(RESPONSE, 7, 3, status=5, headers={"a": "b"})
    assert json_rows(inspect("--json", "-", data=message)) == [
        {
            "number": 1,
            "offset": 0,
            "direction": "to_server",
            "type": "exception",
            "id": 7,
            "operation": "3",
            "status": "error",
            "status_code": 5,
            "expects_reply": False,
            "stream_id": None,
            "header_size": 23,
            "body_size": 0,
            "trailer_size": 0,
            "properties": {"cmd": "3", "a": "b"},
            "incomplete": "",
            "error": None,
        }
    ]


def test_properties_that_may_be_missing_are_said_with_the_reason() -> None:
    kryo = bytes.fromhex(
        "dabb c8 00 0000000000000001 00000002 0102"
    )  # serialization 8, which Dubbo's codec does not read
    result = inspect("-", data=kryo, codec="dubbo")
    assert "! properties may be missing: " in result.stdout
    (row,) = json_rows(inspect("--json", "-", data=kryo, codec="dubbo"))
    assert str(row["incomplete"]) in result.stdout


def test_bytes_after_the_end_of_the_protocol_are_counted() -> None:
    assert [
        item.text
        for item in read_stream(
            [(None, HELLO + UPGRADE + TLS), (None, TLS)], codec_for(Upgrading()), Direction.TO_SERVER
        )
        if isinstance(item, Note)
    ] == ["10 bytes came after the end of the protocol; they were not read"]


def test_json_with_v_has_the_spans_and_the_bytes() -> None:
    message = bytes.fromhex(HEARTBEAT)
    (row,) = json_rows(inspect("--json", "-v", "-", data=message))
    assert row["hex"] == message.hex()
    assert row["spans"][0] == {"start": 0, "end": 2, "name": "magic", "value": "", "meaning": ""}


def test_a_broken_stream_shows_the_good_messages_and_then_where_it_breaks() -> None:
    result = inspect("-", data=bytes.fromhex(HEARTBEAT) * 3 + b"HTTP/1.1")
    assert result.stdout.count("heartbeat") == 3
    assert "the stream is broken at offset 54: the message begins with 48" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("size", [1, 2, 17, 1000])
def test_after_bytes_that_are_not_a_message_the_next_one_is_found(size: int) -> None:
    heartbeat = bytes.fromhex(HEARTBEAT)
    data = b"\x41\x52\x09ARG" + heartbeat + b"A" + 2 * heartbeat
    pieces = [(None, data[at : at + size]) for at in range(0, len(data), size)]
    assert [
        item.text if isinstance(item, Note) else item.offset
        for item in read_stream(pieces, codec, Direction.TO_SERVER)
        if isinstance(item, Record) or item.error is None
    ] == [
        "6 bytes are skipped: the next message begins at offset 6",
        6,
        "1 byte is skipped: the next message begins at offset 25",
        25,
        43,
    ]


def test_a_message_that_cannot_be_read_is_marked_and_the_stream_goes_on() -> None:
    unreadable = bytes.fromhex("4152 0100 00000009 00000015 0007 0000 0003 000000")
    result = inspect("-", data=unreadable + bytes.fromhex(HEARTBEAT))
    assert "! this header has no key (offset 18, field headers)" in result.stdout
    assert "heartbeat" in result.stdout
    assert "1 unreadable" in result.stderr
    assert result.exit_code == 1


def test_a_stream_that_ends_inside_a_message_says_how_much_is_missing() -> None:
    result = inspect("-", data=bytes.fromhex(HEARTBEAT)[:-1])
    assert "17 bytes into a message, at least 1 before its end" in result.stderr
    assert result.exit_code == 1


def test_an_empty_file_has_no_messages() -> None:
    result = inspect("-", data=b"")
    assert (result.exit_code, result.stderr) == (0, "0 messages, 0 bytes\n")


def test_json_says_what_broke_the_stream() -> None:
    rows = json_rows(inspect("--json", "-", data=bytes.fromhex(HEARTBEAT) + b"XX"))
    assert rows[1]["stream_error"]["offset"] == 18
    assert rows[1]["stream_error"]["kind"] == "FramingError"


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x07", "a\rb", "\u202egnp.exe", "\x9b31m", "\u2028"], ids=lambda text: text.encode().hex()
)
def test_control_characters_from_the_wire_never_reach_the_terminal(text: str) -> None:
    message = codec.build(REQUEST, 1, 7, headers={"service": text, text: text})
    result = inspect("-vv", "-", data=message)
    assert result.exit_code == 0
    assert not [character for character in result.output if not character.isprintable() and character != "\n"]


def test_lone_surrogates_and_bytes_that_are_no_text_are_escaped() -> None:
    message = codec.build(REQUEST, 1, 7, headers={"user": "\udcff"})
    assert r"\udcff" in inspect("-v", "-", data=message).stdout


def test_colour_is_used_only_when_it_is_asked_for() -> None:
    plain = inspect("-v", "-", data=HEARTBEAT).stdout
    always = inspect("-v", "--color", "always", "-", data=HEARTBEAT).stdout
    assert "\x1b[" not in plain
    assert "\x1b[" in always


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_the_usual_variables_turn_colour_off_and_on(
    monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    monkeypatch.setenv(variable, "1")
    assert ("\x1b[" in inspect("-", data=HEARTBEAT).stdout) is coloured


def test_memory_does_not_grow_with_the_stream() -> None:
    message = codec.build(REQUEST, 1, 7, payload=b"x" * 1000)

    def stream(messages: int) -> Iterator[tuple[None, bytes]]:
        for _ in range(messages):
            yield None, message

    def peak(messages: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_stream(stream(messages), codec, Direction.TO_SERVER)) == messages
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(4000) < peak(500) + 20_000
