"""Attachments over the fields of the body: properties, operation and mutations say what a Java provider acts on.

`tests/interop/dubbo/test_java_dispatch.py` asks real providers the same.
"""

import pytest
from dubbo_bytes import INTERFACE, request, string
from dubbo_messages import HASH_MAP, changed, hx, properties, sound

from metaprotocol_sdk import UnsupportedMutation

PATH, VERSION, GROUP = "04 70617468", "07 76657273696f6e", "05 67726f7570"
BLUE = "04 626c7565"
# What is no string: true, ints, a long, a double, a date, a binary, a list, a map, an object.
NO_STRINGS = {
    "true": "54",
    "an int": "95",
    "a long": "4c 0000000000000001",
    "a double": "5c",
    "a date": "4b 00000000",
    "a binary": "22 0102",
    "a list": "79 01 78",
    "a map": "48 01 61 01 62 5a",
    "an object": "43 0c 6a6176612e696f2e46696c65 91 05 76616c7565 60 01 78",
}


def attached(entries: str, **parts) -> bytes:
    """Return a request for version 1.0.0 whose attachments have these entries."""
    return request(**{"version": "1.0.0", **parts}, attachments=b"H" + hx(entries) + b"Z")


class TestAnAttachmentThatIsNull:
    """Java puts the attachments over the body with putAll, and null is a value as any other."""

    def test_over_the_version_takes_the_version_away(self):
        assert "version" not in properties(attached(f"{VERSION} 4e"))

    def test_over_the_path_takes_the_interface_away(self):
        found = sound(attached(f"{PATH} 4e", path="a.B", method="m"))
        assert "interface" not in found.properties
        assert found.properties["body_path"] == "a.B"
        assert found.operation == "/m"

    def test_after_the_same_key_with_a_value_takes_the_value_away(self):
        assert "version" not in properties(attached(f"{VERSION} 05 322e302e30 {VERSION} 4e"))
        assert "group" not in properties(attached(f"{GROUP} {BLUE} {GROUP} 4e"))

    def test_before_the_same_key_with_a_value_does_not(self):
        assert properties(attached(f"{VERSION} 4e {VERSION} 05 322e302e30"))["version"] == "2.0.0"

    def test_takes_no_other_field_away(self):
        """Of these the provider takes no notice of the attachment."""
        fields = ("method", "interface", "parameter_types", "dubbo")
        found = properties(request(attachments=b"H" + b"".join(string(field) + b"N" for field in fields) + b"Z"))
        assert found == properties(request(attachments=b"HZ"))


@pytest.mark.parametrize("value", NO_STRINGS.values(), ids=NO_STRINGS)
class TestAnAttachmentThatIsNoString:
    """Java casts path, version and group to String, and where they are none calls nobody."""

    def test_over_the_version_takes_the_version_away(self, value):
        assert "version" not in properties(attached(f"{VERSION} {value}"))

    def test_over_the_path_takes_the_interface_away(self, value):
        assert "interface" not in properties(attached(f"{PATH} {value}"))

    def test_after_the_same_key_with_a_string_takes_the_string_away(self, value):
        assert "group" not in properties(attached(f"{GROUP} {BLUE} {GROUP} {value}"))


def test_a_timeout_that_dubbo_s_own_clients_write_as_a_number_is_read_as_the_provider_reads_it():
    assert properties(attached("03 5f544f d4 0bb8"))["_TO"] == "3000"


class TestAMutation:
    """It is written, or refused: never dropped."""

    @pytest.mark.parametrize("value", ["4e", *NO_STRINGS.values()], ids=["null", *NO_STRINGS])
    def test_sets_a_version_over_one_that_is_no_string(self, value):
        after = changed(attached(f"{VERSION} {value}"), {"version": "1.0.0"})
        assert after == attached(f"{VERSION} 05 312e302e30")

    def test_sets_the_version_that_the_body_has_where_a_later_null_hides_it(self):
        after = changed(attached(f"{VERSION} 05 312e302e30 {VERSION} 4e"), {"version": "1.0.0"})
        assert properties(after)["version"] == "1.0.0"

    def test_sets_the_path_that_the_body_has_where_a_null_hides_it(self):
        after = sound(changed(attached(f"{PATH} 4e"), {"path": INTERFACE}))
        assert after.properties["interface"] == INTERFACE

    @pytest.mark.parametrize("key", [PATH, VERSION], ids=["path", "version"])
    @pytest.mark.parametrize("value", ["4e", "95"], ids=["null", "int"])
    def test_that_removes_what_is_absent_does_not_uncover_the_body(self, key, value):
        before = attached(f"{key} {value}")
        assert changed(before, {hx(key)[1:].decode(): None}) == before

    def test_that_would_uncover_the_version_of_the_body_is_refused(self):
        with pytest.raises(UnsupportedMutation, match="version"):
            changed(attached(f"{VERSION} 05 322e302e30"), {"version": None})

    def test_of_a_number_to_its_own_text_changes_nothing(self):
        before = attached("03 5f544f d4 0bb8")
        assert changed(before, {"_TO": "3000"}) == before
        assert properties(changed(before, {"_TO": "9"}))["_TO"] == "9"

    def test_takes_a_number_away(self):
        assert changed(attached("01 6e 95 01 61 01 31"), {"n": None}) == attached("01 61 01 31")


class TestAGenericCall:
    """GenericFilter trims the name as Java's String.trim does, and calls this method."""

    TYPES = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"

    def call(self, name: str) -> bytes:
        return request(method="$invoke", types=self.TYPES, arguments=hx(name) + hx("78 78"))

    @pytest.mark.parametrize(
        "name",
        ["04 6563686f", "06 20 6563686f 0a", "06 00 6563686f 1f", "43 01 41 90 04 6563686f", "52 0002 6563 02 686f"],
    )
    def test_names_the_method_that_is_called(self, name):
        assert properties(self.call(name))["generic_method"] == "echo"

    def test_keeps_what_java_does_not_trim(self):
        assert properties(self.call("06 c285 6563686f c2a0"))["generic_method"] == "\x85echo\xa0"


@pytest.mark.parametrize("map_type", [HASH_MAP, "00", "17 6a6176612e7574696c2e4c696e6b6564486173684d6170"])
def test_maps_of_java_s_own_classes_are_what_they_hold(map_type):
    found = properties(request(attachments=b"M" + hx(map_type) + hx(f"{GROUP} {BLUE}") + b"Z"))
    assert found["group"] == "blue"
