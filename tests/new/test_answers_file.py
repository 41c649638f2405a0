"""Answers from a TOML file are what the options are."""

from pathlib import Path

import pytest
from projects import new

SMALL = """
magic = "5043"
byte_order = "little"
fields = ["kind:1", "id:4", "body_length:4: bytes behind the header", "code:1"]
counts = "rest"
types = { request = 1, response = 2 }
statuses = { ok = 0, failed = 1 }
author = "Zoë"
"""
AS_OPTIONS = [
    *("--magic", "5043", "--byte-order", "little", "--counts", "rest", "--types", "request=1,response=2"),
    *("--field", "kind:1", "--field", "id:4", "--field", "body_length:4: bytes behind the header", "--field", "code:1"),
    *("--statuses", "ok=0,failed=1", "--author", "Zoë"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "acme.toml"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_and_options_make_the_same_project(tmp_path: Path, file: Path) -> None:
    file.write_text(SMALL, "utf-8")
    for name, options in (("file", ["--answers", str(file)]), ("options", AS_OPTIONS)):
        (tmp_path / name).mkdir()
        result = new("acme", "--defaults", "--output-dir", str(tmp_path / name), *options)
        assert result.exit_code == 0, result.output
    assert contents(tmp_path / "file") == contents(tmp_path / "options")


def test_an_option_wins(tmp_path: Path, file: Path) -> None:
    file.write_text(SMALL, "utf-8")
    new("acme", "--defaults", "--output-dir", str(tmp_path), "--answers", str(file), "--author", "Ada")
    assert "Copyright Ada." in (tmp_path / "acme-codec" / "LICENSE").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = ", "cannot be read: Invalid value"),
        ("magik = '41'", "'magik' is not an answer; did you mean magic?"),
        ("zzz = 1", "'zzz' is not an answer; the answers are project, package"),
        ("magic = 41", "magic is a text, not 41"),
        ("byte_order = 'middle'", 'byte_order is "big" or "little", not \'middle\''),
        ("fields = 'id:4'", "fields is a list of texts, not 'id:4'"),
        ("fields = [1]", "fields is a list of texts, not [1]"),
        ("types = [1]", "types is a table of numbers, not [1]"),
        ("statuses = { ok = true }", "statuses is a table of numbers, not {'ok': True}"),
        ("counts = true", "counts is a text, not True"),
    ],
)
def test_what_is_no_answer_is_told_with_its_file(tmp_path: Path, file: Path, text: str, why: str) -> None:
    file.write_text(text, "utf-8")
    result = new("acme", "--defaults", "--output-dir", str(tmp_path), "--answers", str(file))
    assert result.exit_code == 2
    assert f"{file}" in result.output
    assert why in result.output
    assert list(tmp_path.iterdir()) == [file]


def test_counts_may_be_a_number(tmp_path: Path, file: Path) -> None:
    file.write_text(SMALL.replace('"rest"', "-4"), "utf-8")
    assert new("acme", "--defaults", "--output-dir", str(tmp_path), "--answers", str(file)).exit_code == 0
    codec = tmp_path / "acme-codec" / "src" / "acme_codec" / "codec.py"
    assert "adjustment=-4" in codec.read_text("utf-8")
