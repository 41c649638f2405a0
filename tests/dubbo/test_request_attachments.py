"""Attachments: what of them is a property, and what they cannot pretend to be."""

import pytest
from dubbo_bytes import INTERFACE, request, string

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction

hx = bytes.fromhex

MAP_TYPE = "11 6a6176612e7574696c2e486173684d6170"  # java.util.HashMap
CLASS_AB = "43 02 4142 91 01 78"  # class AB with the field x


def decode(attachments, **parts):
    return DubboCodec().decode(request(attachments=attachments, **parts), Direction.TO_SERVER)


def properties(attachments, **parts):
    metadata = decode(attachments, **parts)
    assert metadata.error is None
    return metadata.properties


def refusal(attachments, **parts):
    error = decode(attachments, **parts).error
    assert isinstance(error, DecodeError)
    return error


class TestWhereTheProviderLooks:
    def test_the_attachment_path_is_the_interface_and_the_body_s_is_shown_beside_it(self):
        found = properties({"path": "other.Service"}, path="body.Service", method="m")
        assert found["interface"] == found["path"] == "other.Service"
        assert found["body_path"] == "body.Service"

    def test_the_operation_names_the_interface_that_is_dispatched(self):
        message = request(path="body.Service", method="m", attachments={"path": "other.Service"})
        assert DubboCodec().decode(message, Direction.TO_SERVER).operation == "other.Service/m"

    def test_the_same_path_twice_is_shown_once(self):
        assert "body_path" not in properties({"path": INTERFACE}, path=INTERFACE)

    def test_the_attachment_version_is_the_version(self):
        assert properties({"version": "2.0"}, version="1.0")["version"] == "2.0"

    def test_the_group_is_an_attachment(self):
        assert properties({"group": "blue"})["group"] == "blue"
        assert "group" not in properties({})


class TestOtherAttachments:
    def test_every_one_is_a_property_of_its_own_name(self):
        found = properties(
            {"remote.application": "shop", "traceparent": "00-ab", "Case": "A", "case": "b", "": "empty"}
        )
        assert found["remote.application"] == "shop"
        assert (found["Case"], found["case"], found[""]) == ("A", "b", "empty")

    @pytest.mark.parametrize(
        ("name", "field"),
        [
            ("method", "hello"),
            ("interface", INTERFACE),
            ("parameter_types", ""),
            ("dubbo", "2.0.2"),
            ("body_path", None),
            ("generic_method", None),
        ],
    )
    def test_none_replaces_or_invents_a_field(self, name, field):
        assert properties({name: "spoofed"}).get(name) == field

    def test_none_passes_for_a_field_that_is_null_in_the_body(self):
        assert "method" not in properties({"method": "spoofed"}, method=None)
        assert "interface" not in properties({"interface": "spoofed"}, path=None)

    def test_of_two_with_one_key_the_last_counts(self):
        assert properties(b"H" + string("k") + string("first") + string("k") + string("last") + b"Z")["k"] == "last"

    def test_a_later_value_that_is_no_string_takes_the_earlier_one_away(self):
        assert "k" not in properties(b"H" + string("k") + string("text") + string("k") + b"\x91" + b"Z")

    @pytest.mark.parametrize(
        "value", ["4e", "54", "91", "e1", "5b", "4a 0000000000000000", "22 0102", "7a 91 4e", "48 01 61 01 62 5a"]
    )
    def test_values_that_are_no_strings_are_left_out(self, value):
        found = properties(b"H" + string("k") + hx(value) + string("other") + string("v") + b"Z")
        assert "k" not in found
        assert found["other"] == "v"

    @pytest.mark.parametrize("key", ["4e", "91", "54", "78", "48 5a"])
    def test_keys_that_are_no_strings_are_left_out(self, key):
        found = properties(b"H" + hx(key) + string("value") + string("other") + string("v") + b"Z")
        assert "value" not in found.values()
        assert found["other"] == "v"

    @pytest.mark.parametrize("text", ["grün", "世界", "😀", "\ud83d", "\ude00\ud83d", "\x00\r\n\x1b"])
    def test_text_of_any_script_is_kept(self, text):
        assert properties({text: text})[text] == text

    def test_text_with_4_byte_characters_is_kept(self):
        """Rust writes U+1F600 as one character of 4 bytes, Java as two of 3."""
        assert properties(b"H" + string("k") + hx("01 f09f9880") + b"Z")["k"] == "😀"

    @pytest.mark.parametrize(
        "entry", ["05 c1a7726f7570 04 626c7565", "05 67726f7570 04 c1a26c7565"], ids=["key", "value"]
    )
    def test_bytes_that_are_not_utf_8_are_refused(self, entry):
        """Java reads both entries as group=blue, since it does not look at continuation bytes. Others do not."""
        assert "not UTF-8" in str(refusal(b"H" + hx(entry) + b"Z"))

    @pytest.mark.parametrize("size", [31, 32, 1023, 1024, 65535])
    @pytest.mark.parametrize("character", ["a", "ä"])
    def test_values_may_be_long(self, size, character):
        attachments = {"k": character * size, "after": "v"}
        assert properties(attachments) == properties({}) | attachments

    def test_values_longer_than_a_chunk_come_in_chunks(self):
        chunked = b"R\x80\x00" + b"a" * 0x8000 + b"R\x80\x00" + b"b" * 0x8000 + b"\x01c"
        assert properties(b"H" + string("k") + chunked + b"Z")["k"] == "a" * 0x8000 + "b" * 0x8000 + "c"


class TestTheMap:
    def test_may_be_empty(self):
        assert properties(hx("48 5a")) == properties({})

    def test_may_be_null(self):
        assert properties(b"N") == properties({})

    def test_may_name_its_type(self):
        assert properties(b"M" + hx(MAP_TYPE) + string("k") + string("v") + b"Z")["k"] == "v"

    def test_may_name_its_type_by_the_number_of_an_earlier_one(self):
        argument = b"M" + hx(MAP_TYPE) + b"Z"
        found = properties(b"M\x90" + string("k") + string("v") + b"Z", types="Ljava/util/Map;", arguments=argument)
        assert found["k"] == "v"

    def test_may_be_the_same_as_an_argument(self):
        argument = b"H" + string("k") + string("v") + b"Z"
        assert properties(hx("51 90"), types="Ljava/util/Map;", arguments=argument)["k"] == "v"

    def test_may_be_the_same_as_a_map_inside_an_argument(self):
        argument = hx("7a 78 48") + string("k") + string("v") + b"Z"  # number 0 the list, 1 the empty list, 2 the map
        assert properties(hx("51 92"), types="Ljava/util/List;", arguments=argument)["k"] == "v"

    def test_may_hold_what_refers_back_to_an_argument(self):
        found = properties(
            b"H" + string("r") + hx("51 90") + string("k") + string("v") + b"Z", types="[I", arguments=hx("78")
        )
        assert found["k"] == "v"
        assert "r" not in found

    def test_may_hold_objects_of_a_class_that_an_argument_defined(self):
        found = properties(
            b"H" + string("o") + hx("60 91") + string("k") + string("v") + b"Z",
            types="LAB;",
            arguments=hx(CLASS_AB) + hx("60 4e"),
        )
        assert found["k"] == "v"

    @pytest.mark.parametrize("other", ["91", "01 61", "78", "54", "5a", "40", "43 01 41 90 60"])
    def test_is_refused_if_it_is_something_else(self, other):
        error = refusal(hx(other))
        assert (error.field, error.offset) == ("attachments", len(request(attachments=b"")))

    @pytest.mark.parametrize("reference", ["51 90", "51 8f", "51 bf", "51 49 7fffffff", "51 49 80000000"])
    def test_is_refused_if_it_refers_to_what_is_not_there(self, reference):
        assert refusal(hx(reference)).field == "attachments"

    def test_is_refused_if_it_refers_to_what_is_no_map(self):
        assert refusal(hx("51 90"), types="[I", arguments=hx("78")).field == "attachments"

    def test_is_refused_if_an_entry_has_a_key_and_no_value(self):
        assert refusal(b"H" + string("k") + b"Z")

    def test_is_refused_if_it_does_not_end(self):
        message = request(attachments=b"H" + string("k") + string("v"))
        assert refusal(b"H" + string("k") + string("v")).offset == len(message)
