"""`metaprotocol inspect` on recorded Dubbo traffic: the main job, as a user sees it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from dubbo_bytes import message, request, response, string

from metaprotocol_cli import main

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"


def inspect(*arguments, data=None):
    return CliRunner().invoke(main, ["inspect", "--codec", "dubbo", *map(str, arguments)], input=data)


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.bin")), ids=lambda path: path.name)
def test_every_recorded_stream_is_shown_message_by_message(path):
    unreadable = path.name == "sofanode-nulls.s2c.bin"
    for verbosity in ([], ["-v"], ["-vv"], ["--json"], ["--json", "-v"]):
        assert inspect(*verbosity, path).exit_code == (1 if unreadable else 0)
    rows = objects(inspect("--json", "-v", path))
    assert b"".join(bytes.fromhex(row["hex"]) for row in rows) == path.read_bytes()
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["offset"] for row in rows] == [
        sum(len(row["hex"]) // 2 for row in rows[:number]) for number in range(len(rows))
    ]
    assert {row["direction"] for row in rows} == {"to_client" if "s2c" in path.name else "to_server"}


def test_json_tells_what_a_mesh_could_route_on():
    first, *_ = objects(inspect("--json", VECTORS / "sofanode-nulls.c2s.bin"))
    assert (first["type"], first["id"], first["operation"]) == ("request", 2, "org.corpus.DemoService/echo")
    assert first["properties"]["group"] == "SOFA"
    assert first["expects_reply"] is True


def test_the_demo_shows_which_bytes_are_which_field():
    lines = inspect("-v", VECTORS / "java27-heartbeat.c2s.bin").stdout.splitlines()
    assert "  000000  da bb                    ..        magic" in lines
    flags = next(line for line in lines if line.startswith("  000002"))
    assert flags.split() == ["000002", "c2", ".", "flags", "0xc2", "(request", "two-way", "hessian2)"]
    method = next(line for line in lines if line.startswith("  000033"))
    assert method.split() == ["000033", "04", "65", "63", "68", "6f", ".echo", "method", "echo"]


def test_json_spans_point_at_the_bytes_they_name():
    (row,) = objects(inspect("--json", "-v", "-", data=request(method="plus")))
    (span,) = [span for span in row["spans"] if span["name"] == "method"]
    assert bytes.fromhex(row["hex"])[span["start"] : span["end"]] == b"\x04plus"
    assert span["value"] == "plus"


def test_an_unreadable_answer_is_marked_and_the_next_one_shown():
    result = inspect("--direction", "to-client", "-", data=response(b"N") + response(b"\x92", request_id=2))
    assert "! an int was expected, not the type code 4e (offset 16)" in result.stdout
    assert result.stdout.splitlines()[-1].split()[2:4] == ["response", "2"]
    assert "1 unreadable" in result.stderr
    assert result.exit_code == 1


def test_the_unreadable_part_is_marked_in_the_dump():
    result = inspect("-v", "-", data=request(types="I", arguments=b"\x40"))
    assert "unreadable" in result.stdout
    assert "no value has the type code 40" in result.stdout


def test_json_says_what_is_wrong_with_an_unreadable_message():
    (row,) = objects(inspect("--json", "-", data=response(b"N", request_id=6)))
    assert (row["id"], row["type"]) == (6, "response")
    assert row["error"] == {
        "kind": "DecodeError",
        "message": "an int was expected, not the type code 4e",
        "offset": 16,
        "field": "",
        "hint": "",
    }


def test_a_stream_of_another_protocol_is_refused_with_a_hint():
    result = inspect("-", data=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert result.exit_code == 1
    assert "the stream is broken at offset 0: the message begins with 47, not with the magic dabb" in result.stderr
    assert "these bytes look like HTTP/1" in result.stderr


def test_a_failed_call_shows_its_text_and_an_event_its_name():
    text = string("no provider\n\x1b[31mfor a.B")
    result = inspect("-", data=response(text, status=60) + message(0xA2, string("R")))
    assert "error 60" in result.stdout
    assert r"error: no provider\n\x1b[31mfor a.B" in result.stdout
    assert "event: READONLY" in result.stdout


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\r\n", "\u202e", "\ud800", "\x85", "\u200b", "\u2066", "\x7f"])
def test_nothing_of_a_message_drives_the_terminal(text):
    data = (
        request(path=text, method=text, version=text, attachments={text: text})
        + response(string(text), status=70)
        + response(b"\x90C" + string(text) + b"\x90\x60")
        + message(0xA2, string(text))
        + request(types=text)
    )
    for arguments in (["-"], ["-v", "-"], ["-vv", "-"], ["--json", "-vv", "-"]):
        result = inspect(*arguments, data=data)
        assert not [character for character in result.output if not character.isprintable() and character != "\n"]


def test_long_values_are_shortened_unless_asked_for():
    data = request(attachments={"k": "v" * 5000})
    assert "(4,800 more)" in inspect("-v", "-", data=data).stdout
    assert "v" * 5000 in inspect("-vv", "-", data=data).stdout
