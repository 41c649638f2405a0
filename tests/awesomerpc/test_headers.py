"""The header block of an AwesomeRPC message at its edges: odd bytes, odd keys, sizes that just fit."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Metadata, Mutation, UnsupportedMutation

codec = AwesomeRpcCodec()

any_text = st.text(st.characters() | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=6)


def message(block: bytes) -> bytes:
    header = f"4152 01 00 0000002a {18 + len(block) + 1:08x} 0007 0000 {len(block):04x}"
    return bytes.fromhex(header) + block + b"!"


def decode(raw: bytes) -> Metadata:
    return codec.decode(raw, Direction.TO_SERVER)


def mutate(raw: bytes, changes: dict[str, str | None]) -> bytes:
    return codec.encode(decode(raw), Mutation(changes))


@given(st.dictionaries(any_text, any_text | st.none(), max_size=3))
@example({"\udcc3\udca9": "escaped bytes that are UTF-8 after all"})
@example({"a": "\udcc3\udca9"})
@example({"é": "1", "\udcc3\udca9": "2"})
@example({"a\ud800": "no UTF-8 at all"})
def test_a_mutation_is_read_back_as_it_was_given_or_refused(changes: dict[str, str | None]) -> None:
    original = message(bytes.fromhex("01 61 0001 31  02 c3a9 0001 32"))
    try:
        changed = mutate(original, changes)
    except UnsupportedMutation:
        return
    expected = {**decode(original).properties, **changes}
    assert decode(changed).properties == {key: value for key, value in expected.items() if value is not None}


@given(st.binary(min_size=1, max_size=6).filter(lambda key: key not in (b"cmd", b"a")), st.binary(max_size=6))
def test_bytes_of_any_encoding_are_written_back_as_they_came(key: bytes, value: bytes) -> None:
    """Beside a change, and as a change of their own."""
    raw = bytes([len(key)]) + key + len(value).to_bytes(2) + value
    original = message(raw)
    assert mutate(original, {"a": "1"}) == message(raw + bytes.fromhex("01 61 0001 31"))
    [(name, text)] = [pair for pair in decode(original).properties.items() if pair[0] != "cmd"]
    assert mutate(message(b""), {name: text}) == original


def test_a_header_named_cmd_on_the_wire_stays_beside_a_change() -> None:
    block = bytes.fromhex("03 636d64 0001 39")
    assert mutate(message(block), {"a": "1"}) == message(block + bytes.fromhex("01 61 0001 31"))


@pytest.mark.parametrize("value", ["7", "8", None])
def test_the_command_is_neither_set_nor_removed_nor_confirmed(value: str | None) -> None:
    with pytest.raises(UnsupportedMutation, match="cmd"):
        mutate(message(b""), {"cmd": value})


def test_a_refused_mutation_leaves_metadata_and_mutation_as_they_were() -> None:
    metadata, mutation = decode(message(bytes.fromhex("01 61 0001 31"))), Mutation(a="2", cmd="8")
    before = metadata.clone()
    with pytest.raises(UnsupportedMutation):
        codec.encode(metadata, mutation)
    assert (metadata, mutation) == (before, {"a": "2", "cmd": "8"})


@pytest.mark.parametrize(("key", "value"), [("k" * 255, ""), ("é" * 127, "x"), ("k", "v" * (65_535 - 4))])
def test_a_header_may_be_as_large_as_its_length_fields_allow(key: str, value: str) -> None:
    assert decode(mutate(message(b""), {key: value})).properties[key] == value


def test_a_block_one_byte_too_large_is_refused_whole() -> None:
    first = {"a": "x" * 30_000}
    full = mutate(message(b""), {**first, "b": "y" * (65_535 - 30_004 - 4)})
    assert decode(full).header_size == 18 + 65_535
    with pytest.raises(UnsupportedMutation, match="65,536 bytes; at most 65,535 fit"):
        mutate(message(b""), {**first, "b": "y" * (65_535 - 30_004 - 3)})


def test_a_block_that_is_full_may_be_exchanged_for_another_full_one() -> None:
    full = mutate(message(b""), {"a": "x" * (65_535 - 4)})
    assert mutate(full, {"a": None, "b": "y" * (65_535 - 4)}) == mutate(message(b""), {"b": "y" * (65_535 - 4)})


def test_many_changes_at_once_keep_the_order_of_what_was_there() -> None:
    block = bytes.fromhex("01 61 0001 31  01 62 0001 32  01 63 0001 33")
    changed = mutate(message(block), {"z": "9", "b": None, "c": "three", "a": "1"})
    assert list(decode(changed).properties.items()) == [("cmd", "7"), ("a", "1"), ("c", "three"), ("z", "9")]
