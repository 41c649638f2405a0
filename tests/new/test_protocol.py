"""A header that cannot work is refused before anything is made of it."""

import pytest
from projects import new

from metaprotocol_cli.new.answers import Answers
from metaprotocol_cli.new.problems import AnswersError

HEADER = {"fields": ["type:1", "id:4", "length:2", "status:1"], "magic": "4142"}


def problems(**answers: object) -> str:
    with pytest.raises(AnswersError) as caught:
        Answers({**HEADER, **answers}).protocol()
    return str(caught.value)


def test_roles_follow_from_the_usual_names() -> None:
    protocol = Answers(HEADER).protocol()
    assert protocol.roles == {"length": "length", "id": "id", "type": "type", "status": "status"}


@pytest.mark.parametrize(("counts", "adjustment"), [("message", -9), ("rest", 0), ("body", 1), ("-4", -4), ("1", 1)])
def test_what_the_length_counts_is_what_framing_adds(counts: str, adjustment: int) -> None:
    protocol = Answers({**HEADER, "counts": counts}).protocol()
    assert (protocol.size, protocol.length_end, protocol.adjustment) == (10, 9, adjustment)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"length": "none"}, "no field is said to be the length, without which it is unknown where a message ends"),
        ({"length": "size"}, "the length is said to be the field 'size'; the fields are type, id, length, status"),
        ({"id": "type"}, "the field type cannot be id and type at once"),
        ({"fields": ["length:3"]}, "the field length has 3 bytes; the length is a whole number of 1, 2, 4, 8 bytes"),
        ({"fields": ["length:1=1"]}, "the field length is constant, so it cannot be the length"),
        ({"fields": ["length:1", "length:1"]}, "the field length comes twice"),
        ({"fields": ["magic:1", "length:1"]}, "a field is called magic, which is the name of the bytes 4142"),
        ({"magic": "41" * 17}, "the magic has 17 bytes; it may have 16"),
        ({"counts": "everything"}, "the length counts 'everything'; expected message, rest, body or a whole number"),
        ({"counts": "9" * 5000}, "expected message, rest, body or a whole number"),
        ({"counts": "2"}, "a length that counts 2 cannot describe a message of 10 bytes, the header alone"),
        ({"fields": ["length:1", "a:200", "b:100"]}, "cannot describe a message of 303 bytes, the header alone"),
        ({"types": ""}, "the types lack request and response"),
        ({"types": "request=0"}, "the types lack response"),
        ({"types": "request=0,response=256"}, "the type response=256 does not fit the field type of 1 bytes"),
        ({"types": "request=0,response=1,push=2"}, "'push' is not a type of message; the types are request, response"),
        ({"types": "request=0,response=1,heartbeat_response=2"}, "a type heartbeat_response, but no heartbeat"),
        ({"type": "none", "types": "request=0"}, "there are types, but no field is said to be the type"),
        ({"status": "none", "statuses": "ok=0"}, "there are statuses, but no field is said to be the status"),
        ({"statuses": "fine=0,failed=1"}, "no status is named ok, the one that means success"),
        ({"statuses": "ok=0"}, "no status but ok is named, so no failure can be reported"),
        (
            {"length": "size+length"},
            "the length is said to be a sum with 'size'; the fields are type, id, length, status",
        ),
        ({"length": "id+length", "id": "id"}, "the field id is added to the length, so it cannot be something else"),
        ({"fields": ["a:3", "length:4"], "length": "a+length"}, "the field a cannot be added to the length"),
        (
            {"fields": ["a:1", "h:1", "length:4"], "length": "a+length", "headers": "h"},
            "cannot be combined with a header",
        ),
        ({"id": "20/4:4"}, "the id begins before the end of the header at 10"),
        ({"id": "20/16:4"}, "an id at two offsets cannot be combined with a field that is the status or the type"),
        ({"statuses": "ok=0,failed=256"}, "the status failed=256 does not fit the field status of 1 bytes"),
    ],
)
def test_what_does_not_fit_together_is_told(answers: dict[str, object], problem: str) -> None:
    assert problem in problems(**answers)


def test_a_field_may_be_called_magic_where_no_message_begins_with_one() -> None:
    protocol = Answers({"fields": ["length:2", "magic:2=0xbeef"]}).protocol()
    assert [field.constant for field in protocol.fields] == [None, 0xBEEF]


@pytest.mark.parametrize("magic", ["4", "xy", "41 4"])
def test_a_magic_is_hex(magic: str) -> None:
    assert "is not hex: write 4152, or none" in problems(magic=magic)


@pytest.mark.parametrize(("magic", "found"), [("none", b""), ("0x4142", b"AB"), ("41 42", b"AB")])
def test_a_magic_may_be_written_in_several_ways(magic: str, found: bytes) -> None:
    assert Answers({**HEADER, "magic": magic}).protocol().magic == found


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(counts="x", types="request=0", statuses="ok=0").splitlines()) == 3


def test_the_command_tells_them_without_a_traceback(tmp_path: object) -> None:
    result = new("acme", "--defaults", "--output-dir", str(tmp_path), "--length", "size", "--counts", "all")
    assert result.exit_code == 2
    assert "the length is said to be the field 'size'" in result.output
    assert "the length counts 'all'" in result.output
    assert "Traceback" not in result.output
