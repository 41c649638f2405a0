"""Fields and their numbers, as a person writes them."""

import pytest

from metaprotocol_cli.new.fields import Field, parse_values
from metaprotocol_cli.new.problems import AnswersError


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("id:4", Field("id", 4)),
        (" id : 4 ", Field("id", 4)),
        ("version:1=1", Field("version", 1, 1)),
        ("version:2=0x0102", Field("version", 2, 0x102)),
        ("id:4:what a response repeats", Field("id", 4, None, "what a response repeats")),
        ("id:4: a: b = c", Field("id", 4, None, "a: b = c")),
        ("version:1=1: of the protocol", Field("version", 1, 1, "of the protocol")),
        ("token:16", Field("token", 16)),
        ("type:1", Field("type", 1)),
    ],
)
def test_a_field_is_a_name_a_size_and_perhaps_a_value_and_a_meaning(text: str, field: Field) -> None:
    assert Field.parse(text) == field


def test_fields_of_1_2_4_and_8_bytes_are_numbers() -> None:
    assert [size for size in range(1, 20) if Field("a", size).is_integer] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not NAME:BYTES"),
        ("id", "is not NAME:BYTES"),
        ("id:four", "is not NAME:BYTES"),
        ("id:" + "9" * 5000, "is not NAME:BYTES"),
        ("id:-4", "is not NAME:BYTES"),
        (":4", "not an identifier"),
        ("Id:4", "not an identifier"),
        ("request-id:4", "not an identifier"),
        ("class:4", "not a Python keyword"),
        ("a" * 25 + ":4", "at most 24 characters"),
        ("id:0", "0 bytes; a field has 1 to 256"),
        ("id:257", "257 bytes; a field has 1 to 256"),
        ("id:1=256", "cannot hold the constant 256"),
        ("id:3=1", "cannot hold the constant 1"),
        ("id:1=x", "is 'x', which is not a whole number"),
        ("id:1=", "is '', which is not a whole number"),
        ('id:1:say "hello"', "without double quotes"),
        ("id:1:a|b", "without double quotes, bars"),
        ("id:1:a\nb", "one line"),
        ("id:1:" + "a" * 81, "at most 80 characters"),
    ],
)
def test_anything_else_is_refused_with_what_is_expected(text: str, why: str) -> None:
    with pytest.raises(AnswersError, match=why):
        Field.parse(text)


@pytest.mark.parametrize("text", ["ok=0,failed=255", "ok=0, failed=0xff", "ok=0 failed=255", " ok=0,\tfailed=255, "])
def test_numbers_are_named_with_commas_or_blanks_between(text: str) -> None:
    assert parse_values(text) == {"ok": 0, "failed": 255}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ok", "is not NAME=NUMBER"),
        ("Ok=1", "is not NAME=NUMBER"),
        ("ok=-1", "not a whole number"),
        ("ok=0,ok=1", "comes twice"),
        ("ok=0,fine=0", "comes twice"),
    ],
)
def test_a_name_or_a_number_that_comes_twice_is_refused(text: str, why: str) -> None:
    with pytest.raises(AnswersError, match=why):
        parse_values(text)
