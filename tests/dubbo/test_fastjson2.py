"""Bodies in fastjson2: JSONB values, each after its length. The bytes are those of fastjson2 2.0.56 in Dubbo 3.3.6."""

import pytest
from dubbo_bytes import message
from dubbo_messages import CODEC, hx, read, request_of_version
from dubbo_messages import changed as change
from fastjson2_bytes import attachment_map, chunk, text, utf8, utf16
from fastjson2_bytes import fastjson2_request as call
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Limits, MessageType, Metadata, Mutation, Status, UnsupportedMutation

STRING_TYPE = "Ljava/lang/String;"


def answer(kind: int, *chunks: bytes, status: int = 20) -> bytes:
    return message(0x17, b"".join(map(chunk, (b"\xbd" + bytes((kind,)), *chunks))), status=status)


def changed(data: bytes, **mutation: str | None) -> Metadata:
    """Change a message and read what came of it, whose lengths must be right."""
    after = CODEC.encode(read(data), Mutation(mutation))
    found = read(after)
    assert found.error is None
    assert CODEC.encode(found, Mutation()) == after
    return found


class TestARequest:
    def test_tells_who_is_called(self):
        found = read(call({"group": "blue", "timeout": "1000"}, types=STRING_TYPE, arguments=(text("x"),)))
        assert (found.error, found.incomplete) == (None, "")
        assert found.message_type is MessageType.REQUEST
        assert found.operation == "org.demo.Greeter/hello"
        assert found.properties == {
            "interface": "org.demo.Greeter",
            "method": "hello",
            "version": "1.0",
            "parameter_types": STRING_TYPE,
            "dubbo": "2.0.2",
            "group": "blue",
            "timeout": "1000",
        }

    def test_is_dispatched_by_its_attachments(self):
        found = read(call({"path": "org.demo.Other", "version": "2.0", "method": "x"}))
        assert found.properties["interface"] == "org.demo.Other"
        assert found.properties["body_path"] == "org.demo.Greeter"
        assert found.properties["version"] == "2.0"
        assert found.properties["method"] == "hello"

    def test_has_no_version_where_the_attachment_is_null(self):
        assert "version" not in read(call({"version": None})).properties

    def test_shows_the_last_of_a_key_that_comes_twice(self):
        assert "version" not in read(call(attachment_map("version", "1", "version", None))).properties

    @pytest.mark.parametrize(
        "value", [b"\xb1", b"\x05", b"\xa6\x4a\x61\x4a\x62\xa5", b"\x95\x05", b"\x93\x4d\x24\x2e\x61\x62"]
    )
    def test_is_incomplete_where_an_attachment_is_not_a_string(self, value):
        found = read(call({"version": value, "zone": "eu"}))
        assert "version" not in found.properties
        assert found.properties["zone"] == "eu"
        assert "'version' is not a string" in found.incomplete

    def test_shows_a_timeout_that_is_an_int(self):
        for written, shown in {
            "05": "5",
            "3be8": "1000",
            "450001": "65537",
            "487fffffff": "2147483647",
            "ff": "-1",
        }.items():
            found = read(call({"timeout": hx(written)}))
            assert (found.properties["timeout"], found.incomplete) == (shown, "")

    @pytest.mark.parametrize("written", [b"\x53d\0ubbo.tag", b"\x52\xefubbo.tag"])
    def test_is_incomplete_where_the_reader_may_mistake_one_key_for_another(self, written):
        """fastjson2 remembers names by numbers, which are the same for `d\\0ubbo.tag` and `dubbo.tag`."""
        found = read(call(attachment_map(written, "a", "zone", "eu")))
        assert "another name" in found.incomplete
        assert found.properties["zone"] == "eu"

    def test_names_the_method_of_a_generic_call(self):
        types = STRING_TYPE + "[Ljava/lang/String;[Ljava/lang/Object;"
        generic = call({"generic": "true"}, method="$invoke", types=types, arguments=(text(" save "), b"\x94", b"\x94"))
        assert (read(generic).properties["generic_method"], read(generic).incomplete) == ("save", "")
        hidden = call({}, method="$invoke", types=types, arguments=(b"\xa6\xa5", b"\x94", b"\x94"))
        assert "generic_method" not in read(hidden).properties
        assert "generic call" in read(hidden).incomplete

    def test_may_have_null_for_attachments(self):
        assert read(call(b"\xaf")).properties["version"] == "1.0"

    def test_whose_path_may_name_the_group_is_incomplete(self):
        assert "group" in read(call({"path": "blue/a.B:1"})).incomplete

    @pytest.mark.parametrize(
        "written",
        [
            b"\x4c\x5a\x6f\xeb",  # ASCII, as it is called, of any byte
            b"\x79\x03\x5a\x6f\xeb",
            b"\x79\x48\0\0\0\x03\x5a\x6f\xeb",
            b"\x7a\x04\x5a\x6f\xc3\xab",
            b"\x7c\x06\x5a\0\x6f\0\xeb\0",
            b"\x7d\x06\0\x5a\0\x6f\0\xeb",
            b"\x7a\x38\x04\x5a\x6f\xc3\xab",
        ],
    )
    def test_is_read_in_every_form_of_a_string(self, written):
        found = read(call({"name": written}))
        assert (found.properties["name"], found.incomplete) == ("Zoë", "")

    @pytest.mark.parametrize("form", [utf8, utf16], ids=["UTF-8", "UTF-16"])
    def test_may_have_keys_and_values_beyond_latin_1(self, form):
        found = read(call(attachment_map(form("größe 世"), form("界"))))
        assert (found.properties["größe 世"], found.incomplete) == ("界", "")

    def test_may_have_half_of_a_surrogate_pair_in_utf_16(self):
        found = read(call({"name": b"\x7c\x04\x16\x4e\x00\xd8"}))
        assert (found.properties["name"], found.incomplete) == ("世\ud800", "")

    def test_is_incomplete_where_a_string_comes_after_an_object_of_its_key(self):
        """Only the class of the object tells where the provider goes on."""
        found = read(call(attachment_map("version", b"\x92\x4a\x41\x00\xa6\xa5", "version", "2.0")))
        assert "'version' is not a string" in found.incomplete


def latin1_forms(value: str) -> list[bytes]:
    return [utf8(value), utf16(value), utf16(value, "be")]


class TestAStringThatJavaDoesNotFind:
    """On Java 9 and later, Latin-1 text in UTF-8 or UTF-16 becomes a String that equals no other."""

    @pytest.mark.parametrize("key", latin1_forms("version"))
    def test_hides_no_version(self, key):
        found = read(call(attachment_map(key, "2.0")))
        assert (found.properties, "not written as" in found.incomplete) == ({}, True)

    @pytest.mark.parametrize("value", latin1_forms("2.0") + latin1_forms(""))
    def test_is_no_value_of_dubbo_s(self, value):
        assert "not written as" in read(call({"version": value})).incomplete

    @pytest.mark.parametrize("field", ["path", "version", "method"])
    @pytest.mark.parametrize("written", latin1_forms("1.0") + latin1_forms("größe"))
    def test_is_no_field_of_the_body(self, field, written):
        assert "not written as" in read(call({}, **{field: written})).incomplete

    @pytest.mark.parametrize("key", latin1_forms("größe"))
    def test_as_a_key_makes_the_properties_incomplete(self, key):
        found = read(call(attachment_map(key, "1")))
        assert found.properties["größe"] == "1"
        assert "'größe' is not found by its name" in found.incomplete

    @pytest.mark.parametrize("key", ["ascii", "größe", "größe und gewicht", "9 byte ë\0", "世界"])
    def test_is_not_written(self, key):
        found = changed(call({}), **{key: "größer"})
        assert (found.properties[key], found.incomplete) == ("größer", "")


def nested(value: str) -> bytes:
    return attachment_map("object", hx(value), "zone", "eu")


@pytest.mark.parametrize(
    "value",
    [
        "92 4d6e616d65 00 a6 7f 4a61 00 01 7f 00 02 a5",  # an object whose field names are symbols
        "92 00 a6 a5",
        "91 04 a5a5a5a5",
        "90 38 e9",
        "a7 0a0b0c 00",
        "a8 07e80102030405 00",
        "a9 07e80102",
        "aa 07e80102030405 00 4c555443",
        "ab 0000000000000001",
        "ac 00000001",
        "ad 00000001",
        "ae 01 02",
        "b4 be 0000000000000001",
        "b5 0000000000000000",
        "b6 01",
        "b7 00000000",
        "b8 01",
        "b9 02 bb 02 0102",
        "ba 01",
        "bb 02 0102",
        "bc 0001",
        "bd 01",
        "be 0000000000000001",
        "bf 00000001",
        "c4 0102",
        "d0 01",
        "e0",
        "a4 01 05",
        "96 94 a6 4a61 95 af a5",
        "95 95 95 95 a6 a5",
    ],
)
def test_every_kind_of_value_is_skipped(value):
    found = read(call(nested(value)))
    assert found.properties["zone"] == "eu"
    assert "'object'" in found.incomplete
    assert changed(found.message, zone=None, more="x").properties.get("more") == "x"
    if hx(value)[0] in (0x92, 0x95, 0x96, 0xA4):
        with pytest.raises(UnsupportedMutation, match="object"):
            changed(found.message, object=None)


class TestARequestThatIsNotRead:
    @pytest.mark.parametrize(
        "attachments",
        [
            b"",
            b"\x94",
            b"\x92\x4a\x61\x00\xa6\xa5",
            b"\xa6",
            b"\xa6\xa5\xa5",
            b"\xa6\x05\x4a\x61\xa5",
            b"\xa6\xaf\x4a\x61\xa5",
            b"\xa6\x7f\x4a\x61\x00\x4a\x62\xa5",
            attachment_map("@type", "a.B"),
            b"\xa6\x4a\x61\x7a\x01\xff\xa5",
            b"\xa6\x4a\x61\x7d\x02\xd8\x00\xa5",
            b"\xa6\x4a\x61\x79\x48\x7f\xff\xff\xff\xa5",
            b"\xa6\x4a\x61\x79\xff\xa5",
            b"\xa6\x4a\x61\xa4\x48\x7f\xff\xff\xff\x05\xa5",
            b"\xa6\x4a\x61\xa4\xff\xa5",
            b"\xa6\x4a\x61" + b"\xa6" * 100_000 + b"\xa5",
            b"\xa6\x4a\x61" + b"\x95" * 100_000,
        ],
    )
    def test_says_so_and_passes_unchanged(self, attachments):
        found = read(call(attachments))
        assert (found.error, found.properties) == (None, {})
        assert "fastjson2" in found.incomplete
        with pytest.raises(UnsupportedMutation, match="fastjson2"):
            CODEC.encode(found, Mutation({"a": "b"}))
        assert CODEC.encode(found, Mutation()) == found.message

    @pytest.mark.parametrize(
        "body", ["", "000000", "00000000", "ffffffff4a61", "7fffffff4a61", "000000024a", "00000001"]
    )
    def test_whose_lengths_are_wrong_says_so(self, body):
        assert "fastjson2" in read(message(0xD7, hx(body))).incomplete

    def test_passes_a_limit(self):
        codec = DubboCodec(limits=Limits(max_elements=2, max_value_length=50, max_key_length=50))
        assert read(call({"a": "1", "b": "2"}), codec).incomplete == ""
        assert read(call({"a": "1", "b": "2", "c": "3"}), codec).incomplete
        assert read(call({"a": "x" * 60}), codec).incomplete
        assert read(call({"a" * 60: "x"}), codec).incomplete

    @given(st.binary(max_size=40), st.integers(0, 200))
    @examples(3)
    def test_ends_in_no_other_error(self, data, place):
        before = call(
            {"a": "1", "b": hx("92 4d6e616d65 00 a6 7f 4a61 00 01 a5"), "c": "世"}, types="I", arguments=(b"\5",)
        )
        damaged = before[:16] + before[16 : 16 + place] + data + before[16 + place + len(data) :]
        damaged = damaged[:12] + (len(damaged) - 16).to_bytes(4) + damaged[16:]
        found = read(damaged)
        CODEC.spans(found)
        try:
            after = CODEC.encode(found, Mutation({"a": "2", "b": None, "d": "x"}))
        except UnsupportedMutation:
            return
        assert read(after).properties.get("d") == "x"


class TestAMutationOfARequest:
    def test_sets_replaces_and_removes(self):
        before = call({"a": "1", "b": "2", "c": "3"}, trailing=b"rest")
        found = changed(before, a="9", b=None, größe="世")
        assert found.message == call({"a": "9", "c": "3"}, trailing=b"rest")[:12] + found.message[12:]
        assert found.properties == {**read(call({"a": "9", "c": "3"})).properties, "größe": "世"}
        assert found.message.endswith(b"rest")

    def test_leaves_every_other_byte(self):
        assert changed(call({"a": "1", "b": "2"}), b="3").message == call({"a": "1", "b": "3"})
        assert changed(call({"a": "1", "b": "2"}), a=None).message == call({"b": "2"})
        assert changed(call({"a": "1"}), b="2").message == call({"a": "1", "b": "2"})

    def test_is_undone_to_the_byte(self):
        before = call({"a": "1"})
        assert changed(changed(before, b="x" * 100).message, b=None).message == before

    def test_makes_a_map_of_null(self):
        assert changed(call(b"\xaf"), a="1").message == call({"a": "1"})

    def test_removes_a_key_in_all_its_places_and_replaces_the_last(self):
        twice = attachment_map("a", "1", "a", "1")
        assert changed(call(twice), a=None).message == call({})
        assert changed(call(twice), a="2").properties["a"] == "2"

    def test_changes_nothing_where_nothing_changes(self):
        before = call({"a": "1"})
        assert changed(before, a="1", b=None, version="1.0").message == before

    def test_leads_the_call_elsewhere(self):
        assert changed(call({"path": "p.Q"}), path="r.S", group="g", version="2").properties["interface"] == "r.S"

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            ("version", None, "body has one"),
            ("method", "x", "field of the body"),
            ("interface", "x", "path instead"),
            ("a", "\ud800", "surrogate"),
            ("@type", "java.lang.String", "class of the map"),
        ],
    )
    def test_that_it_cannot_carry_is_refused(self, key, value, why):
        with pytest.raises(UnsupportedMutation, match=why):
            changed(call({}), **{key: value})

    def test_past_a_limit_is_refused(self):
        codec = DubboCodec(limits=Limits(max_elements=2, max_value_length=50))
        found = read(call({"a": "1", "b": "2"}), codec)
        for mutation in ({"c": "3"}, {"a": "x" * 60}):
            with pytest.raises(UnsupportedMutation, match="over"):
                codec.encode(found, Mutation(mutation))

    def test_goes_with_another_id(self):
        after = CODEC.encode(read(call({})), Mutation({"a": "1"}), 77)
        assert (read(after).request_id, read(after).properties["a"]) == (77, "1")


class TestAResponse:
    @pytest.mark.parametrize(("kind", "value"), [(4, (b"\xa6\xa5",)), (5, ())])
    def test_shows_its_attachments_and_takes_others(self, kind, value):
        before = answer(kind, *value, attachment_map("dubbo", "2.0.2", "exception", "no"))
        found = read(before)
        assert (found.message_type, found.incomplete) == (MessageType.RESPONSE, "")
        assert found.properties == {"dubbo": "2.0.2"}
        assert changed(before, zone="eu").properties == {"dubbo": "2.0.2", "zone": "eu"}

    def test_names_the_class_of_an_exception(self):
        thrown = b"\x92" + text("a.Oops") + b"\x00\xa6\xa5"
        found = read(answer(3, thrown, attachment_map("a", "1")))
        assert found.message_type is MessageType.EXCEPTION
        assert found.properties == {"a": "1", "exception": "a.Oops"}

    def test_names_the_package_of_an_exception_of_java_s(self):
        found = read(answer(0, b"\x92" + text("IllegalStateException") + b"\x00\xa6\xa5"))
        assert found.properties == {"exception": "java.lang.IllegalStateException"}

    @pytest.mark.parametrize(("kind", "value"), [(0, (b"\xaf",)), (1, (b"\x05",)), (2, ())])
    def test_without_attachments_gets_them_and_another_kind(self, kind, value):
        before = answer(kind, *value)
        assert (read(before).properties, read(before).incomplete) == ({}, "")
        after = change(before, {"a": "1", "b": None})
        assert after == answer(kind + 3, *value, attachment_map("a", "1"))
        assert change(before, {"a": None}) == before

    def test_gets_no_attachments_that_its_client_does_not_read(self):
        for client in (None, request_of_version("2.0.1")):
            with pytest.raises(UnsupportedMutation, match="has no attachments"):
                change(answer(2), {"a": "1"}, client=client)

    @pytest.mark.parametrize(
        "body", [b"", b"\x04", chunk(b"\xbd\x07"), chunk(b"\x04") + chunk(b"\x05"), chunk(b"\xbd\x04")]
    )
    def test_that_is_not_read_says_so(self, body):
        found = read(message(0x17, body, status=20))
        assert found.properties == {}
        assert "fastjson2" in found.incomplete

    def test_of_another_status_has_the_text_of_the_error(self):
        found = read(message(0x17, chunk(text("no provider")), status=70))
        assert (found.status, found.properties) == (Status.ERROR, {"error": "no provider"})
        assert "fastjson2" in read(message(0x17, b"\1\2", status=70)).incomplete


def test_the_bytes_of_a_request_are_explained():
    found = read(call({"zone": "eu", "n": b"\x05"}, types="I", arguments=(b"\x05",)))
    spans = CODEC.spans(found)
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]
    assert spans[-1].end == len(found.message)
    names = {span.name: span.value for span in spans}
    assert names["path"] == "org.demo.Greeter"
    assert names["attachments.zone"] == "eu"
    assert "arguments.0" in names


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("af", "None"),
        ("b1", "True"),
        ("05", "5"),
        ("ff", "-1"),
        ("3be8", "1000"),
        ("487fffffff", "2147483647"),
        ("d8", "-8"),
        ("cf ff", "-1"),
        ("c3 ffff", "-1"),
        ("be 8000000000000000", "-9223372036854775808"),
        ("bf ffffffff", "-1"),
        ("bc ffff", "-1"),
        ("bd 07", "7"),
        ("b3", "1.0"),
        ("b5 3fe0000000000000", "0.5"),
        ("b7 3f000000", "0.5"),
        ("b6 02", "2"),
        ("bb 02 ff00", "-256"),
        ("b9 02 07", "java.math.BigDecimal(scale=2, digits=7)"),
        ("90 38e9", "'é'"),
        ("91 02 0001", "b'\\x00\\x01'"),
        ("4b 6869", "'hi'"),
        ("7a 03 e4b896", "'世'"),
        ("a8 07e8 01 02 03 04 05 00", "'2024-01-02T03:04:05'"),
        ("a9 07e8 01 02", "'2024-01-02'"),
        ("ab 0000000000000001", "1970-01-01T00:00:00.001Z"),
        ("ac 00000001", "1970-01-01T00:00:01.000Z"),
        ("ad 00000001", "1970-01-01T00:01:00.000Z"),
        ("ae 01 02", "b'\\xae\\x01\\x02'"),
        ("96 05 4a61", "[5, 'a']"),
        ("94", "[]"),
        ("a4 01 94", "[[]]"),
        ("a6 a5", "{}"),
        ("a6 4a61 95 05 05 a6 a5 a5", "{'a': [5], 5: {}}"),
        ("92 4c612e42 00 a6 7f 4a61 01 05 7f 02 06 a5", "a.B(a=5, 'symbol 2'=6)"),
        ("96 92 4c612e42 00 a6 a5 92 00 95 05", "[a.B(), a.B [5]]"),
        ("92 4c612e42 00 4a61", "a.B(value='a')"),
        ("93 4c242e61", "{'$ref': '$.a'}"),
        ("a6 4a61", ""),
        ("96 05", ""),
        ("b5 00", ""),
        ("7e 00", ""),
        (f"{'b4' * 20_000} 05", "5"),
        (f"{'b902' * 20_000} 05", "java.math.BigDecimal(scale=2, digits=None)"),
    ],
)
def test_values_are_shown(value, shown):
    """As arguments, which pass unread; those of hessian2 are shown alike."""
    found = read(call({}, types="I", arguments=(hx(value),)))
    spans = {span.name: span for span in CODEC.spans(found)}
    assert spans["arguments.0"].value == shown


@given(st.binary(min_size=1, max_size=40))
@examples(10)
def test_any_bytes_are_shown_or_not(value):
    found = read(call({}, types="I", arguments=(value,)))
    assert "arguments.0" in {span.name for span in CODEC.spans(found)}


def test_objects_of_any_depth_and_size_are_shown_in_part():
    for value in (
        b"\x95" * 20_000 + b"\x94",
        b"\xa6\x4a\x61" * 20_000 + b"\xa6" + b"\xa5" * 20_001,
        b"\xa4\x48\x00\x00\x40\x00" + b"\x05" * 16_384,
    ):
        found = read(call({}, types="I", arguments=(value,)))
        (span,) = [span for span in CODEC.spans(found) if span.name == "arguments.0"]
        assert len(span.value) == 1000
        assert span.value.endswith("…")


def test_an_attachment_that_is_not_a_string_is_shown():
    found = read(call({"n": b"\x95\x05"}))
    assert [(span.value, span.meaning) for span in CODEC.spans(found) if span.name == "attachments.n"] == [
        ("[5]", "not a string")
    ]
