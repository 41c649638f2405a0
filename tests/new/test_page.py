"""The page that describes the bytes says what holds for the header, and no more."""

from pathlib import Path

import pytest
from projects import make


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        (
            ["length:4", "id:4", "flags:1", "headers_length:2"],
            [
                "Properties are the field flags and the headers of the message.",
                "Rules match on them, and set and remove headers. Fields cannot be changed.",
            ],
        ),
        (
            ["length:4", "id:4", "flags:1", "colour:1"],
            [
                "Properties are the field flags and the field colour.",
                "Rules match on them. Nothing can be changed but the id: a message has no headers.",
            ],
        ),
        (
            ["length:4", "flags:1"],
            [
                "The only property is the field flags.",
                "Rules match on it. Nothing can be changed: a message has no headers.",
            ],
        ),
        (
            ["length:4"],
            [
                "A message has no properties that rules match on.",
                "Nothing can be changed: a message has no headers.",
            ],
        ),
    ],
    ids=["headers", "fields", "one field", "none"],
)
def test_it_says_what_rules_can_do(tmp_path: Path, fields: list[str], last: list[str]) -> None:
    project = make(tmp_path, "acme", *(option for field in fields for option in ("--field", field)))
    assert (project / "docs" / "protocol.md").read_text("utf-8").splitlines()[-2:] == last


def test_a_magic_at_the_end_of_the_header_is_shown_in_hex(tmp_path: Path) -> None:
    project = make(tmp_path, "acme", "--field", "length:4", "--field", "mark:2=0xbeef: ends the header")
    assert "| 4 | 2 | mark | always 0xBEEF: ends the header |" in (project / "docs" / "protocol.md").read_text("utf-8")
    assert '"mark" / Const(0xBEEF, Int16ub) * "ends the header",' in (
        project / "src" / "acme_codec" / "codec.py"
    ).read_text("utf-8")
