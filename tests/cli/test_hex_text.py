"""Hex text is read in the forms in which people paste it."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_cli.inspect.hextext import looks_like_hex, read_hex

MESSAGE = bytes.fromhex("4152 0103 00000004 00000012 0000 0000 0000")

FORMS = {
    "plain": "415201030000000400000012000000000000",
    "groups": "4152 0103 0000 0004 0000 0012 0000 0000 0000",
    "upper case": "41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 00 00".upper(),
    "colons": "41:52:01:03:00:00:00:04:00:00:00:12:00:00:00:00:00:00",
    "0x": "0x41, 0x52, 0x01, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00",
    "literal": r"b'\x41\x52\x01\x03\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00'",
    "comment": "# a heartbeat\n4152 0103 00000004 # id\n00000012 0000 0000 0000",
    "xxd": "00000000: 4152 0103 0000 0004 0000 0012 0000 0000  AR..............\n"
    "00000010: 0000                                     ..",
    "hexdump -C": "00000000  41 52 01 03 00 00 00 04  00 00 00 12 00 00 00 00  |AR..............|\n"
    "00000010  00 00                                             |..|\n00000012",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_hex_text_is_recognised_and_read(form: str) -> None:
    text = FORMS[form].encode()
    assert looks_like_hex(text + b"\n")
    assert b"".join(read_hex(text.split(b"\n"))) == MESSAGE


@pytest.mark.parametrize(
    "head", [b"", b"\n", MESSAGE, b"\xda\xbb", b"GET / HTTP/1.1\r\n", b"*3\r\n$3\r\nSET\r\n", b"abc", b"4a 5g"]
)
def test_other_bytes_are_not_taken_for_hex(head: bytes) -> None:
    assert not looks_like_hex(head)


def test_a_line_that_is_no_hex_is_named() -> None:
    with pytest.raises(click.UsageError, match="line 2 is not hex text: 'zz'"):
        list(read_hex([b"4152", b"zz"]))


def test_half_a_byte_is_refused() -> None:
    with pytest.raises(click.UsageError, match="line 1"):
        list(read_hex([b"415"]))


def test_the_star_of_hexdump_is_refused_since_bytes_are_missing_there() -> None:
    with pytest.raises(click.UsageError, match="line 2"):
        list(read_hex([b"00000000  00 00 00 00  |....|", b"*", b"00000020"]))


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["", " ", ":"]))
def test_the_hex_of_any_bytes_is_read_back(data: bytes, separator: str) -> None:
    text = data.hex(separator) if separator else data.hex()
    assert b"".join(read_hex([text.encode()])) == data
