"""The annotated dump, as plain text."""

from metaprotocol_sdk import Span
from metaprotocol_sdk.dump import dump, printable

MESSAGE = bytes.fromhex("da bb 02") + bytes(range(0x41, 0x55))
SPANS = [Span(0, 2, "magic"), Span(2, 3, "type", "2", "response"), Span(3, 23, "body")]


def lines(message, spans=(), **options):
    return [str(line) for line in dump(message, spans, **options)]


def test_each_field_begins_a_line_with_its_offset_bytes_characters_and_name():
    assert lines(MESSAGE, SPANS) == [
        "  000000  da bb                    ..        magic",
        "  000002  02                       .         type   2  (response)",
        "  000003  41 42 43 44 45 46 47 48  ABCDEFGH  body",
        "  00000b  49 4a 4b 4c 4d 4e 4f 50  IJKLMNOP",
        "  000013  51 52 53 54              QRST",
    ]


def test_a_long_field_is_shortened_and_says_by_how_much():
    assert lines(bytes(100), lines=1) == [
        "  000000  00 00 00 00 00 00 00 00  ........  message",
        "          … 92 more bytes",
    ]


def test_one_line_too_many_is_shown_rather_than_replaced_by_a_line_that_says_so():
    assert len(lines(bytes(16), lines=1)) == 2
    assert "more bytes" not in "".join(lines(bytes(16), lines=1))


def test_nothing_is_shortened_where_all_lines_are_wanted():
    shown = list(dump(bytes(100), lines=None))
    assert b"".join(line.data for line in shown) == bytes(100)


def test_an_empty_message_has_no_lines():
    assert lines(b"") == []


def test_control_characters_of_a_value_are_escaped():
    (line,) = lines(b"x", [Span(0, 1, "name\n", "\x1b[31m")])
    assert line.endswith(r"name\n  \x1b[31m")


def test_text_is_shortened_to_so_many_characters():
    assert printable("abcdef", 4) == "abcd… (2 more)"
    assert printable("abcd", 4) == "abcd"
