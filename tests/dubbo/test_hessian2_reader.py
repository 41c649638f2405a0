"""Reading hessian2 values: what each form builds, what is refused, and where hostile bytes are stopped."""

import tracemalloc

import pytest
from hessian2_values import UNBOUNDED, same
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import (
    Date,
    Instance,
    Long,
    Map,
    Reader,
    TypedList,
    describe,
    read_value,
    write_value,
)
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits, ProtocolError


def read(data: str) -> object:
    """Return the one value that these hex bytes are."""
    raw = bytes.fromhex(data)
    value, end = read_value(raw, 0, Limits())
    assert end == len(raw)
    return value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("4e", None),
        ("54", True),
        ("46", False),
        ("80", -16),
        ("bf", 47),
        ("c000", -2048),
        ("cfff", 2047),
        ("d00000", -262144),
        ("d7ffff", 262143),
        ("4980000000", -(2**31)),
        ("d8", Long(-8)),
        ("ef", Long(15)),
        ("f000", Long(-2048)),
        ("ffff", Long(2047)),
        ("380000", Long(-262144)),
        ("3fffff", Long(262143)),
        ("5980000000", Long(-(2**31))),
        ("4c8000000000000000", Long(-(2**63))),
        ("5b", 0.0),
        ("5c", 1.0),
        ("5d80", -128.0),
        ("5e7fff", 32767.0),
        ("5f000005dc", 1.5),
        ("44400921f9f01b866e", 3.14159),
        ("4a000000d04b9284b8", Date(894_621_091_000)),
        ("4b00e3838f", Date(894_621_060_000)),
        ("4bffffffff", Date(-60_000)),
        ("00", ""),
        ("0161", "a"),
        ("300161", "a"),
        ("530001c3a9", "é"),
        ("20", b""),
        ("21ff", b"\xff"),
        ("3401ff", b"\xff"),
        ("420001ff", b"\xff"),
    ],
)
def test_each_form_of_a_scalar(data: str, value: object) -> None:
    assert same(read(data), value)


def test_thousandths_are_a_product_as_in_java() -> None:
    assert read("5f00000009") == 0.001 * 9 != 9 / 1000


@pytest.mark.parametrize("data", ["02eda0bdedb880", "01f09f9880", "520001eda0bd01edb880"])
def test_a_character_beyond_16_bits_in_each_spelling(data: str) -> None:
    """Java writes two surrogates of 3 bytes, Rust one character of 4 bytes, old Java splits them over chunks."""
    assert read(data) == "😀"


def test_a_surrogate_that_stands_alone_is_kept() -> None:
    assert read("01eda0bd") == "\ud83d"


def test_strings_and_binaries_in_chunks_are_joined() -> None:
    assert read("52000161520000 52000162 0163") == "abc"
    assert read("41000161410000 41000162 2163") == b"abc"


@pytest.mark.parametrize("data", ["7a9192", "58929192", "5791925a"])
def test_a_list_without_a_type(data: str) -> None:
    assert same(read(data), [1, 2])


@pytest.mark.parametrize("data", ["72045b696e749192", "56045b696e74929192", "55045b696e7491925a"])
def test_a_list_with_a_type(data: str) -> None:
    assert same(read(data), TypedList("[int", [1, 2]))


def test_a_type_that_came_before_is_referred_to_by_number() -> None:
    value = read("7b 70016c 4d016d5a 7090")
    assert same(value, [TypedList("l"), Map([], "m"), TypedList("l")])


def test_a_map_keeps_the_order_of_its_pairs_and_its_type() -> None:
    assert same(read("480162910161925a"), Map([("b", 1), ("a", 2)]))
    assert same(read("4d016d 0162915a"), Map([("b", 1)], "m"))


def test_a_map_keeps_keys_that_no_dict_can_hold() -> None:
    value = read("48 7891 485a92 43016190 6093 5a")
    assert same(value, Map([([], 1), (Map(), 2), (Instance("a"), 3)]))


def test_a_map_keeps_keys_that_a_dict_would_take_for_one() -> None:
    value = read("48 91 00 e1 00 5c 00 54 00 91 0178 5a")
    assert same(value, Map([(1, ""), (Long(1), ""), (1.0, ""), (True, ""), (1, "x")]))
    assert value.get(1) == "x"
    assert value.get(Long(1)) == ""
    assert value.get(2, "none") == "none"


def test_objects_of_one_class_share_its_definition() -> None:
    value = read("7a 43 0161 92 0162 0163 60 91 92 4f90 91 92")
    assert same(value, [Instance("a", {"b": 1, "c": 2}), Instance("a", {"b": 1, "c": 2})])


def test_a_class_with_no_fields_and_the_seventeenth_class() -> None:
    value = read("43 0161 90" * 16 + "43 0162 90 4fa0")
    assert same(value, Instance("b"))


def test_of_a_field_that_a_class_names_twice_the_last_counts() -> None:
    assert same(read("43 0161 92 0162 0162 60 91 92"), Instance("a", {"b": 2}))


def test_a_reference_is_the_same_object() -> None:
    value = read("7a 7991 5191")
    assert value[0] is value[1]


@pytest.mark.parametrize("data", ["79 5190", "71 016c 5190", "48 5190 90 5a", "43 0161 91 0162 60 5190"])
def test_what_contains_itself_on_the_wire_contains_itself(data: str) -> None:
    value = read(data)
    inside = [value.pairs[0][0]] if isinstance(value, Map) else value
    assert (value.fields["b"] if isinstance(value, Instance) else inside[0]) is value


def test_values_of_one_message_share_classes_types_and_references() -> None:
    data = bytes.fromhex("43 0161 90 60  71 016c 91  60  71 90 92  5190  5191")
    reader = Reader(data, 0, Limits())
    first, second, third, fourth, fifth, sixth = (reader.read() for _ in range(6))
    assert same([first, third], [Instance("a"), Instance("a")])
    assert same([second, fourth], [TypedList("l", [1]), TypedList("l", [2])])
    assert fifth is first
    assert sixth is second
    assert reader.position == len(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "ends where a value was expected"),
        ("7a91", "ends where a value was expected"),
        ("4900", "ends inside the value"),
        ("440000", "ends inside the value"),
        ("230000", "ends inside the value"),
        ("0561", "ends inside the string"),
        ("45", "no value has the type code 45"),
        ("5a", "no value has the type code 5a"),
        ("410001 61", "ends inside the value"),
        ("410000 0161", "a binary was expected, not the type code 01"),
        ("520000 21ff", "a string was expected, not the type code 21"),
        ("588f", "a list has the length -1"),
        ("5849ffffffff", "a list has the length -1"),
        ("43 0161 8f", "a class has -1 fields"),
        ("43 4e 90", "a name was expected, not the type code 4e"),
        ("60", "an object is of class number 0, and 0 came before it"),
        ("43016190 4f8f", "an object is of class number -1, and 1 came before it"),
        ("5190", "a value refers back to number 0, and 0 came before it"),
        ("795191", "a value refers back to number 1, and 1 came before it"),
        ("79518f", "a value refers back to number -1, and 1 came before it"),
        ("7091", "a type refers back to number 1, and 0 came before it"),
        ("57 43016190 5a", "no value has the type code 5a"),
        ("48 0161 5a", "no value has the type code 5a"),
    ],
)
def test_what_is_no_value_is_refused_with_its_reason(data: str, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        read(data)


@given(st.binary(max_size=60))
def test_bytes_without_meaning_give_a_value_or_a_protocol_error(data: bytes) -> None:
    try:
        value, end = read_value(data, 0, Limits(max_elements=20, max_depth=5))
    except ProtocolError as error:
        offset = error.offset
    else:
        assert describe(value, 100)
        offset = end
    assert offset is not None
    assert 0 <= offset <= len(data)


@pytest.mark.parametrize(
    ("limits", "data", "name", "offset"),
    [
        (Limits(max_depth=2), "79 79 79 90", "max_depth", 2),
        (Limits(max_elements=3), "7b 90 91 79 92", "max_elements", 4),
        (Limits(max_elements=3), "48 90 91 92 93 5a", "max_elements", 4),
        (Limits(max_elements=1), "43 0161 92 0162 0163 60 90 91", "max_elements", 6),
        (Limits(max_references=2), "7a 78 485a", "max_references", 2),
        (Limits(max_class_definitions=1), "43016190 43016290 60", "max_class_definitions", 4),
        (Limits(max_value_length=4), "7a 03616263 0461626364", "max_value_length", 5),
        (Limits(max_value_length=4), "79 52000161 52000161 00", "max_value_length", 1),
        (Limits(max_value_length=4), "79 24 00000000", "max_value_length", 1),
        (Limits(max_value_length=4), "79 41000100 41000100 20", "max_value_length", 1),
        (Limits(max_value_length=4), "43 0461626364 90 60", "max_value_length", 1),
        (Limits(max_value_length=4), "70 0461626364", "max_value_length", 1),
    ],
)
def test_each_bound_is_kept_and_named_with_its_place(limits: Limits, data: str, name: str, offset: int) -> None:
    with pytest.raises(LimitExceeded) as caught:
        read_value(bytes.fromhex(data), 0, limits)
    assert (caught.value.limit, caught.value.offset) == (name, offset)


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (Limits(max_depth=2), "79 79 90"),
        (Limits(max_elements=3), "7b 90 91 92"),
        (Limits(max_references=2), "79 485a"),
        (Limits(max_class_definitions=1), "43016190 60"),
        (Limits(max_value_length=4), "7a 03616263 23000000"),
    ],
)
def test_what_just_keeps_to_a_bound_is_read(limits: Limits, data: str) -> None:
    read_value(bytes.fromhex(data), 0, limits)


def test_bounds_hold_for_all_values_of_a_message_together() -> None:
    reader = Reader(bytes.fromhex("7a9091 7a9091"), 0, Limits(max_elements=3))
    reader.read()
    with pytest.raises(LimitExceeded, match="max_elements"):
        reader.read()


DEEP = 60_000
NESTED = {
    "lists": (b"\x79", b"\x90"),
    "typed lists": (b"\x71\x00", b"\x90"),
    "lists up to a mark": (b"\x57", b""),
    "maps in values": (b"\x48\x90", b"\x90"),
    "maps in keys": (b"\x48", b"\x90"),
    "objects": (b"\x60", b"\x90"),
}


def _nested(kind: str) -> tuple[bytes, bytes, bytes]:
    """Return what comes before, the beginnings of all the containers, and their ends."""
    opening, innermost = NESTED[kind]
    closing = {"lists up to a mark": b"Z", "maps in values": b"Z", "maps in keys": b"\x90Z"}.get(kind, b"")
    definition = bytes.fromhex("4301619101 62") if kind == "objects" else b""
    return definition, opening * DEEP, innermost + closing * DEEP


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_is_stopped_at_the_bound(kind: str) -> None:
    definition, openings, ends = _nested(kind)
    with pytest.raises(LimitExceeded) as caught:
        read_value(definition + openings + ends, 0, Limits(max_depth=100))
    assert caught.value.limit == "max_depth"
    assert caught.value.offset == len(definition) + 100 * len(NESTED[kind][0])


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_needs_no_recursion_to_read_write_and_describe(kind: str) -> None:
    data = b"".join(_nested(kind))
    value, end = read_value(data, 0, UNBOUNDED)
    assert end == len(data)
    assert len(describe(value, 100)) == 100
    assert 0 < len(write_value(value)) <= len(data)


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_that_is_cut_off_is_an_error(kind: str) -> None:
    definition, openings, _ = _nested(kind)
    with pytest.raises(DecodeError, match=r"ends (where a value was expected|inside the value)"):
        read_value(definition + openings, 0, UNBOUNDED)


@pytest.mark.parametrize("declared", ["58497fffffff", "5601 6c497fffffff", "430161497fffffff", "537fff61", "427fff61"])
def test_a_declared_size_allocates_nothing(declared: str) -> None:
    data = bytes.fromhex(declared) + bytes(10)
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            read_value(data, 0, UNBOUNDED)
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()


def test_a_million_class_definitions_are_stopped_at_the_bound() -> None:
    data = bytes.fromhex("430090") * 1_000_000 + b"N"
    with pytest.raises(LimitExceeded, match="max_class_definitions"):
        read_value(data, 0, Limits())


def test_a_list_that_doubles_at_every_level_by_references_stays_small() -> None:
    data = (
        b"".join(b"\x7a" for _ in range(60))
        + b"\x90\x91"
        + b"".join(b"Q" + write_value(level) for level in range(59, 0, -1))
    )
    value = read_value(data, 0, Limits())[0]
    assert len(describe(value, 1_000)) == 1_000
    assert write_value(value) == data
