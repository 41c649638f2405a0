"""Keys and values that are hard to write: every string that can be read can be set, in the bytes Java writes."""

import pytest
from dubbo_bytes import request, string
from dubbo_messages import changed, hx, properties
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_sdk import UnsupportedMutation


def attached(entries: str) -> bytes:
    return request(attachments=hx(f"48 {entries} 5a"))


BEFORE = attached("01 61 01 31")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", "00"),
        ("\0", "01 00"),
        ("é", "01 c3a9"),
        ("世", "01 e4b896"),
        ("\U0001f600", "02 eda0bd edb880"),  # the two halves of a surrogate pair
        ("\ud83d", "01 eda0bd"),
        ("\ude00", "01 edb880"),
        ("\ude00\ud83d", "02 edb880 eda0bd"),
        ("\ud83d\U0001f600", "03 eda0bd eda0bd edb880"),
        ("x" * 31, "1f" + "78" * 31),
        ("x" * 32, "30 20" + "78" * 32),
        ("x" * 1023, "33 ff" + "78" * 1023),
        ("x" * 1024, "53 0400" + "78" * 1024),
        ("x" * 32768, "53 8000" + "78" * 32768),
        ("x" * 32769, "52 8000" + "78" * 32768 + "01 78"),
        # no chunk ends between two halves
        ("x" * 32767 + "\U0001f600", "52 7fff" + "78" * 32767 + "02 eda0bd edb880"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_string_is_written_as_java_writes_it_and_read_back(text, written):
    as_value = changed(BEFORE, {"k": text})
    as_key = changed(BEFORE, {text: "v"})
    assert as_value == attached(f"01 61 01 31 01 6b {written}")
    assert as_key == attached(f"01 61 01 31 {written} 01 76")
    assert properties(as_value)["k"] == text
    assert properties(as_key)[text] == "v"


@pytest.mark.parametrize(
    "key",
    ["", "\0", "é", "\U0001f600", "\ud83d", "x" * 32, "\U0001f600" * 600, "x" * 40_000],
    ids=lambda value: ascii(value)[:16],
)
def test_a_hard_key_is_replaced_and_removed_like_any_other(key):
    before = request(attachments={"a": "1", key: "2", "b": "3"})
    assert changed(before, {key: "9"}) == request(attachments={"a": "1", key: "9", "b": "3"})
    assert changed(before, {key: None}) == request(attachments={"a": "1", "b": "3"})


def test_two_surrogates_that_would_be_read_as_one_character_are_refused():
    for mutation in ({"k": "\ud83d\ude00"}, {"\ud83d\ude00": "v"}):
        with pytest.raises(UnsupportedMutation, match="surrogates"):
            changed(BEFORE, mutation)


def test_a_key_is_found_whichever_form_its_length_and_its_characters_have():
    # "😀": two halves as Java writes them, one character of 4 bytes as Rust does, and in two chunks
    forms = ["02 eda0bdedb880", "01 f09f9880", "52 0001 eda0bd 01 edb880"]
    for form in forms:
        assert changed(attached(f"{form} 01 31"), {"\U0001f600": "9"}) == attached(f"{form} 01 39")
        assert changed(attached(f"{form} 01 31"), {"\U0001f600": None}) == attached("")


@pytest.mark.parametrize(
    "key", ["4e", "91", "e1", "54", "5b", "21 61"], ids=["null", "int", "long", "true", "0.0", "b"]
)
def test_keys_that_are_no_strings_stay(key):
    before = attached(f"{key} 01 31 01 61 01 32")
    assert properties(before)["a"] == "2"
    assert changed(before, {"a": None, "1": "x"}) == attached(f"{key} 01 31 01 31 01 78")


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.text(st.characters(exclude_categories=())))
def test_any_text_is_read_back_as_it_was_set_or_refused(key, value):
    key = f"x{key}"  # the fields of the body are another test's
    try:
        after = changed(BEFORE, {key: value})
    except UnsupportedMutation:
        pairs = (key + "\0" + value).encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
        assert pairs != key + "\0" + value
    else:
        assert properties(after) == {**properties(BEFORE), key: value}
        assert after == request(attachments=b"H" + string("a") + string("1") + string(key) + string(value) + b"Z")
