"""Skipping values that hold no others: every type code, and nothing behind the value's last byte."""

import pytest

from metaprotocol_codecs.hessian2 import ReferenceTables, skip_values
from metaprotocol_sdk import DecodeError

# What stands behind a value must not matter, whether it looks like more of it or not.
TRAILINGS = [b"", b"\x00", b"\xff" * 9, b"ZZ", "ü".encode()]

VALUES = {
    "null": "4e",
    "true": "54",
    "false": "46",
    "int -16": "80",
    "int 47": "bf",
    "int -2048": "c0 00",
    "int 2047": "cf ff",
    "int -262144": "d0 0000",
    "int 262143": "d7 ffff",
    "int 2147483647": "49 7fffffff",
    "int -2147483648": "49 80000000",
    "long -8": "d8",
    "long 15": "ef",
    "long -2048": "f0 00",
    "long 2047": "ff ff",
    "long -262144": "38 0000",
    "long 262143": "3f ffff",
    "long 2147483647": "59 7fffffff",
    "long 9223372036854775807": "4c 7fffffffffffffff",
    "double 0.0": "5b",
    "double 1.0": "5c",
    "double -128.0": "5d 80",
    "double 32767.0": "5e 7fff",
    "double 12.25": "5f 00002fda",
    "double 3.14159": "44 400921f9f01b866e",
    "date in milliseconds": "4a 000000d04b928484",
    "date in minutes": "4b 00e3839b",
    "empty binary": "20",
    "binary of 15 bytes": "2f" + "ab" * 15,
    "empty binary with a long length": "34 00",
    "binary of 16 bytes": "34 10" + "ab" * 16,
    "binary of 1023 bytes": "37 ff" + "ab" * 1023,
    "empty final chunk": "42 0000",
    "final chunk of 1024 bytes": "42 0400" + "ab" * 1024,
    "final chunk of 65535 bytes": "42 ffff" + "ab" * 65535,
    "chunk and a short end": "41 0002 abab 21 ab",
    "chunk and a longer end": "41 0002 abab 34 10" + "ab" * 16,
    "two chunks and a final one": "41 0001 ab 41 0000 42 0002 abab",
    "chunks as hessian-lite 3 cuts them": "41 0ffd" + "ab" * 4093 + "42 0003 ababab",
}


def end_of(data, count=1):
    return skip_values(data, 0, count, ReferenceTables())


@pytest.mark.parametrize("trailing", TRAILINGS, ids=lambda trailing: trailing.hex() or "nothing")
@pytest.mark.parametrize("name", VALUES)
def test_a_value_ends_where_it_ends(name, trailing):
    data = bytes.fromhex(VALUES[name])
    assert end_of(data + trailing) == len(data)


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_cut_off_anywhere_is_an_error_at_the_end_of_the_data(name):
    data = bytes.fromhex(VALUES[name])
    # Of the long ones the first bytes and the last ones: the middle is all alike.
    for size in {*range(min(len(data), 40)), *range(max(0, len(data) - 3), len(data))}:
        with pytest.raises(DecodeError) as caught:
            end_of(data[:size])
        assert caught.value.offset == size


def widths_by_the_specification():
    """The size of the values that their first byte alone tells."""
    widths = dict.fromkeys([*b"NTF", 0x5B, 0x5C, *range(0x80, 0xC0), *range(0xD8, 0xF0)], 1)
    widths |= dict.fromkeys([*range(0xC0, 0xD0), *range(0xF0, 0x100), 0x5D], 2)
    widths |= dict.fromkeys([*range(0xD0, 0xD8), *range(0x38, 0x40), 0x5E], 3)
    widths |= dict.fromkeys([*b"I\x59\x5f\x4b"], 5) | dict.fromkeys([*b"LD\x4a"], 9)
    widths |= {0x20 + size: 1 + size for size in range(16)}  # short binaries
    return widths | {size: 1 + size for size in range(32)}  # short strings, here of NULs


@pytest.mark.parametrize(("code", "width"), widths_by_the_specification().items(), ids=lambda number: f"{number:02x}")
def test_every_type_code_of_a_fixed_size_has_the_size_of_the_specification(code, width):
    assert end_of(bytes((code,)) + bytes(64)) == width


@pytest.mark.parametrize("code", [0x40, 0x45, 0x47, 0x50, 0x5A])
def test_a_type_code_that_does_not_exist_is_refused_at_its_byte(code):
    with pytest.raises(DecodeError, match=f"{code:02x}") as caught:
        end_of(b"\x90" + bytes((code,)) + bytes(20), count=2)
    assert caught.value.offset == 1


def test_many_values_are_skipped_one_behind_the_other():
    data = b"".join(map(bytes.fromhex, VALUES.values()))
    assert end_of(data + b"\x00", len(VALUES)) == len(data)


def test_skipping_none_reads_nothing():
    assert end_of(b"\x40", 0) == 0


def test_skipping_starts_where_it_is_told_to():
    assert skip_values(bytes.fromhex("40 40 02 6869 40"), 2, 1, ReferenceTables()) == 5


def test_where_a_value_was_expected_and_nothing_is_left_the_error_says_so():
    with pytest.raises(DecodeError, match="ends where a value was expected"):
        end_of(b"\x90", 2)


@pytest.mark.parametrize("end", ["4e", "00", "91", "5a", "43"])
def test_a_binary_whose_chunks_end_in_something_else_is_refused(end):
    with pytest.raises(DecodeError) as caught:
        end_of(bytes.fromhex("41 0001 ab") + bytes.fromhex(end))
    assert caught.value.offset == 4
