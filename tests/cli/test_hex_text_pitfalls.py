"""Hex text that is nearly read as something else: long lines, digits alone, text that looks like a dump."""

import subprocess
import sys
from io import BytesIO

import click
import pytest
from click.testing import CliRunner
from patience import PATIENCE

from metaprotocol_cli import main
from metaprotocol_cli.input import Input
from metaprotocol_cli.inspect.source import read_pieces

HEARTBEAT = bytes.fromhex("4152 0103 00000004 00000012 0000 0000 0000")


def read(text):
    return b"".join(piece for _, piece in read_pieces(Input(BytesIO(text.encode())), "hex"))


@pytest.mark.parametrize("form", ["plain", "blanks", "colons", "0x"])
def test_one_line_of_any_length_is_recognised(form):
    data = HEARTBEAT * 500
    text = {
        "plain": data.hex(),
        "blanks": data.hex(" "),
        "colons": data.hex(":"),
        "0x": ", ".join(f"0x{byte:02x}" for byte in data),
    }[form]
    result = CliRunner().invoke(main, ["inspect", "--codec", "awesomerpc", "-"], input=text)
    assert result.exit_code == 0
    assert result.stdout.count("heartbeat") == 500


@pytest.mark.parametrize(
    ("text", "data"),
    [("0x4, 0x5", "04 05"), ("0x41, 0x5, 0x2", "41 05 02"), ("{0x0, 0x1}", "00 01"), ("4, 1,", "04 01")],
)
def test_a_digit_alone_is_a_byte_and_never_glued_to_the_next(text, data):
    """`0x4, 0x5` are the bytes 04 05, as C and Go print them; 45 would be a silent mistake."""
    assert read(text) == bytes.fromhex(data)


@pytest.mark.parametrize("text", ["4 1", "4:1"])
def test_digits_alone_without_0x_are_refused(text):
    with pytest.raises(click.UsageError, match="line 1 is not hex text"):
        read(text)


@pytest.mark.parametrize(
    "text", ["{256}", "{-129}", "[1, 300]", "{0x123}", "{1, two}", "pkt[18, 19] = 5", "[10, 20, 1a2]", "x = 5, 6"]
)
def test_an_array_of_anything_but_bytes_is_refused(text):
    with pytest.raises(click.UsageError, match="line 1"):
        read(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{0x41, 0x52", "the text ends inside an array"),
        (r"b'\x41", "the text ends inside a string"),
        ("b'\\x41\nb'\\x42'", "line 1 ends inside a string"),
        (r"b'\x4g'", "has an escape that does not stand for a byte"),
        (r"'\u00da\x41'", "has an escape that does not stand for a byte"),
        ("QVIBAwAAAAQAAAASA", "the text is not base64: it ends inside a group"),
    ],
)
def test_a_text_that_is_not_complete_says_so(text, fault):
    with pytest.raises(click.UsageError) as error:
        read(text)
    assert fault in error.value.message


def test_a_line_that_looks_like_a_dump_and_is_none_is_refused_in_time():
    """In a process of its own: an expression that backtracks cannot be stopped from within."""
    line = "0000: " + "a" * 90 + "!"
    command = [sys.executable, "-m", "metaprotocol_cli", "inspect", "--codec", "awesomerpc", "--format", "hex", "-"]
    result = subprocess.run(command, input=line, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert result.returncode == 2
    assert "line 1 is not hex text" in result.stderr


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("00000000: 4152 2323                                AR##", "4152 2323"),
        ("00000000: 7c23 2320                                |## ", "7c23 2320"),
        ("00000000  41 23 7c 20                                       |A#| |", "4123 7c20"),
        ("00000000: 6162                                     ab", "6162"),
        ("00000000  61 62                                             |ab|", "6162"),
        ("00000000: 4152 0103                                AR..\r", "4152 0103"),
        ("4152 # 4142", "4152"),
        ("\n\n  4152  \n\n# nothing\n0103\n", "4152 0103"),
        (r'"\x41\x52" "\x01\x03"', "4152 0103"),
        ("0X41 0XAB", "41ab"),
    ],
    ids=["xxd with #", "xxd with | and #", "hexdump with # and |", "xxd of hex letters", "hexdump of hex letters",
         "carriage return", "comment", "empty lines", "C literals", "upper case 0X"],
)  # fmt: skip
def test_the_text_column_and_comments_are_no_bytes(text, data):
    assert read(text) == bytes.fromhex(data)


def test_the_wrong_line_is_counted_with_comments_and_empty_lines():
    with pytest.raises(click.UsageError, match="line 4 is not hex text: 'oops'"):
        read("# one\n\n4152\noops\n4152")


def test_what_is_no_text_is_named_without_being_printed_raw():
    result = CliRunner().invoke(
        main, ["inspect", "--codec", "awesomerpc", "--format", "hex", "-"], input=b"\x1b[31m\x07\xff"
    )
    assert result.exit_code == 2
    assert not [character for character in result.output if not character.isprintable() and character != "\n"]


def test_the_format_option_wins_over_what_the_file_looks_like():
    result = CliRunner().invoke(main, ["inspect", "--codec", "awesomerpc", "--format", "raw", "-"], input=b"4152")
    assert "the message begins with 34" in result.stderr
    assert result.exit_code == 1
