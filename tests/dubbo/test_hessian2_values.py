"""The classes of values that Python has no type for, and how values look to a person."""

import pytest

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList, describe


def test_a_long_is_an_int_that_knows_its_class() -> None:
    assert Long(5) == 5
    assert repr(Long(5)) == "Long(5)"
    assert type(Long(5) + 1) is int


def test_a_typed_list_equals_only_one_of_the_same_type() -> None:
    assert TypedList("[int", [1]) == TypedList("[int", [1])
    assert TypedList("[int", [1]) != TypedList("[long", [1])
    assert TypedList("[int", [1]) != [1]
    assert repr(TypedList("[int", [1])) == "TypedList('[int', [1])"
    with pytest.raises(TypeError, match="unhashable"):
        hash(TypedList("[int"))


def test_a_map_is_made_of_pairs_or_of_a_mapping() -> None:
    assert Map({"a": 1}) == Map([("a", 1)])
    assert Map({"a": 1}).pairs == [("a", 1)]
    assert Map({"a": 1}) != Map({"a": 1}, "m")
    assert dict(Map({"a": 1}).pairs) == {"a": 1}
    assert len(Map({"a": 1})) == 1


def test_a_maps_keys_are_found_by_class_and_the_last_counts() -> None:
    values = Map([("a", 1), (1, 2), (True, 3), ("a", 4), ([], 5)])
    assert [values.get(key) for key in ("a", 1, True, [], "b", Long(1))] == [4, 2, 3, 5, None, None]
    assert values.get("b", 6) == 6


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (894_621_091_001, "1998-05-08T09:51:31.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (2**62, f"Date(milliseconds={2**62})"),
        (-(2**63), f"Date(milliseconds={-(2**63)})"),
    ],
)
def test_a_date_shows_as_utc_where_python_knows_its_year(milliseconds: int, text: str) -> None:
    assert str(Date(milliseconds)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (Long(5), "5"),
        (1.5, "1.5"),
        ("it's\n\ud83d\x1b[0m", '"it\'s\\n\\ud83d\\x1b[0m"'),
        (b"\0a", "b'\\x00a'"),
        (Date(0), "1970-01-01T00:00:00.000Z"),
        ([1, [], "a"], "[1, [], 'a']"),
        (TypedList("[int", [1, 2]), "[int [1, 2]"),
        (TypedList("java.util.LinkedList", ["a"]), "java.util.LinkedList ['a']"),
        ({"a": 1}, "{'a': 1}"),
        (Map([([1], {}), ("b", None)]), "{[1]: {}, 'b': None}"),
        (Map({"a": 1}, "java.util.TreeMap"), "java.util.TreeMap {'a': 1}"),
        (
            Instance("org.example.User$1", {"name": "x", "age": 3, "friends": [Instance("User")]}),
            "org.example.User$1(name='x', age=3, friends=[User()])",
        ),
        (Instance("a b", {"x=1, y": 2, "\n": 3}), "'a b'('x=1, y'=2, '\\n'=3)"),
        (Instance("", {"": 1}), "''(''=1)"),
        ({1, 2}, "<set>"),
    ],
)
def test_a_description(value: object, text: str) -> None:
    assert describe(value, 200) == text


def test_a_description_shows_where_a_value_is_inside_itself() -> None:
    values, friend = Map(), Instance("User")
    values.pairs.append(("me", values))
    friend.fields["friends"] = [friend]
    assert describe([values, values], 200) == "[{'me': {…}}, {'me': {…}}]"
    assert describe(friend, 200) == "User(friends=[User(…)])"


def test_a_description_shows_the_beginning_of_a_long_string_binary_or_name() -> None:
    assert describe(["a" * 1_000, 1], 200) == "['" + "a" * 80 + "'…, 1]"
    assert describe(b"a" * 81, 200) == "b'" + "a" * 80 + "'…"
    assert describe(Instance("a" * 81), 200) == "a" * 80 + "…()"


def test_a_description_that_is_cut_off_ends_with_a_mark() -> None:
    assert describe([1, 2, 3], 9) == "[1, 2, 3]"
    assert describe([1, 2, 3], 8) == "[1, 2, …"
    assert describe(list(range(10**6)), 1) == "…"


def test_a_description_of_a_million_elements_looks_at_its_first() -> None:
    looked_at = []

    class Watched(list[int]):
        def __iter__(self):
            for item in super().__iter__():
                looked_at.append(item)
                yield item

    describe(Watched(range(10**6)), 100)
    assert len(looked_at) < 100
