"""Attachments that are no strings: lists, maps and objects number what later attachments refer to.

Removing or replacing one of them keeps every later one readable, as what it was, or is refused.
"""

import pytest
from dubbo_bytes import request
from dubbo_messages import HASH_MAP, OBJECT, attachments_of, body_values, changed, hx, properties

from metaprotocol_codecs.hessian2.values import Instance, Map, TypedList
from metaprotocol_sdk import UnsupportedMutation

A1, B2 = "01 61 01 31", "01 62 01 32"
# class A {x}, class B {y, z}
CLASS_A, CLASS_B = "43 01 41 91 01 78", "43 01 42 92 01 79 01 7a"


def attached(entries: str, *, arguments: str = "") -> bytes:
    """Return a request whose attachments are in hex, and its arguments, each of one value, too."""
    values = hx(arguments)
    types = OBJECT if values else ""
    return request(types=types, arguments=values, attachments=hx(f"48 {entries} 5a"))


def a(x: object) -> Instance:
    return Instance("A", {"x": x})


def b(y: object, z: object) -> Instance:
    return Instance("B", {"y": y, "z": z})


def pairs(message: bytes, arguments: int = 0) -> list:
    return attachments_of(message, before=5 + arguments)


SCALARS = [
    "91",
    "c8 20",
    "49 00000001",
    "e1",
    "4c 0000000000000001",
    "5b",
    "54",
    "4e",
    "4a 0000000000000000",
    "22 0102",
]


@pytest.mark.parametrize("value", SCALARS)
def test_a_value_that_is_no_string_is_no_property_and_stays(value):
    before = attached(f"01 6b {value} {A1}")
    assert "k" not in properties(before)
    assert changed(before, {"a": "9"}) == attached(f"01 6b {value} 01 61 01 39")


@pytest.mark.parametrize("value", [*SCALARS, "78", "79 91", "48 5a", f"{CLASS_A} 60 91", "71 04 5b696e74 91", "51 90"])
def test_a_value_that_is_no_string_may_be_replaced_or_removed(value):
    before = attached(f"{A1} 01 6b {value} {B2}")
    assert changed(before, {"k": "v"}) == attached(f"{A1} 01 6b 01 76 {B2}")
    assert changed(before, {"k": None}) == attached(f"{A1} {B2}")


@pytest.mark.parametrize("value", ["78", "48 5a", f"{CLASS_A} 60 91", "71 04 5b696e74 91"])
def test_a_key_set_beside_a_container_leaves_it_alone(value):
    before = attached(f"01 6b {value}")
    assert changed(before, {"a": "1"}) == attached(f"01 6b {value} {A1}")
    assert changed(changed(before, {"a": "1"}), {"a": None}) == before


REMOVED_OR_REPLACED = [None, "v"]


@pytest.mark.parametrize("value", REMOVED_OR_REPLACED, ids=["removed", "replaced"])
class TestAClassThatIsUsedLater:
    """The object that brought its definition goes; the definition stays."""

    def expect(self, before: bytes, value: str | None, later: list, arguments: int = 0) -> bytes:
        after = changed(before, {"k": value})
        assert pairs(after, arguments) == ([] if value is None else [("k", value)]) + later
        assert properties(after).get("k") == value
        return after

    def test_by_the_next_attachment(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 01 6c 60 92"), value, [("l", a(2))])

    def test_by_the_one_after_a_string(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 {A1} 01 6c 60 92"), value, [("a", "1"), ("l", a(2))])

    def test_by_an_object_inside_a_list(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 01 6c 7a 60 92 60 93"), value, [("l", [a(2), a(3)])])

    def test_by_an_object_in_the_long_form(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 01 6c 4f 90 92"), value, [("l", a(2))])

    def test_by_none_of_the_next_two(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 01 6c 91 01 6d 60 92"), value, [("l", 1), ("m", a(2))])

    def test_that_was_defined_without_an_object_of_it(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 91 01 6c 60 92"), value, [("l", a(2))])

    def test_that_was_defined_deep_inside(self, value):
        self.expect(attached(f"01 6b 79 48 01 78 {CLASS_A} 60 91 5a 01 6c 60 92"), value, [("l", a(2))])

    def test_with_another_class_behind_it(self, value):
        self.expect(
            attached(f"01 6b {CLASS_A} 60 91 01 6c {CLASS_B} 61 91 92 01 6d 60 92 01 6e 61 93 94"),
            value,
            [("l", b(1, 2)), ("m", a(2)), ("n", b(3, 4))],
        )

    def test_is_put_back_once(self, value):
        self.expect(
            attached(f"01 6b {CLASS_A} 60 91 01 6c 60 92 01 6d {CLASS_B} 61 91 92 01 6e 61 93 94"),
            value,
            [("l", a(2)), ("m", b(1, 2)), ("n", b(3, 4))],
        )

    def test_with_another_class_that_goes_too(self, value):
        self.expect(
            attached(f"01 6b 7a {CLASS_A} 60 91 {CLASS_B} 61 91 92 01 6c 61 93 94 01 6d 60 92"),
            value,
            [("l", b(3, 4)), ("m", a(2))],
        )

    def test_with_a_class_among_the_arguments(self, value):
        before = attached(f"01 6b {CLASS_B} 61 91 92 01 6c 60 92 01 6d 61 93 94", arguments=f"{CLASS_A} 60 91")
        self.expect(before, value, [("l", a(2)), ("m", b(3, 4))], arguments=1)

    def test_by_an_object_that_is_a_key(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 60 92 01 76"), value, [(a(2), "v")])

    def test_by_an_object_that_is_a_key_with_a_container_behind_it(self, value):
        self.expect(attached(f"01 6b {CLASS_A} 60 91 60 92 78"), value, [(a(2), [])])

    def test_with_a_key_that_defines_another(self, value):
        self.expect(
            attached(f"01 6b {CLASS_A} 60 91 {CLASS_B} 61 91 92 01 76 01 6c 60 92"),
            value,
            [(b(1, 2), "v"), ("l", a(2))],
        )

    def test_with_another_behind_it_that_stands_before_a_string(self, value):
        self.expect(
            attached(f"01 6b {CLASS_A} 60 91 01 6c {CLASS_B} 01 77 01 6d 60 92 01 6e 61 93 94"),
            value,
            [("l", "w"), ("m", a(2)), ("n", b(3, 4))],
        )

    def test_with_another_behind_it_that_stands_before_a_key(self, value):
        self.expect(
            attached(f"01 6b {CLASS_A} 60 91 {CLASS_B} 01 6c 01 77 01 6d 60 92 01 6e 61 93 94"),
            value,
            [("l", "w"), ("m", a(2)), ("n", b(3, 4))],
        )


def test_a_class_before_the_key_of_a_value_that_is_replaced_keeps_its_number():
    before = attached(f"01 6b {CLASS_A} 60 91 {CLASS_B} 01 6c 78 01 6d 60 92 01 6e 61 93 94")
    after = changed(before, {"k": None, "l": "w"})
    assert pairs(after) == [("l", "w"), ("m", a(2)), ("n", b(3, 4))]


def test_classes_of_several_values_that_go_keep_their_order():
    before = attached(f"01 6b {CLASS_A} 60 91 01 6c {CLASS_B} 61 91 92 01 6d 7a 61 93 94 60 95")
    after = changed(before, {"k": None, "l": "w"})
    assert pairs(after) == [("l", "w"), ("m", [b(3, 4), a(5)])]


def test_a_class_survives_that_is_moved_again_and_again():
    message = attached(f"01 6b {CLASS_A} 60 91 01 6c 91 01 6d 92 01 6e 60 93")
    for key in "klm":
        message = changed(message, {key: None})
    assert pairs(message) == [("n", a(3))]


def test_a_class_that_nobody_uses_later_goes_with_its_object():
    assert changed(attached(f"01 6b {CLASS_A} 60 91 {A1}"), {"k": None}) == attached(A1)


def test_a_class_defined_later_is_not_confused_with_one_that_went():
    before = attached(f"01 6b {CLASS_A} 60 91 01 6c {CLASS_B} 61 91 92")
    assert pairs(changed(before, {"k": None})) == [("l", b(1, 2))]


@pytest.mark.parametrize("value", REMOVED_OR_REPLACED, ids=["removed", "replaced"])
class TestAReferenceToWhatWouldGo:
    """A reference counts every container before it, so none may go under it."""

    @pytest.mark.parametrize(
        "entries",
        [
            "01 6b 78 01 6c 51 91",
            "01 6b 48 5a 01 6c 51 91",
            f"01 6b {CLASS_A} 60 91 01 6c 51 91",
            "01 6b 79 78 01 6c 51 92",
            "01 6b 78 01 6c 79 51 91",
            "01 6b 78 51 91 01 76",
            "01 6b 78 01 6c 51 c8 01",
        ],
        ids=["list", "map", "object", "inner list", "from inside", "from a key", "longer form"],
    )
    def test_is_refused(self, entries, value):
        assert pairs(attached(entries))
        with pytest.raises(UnsupportedMutation, match="refers back"):
            changed(attached(entries), {"k": value})

    def test_or_after_it_is_refused(self, value):
        # l is number 2; without k it would be number 1
        with pytest.raises(UnsupportedMutation, match="or after it"):
            changed(attached("01 6b 78 01 6c 79 91 01 6d 51 92"), {"k": value})

    def test_or_before_it_stands(self, value):
        after = changed(attached("01 6c 79 91 01 6b 78 01 6d 51 91"), {"k": value})
        stays = [[1], [1]]
        assert [found for key, found in pairs(after) if key != "k"] == stays

    def test_to_an_argument_stands(self, value):
        after = changed(attached("01 6b 78 01 6c 51 90", arguments="79 91"), {"k": value})
        assert pairs(after, 1)[-1] == ("l", [1])

    def test_to_the_attachments_themselves_stands(self, value):
        after = changed(attached("01 6b 78 01 6c 51 90"), {"k": value})
        found = body_values(after, 6)[5]
        assert found.pairs[-1][1] is found


@pytest.mark.parametrize("value", REMOVED_OR_REPLACED, ids=["removed", "replaced"])
class TestATypeThatIsUsedLater:
    """Type names are numbered too, and there is no way to define one without a container."""

    @pytest.mark.parametrize(
        "entries",
        [
            "01 6b 71 04 5b696e74 91 01 6c 71 90 92",
            "01 6b 4d 01 74 5a 01 6c 4d 90 5a",
            "01 6b 56 04 5b696e74 91 91 01 6c 79 56 90 91 92",
            "01 6b 55 04 5b696e74 91 5a 01 6c 55 90 92 5a",
        ],
        ids=["short list", "map", "list inside a list", "list up to a mark"],
    )
    def test_is_refused(self, entries, value):
        assert pairs(attached(entries))
        with pytest.raises(UnsupportedMutation, match="refers back"):
            changed(attached(entries), {"k": value})

    def test_and_named_before_stands(self, value):
        after = changed(attached("01 6c 71 01 74 91 01 6b 71 01 75 91 01 6d 71 90 92"), {"k": value})
        assert pairs(after)[0] == ("l", TypedList("t", [1]))
        assert pairs(after)[-1] == ("m", TypedList("t", [2]))

    def test_and_named_anew_stands(self, value):
        after = changed(attached("01 6b 71 01 74 91 01 6c 71 01 74 92"), {"k": value})
        assert pairs(after)[-1] == ("l", TypedList("t", [2]))

    def test_and_named_by_the_map_of_attachments_stands(self, value):
        before = request(attachments=hx(f"4d {HASH_MAP} 01 6b 71 01 75 91 01 6c 4d 90 5a 5a"))
        assert pairs(changed(before, {"k": value}))[-1] == ("l", Map([], "java.util.HashMap"))


def test_a_refused_removal_is_possible_together_with_what_depends_on_it():
    before = attached(f"{A1} 01 6b 78 01 6c 51 91")
    assert changed(before, {"k": None, "l": None}) == attached(A1)


def test_a_reference_that_goes_depends_on_nothing():
    before = attached("01 6b 78 01 6c 51 91")
    assert changed(before, {"l": None}) == attached("01 6b 78")


# The grammar of Hessian 2.0: value ::= class-def value. Java's readObject follows it, so a provider sees these strings.
def test_a_string_behind_a_class_definition_is_still_a_property():
    assert properties(attached(f"01 6b {CLASS_A} 01 76"))["k"] == "v"


def test_a_key_behind_a_class_definition_is_still_a_key():
    before = attached(f"{CLASS_A} 01 6b 01 76")
    assert properties(before)["k"] == "v"
    assert pairs(changed(before, {"k": None})) == []
