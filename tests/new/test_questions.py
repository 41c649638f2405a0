"""Answers that no option gives are asked for, with a default, until they make sense."""

from pathlib import Path

import pytest
from projects import imported, make, new

RECORDING = Path(__file__).parents[1] / "vectors" / "awesomerpc" / "example.c2s.bin"


def asked(folder: Path, answers: list[str], *options: str) -> str:
    result = new("acme", "--output-dir", str(folder), *options, answers="".join(f"{line}\n" for line in answers))
    assert result.exit_code == 0, result.output
    return result.output


def codec_text(folder: Path) -> str:
    return (folder / "acme-codec" / "src" / "acme_codec" / "codec.py").read_text("utf-8")


def test_empty_answers_give_the_default_project(tmp_path: Path) -> None:
    asked(tmp_path, [""] * 12)
    (tmp_path / "defaults").mkdir()
    make(tmp_path / "defaults", "acme")
    assert codec_text(tmp_path) == codec_text(tmp_path / "defaults")


def test_each_thing_is_asked_for_that_an_engineer_knows(tmp_path: Path) -> None:
    fields = ["kind:2", "token:8", "size:4: of the body", "code:1", "call:2", ""]
    roles = ["size", "body", "token", "kind", "request=0x10,response=0x20", "code", "ok=0,failed=1", "call", "none"]
    asked(tmp_path, ["4142", "little", *fields, *roles])
    with imported(tmp_path / "acme-codec") as package:
        codec = package.AcmeCodec()
        assert [(field.name, field.size) for field in codec.layout.fields] == [
            ("magic", 2),
            ("kind", 2),
            ("token", 8),
            ("size", 4),
            ("code", 1),
            ("call", 2),
        ]
        assert (codec.framing.offset, codec.framing.adjustment, codec.framing.byte_order) == (12, 3, "little")
        assert codec.max_request_id == 2**64 - 1


def test_what_an_option_says_is_not_asked(tmp_path: Path) -> None:
    options = ["--magic", "none", "--field", "length:4", "--byte-order", "big", "--counts", "rest"]
    output = asked(tmp_path, ["", "", "", "", "", ""], *options)
    assert "Magic" not in output
    assert "What it counts" not in output


def test_an_answer_that_makes_no_sense_is_asked_again(tmp_path: Path) -> None:
    fields = ["length 4", "length:4", ""]
    output = asked(tmp_path, ["xy", "none", "middle", "big", *fields, "size", "length", "all", "rest", *[""] * 5])
    assert "the magic 'xy' is not hex" in output
    assert "the field 'length 4' is not NAME:BYTES" in output
    assert "'all' is neither one of message, rest, body nor a whole number" in output
    assert "'middle'" in output
    assert "'size'" in output


@pytest.mark.parametrize("options", [[], ["--from-capture", str(RECORDING)]], ids=["header", "recording"])
def test_where_nobody_answers_it_says_how_to_ask_nothing(tmp_path: Path, options: list[str]) -> None:
    result = new("acme", "--output-dir", str(tmp_path), *options, answers="")
    assert result.exit_code == 2
    assert "--defaults asks none" in result.output
    assert list(tmp_path.iterdir()) == []


def test_names_are_checked_before_anything_is_asked(tmp_path: Path) -> None:
    result = new("Acme", "--output-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "Magic" not in result.output


def test_a_folder_that_exists_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "acme-codec").mkdir()
    result = new("acme", "--output-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "exists already" in result.output
    assert "Magic" not in result.output


def test_a_field_cannot_have_two_names_or_two_roles(tmp_path: Path) -> None:
    fields = ["length:4", "length:2", "id:4", ""]
    output = asked(tmp_path, ["", "", *fields, "", "", "length", *[""] * 5])
    assert "the field length comes twice" in output
    assert "a client waits for each (id, none, in-order)" in output
    assert "'length' is not one of 'id', 'none'" in output


def test_answers_that_do_not_fit_together_are_asked_for_once_more(tmp_path: Path) -> None:
    fields = ["kind:1", "length:2", ""]
    once = ["ff", "little", *fields, "length", "rest", "none", "kind", "request=1,response=256"]
    again = ["", "", "", "", "", "", "", "request=1,response=2"]
    output = asked(tmp_path, [*once, *again])
    assert "the type response=256 does not fit the field kind of 1 bytes" in output
    assert "Once more; an empty line keeps what you answered." in output
    text = codec_text(tmp_path)
    assert 'LengthField(offset=2, length=2, byte_order="little", magic=b"\\xff")' in text
    assert 'KINDS = {"request": 1, "response": 2}' in text


def test_a_header_without_a_field_for_the_length_is_asked_for_once_more(tmp_path: Path) -> None:
    output = asked(tmp_path, ["", "", "blob:3", "", "", "", "length:4", "", *[""] * 7])
    assert "no field can be the length: it is a number of 1, 2, 4 or 8 bytes, and not a constant" in output


def test_what_no_answer_can_mend_ends_the_questions(tmp_path: Path) -> None:
    result = new("acme", "--output-dir", str(tmp_path), "--types", "request=0", answers="\n" * 40)
    assert result.exit_code == 2
    assert result.output.count("Once more") == 1
    assert "the types lack response" in result.output
    assert list(tmp_path.iterdir()) == []
