"""Attachments of responses. A response that has none gets a place for them only if its client would read it."""

import pytest
from dubbo_bytes import response
from dubbo_messages import CODEC, HASH_MAP, attachments_of, changed, hx, properties, read, request_of_version, sound

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.hessian2.values import Instance
from metaprotocol_sdk import Limits, MessageType, Metadata, Mutation, UnsupportedMutation

A1, B2 = "01 61 01 31", "01 62 01 32"
FAILURE = "43 03 4f6f70 91 01 78 60 01 21"  # an object of the class Oop whose x is "!"
BODIES = {"exception": FAILURE, "value": "03 617267", "null": ""}
# The kinds of response: without attachments, and with.
KINDS = {"exception": ("90", "93"), "value": ("91", "94"), "null": ("92", "95")}


def plain(what: str, kind: str | None = None, *, trailing: str = "00 ff") -> bytes:
    """Return a response without attachments, with bytes behind it that no reader looks at."""
    return response(hx(f"{kind or KINDS[what][0]} {BODIES[what]} {trailing}"))


def attached(what: str, attachments: str, kind: str | None = None) -> bytes:
    return response(hx(f"{kind or KINDS[what][1]} {BODIES[what]} {attachments} 00 ff"))


@pytest.mark.parametrize("what", KINDS)
class TestAResponseWithAttachments:
    def test_gets_another_key(self, what):
        before = attached(what, f"48 {A1} 5a")
        assert changed(before, {"b": "2"}) == attached(what, f"48 {A1} {B2} 5a")

    def test_gets_it_whoever_the_client_is(self, what):
        before = attached(what, f"48 {A1} 5a")
        assert changed(before, {"b": "2"}, client=None) == attached(what, f"48 {A1} {B2} 5a")

    def test_keeps_its_other_properties(self, what):
        before = attached(what, f"48 {A1} 5a")
        after = properties(changed(before, {"b": "2"}))
        assert after == {**properties(before), "b": "2"}
        assert ("exception" in after) == (what == "exception")

    def test_loses_a_key(self, what):
        assert changed(attached(what, f"48 {A1} {B2} 5a"), {"a": None}) == attached(what, f"48 {B2} 5a")

    def test_keeps_its_kind_when_the_last_key_goes(self, what):
        assert changed(attached(what, f"48 {A1} 5a"), {"a": None}) == attached(what, "48 5a")

    def test_has_its_original_bytes_when_a_set_key_goes(self, what):
        for attachments in ("48 5a", f"48 {A1} 5a", f"4d {HASH_MAP} {A1} 5a"):
            before = attached(what, attachments)
            assert changed(changed(before, {"k": "v"}), {"k": None}) == before

    def test_keeps_an_empty_map_in_place_of_a_null_when_a_set_key_goes(self, what):
        assert changed(changed(attached(what, "4e"), {"k": "v"}), {"k": None}) == attached(what, "48 5a")


@pytest.mark.parametrize("what", KINDS)
class TestAResponseWithoutAttachments:
    def test_is_raised_to_the_kind_that_has_them(self, what):
        after = changed(plain(what), {"k": "v"})
        before_values = 1 if what == "null" else 2
        assert after[16:17] == hx(KINDS[what][1])
        assert attachments_of(after, before=before_values) == [("k", "v")]

    def test_keeps_every_other_byte(self, what):
        before, after = plain(what), changed(plain(what), {"k": "v"})
        body = hx(BODIES[what])
        assert after[:12] == before[:12]
        assert after[17:].startswith(body + b"H")
        assert after.endswith(hx("01 76 5a 00 ff"))

    def test_keeps_its_other_properties_and_its_type(self, what):
        before, after = sound(plain(what)), sound(changed(plain(what), {"k": "v"}))
        assert after.properties == {**before.properties, "k": "v"}
        assert after.message_type is before.message_type
        assert after.status is before.status

    def test_keeps_its_new_kind_and_an_empty_map_when_the_key_goes(self, what):
        after = changed(changed(plain(what), {"k": "v"}), {"k": None})
        assert after == attached(what, "48 5a")
        assert properties(after) == properties(plain(what))

    def test_loses_the_key_even_where_the_client_is_no_longer_known(self, what):
        assert changed(changed(plain(what), {"k": "v"}), {"k": None}, client=None) == attached(what, "48 5a")

    @pytest.mark.parametrize("first", ["k", "l"])
    def test_loses_two_keys_in_either_order(self, what, first):
        both = changed(changed(plain(what), {"k": "v"}), {"l": "w"})
        second = "l" if first == "k" else "k"
        one = changed(both, {first: None})
        assert second in properties(one)
        assert first not in properties(one)
        assert changed(one, {second: None}) == attached(what, "48 5a")

    def test_does_not_change_when_nothing_is_set(self, what):
        assert changed(plain(what), {"k": None}, client=None) == plain(what)

    @pytest.mark.parametrize("form", ["c8 {:02x}", "d4 00 {:02x}", "49 00 00 00 {:02x}"])
    def test_keeps_the_form_of_its_kind(self, what, form):
        low = int(KINDS[what][0], 16) - 0x90
        before = plain(what, form.format(low))
        after = changed(before, {"k": "v"})
        assert after[16:].startswith(hx(form.format(low + 3)))
        assert properties(after) == {**properties(before), "k": "v"}


@pytest.mark.parametrize("version", ["2.0.2", "2.0.3", "2.0.9", "2.0.50", "2.0.99", "2.0.2-SNAPSHOT"])
def test_a_client_of_this_protocol_version_gets_attachments(version):
    after = changed(plain("value"), {"k": "v"}, client=request_of_version(version))
    assert properties(after) == {"k": "v"}


@pytest.mark.parametrize(
    "version",
    # the last two but one are what sofa-rpc-node and old consumers send: the version of a jar
    [None, "", "x", "2", "2.0", "2.0.0", "2.0.1", "2.0.100", "2.1.0", "2.6.2", "2.7.23", "5.3.0", "2.5.3.6", "-2.0.2"],
)
def test_a_client_of_that_protocol_version_gets_none(version):
    with pytest.raises(UnsupportedMutation, match="version"):
        changed(plain("value"), {"k": "v"}, client=request_of_version(version))


def test_an_unknown_client_gets_none():
    with pytest.raises(UnsupportedMutation, match="without its request"):
        changed(plain("value"), {"k": "v"}, client=None)


def test_a_version_of_a_million_digits_is_no_version():
    client = Metadata(b"", MessageType.REQUEST, properties={"dubbo": "2.0." + "9" * 1_000_000})
    with pytest.raises(UnsupportedMutation):
        changed(plain("value"), {"k": "v"}, client=client)


def test_the_version_of_the_response_says_nothing_about_its_client():
    before = attached("value", "48 05 647562626f 05 322e302e32 5a")
    assert properties(before) == {"dubbo": "2.0.2"}
    assert properties(changed(before, {"dubbo": None}, client=None)) == {}


@pytest.mark.parametrize("key", ["exception", "error"])
@pytest.mark.parametrize("value", ["x", None], ids=["set", "remove"])
@pytest.mark.parametrize("message", [plain("exception"), attached("value", "48 5a")], ids=["exception", "value"])
def test_what_a_response_says_itself_cannot_be_changed(message, key, value):
    with pytest.raises(UnsupportedMutation, match=key):
        changed(message, {key: value})


@pytest.mark.parametrize("key", ["method", "interface", "version", "parameter_types", "path", "body_path"])
def test_the_names_of_a_requests_fields_are_free_in_a_response(key):
    after = changed(attached("value", "48 5a"), {key: "x"})
    assert properties(after) == {key: "x"}
    assert changed(after, {key: None}) == attached("value", "48 5a")


def test_attachments_that_are_the_value_itself_are_copied_before_they_change():
    before = response(hx(f"94 48 {A1} 5a 51 90"))
    after = changed(before, {"a": "9", "k": "v"})
    assert properties(after) == {"a": "9", "k": "v"}
    assert after[16:].startswith(hx(f"94 48 {A1} 5a"))


def test_attachments_that_are_the_value_itself_stay_a_copy_when_the_key_goes():
    before = response(hx(f"94 48 {A1} 5a 51 90"))
    assert changed(changed(before, {"k": "v"}), {"k": None}) == response(hx(f"94 48 {A1} 5a 48 {A1} 5a"))


def test_an_attachment_of_a_class_that_the_value_defined_stays():
    before = attached("exception", "48 01 6b 60 01 3f 5a")
    after = changed(before, {"l": "w"})
    assert attachments_of(after, before=2) == [("k", Instance("Oop", {"x": "?"})), ("l", "w")]


def test_encode_may_be_repeated_and_changes_no_argument():
    metadata = sound(plain("value"))
    metadata.request = request_of_version("2.0.2")
    untouched, mutation = metadata.clone(), Mutation({"k": "v"})
    assert CODEC.encode(metadata, mutation) == CODEC.encode(metadata, mutation)
    assert metadata == untouched
    assert mutation == {"k": "v"}


def test_no_more_keys_are_written_than_may_be_read():
    codec = DubboCodec(limits=Limits(max_elements=2))
    assert read(changed(plain("value"), {"k": "v", "l": "w"}, codec=codec), codec).error is None
    with pytest.raises(UnsupportedMutation, match="limit"):
        changed(plain("value"), {"k": "v", "l": "w", "m": "x"}, codec=codec)


@pytest.mark.parametrize("size", range(90, 100))
def test_a_key_that_is_written_can_be_read(size):
    codec = DubboCodec(limits=Limits(max_key_length=100))
    key = "k" * size
    try:
        after = changed(plain("value"), {key: "v"}, codec=codec)
    except UnsupportedMutation:
        assert size > 90
    else:
        assert sound(after, codec).properties == {key: "v"}
