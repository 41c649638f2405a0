"""Setting and removing attachments of a request in the shape that nearly all requests have, by its bytes."""

import pytest
from dubbo_bytes import INTERFACE, request
from dubbo_messages import CODEC, STRING, changed, hx, properties, sound

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Limits, Mutation, UnsupportedMutation


def attached(entries: str) -> bytes:
    """Return a request with one argument, some attachments in hex, and bytes behind them that no reader looks at."""
    return request(types=STRING, arguments=hx("03 617267"), attachments=hx(f"48 {entries} 5a"), trailing=hx("00 ff"))


A1, B2, C3 = "01 61 01 31", "01 62 01 32", "01 63 01 33"


@pytest.mark.parametrize("message", [attached(A1), attached("")], ids=["some", "none"])
def test_an_empty_mutation_gives_the_very_same_bytes(message):
    metadata = sound(message)
    assert CODEC.encode(metadata, Mutation()) is metadata.message


def test_a_new_key_is_added_behind_the_others():
    assert changed(attached(A1), {"b": "2"}) == attached(f"{A1} {B2}")


def test_a_first_key_is_added_to_an_empty_map():
    assert changed(attached(""), {"a": "1"}) == attached(A1)


def test_several_keys_are_added_in_the_order_of_the_mutation():
    assert changed(attached(A1), {"c": "3", "b": "2"}) == attached(f"{A1} {C3} {B2}")


@pytest.mark.parametrize(
    ("key", "after"),
    [
        ("a", f"01 61 03 6e6577 {B2} {C3}"),
        ("b", f"{A1} 01 62 03 6e6577 {C3}"),
        ("c", f"{A1} {B2} 01 63 03 6e6577"),
    ],
)
def test_a_key_that_is_there_is_replaced_in_its_place(key, after):
    assert changed(attached(f"{A1} {B2} {C3}"), {key: "new"}) == attached(after)


@pytest.mark.parametrize(("key", "after"), [("a", f"{B2} {C3}"), ("b", f"{A1} {C3}"), ("c", f"{A1} {B2}")])
def test_a_key_is_removed_and_the_others_stay(key, after):
    assert changed(attached(f"{A1} {B2} {C3}"), {key: None}) == attached(after)


def test_all_keys_can_be_removed():
    assert changed(attached(f"{A1} {B2}"), {"a": None, "b": None}) == attached("")


def test_one_mutation_sets_replaces_and_removes():
    assert changed(attached(f"{A1} {B2}"), {"a": None, "b": "9", "c": "3"}) == attached(f"01 62 01 39 {C3}")


def test_setting_a_value_that_is_there_already_changes_no_byte():
    # "1" in a chunk form that our writer would not choose
    message = attached("01 61 53 0001 31")
    assert changed(message, {"a": "1"}) == message


def test_removing_a_key_that_is_not_there_changes_no_byte():
    assert changed(attached(A1), {"b": None}) == attached(A1)


def test_setting_a_key_twice_keeps_the_second_value():
    assert changed(changed(attached(A1), {"b": "first"}), {"b": "2"}) == attached(f"{A1} {B2}")


def test_a_set_key_that_is_removed_leaves_the_original_bytes():
    assert changed(changed(attached(A1), {"b": "2"}), {"b": None}) == attached(A1)


def test_of_a_key_that_comes_twice_the_last_is_replaced_since_java_reads_that_one():
    assert changed(attached(f"{A1} {B2} {A1}"), {"a": "9"}) == attached(f"{A1} {B2} 01 61 01 39")


def test_a_key_that_comes_twice_is_removed_in_both_places():
    assert changed(attached(f"{A1} {B2} {A1}"), {"a": None}) == attached(B2)


def test_of_a_key_that_comes_twice_the_last_counts_even_if_it_is_no_string():
    message = attached(f"{A1} 01 61 91")
    assert "a" not in properties(message)
    assert changed(message, {"a": "1"}) == attached(f"{A1} {A1}")


def test_the_length_in_the_header_is_the_new_one():
    after = changed(attached(A1), {"b": "x" * 1000})
    assert int.from_bytes(after[12:16]) == len(after) - 16


def test_encode_changes_neither_the_metadata_nor_the_mutation():
    metadata, untouched = sound(attached(A1)), sound(attached(A1))
    mutation = Mutation({"a": None, "b": "2"})
    CODEC.encode(metadata, mutation)
    assert metadata == untouched
    assert mutation == {"a": None, "b": "2"}


def test_encode_may_be_repeated():
    metadata, mutation = sound(attached(A1)), Mutation({"a": "9", "b": "2"})
    assert CODEC.encode(metadata, mutation) == CODEC.encode(metadata, mutation)


def test_oneway_requests_change_as_two_way_ones_do():
    before = request(flags=0x82, attachments={"a": "1"})
    assert changed(before, {"b": "2"}) == request(flags=0x82, attachments={"a": "1", "b": "2"})


@pytest.mark.parametrize("key", ["method", "parameter_types", "interface", "dubbo", "body_path", "generic_method"])
@pytest.mark.parametrize("value", ["x", None], ids=["set", "remove"])
def test_a_field_of_the_body_cannot_be_changed(key, value):
    with pytest.raises(UnsupportedMutation, match=key):
        changed(attached(A1), {key: value})


def test_a_mutation_that_is_refused_in_part_is_refused_as_a_whole():
    with pytest.raises(UnsupportedMutation):
        changed(attached(A1), {"a": "9", "method": "other"})


def test_who_wants_another_interface_is_told_to_set_the_path():
    with pytest.raises(UnsupportedMutation, match="path"):
        changed(attached(A1), {"interface": "org.demo.Other"})


def test_setting_the_path_changes_the_interface_that_the_provider_will_dispatch():
    after = sound(changed(request(attachments={"a": "1"}), {"path": "org.demo.Other"}))
    assert after.properties["path"] == after.properties["interface"] == "org.demo.Other"
    assert after.properties["body_path"] == INTERFACE
    assert after.operation == "org.demo.Other/hello"


def test_removing_the_path_gives_the_interface_back_to_the_body():
    before = request(attachments={"path": "org.demo.Other"})
    assert changed(before, {"path": None}) == request()
    assert properties(request())["interface"] == INTERFACE


@pytest.mark.parametrize("key", ["version", "group"])
def test_version_and_group_may_be_set(key):
    assert properties(changed(request(version="1.0"), {key: "2.0"}))[key] == "2.0"


def test_setting_the_version_that_the_body_has_changes_no_byte():
    message = request(version="1.0")
    assert changed(message, {"version": "1.0"}) == message
    assert changed(message, {"version": "1.0", "a": "1"}) == changed(message, {"a": "1"})


def test_the_group_may_be_removed():
    assert changed(request(attachments={"group": "blue"}), {"group": None}) == request()


@pytest.mark.parametrize("attachments", [{}, {"version": "2.0"}], ids=["body", "both"])
def test_a_version_in_the_body_cannot_be_removed_since_it_would_show(attachments):
    with pytest.raises(UnsupportedMutation, match="version"):
        changed(request(version="1.0", attachments=attachments), {"version": None})


def test_a_version_that_only_the_attachments_have_may_be_removed():
    before = request(version=None, attachments={"version": "2.0"})
    assert changed(before, {"version": None}) == request(version=None)


def codec_with(**limits: int) -> DubboCodec:
    return DubboCodec(limits=Limits(**limits))


def test_a_message_may_grow_to_the_limit():
    after = attached(f"{A1} {B2}")
    assert changed(attached(A1), {"b": "2"}, codec=codec_with(max_message_size=len(after))) == after


def test_a_message_cannot_grow_over_the_limit():
    limit = len(attached(f"{A1} {B2}")) - 1
    with pytest.raises(UnsupportedMutation, match="limit"):
        changed(attached(A1), {"b": "2"}, codec=codec_with(max_message_size=limit))


@pytest.mark.parametrize(
    ("mutation", "limit"),
    [({"k" * 32: "v"}, "max_key_length"), ({"k": "v" * 32}, "max_value_length")],
)
def test_what_this_codec_would_not_read_it_does_not_write(mutation, limit):
    codec = codec_with(**{limit: 32})
    assert sound(changed(attached(A1), mutation, codec=codec), codec).properties.items() >= mutation.items()
    with pytest.raises(UnsupportedMutation):
        changed(attached(A1), mutation, codec=codec_with(**{limit: 31}))


def test_no_more_attachments_are_written_than_may_be_read():
    codec = codec_with(max_elements=2)
    assert changed(attached(A1), {"b": "2"}, codec=codec) == attached(f"{A1} {B2}")
    with pytest.raises(UnsupportedMutation, match="limit"):
        changed(attached(A1), {"b": "2", "c": "3"}, codec=codec)
