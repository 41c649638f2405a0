"""Attachments that are no plain map: typed, null, or a reference to a map among the arguments.

Setting a key into a null or a reference puts a map of its own there. The map stays when the key is removed again.
"""

import pytest
from dubbo_bytes import request
from dubbo_messages import HASH_MAP, MAP, OBJECT, attachments_of, body_values, changed, hx, properties, sound

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.hessian2.values import Instance
from metaprotocol_sdk import Limits, UnsupportedMutation


def call(types: str, arguments: str, attachments: str) -> bytes:
    """Return a request whose arguments and attachments are in hex, with bytes behind them that no reader looks at."""
    return request(types=types, arguments=hx(arguments), attachments=hx(attachments), trailing=hx("00 ff"))


A1, B2, C3 = "01 61 01 31", "01 62 01 32", "01 63 01 33"
MAP_A = f"48 {A1} 5a"

TYPED = {
    "by name": call("", "", f"4d {HASH_MAP} {A1} 5a"),
    "by a name in chunks": call("", "", f"4d 52 0000 {HASH_MAP} {A1} 5a"),
    "by an empty name": call("", "", f"4d 00 {A1} 5a"),
}


@pytest.mark.parametrize("before", TYPED.values(), ids=TYPED)
def test_a_typed_map_keeps_its_type(before):
    end = before.index(hx("5a 00 ff"))
    after = changed(before, {"b": "2"})
    assert after[16:] == before[16:end] + hx(B2) + before[end:]
    assert changed(after, {"b": None}) == before


@pytest.mark.parametrize(
    ("types", "arguments", "map_type"),
    [("", "", "08 6f72672e782e4d31"), (MAP, f"4d {HASH_MAP} 5a", "90")],
    ids=["by name", "by the number of an earlier type"],
)
@pytest.mark.parametrize("attachments", ["4d {map_type} {A1} 5a", "51 90"], ids=["itself", "referred to"])
def test_a_map_of_a_class_that_may_change_what_is_put_into_it_is_left_alone(types, arguments, map_type, attachments):
    """A Java class may turn keys to lower case, for example: what is written would not be what the provider sees."""
    attachments = attachments.format(map_type=map_type, A1=A1)
    if attachments == "51 90":
        types, arguments, attachments = MAP + types, f"4d 08 6f72672e782e4d31 {A1} 5a {arguments}", "51 90"
    before = call(types, arguments, attachments)
    with pytest.raises(UnsupportedMutation, match="class"):
        changed(before, {"b": "2"})
    assert changed(before, {"b": None}) == before


SHAPES = {
    "null": (MAP, MAP_A, "4e"),
    "reference": (MAP, MAP_A, "51 90"),
    "reference to a typed map": (MAP, f"4d {HASH_MAP} {A1} 5a", "51 90"),
    "reference to an empty map": (MAP, "48 5a", "51 90"),
    "reference into a list": (OBJECT, f"79 {MAP_A}", "51 91"),
    "reference into a map": (MAP, f"48 01 6d {MAP_A} 5a", "51 91"),
    "reference into an object": (OBJECT, f"43 01 41 91 01 6d 60 {MAP_A}", "51 91"),
    "reference to the second of two equal maps": (MAP * 2, MAP_A * 2, "51 91"),
    "reference in a longer form": (MAP, MAP_A, "51 c8 00"),
    "reference in the longest form": (MAP, MAP_A, "51 49 00000000"),
    "reference to a map that holds itself": (MAP, f"48 {A1} 01 6d 51 90 5a", "51 90"),
    "reference to a map with references": (MAP, f"48 {A1} 01 79 78 01 7a 51 91 5a", "51 90"),
    "reference to a map that defines a class": (MAP, f"48 {A1} 01 6f 43 01 41 91 01 78 60 91 5a", "51 90"),
    "reference to a map that names a type": (MAP, f"48 {A1} 01 79 71 04 5b696e74 91 5a", "51 90"),
}
ABSENT = {name: call(*parts) for name, parts in SHAPES.items()}


@pytest.mark.parametrize("before", ABSENT.values(), ids=ABSENT)
def test_a_key_is_set_and_the_others_stay(before):
    after = changed(before, {"k": "v"})
    assert properties(after) == {**properties(before), "k": "v"}
    assert changed(before, {"k": "v"}) == after


@pytest.mark.parametrize("name", SHAPES)
def test_only_the_attachments_change(name):
    before, after = ABSENT[name], changed(ABSENT[name], {"k": "v"})
    start = len(before) - len(hx(SHAPES[name][2] + "00 ff"))
    assert after[:12] == before[:12]
    assert after[16:start] == before[16:start]
    assert after.endswith(hx("5a 00 ff"))


@pytest.mark.parametrize("name", SHAPES)
def test_removing_the_key_gives_the_original_properties(name):
    before = ABSENT[name]
    assert properties(changed(changed(before, {"k": "v"}), {"k": None})) == properties(before)


def test_a_null_that_got_a_key_and_lost_it_stays_an_empty_map():
    after = changed(changed(ABSENT["null"], {"k": "v"}), {"k": None})
    assert after[16:] == call(*SHAPES["null"][:2], "48 5a")[16:]


def test_a_reference_that_got_a_key_and_lost_it_stays_a_copy():
    after = changed(changed(ABSENT["reference"], {"k": "v"}), {"k": None})
    assert after[16:] == call(*SHAPES["reference"][:2], MAP_A)[16:]


@pytest.mark.parametrize("first", ["k", "l"])
@pytest.mark.parametrize("name", SHAPES)
def test_two_keys_set_one_after_the_other_are_removed_in_either_order(name, first):
    before = ABSENT[name]
    second = "l" if first == "k" else "k"
    both = changed(changed(before, {"k": "v"}), {"l": "w"})
    one = changed(both, {first: None})
    assert properties(both) == {**properties(before), "k": "v", "l": "w"}
    assert properties(one) == {**properties(before), second: "w" if second == "l" else "v"}
    assert properties(changed(one, {second: None})) == properties(before)


@pytest.mark.parametrize("before", ABSENT.values(), ids=ABSENT)
def test_removing_a_key_that_is_not_there_changes_no_byte(before):
    assert changed(before, {"k": None}) == before


@pytest.mark.parametrize("name", ["null", "reference"])
def test_a_hard_key_is_set_and_removed_too(name):
    before = ABSENT[name]
    for key in ("", "é", "\U0001f600", "\ud83d", "x" * 40_000):
        after = changed(before, {key: "v"})
        assert properties(after) == {**properties(before), key: "v"}
        assert properties(changed(after, {key: None})) == properties(before)


@pytest.mark.parametrize(
    ("name", "arguments", "earlier"),
    [("null", 1, []), ("reference", 1, [("a", "1")]), ("reference to the second of two equal maps", 2, [("a", "1")])],
)
def test_every_hessian2_reader_sees_the_plain_key(name, arguments, earlier):
    assert attachments_of(changed(ABSENT[name], {"k": "v"}), before=5 + arguments) == [*earlier, ("k", "v")]


def test_a_null_stays_null_until_a_key_is_set():
    assert changed(ABSENT["null"], {"k": None, "l": None}) == ABSENT["null"]


def test_the_argument_that_the_attachments_referred_to_does_not_change_with_them():
    before = call(MAP, f"48 {A1} {B2} 5a", "51 90")
    after = changed(before, {"a": None, "b": "9", "k": "v"})
    assert properties(after).items() >= {"b": "9", "k": "v"}.items()
    assert "a" not in properties(after)
    assert body_values(after, 6)[5].pairs == [("a", "1"), ("b", "2")]


def test_objects_in_a_copied_map_are_still_of_their_class():
    shared = f"48 01 6f 43 01 41 91 01 78 60 91 01 70 60 92 {A1} 5a"
    after = changed(call(MAP, shared, "51 90"), {"o": None, "k": "v"})
    assert attachments_of(after, before=6) == [("p", Instance("A", {"x": 2})), ("a", "1"), ("k", "v")]


def test_a_copied_map_that_has_changed_since_is_no_longer_a_reference():
    # "a" goes from the copy, so what is left when "k" goes too is no longer what the reference meant.
    copied = changed(call(MAP, f"48 {A1} {B2} 5a", "51 90"), {"k": "v"})
    without = changed(copied, {"a": None})
    after = changed(without, {"k": None})
    assert attachments_of(after, before=6) == [("b", "2")]


def test_a_key_that_goes_while_another_is_replaced_does_not_bring_the_reference_back():
    copied = changed(call(MAP, f"48 {A1} {B2} 5a", "51 90"), {"k": "v"})
    after = changed(copied, {"k": None, "a": "9"})
    assert attachments_of(after, before=6) == [("a", "9"), ("b", "2")]


@pytest.mark.parametrize("index", [200, 256, 1000])
def test_a_far_reference_is_copied(index):
    lists = "78" * index
    before = request(
        types=OBJECT * (index + 1), arguments=hx(lists + MAP_A), attachments=b"Q" + hx(f"{0xC800 + index:04x}")
    )
    assert properties(changed(before, {"k": "v"})) == {**properties(before), "k": "v", "a": "1"}


@pytest.mark.parametrize("chunks", range(8))
@pytest.mark.parametrize("arguments", ["", MAP_A, "48 5a"], ids=["no argument", "a map", "an empty map"])
def test_a_key_after_empty_chunks_is_removed_like_others(chunks, arguments):
    before = call(MAP if arguments else "", arguments, f"48 {A1} {'52 0000' * chunks} 01 6b 01 76 5a")
    after = changed(before, {"k": None})
    expected = properties(before)
    del expected["k"]
    assert properties(after) == expected


def test_the_longest_key_that_is_written_into_a_null_can_be_read():
    codec = DubboCodec(limits=Limits(max_key_length=100))
    for size in range(90, 100):
        key = "k" * size
        try:
            after = changed(ABSENT["null"], {key: "v"}, codec=codec)
        except UnsupportedMutation:
            continue
        assert sound(after, codec).properties[key] == "v"


def test_the_longest_key_that_is_written_for_a_reference_can_be_read():
    codec = DubboCodec(limits=Limits(max_key_length=100))
    for size in range(80, 100):
        key = "k" * size
        try:
            after = changed(ABSENT["reference"], {key: "v"}, codec=codec)
        except UnsupportedMutation:
            continue
        assert sound(after, codec).properties[key] == "v"


def test_no_more_keys_are_written_into_a_null_than_may_be_read():
    codec = DubboCodec(limits=Limits(max_elements=2))
    assert sound(changed(ABSENT["null"], {"k": "v", "l": "w"}, codec=codec), codec).properties["l"] == "w"
    with pytest.raises(UnsupportedMutation, match="limit"):
        changed(ABSENT["null"], {"k": "v", "l": "w", "m": "x"}, codec=codec)
