"""Writing hessian2 values: the bytes of hessian-lite 4, and what no bytes can be written for."""

import math
from typing import Any

import pytest
from hessian2_values import UNBOUNDED, same
from hypothesis import example, given
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import (
    Date,
    Instance,
    Long,
    Map,
    TypedList,
    Writer,
    read_value,
    write_string,
    write_value,
)
from metaprotocol_sdk import EncodeError


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, "4e"),
        (True, "54"),
        (False, "46"),
        (-17, "c7ef"),
        (-16, "80"),
        (47, "bf"),
        (48, "c830"),
        (-2049, "d3f7ff"),
        (262143, "d7ffff"),
        (262144, "4900040000"),
        (-(2**31), "4980000000"),
        (2**31, "4c0000000080000000"),  # an int has 32 bits, so this is a long
        (Long(0), "e0"),
        (Long(16), "f810"),
        (Long(2048), "3c0800"),
        (Long(262144), "5900040000"),
        (Long(-(2**63)), "4c8000000000000000"),
        (0.0, "5b"),
        (-0.0, "448000000000000000"),  # Java writes 5b and loses the sign
        (1.0, "5c"),
        (-128.0, "5d80"),
        (128.0, "5e0080"),
        (32768.0, "5f01f40000"),
        (1.5, "5f000005dc"),
        (0.001 * -(2**31), "5f80000000"),
        (0.009, "443f826e978d4fdf3b"),  # Java reads 9 thousandths as 0.001 * 9, which is another number,
        (0.001 * 9, "443f826e978d4fdf3c"),  # and other readers as 9 / 1000
        (3.14159, "44400921f9f01b866e"),
        (math.inf, "447ff0000000000000"),
        (math.nan, "447ff8000000000000"),
        (Date(894_621_060_000), "4b00e3838f"),
        (Date(894_621_091_000), "4a000000d04b9284b8"),
        (Date(-60_000), "4bffffffff"),
        (Date(60_000 * 2**31), "4a0000753000000000"),  # minutes have 32 bits
        (b"", "20"),
        (bytes(15), "2f" + "00" * 15),
        (bytes(16), "3410" + "00" * 16),
        (bytes(1023), "37ff" + "00" * 1023),
        (bytes(1024), "420400" + "00" * 1024),
        (bytes(8189), "421ffd" + "00" * 8189),
        (bytes(8190), "411ffd" + "00" * 8189 + "2100"),
    ],
)
def test_a_scalar_takes_its_shortest_form(value: object, data: str) -> None:
    assert write_value(value) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("number", "low", "high", "size"),
    [
        (int, -16, 47, 1),
        (int, -(2**11), 2**11 - 1, 2),
        (int, -(2**18), 2**18 - 1, 3),
        (int, -(2**31), 2**31 - 1, 5),
        (Long, -8, 15, 1),
        (Long, -(2**11), 2**11 - 1, 2),
        (Long, -(2**18), 2**18 - 1, 3),
        (Long, -(2**31), 2**31 - 1, 5),
        (Long, -(2**63), 2**63 - 1, 9),
    ],
)
def test_a_number_takes_a_longer_form_just_where_it_must(number: type[int], low: int, high: int, size: int) -> None:
    for edge in (low, high):
        written = write_value(number(edge))
        assert len(written) == size
        assert same(read_value(written, 0, UNBOUNDED)[0], number(edge))
    for edge in (low - 1, high + 1):
        if size < 9:
            assert len(write_value(number(edge))) > size


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", "00"),
        ("a", "0161"),
        ("世", "01e4b896"),
        ("a😀b", "0461eda0bdedb88062"),
        ("\ud83d", "01eda0bd"),
        ("\0", "0100"),
        ("a" * 31, "1f" + "61" * 31),
        ("a" * 32, "3020" + "61" * 32),
        ("😀" * 16, "3020" + "eda0bdedb880" * 16),  # 16 characters, 32 units
        ("é" * 1023, "33ff" + "c3a9" * 1023),
        ("é" * 1024, "530400" + "c3a9" * 1024),
        ("a" * 0x8000, "538000" + "61" * 0x8000),
        ("a" * 0x8001, "528000" + "61" * 0x8000 + "0161"),
    ],
)
def test_a_string_is_counted_in_utf_16_units(text: str, data: str) -> None:
    assert write_string(text) == bytes.fromhex(data)
    assert write_value(text) == bytes.fromhex(data)


@pytest.mark.parametrize("character", ["\U00010000", "😀", "\U0010ffff"])
def test_no_chunk_of_a_string_ends_between_two_surrogates(character: str) -> None:
    written = write_string("x" + character * 0x4000)
    assert written[:3].hex() == "527fff"
    assert written[3 + 1 + 3 * 0x7FFE :] == write_string(character)


@given(st.floats())
@example(2147483.647)
@example(2147483.648)
@example(-2147483.648)
@example(1e-320)
def test_a_double_keeps_every_bit(value: float) -> None:
    assert same(read_value(write_value(value), 0, UNBOUNDED)[0], value)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ([], "78"),
        ([1, "a", None], "7b9101614e"),
        ([0] * 7, "7f" + "90" * 7),
        ([0] * 8, "5898" + "90" * 8),
        (TypedList("[int", [1, 2]), "72045b696e749192"),
        (TypedList("[int", [0] * 8), "56045b696e7498" + "90" * 8),
        ({}, "485a"),
        ({"k": "v", 2: None}, "48 016b 0176 92 4e 5a"),
        (Map([("k", "v")]), "48 016b 0176 5a"),
        (Map({"k": "v"}, "m"), "4d 016d 016b 0176 5a"),
        (Map([([], 1), ({}, 2)]), "48 7891 485a92 5a"),
        (Instance("a", {"b": 7}), "43 0161 91 0162 60 97"),
        (Instance("a"), "43 0161 90 60"),
    ],
)
def test_a_container(value: object, data: str) -> None:
    assert write_value(value) == bytes.fromhex(data)


def test_a_type_name_is_written_once() -> None:
    assert write_value([TypedList("l"), Map([], "m"), TypedList("l")]).hex() == "7b70016c4d016d5a7090"


def test_a_class_is_defined_once_and_again_where_its_fields_differ() -> None:
    written = write_value([Instance("a", {"b": 1}), Instance("a", {"b": 2}), Instance("a", {"c": 3})])
    assert written.hex() == "7b" + "430161910162" + "6091" + "6092" + "430161910163" + "6193"


def test_the_seventeenth_class_is_referred_to_in_the_long_form() -> None:
    written = write_value([Instance(str(number)) for number in range(17)])
    assert written.endswith(bytes.fromhex("43 023136 90 4fa0"))


def test_what_is_there_twice_becomes_a_reference_and_what_is_equal_does_not() -> None:
    once = [1]
    assert write_value([once, [1], once]).hex() == "7b799179915191"


@pytest.mark.parametrize(
    ("empty", "data"),
    [
        ([], "79 5190"),
        (TypedList("l"), "71 016c 5190"),
        (Map(), "48 016b 5190 5a"),
        (Instance("a"), "43 0161 91 0162 60 5190"),
    ],
)
def test_what_contains_itself_becomes_a_reference(empty: Any, data: str) -> None:
    if isinstance(empty, list):
        empty.append(empty)
    elif isinstance(empty, Map):
        empty.pairs.append(("k", empty))
    else:
        empty.fields["b"] = empty
    assert write_value(empty) == bytes.fromhex(data)


def test_values_of_one_message_share_classes_types_and_references() -> None:
    writer = Writer()
    user = Instance("a")
    assert [writer.write(value).hex() for value in (user, Instance("a"), TypedList("l"), TypedList("l"), user)] == [
        "4301619060",
        "60",
        "70016c",
        "7090",
        "5190",
    ]


def test_a_list_that_is_gone_is_not_taken_for_a_new_one_in_its_place() -> None:
    writer = Writer()
    assert [writer.write([number]) for number in range(5)] == [bytes((0x79, 0x90 + number)) for number in range(5)]


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        Long(-(2**63) - 1),
        Date(2**63),
        {1, 2},
        (1, 2),
        bytearray(b"a"),
        pytest.param(object(), id="object"),
        1j,
        Instance(None),  # type: ignore[arg-type]
        Instance("a", {1: 2}),  # type: ignore[dict-item]
        TypedList(None),  # type: ignore[arg-type]
        Map([], 1),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_what_hessian2_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(EncodeError):
        write_value([value])


def test_a_deep_list_needs_no_recursion() -> None:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    assert write_value(value) == b"\x79" * 200_000 + b"\x78"
