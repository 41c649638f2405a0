"""Ordered keys and values: what becomes a property, and which bytes a mutation changes."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_sdk import DecodeError, LimitExceeded, Limits, UnsupportedMutation
from metaprotocol_sdk.edits import splice
from metaprotocol_sdk.entries import Duplicates, Entry, decode_text, encode_text, mutate_entries, read_properties

KEYS = st.sampled_from(["a", "b", "user", "Zoë"])
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=5)


def read_lines(message: bytes) -> Iterator[Entry]:
    """Read a made-up block: `key: value` lines, with spaces around the value that a rewrite would lose."""
    start = 0
    while start < len(message):
        end = message.index(b"\n", start) + 1
        key, _, value = message[start : end - 1].partition(b":")
        yield Entry(decode_text(key), decode_text(value).strip(), start, end)
        start = end


def write_line(key: str, value: str) -> bytes:
    if "\n" in value or value != value.strip():
        raise UnsupportedMutation("a line cannot hold it")
    return encode_text(key, 100) + b":" + encode_text(value, 100) + b"\n"


def mutated(message: bytes, mutation: dict[str, str | None], **options) -> bytes:
    edits, count = mutate_entries(read_lines(message), mutation, write_line, len(message), **options)
    result = splice(message, edits)
    assert count == len(list(read_lines(result)))
    return result


BLOCKS = st.lists(st.tuples(KEYS, VALUES), max_size=6).map(
    lambda pairs: b"".join(f"{key}:  {value.strip()} \n".encode() for key, value in pairs)
)
MUTATIONS = st.dictionaries(KEYS, st.none() | VALUES.map(str.strip), max_size=4)


class TestProperties:
    def test_entries_become_properties(self) -> None:
        assert read_properties(read_lines(b"a:1\nb:2\n")) == {"a": "1", "b": "2"}

    def test_a_field_wins_over_an_entry_of_its_name(self) -> None:
        """The server acts on the field, so a rule must match on it too."""
        assert read_properties(read_lines(b"cmd:9\na:1\n"), {"cmd": "7"}) == {"cmd": "7", "a": "1"}

    def test_fields_are_shown_first(self) -> None:
        assert list(read_properties(read_lines(b"a:1\ncmd:9\n"), {"cmd": "7"})) == ["cmd", "a"]

    @pytest.mark.parametrize(("duplicates", "value"), [("last", "2"), ("first", "1")])
    def test_of_a_key_that_comes_twice_the_servers_choice_counts(self, duplicates: Duplicates, value: str) -> None:
        assert read_properties(read_lines(b"a:1\na:2\n"), duplicates=duplicates) == {"a": value}

    def test_a_key_that_comes_twice_may_be_refused(self) -> None:
        with pytest.raises(DecodeError, match="the key 'a' comes twice") as caught:
            read_properties(read_lines(b"a:1\nb:1\na:2\n"), duplicates="refuse")
        assert caught.value.offset == 8

    def test_the_number_of_keys_is_bounded_and_no_more_are_read(self) -> None:
        entries = read_lines(b"a:1\nb:1\nc:1\nd:1\ne:1\nf:1\n")
        with pytest.raises(LimitExceeded) as caught:
            read_properties(entries, limits=Limits(max_elements=3))
        assert (caught.value.limit, caught.value.value, caught.value.offset) == ("max_elements", 4, 12)
        assert [entry.key for entry in entries] == ["e", "f"]


class TestMutation:
    @given(BLOCKS, MUTATIONS)
    def test_what_is_set_is_there_and_what_is_removed_is_not(self, block: bytes, mutation: dict) -> None:
        properties = read_properties(read_lines(mutated(block, mutation)))
        for key, value in mutation.items():
            assert properties.get(key) == value

    @given(BLOCKS, MUTATIONS)
    def test_every_other_entry_keeps_its_bytes_and_its_place(self, block: bytes, mutation: dict) -> None:
        def others(message: bytes) -> list[bytes]:
            return [message[start:end] for key, _, start, end in read_lines(message) if key not in mutation]

        assert others(mutated(block, mutation)) == others(block)

    @given(BLOCKS, st.sampled_from(["last", "first"]))
    def test_setting_what_is_there_changes_nothing(self, block: bytes, duplicates: Duplicates) -> None:
        properties = read_properties(read_lines(block), duplicates=duplicates)
        assert mutated(block, properties, duplicates=duplicates) == block

    @given(BLOCKS, VALUES.map(str.strip))
    def test_a_new_key_that_is_removed_again_leaves_the_original(self, block: bytes, value: str) -> None:
        assert mutated(mutated(block, {"new": value}), {"new": None}) == block

    def test_a_value_changes_in_its_place_and_a_new_key_comes_last(self) -> None:
        assert mutated(b"a: 1\nb: 2\n", {"c": "3", "a": "0"}) == b"a:0\nb: 2\nc:3\n"

    @pytest.mark.parametrize(("duplicates", "expected"), [("last", b"a:1\na:9\n"), ("first", b"a:9\na:2\n")])
    def test_of_a_key_that_comes_twice_that_is_changed_which_the_server_reads(
        self, duplicates: Duplicates, expected: bytes
    ) -> None:
        assert mutated(b"a:1\na:2\n", {"a": "9"}, duplicates=duplicates) == expected

    def test_every_entry_of_a_removed_key_goes(self) -> None:
        assert mutated(b"a:1\nb:2\na:3\n", {"a": None}) == b"b:2\n"

    @pytest.mark.parametrize("value", ["8", None])
    def test_a_fields_name_is_refused(self, value: str | None) -> None:
        with pytest.raises(UnsupportedMutation, match="cmd is a field"):
            mutated(b"cmd:9\n", {"cmd": value}, fields={"cmd"})

    def test_what_would_be_refused_when_it_is_read_is_not_written(self) -> None:
        limits = Limits(max_elements=2)
        with pytest.raises(UnsupportedMutation, match="3 entries, over the limit of 2"):
            mutated(b"a:1\nb:2\n", {"c": "3"}, limits=limits)
        assert mutated(b"a:1\nb:2\n", {"c": "3", "a": None}, limits=limits) == b"b:2\nc:3\n"

    def test_what_the_protocol_cannot_hold_is_refused(self) -> None:
        with pytest.raises(UnsupportedMutation, match="a line cannot hold it"):
            mutated(b"", {"a": "1\n2"})


class TestText:
    @given(st.binary(max_size=20))
    def test_any_bytes_come_back(self, raw: bytes) -> None:
        assert encode_text(decode_text(raw), 20) == raw

    @given(st.text(max_size=20))
    def test_text_that_is_written_is_read_back(self, text: str) -> None:
        try:
            raw = encode_text(text, 80)
        except UnsupportedMutation:
            assert any("\ud800" <= character <= "\udfff" for character in text)
        else:
            assert decode_text(raw) == text

    @pytest.mark.parametrize("text", ["\ud800", "\udcc3\udcab"])
    def test_text_that_would_be_read_as_another_is_refused(self, text: str) -> None:
        """A lone surrogate, and two escapes that together are a letter."""
        with pytest.raises(UnsupportedMutation, match="would not be read back as it is"):
            encode_text(text, 80)

    def test_the_bytes_are_bounded_and_not_the_characters(self) -> None:
        assert encode_text("Zoë", 4) == b"Zo\xc3\xab"
        with pytest.raises(UnsupportedMutation, match="4 bytes in UTF-8; at most 3 fit"):
            encode_text("Zoë", 3)
