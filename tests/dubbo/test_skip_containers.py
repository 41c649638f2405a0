"""Lists, maps and objects: where they end, and what a reader numbers on the way."""

import pytest

from metaprotocol_codecs.hessian2 import ReferenceTables, skip_values
from metaprotocol_sdk import DecodeError

hx = bytes.fromhex

TYPE = "04 5b696e74"  # [int
POINT = "43 05 506f696e74 92 01 78 01 79"  # class Point with x and y

LISTS = {
    "typed up to a mark": f"55 {TYPE} 90 91 5a",
    "typed up to a mark, empty": f"55 {TYPE} 5a",
    "typed of a fixed length": f"56 {TYPE} 92 90 91",
    "typed of a fixed length, empty": f"56 {TYPE} 90",
    "up to a mark": "57 90 91 5a",
    "up to a mark, empty": "57 5a",
    "of a fixed length": "58 92 90 91",
    "of a fixed length, empty": "58 90",
    "of a fixed length in 2 bytes": "58 c802 90 91",
    "of a fixed length in 5 bytes": "58 49 00000002 90 91",
    **{f"typed of {n}": f"{0x70 + n:x} {TYPE}" + "90" * n for n in range(8)},
    **{f"of {n}": f"{0x78 + n:x}" + "90" * n for n in range(8)},
}

MAPS = {
    "empty": "48 5a",
    "of two": "48 01 61 90 01 62 91 5a",
    "typed": f"4d {TYPE} 01 61 90 5a",
    "typed, empty": f"4d {TYPE} 5a",
    "with keys that are no strings": "48 90 91 4e 54 78 79 90 5a",
    "in a map": "48 48 5a 48 01 61 57 5a 5a 5a",
}

OBJECTS = {
    "of a class defined before it": f"{POINT} 60 90 91",
    "with the class number written out": f"{POINT} 4f 90 90 91",
    "of a class without fields": "43 01 41 90 60",
    "with a definition inside": f"{POINT} 60 43 01 41 90 61 91",
    "with its class number in 2 bytes": f"{POINT} 4f c800 90 91",
    "of a class with a name of another script": "43 01 c396 91 01 c3b6 60 90",
    "of a class with chunked names": "43 52 0001 41 01 42 91 52 0001 61 01 62 60 4e",
}

CONTAINERS = {
    **{f"list {name}": data for name, data in LISTS.items()},
    **{f"map {name}": data for name, data in MAPS.items()},
    **{f"object {name}": data for name, data in OBJECTS.items()},
}


def end_of(data, count=1):
    return skip_values(data, 0, count, ReferenceTables())


def refusal(data, count=1):
    with pytest.raises(DecodeError) as caught:
        end_of(hx(data), count)
    return caught.value


@pytest.mark.parametrize("trailing", ["", "90", "5a", "5a5a", "40"], ids=lambda trailing: trailing or "nothing")
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_ends_with_its_last_value_or_mark(name, trailing):
    data = hx(CONTAINERS[name])
    assert end_of(data + hx(trailing)) == len(data)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_is_cut_off_anywhere_is_an_error_at_the_end_of_the_data(name):
    data = hx(CONTAINERS[name])
    for size in range(len(data)):
        with pytest.raises(DecodeError) as caught:
            end_of(data[:size])
        assert caught.value.offset == size


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("around", ["57 {} 5a", "58 91 {}", "48 {} {} 5a", "79 {}", "48 90 57 {} 5a 5a"])
def test_a_container_inside_others_ends_them_all_in_their_place(name, around):
    data = hx(around.format(CONTAINERS[name], CONTAINERS[name]))
    assert end_of(data + b"\x90") == len(data)


class TestWhatAReaderNumbers:
    def test_lists_maps_and_objects_count_in_the_order_in_which_they_begin(self):
        tables = ReferenceTables()
        data = hx(f"7a 48 5a {POINT} 60 57 5a 90 02 6869")
        assert skip_values(data, 0, 2, tables) == len(data)
        assert tables.references == 4  # the list, the map, the object and the list in it

    def test_strings_binaries_and_definitions_do_not_count(self):
        tables = ReferenceTables()
        data = hx("01 61 21 61 43 01 41 90 90 4a 0000000000000000")
        skip_values(data, 0, 4, tables)
        assert (tables.references, tables.field_counts) == (0, [0])

    def test_class_definitions_count_their_fields(self):
        tables = ReferenceTables()
        skip_values(hx(f"{POINT} 43 01 41 90 43 01 42 91 01 66 4e"), 0, 1, tables)
        assert tables.field_counts == [2, 0, 1]

    def test_type_names_count_even_if_they_come_twice(self):
        tables = ReferenceTables()
        skip_values(hx(f"70 {TYPE} 4d {TYPE} 5a 70 90"), 0, 3, tables)
        assert tables.types == 2

    def test_tables_carry_over_to_the_next_call(self):
        tables = ReferenceTables()
        first = hx(f"{POINT} 60 90 91 70 {TYPE}")
        skip_values(first, 0, 2, tables)
        second = hx("60 90 91 71 90 51 91 51 90")
        assert skip_values(second, 0, 3, tables) == len(second)
        assert tables.references == 4


class TestReferences:
    @pytest.mark.parametrize(
        "data",
        ["7a 78 51 91", "7b 78 51 90 51 91", "48 01 61 51 90 5a", "57 51 90 5a", "43 01 41 91 01 66 60 51 90"],
        ids=["to a value before", "to the list around", "to its own map", "to its own list", "to its own object"],
    )
    def test_refer_to_what_has_begun(self, data):
        assert end_of(hx(data)) == len(hx(data))

    def test_may_write_their_number_in_any_form(self):
        data = hx("78 51 90 51 c800 51 d40000 51 49 00000000")
        assert end_of(data, 5) == len(data)

    @pytest.mark.parametrize("number", ["90", "8f", "91", "bf", "49 7fffffff", "49 80000000", "49 ffffffff"])
    def test_to_what_has_not_begun_are_refused_where_they_stand(self, number):
        error = refusal(f"90 51 {number}", 2)
        assert error.offset == 1

    def test_to_what_comes_later_are_refused(self):
        assert refusal("7a 51 91 78").offset == 1

    @pytest.mark.parametrize("number", ["4e", "01 61", "e0", "54"])
    def test_by_something_that_is_no_int_are_refused(self, number):
        assert refusal(f"78 51 {number}", 2).offset == 2


class TestTypesByNumber:
    @pytest.mark.parametrize("again", ["71 90 91", "55 90 91 5a", "56 90 91 91", "4d 90 01 61 91 5a"])
    def test_name_one_that_came_before(self, again):
        data = hx(f"70 {TYPE} {again}")
        assert end_of(data, 2) == len(data)

    @pytest.mark.parametrize("number", ["91", "8f", "49 7fffffff", "49 80000000"])
    @pytest.mark.parametrize("head", ["70", "55", "56", "4d"])
    def test_that_do_not_exist_are_refused(self, head, number):
        assert refusal(f"70 {TYPE} {head} {number}", 2).offset == 7

    @pytest.mark.parametrize("kind", ["4e", "54", "e0", "21 61", "78"])
    def test_that_are_neither_name_nor_number_are_refused(self, kind):
        assert refusal(f"70 {kind}").offset == 1


class TestClasses:
    def test_number_16_and_above_need_the_long_form(self):
        data = hx("43 01 41 90" * 17 + "4f a0")
        assert end_of(data) == len(data)

    @pytest.mark.parametrize("head", ["60", "6f", "4f 90", "4f 8f", "4f 49 7fffffff", "4f 49 80000000"])
    def test_that_nobody_defined_are_refused(self, head):
        assert refusal(f"90 {head}", 2).offset == 1

    def test_defined_after_their_use_are_refused(self):
        assert refusal(f"61 {POINT} 60 90 91").offset == 0

    @pytest.mark.parametrize("count", ["8f", "49 ffffffff", "49 80000000"])
    def test_with_a_negative_number_of_fields_are_refused(self, count):
        assert refusal(f"43 01 41 {count} 60").offset == 0

    @pytest.mark.parametrize("name", ["4e", "91", "21 61", "78"])
    def test_whose_name_is_no_string_are_refused(self, name):
        assert refusal(f"43 {name} 90 60").offset == 1

    @pytest.mark.parametrize("name", ["4e", "91", "21 61", "78"])
    def test_whose_field_is_no_string_are_refused(self, name):
        assert refusal(f"43 01 41 91 {name} 60 90").offset == 4


@pytest.mark.parametrize("length", ["8f", "49 ffffffff", "49 80000000", "c7ff"])
@pytest.mark.parametrize("head", ["58", f"56 {TYPE}"])
def test_a_list_of_a_negative_length_is_refused(head, length):
    assert refusal(f"{head} {length}").offset == 0


@pytest.mark.parametrize("length", ["4e", "01 61", "e2", "54"])
def test_a_list_whose_length_is_no_int_is_refused(length):
    assert refusal(f"58 {length}").offset == 1


@pytest.mark.parametrize("data", ["48 01 61 5a", "78 5a", "58 91 5a", "79 5a"])
def test_an_end_mark_where_a_value_belongs_is_refused(data):
    assert refusal(data, 2).offset == len(hx(data)) - 1
