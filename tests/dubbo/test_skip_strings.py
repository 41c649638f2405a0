"""Strings: their length counts characters, and not every writer means the same by that."""

import pytest

from metaprotocol_codecs.hessian2 import ReferenceTables, read_string, skip_values
from metaprotocol_sdk import DecodeError

hx = bytes.fromhex

TRAILINGS = ["", "00", "61", "80", "bf bf", "eda080", "edb880", "ff ff ff ff", "f09f9880", "4e"]

STRINGS = {
    "empty": ("00", ""),
    "one ASCII letter": ("01 61", "a"),
    "31 letters": ("1f" + "61" * 31, "a" * 31),
    "empty with a long length": ("30 00", ""),
    "32 letters": ("30 20" + "61" * 32, "a" * 32),
    "1023 letters": ("33 ff" + "61" * 1023, "a" * 1023),
    "empty final chunk": ("53 0000", ""),
    "1024 letters": ("53 0400" + "61" * 1024, "a" * 1024),
    "65535 letters": ("53 ffff" + "61" * 65535, "a" * 65535),
    "NUL": ("01 00", "\0"),
    "2-byte characters": ("02 c3a9 c3bc", "éü"),
    "3-byte characters": ("02 e4b896 e7958c", "世界"),
    "ASCII before and behind others": ("05 61 c3a9 62 e4b896 63", "aéb世c"),
    "a surrogate pair of Java, 2 units": ("02 eda0bd edb880", "😀"),
    "two pairs": ("04 eda0bd edb880 eda0b4 edb49e", "😀𝄞"),
    "a pair between letters": ("04 61 eda0bd edb880 62", "a😀b"),
    "a 4-byte character of Rust, 1 code point": ("01 f09f9880", "😀"),
    "4-byte characters between letters": ("04 61 f09f9880 f09d849e 62", "a😀𝄞b"),
    "a lone high surrogate": ("01 eda0bd", "\ud83d"),
    "a lone low surrogate": ("01 edb880", "\ude00"),
    "surrogates in the wrong order": ("02 edb880 eda0bd", "\ude00\ud83d"),
    "a NUL as 2 bytes, as Java's modified UTF-8 writes it": ("01 c080", "\udcc0\udc80"),
    "the mark of a Java chunk that would split a pair": ("52 0001 61 02 eda0bd edb880", "a😀"),
    "a pair split by chunks": ("52 0001 eda0bd 01 edb880", "😀"),
    "an empty chunk before the last": ("52 0000 01 61", "a"),
    "chunks of different forms": ("52 0002 6162 52 0001 c3a9 30 01 63", "abéc"),
    "a chunk of 32768": ("52 8000" + "61" * 32768 + "53 0001 62", "a" * 32768 + "b"),
    "a continuation byte that is none": ("02 c328 61", "\udcc3(a"),
    "3 bytes of which the lead tells, as Java reads them": ("01 e02861", "\udce0(a"),
    "4 bytes of which the lead tells": ("02 61 f7282829", "a\udcf7(()"),
}


def end_of(data):
    return skip_values(data, 0, 1, ReferenceTables())


@pytest.mark.parametrize("trailing", TRAILINGS, ids=lambda trailing: trailing or "nothing")
@pytest.mark.parametrize("name", STRINGS)
def test_a_string_ends_with_its_last_character(name, trailing):
    data = hx(STRINGS[name][0])
    assert end_of(data + hx(trailing)) == len(data)


@pytest.mark.parametrize("trailing", ["", "61", "80", "edb880"], ids=lambda trailing: trailing or "nothing")
@pytest.mark.parametrize("name", STRINGS)
def test_a_string_reads_as_the_text_it_is(name, trailing):
    data = hx(STRINGS[name][0])
    assert read_string(data + hx(trailing), 0) == (STRINGS[name][1], len(data))


@pytest.mark.parametrize("name", STRINGS)
def test_a_string_that_is_cut_off_anywhere_is_an_error_at_the_end_of_the_data(name):
    data = hx(STRINGS[name][0])
    for size in {*range(min(len(data), 40)), *range(max(0, len(data) - 4), len(data))}:
        for read in (end_of, lambda data: read_string(data, 0)):
            with pytest.raises(DecodeError) as caught:
                read(data[:size])
            assert caught.value.offset == size


def test_null_is_no_text():
    assert read_string(hx("4e 61"), 0) == (None, 1)


@pytest.mark.parametrize("lead", ["80", "bf", "f8", "ff"])
def test_a_byte_that_begins_no_character_is_refused_at_its_place(lead):
    with pytest.raises(DecodeError) as caught:
        end_of(hx("02 61") + hx(lead) + b"aaaa")
    assert caught.value.offset == 2


@pytest.mark.parametrize("end", ["4e", "20", "91", "5a", "41 0001 61"])
def test_a_string_whose_chunks_end_in_something_else_is_refused(end):
    with pytest.raises(DecodeError, match="a string was expected") as caught:
        end_of(hx("52 0001 61") + hx(end))
    assert caught.value.offset == 4


@pytest.mark.parametrize("other", ["91", "54", "20", "78", "48 5a", "51 90", "43", "e0"])
def test_what_is_no_string_is_not_read_as_one(other):
    with pytest.raises(DecodeError, match="a string was expected") as caught:
        read_string(hx(other) + bytes(8), 0)
    assert caught.value.offset == 0
