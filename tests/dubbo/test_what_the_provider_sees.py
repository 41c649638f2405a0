"""Attachments over the fields of the body: properties, operation and mutations say what a Java provider acts on.

`tests/interop/dubbo/test_java_dispatch.py` asks real providers the same.
"""

import pytest
from dubbo_bytes import INTERFACE, message, request, response, string
from dubbo_messages import HASH_MAP, changed, hx, properties, read, sound

from metaprotocol_codecs.dubbo.arguments import descriptors
from metaprotocol_sdk import UnsupportedMutation

PATH, VERSION, GROUP = "04 70617468", "07 76657273696f6e", "05 67726f7570"
BLUE = "04 626c7565"
# Values that are not strings: true, ints, a long, a double, a date, a binary, a list, a map, an object.
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


class TestAKeyInAnotherCase:
    """A mesh matches names without case, and Java with it: a rule would take GROUP for the group that is called."""

    @pytest.mark.parametrize("value", ["04 626c7565", "4e 05 67726f7570 04 626c7565"], ids=["alone", "with a null"])
    @pytest.mark.parametrize("name", ["GROUP", "Group", "PATH", "Generic", "GENERIC_METHOD", "Body_path", "VERSION"])
    def test_of_a_name_that_a_service_is_found_by_is_incomplete(self, name, value):
        found = read(request(attachments=b"H" + string(name) + hx(value) + b"Z"))
        assert f"the attachment {name!r}" in found.incomplete

    @pytest.mark.parametrize("name", ["User", "traceId", "GROUPS", "_TO"])
    def test_of_any_other_name_is_a_property(self, name):
        found = sound(request(attachments=b"H" + string(name) + string("x") + b"Z"))
        assert (found.properties[name], found.incomplete) == ("x", "")


@pytest.mark.parametrize("value", NO_STRINGS.values(), ids=NO_STRINGS)
class TestAnAttachmentThatIsNoString:
    """Java casts path, version and group to String, and where they are none calls nobody."""

    def test_over_the_version_takes_the_version_away(self, value):
        assert "version" not in properties(attached(f"{VERSION} {value}"))

    def test_over_the_path_takes_the_interface_away(self, value):
        assert "interface" not in properties(attached(f"{PATH} {value}"))

    def test_after_the_same_key_with_a_string_takes_the_string_away(self, value):
        assert "group" not in properties(attached(f"{GROUP} {BLUE} {GROUP} {value}"))


@pytest.mark.parametrize("key", ["_TO", "_to", "timeout"])
@pytest.mark.parametrize("number", ["d4 0bb8", "49 00000bb8", "4c 0000000000000bb8"])
def test_a_timeout_that_is_a_number_is_read_as_the_provider_reads_it(key, number):
    assert properties(request(attachments=b"H" + string(key) + hx(number) + b"Z"))[key] == "3000"


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


def incomplete(message: bytes) -> str:
    metadata = read(message)
    assert metadata.error is None
    return metadata.incomplete


TEXT, NODE = "Ljava/lang/String;", "Lorg/demo/Node;"
FOREIGN_MAP = "0e 6f72672e64656d6f2e4d794d6170"  # org.demo.MyMap


class TestIncomplete:
    """A rule that denies by a property must not let a request pass that providers read differently."""

    @pytest.mark.parametrize(
        "attachments",
        [
            "48 5a",
            "4e",
            f"48 {GROUP} {BLUE} 5a",
            f"48 {GROUP} 4e 5a",
            f"48 {GROUP} 95 {GROUP} {BLUE} 5a",
            "48 03 5f544f d4 0bb8 5a",
            "48 91 01 78 5a",
            "48 4e 01 78 5a",
            f"4d {HASH_MAP} {GROUP} {BLUE} 5a",
        ],
        ids=[
            "empty",
            "null",
            "text",
            "a null",
            "a number, then text",
            "a timeout",
            "number key",
            "null key",
            "HashMap",
        ],
    )
    def test_is_nothing_that_all_providers_see_alike(self, attachments):
        assert incomplete(request(attachments=hx(attachments))) == ""

    @pytest.mark.parametrize("value", NO_STRINGS.values(), ids=NO_STRINGS)
    @pytest.mark.parametrize("key", [VERSION, "01 78"], ids=["version", "any key"])
    def test_are_attachments_that_are_no_strings(self, key, value):
        """Some providers turn them into text, and objects of some classes become strings when Java reads them."""
        assert "is not a string" in incomplete(attached(f"{key} {value}"))

    @pytest.mark.parametrize(
        "key", ["43 01 41 90 60", f"4d {FOREIGN_MAP} 5a", "51 90"], ids=["object", "map", "reference"]
    )
    def test_are_keys_that_may_become_strings(self, key):
        assert "key" in incomplete(attached(f"{key} 01 31"))

    @pytest.mark.parametrize("map_type", [FOREIGN_MAP, "90"], ids=["by name", "by number"])
    def test_is_a_map_of_a_class_that_may_change_what_is_put_into_it(self, map_type):
        argument = b"M" + hx(FOREIGN_MAP) + b"Z"
        message = request(types=NODE, arguments=argument, attachments=b"M" + hx(f"{map_type} {GROUP} {BLUE}") + b"Z")
        assert "class" in incomplete(message)

    def test_is_a_map_that_is_an_argument(self):
        """The provider makes it of the class that the parameter has."""
        argument = b"H" + hx(f"{GROUP} {BLUE}") + b"Z"
        assert "argument" in incomplete(request(types="Ljava/util/Map;", arguments=argument, attachments=hx("51 90")))

    @pytest.mark.parametrize(
        "attachments", [{"path": "blue/org.demo.Greeter"}, {"path": "org.demo.Greeter:1.2.3"}, {"group": "blue/org"}]
    )
    def test_is_an_interface_or_group_that_names_more_than_itself(self, attachments):
        """The provider finds the service by one string, GROUP/PATH:VERSION:PORT."""
        assert "may name" in incomplete(request(attachments=attachments))
        assert "may name" in incomplete(request(attachments={**attachments, "other": "ü"}))
        assert "may name" in incomplete(request(path="a/b"))

    @pytest.mark.parametrize("name", ["78", "43 0141 90 60"], ids=["list", "object"])
    def test_is_a_generic_call_of_a_method_that_cannot_be_read(self, name):
        message = request(method="$invoke", types="Ljava/lang/Object;" * 3, arguments=hx(f"{name} 78 78"))
        assert "generic call" in incomplete(message)

    @pytest.mark.parametrize("serialization", [3, 7, 8, 16, 21, 25, 31])
    def test_is_a_request_in_a_serialization_that_is_not_read(self, serialization):
        found = read(message(0xC0 | serialization, b"anything"))
        assert (found.properties, found.operation) == ({}, "")
        assert "is not read" in found.incomplete

    @pytest.mark.parametrize("serialization", [6, 22, 23], ids=["fastjson", "protobuf", "fastjson2"])
    def test_is_a_request_that_is_not_as_dubbo_writes_it(self, serialization):
        assert "not written as" in incomplete(message(0xC0 | serialization, b"anything"))

    @pytest.mark.parametrize("attachments", ['{"@type":"org.demo.Map"}', '{"group":"x","$ref":"$"}'])
    def test_is_a_fastjson_request_with_keys_that_are_none_to_fastjson(self, attachments):
        body = f'"2.0.2"\n"a.B"\n"1.0"\n"m"\n""\n{attachments}\n'
        assert "not written as" in incomplete(message(0xC6, body.encode()))

    def test_is_a_generic_call_in_fastjson(self):
        body = '"2.0.2"\n"a.B"\n"1.0"\n"$invoke"\n"I"\n1\n{}\n'
        assert "generic call" in incomplete(message(0xC6, body.encode()))

    def test_is_a_response_in_a_serialization_that_is_not_read(self):
        assert "is not read" in incomplete(message(0x08, b"anything", status=20))

    def test_is_a_response_with_an_attachment_that_is_no_string(self):
        assert "is not a string" in incomplete(response(b"\x95" + hx("48 01 78 95 5a")))

    def test_is_no_heartbeat(self):
        assert incomplete(message(0xE3, b"anything")) == ""
        assert incomplete(message(0x23, b"anything", status=20)) == ""


@pytest.mark.parametrize(
    ("types", "complete"),
    [("", True), (NODE, True), ("Ljava/util/List;", False), ("I", False), ("[" + NODE, False), (NODE + TEXT, False)],
)
def test_an_argument_in_protobuf_is_a_message_of_protobuf(types, complete):
    """Providers before 3.0 read nothing of others, and their bytes as the attachments."""

    def field(text):
        raw = text.encode()
        inner = b"\x0a" + bytes((len(raw),)) + raw if raw else b""
        return bytes((len(inner),)) + inner

    arguments = field("hi") * len(descriptors(types))
    body = b"".join(map(field, ("2.0.2", "a.B", "1", "m", types))) + arguments + b"\x00"
    found = read(message(0xD6, body))
    assert found.properties["interface"] == "a.B"
    assert (found.incomplete == "") is complete


class TestAnArgumentThatJavaDoesNotReadToItsEnd:
    """Providers before 3.0 read on after it from where they stopped: what is in it is then their attachments."""

    HIDDEN = f"48 {GROUP} {BLUE} 5a"

    @pytest.mark.parametrize(
        ("types", "arguments"),
        [
            (TEXT, f"48 01 61 {HIDDEN} 5a"),
            (TEXT, f"4d 00 01 61 {HIDDEN} 5a"),
            (TEXT, f"79 {HIDDEN}"),
            (TEXT, f"58 91 {HIDDEN}"),
            (TEXT, f"57 {HIDDEN} 5a"),
            (TEXT, f"71 01 74 {HIDDEN}"),
            (TEXT, f"43 01 41 91 01 78 60 {HIDDEN}"),
            (TEXT, f"43 01 41 91 01 78 4f 90 {HIDDEN}"),
            ("C", "78"),
            ("[C", "78"),
            ("[B", "78"),
            ("Z", "48 5a"),
            ("Ljava/lang/Long;", "78"),
            # a character of four bytes, which Java does not know
            (TEXT, "05 f09f9880 61616161"),
            (TEXT, "52 0001 61 05 f09f9880 61616161"),
            ("I", "05 f09f9880 61616161"),
            ("Ljava/lang/Object;", "05 f09f9880 61616161"),
            ("IJ" + TEXT + "I", "91 e1 00 78"),
            (NODE + "I", "78 78"),
            ("I" * 100, "91 " * 99 + "78"),
            # a list or a map without a class that the parameter's type does not know
            ("Ljava/util/List;", f"48 01 6b {HIDDEN} 5a"),
            ("Ljava/util/Map;", f"79 {HIDDEN}"),
            ("Ljava/util/Map;", f"57 {HIDDEN} 5a"),
            ("[" + TEXT, f"48 01 6b {HIDDEN} 5a"),
            ("[I", f"48 01 6b {HIDDEN} 5a"),
            ("Ljava/util/Date;", f"79 {HIDDEN}"),
            ("Ljava/util/Date;", f"48 01 6b {HIDDEN} 5a"),
            ("Ljava/math/BigDecimal;", f"48 01 6b {HIDDEN} 5a"),
            (NODE, f"79 {HIDDEN}"),
            ("V", f"48 01 6b {HIDDEN} 5a"),
            ("Ljava/util/List;", f"43 01 41 90 48 01 6b {HIDDEN} 5a"),
            # an item that ends Java's reading of its array
            ("[I", f"7a 01 61 {HIDDEN}"),
            ("[I", f"58 a3 {'91 ' * 17} 4a 0000000000000000 {HIDDEN}"),
            ("[" + TEXT, f"7a 78 {HIDDEN}"),
            ("[[I", f"79 7a 01 61 {HIDDEN}"),
            ("[[I", f"7a 91 {HIDDEN}"),
            ("[Ljava/util/List;", f"7a 48 5a {HIDDEN}"),
            ("[Ljava/util/Map;", f"7a 78 {HIDDEN}"),
            ("[Ljava/lang/Integer;", f"72 06 5b73686f7274 01 61 {HIDDEN}"),
            ("[[B", f"7a 01 61 {HIDDEN}"),
            ("[" + NODE, f"7a 01 61 {HIDDEN}"),
            # a character of four bytes inside
            ("Ljava/util/List;", "7a 05 f09f9880 61616161 91"),
            ("Ljava/util/Map;", "48 05 f09f9880 61616161 91 5a"),
            ("Ljava/lang/Object;", "71 05 f09f9880 61616161 91"),
            ("Ljava/lang/Object;", "43 01 41 91 05 f09f9880 61616161 60 91"),
            ("Ljava/lang/Object;", "79 30 24 " + "61" * 35 + "f09f9880"),
        ],
    )
    def test_makes_the_properties_incomplete(self, types, arguments):
        message = request(types=types, arguments=hx(arguments), attachments={"k": "v"})
        assert "before 3.0" in incomplete(message)
        assert properties(message)["k"] == "v"
        assert "before 3.0" in incomplete(request(types=types, arguments=hx(arguments), attachments={"k": "ü"}))

    @pytest.mark.parametrize(
        ("types", "arguments"),
        [
            ("", ""),
            (TEXT, "02 6869"),
            (TEXT, "4e"),
            (TEXT, "91"),
            (TEXT, "22 0102"),
            (TEXT, "4b 00000000"),
            (NODE + TEXT, "78 51 90"),
            (TEXT, "43 0141 90 02 6869"),
            (TEXT, "02 c3bcc3bc"),
            (TEXT, "53 00f0 " + "61" * 240),
            (TEXT, "52 00f1 " + "61" * 241 + "00"),
            ("ZBSIJFD", "54 91 c801 49 00000001 e1 5b 44 0000000000000000"),
            ("I", "0d 48 05 67726f7570 04 626c7565 5a"),
            ("[B", "42 0002 ffff"),
            (NODE, f"48 01 61 {HIDDEN} 5a"),
            (NODE, "4c ffffffffffffffff"),
            ("[I", "79 91"),
            ("I" * 100, "91 " * 100),
            (NODE * 100, "78 " * 100),
            ("Ljava/util/List;", f"7a 01 61 {HIDDEN}"),
            ("Ljava/util/Set;", "78"),
            ("Ljava/util/Map;", f"48 79 91 {HIDDEN} 5a"),
            ("Ljava/lang/Object;", f"48 7a 91 {HIDDEN} 4e 5a"),
            ("Ljava/util/Date;", "4a 0000000000000000"),
            ("[Ljava/lang/Object;", f"7b 91 {HIDDEN} 78"),
            ("[" + TEXT, "7c 02 6869 4e 91 54"),
            ("[" + TEXT, "58 a2 " + "01 61" * 18),
            ("[I", "58 a2 " + "91 " * 18),
            ("[D", "57 5b 44 0000000000000000 4e 5a"),
            ("[[I", "7b 79 91 4e 57 91 92 5a"),
            ("[[B", "7a 21 01 4e"),
            ("[" + NODE, "43 01 41 90 7a 60 51 90"),
            ("[Ljava/util/List;", f"7a 79 {HIDDEN} 78"),
            ("[Ljava/util/Date;", "7a 4b 00000000 4e"),
            ("Ljava/lang/Object;", "43 01 41 c8f0 " + "01 61" * 240 + "60" + "91" * 240),
        ],
    )
    def test_is_none_that_java_reads_or_may_read(self, types, arguments):
        message = request(types=types, arguments=hx(arguments), attachments={"k": "v"})
        assert incomplete(message) == ""
        assert properties(message)["k"] == "v"
