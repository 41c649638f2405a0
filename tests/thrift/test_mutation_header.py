"""Keys of a THeader, set and removed."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.transport.THeaderTransport import THeaderClientType
from thrift.transport.TTransport import TMemoryBuffer
from thrift_messages import CALL, CLIENT, CODEC, REPLY, SERVER, compact, hx, in_header, read, run, strict

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Limits, Mutation, UnsupportedMutation

PING = strict(CALL, "ping", 7, hx("00"))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4).filter(
    lambda key: key not in ("method", "service", "error")
)


def changed(data, mutation, codec=CODEC, direction=SERVER):
    return codec.encode(read(data, direction, codec=codec), Mutation(mutation))


def headers_by_apache(data):
    """Return the keys that Apache's own library reads, and the name of the method."""
    protocol = THeaderProtocol(TMemoryBuffer(data), [THeaderClientType.HEADERS])
    name, _, _ = protocol.readMessageBegin()
    return protocol.get_headers(), name


@pytest.mark.parametrize("payload", [PING, compact(CALL, "ping", 7, b"\0")], ids=["binary", "compact"])
def test_a_new_key_comes_last_and_the_payload_stays(payload):
    protocol = 2 if payload[0] == 0x82 else 0
    data = in_header(payload, protocol, information=run({"a": "1"}))
    assert changed(data, {"b": "2"}) == in_header(payload, protocol, information=run({"a": "1", "b": "2"}))


def test_a_first_key_makes_a_run():
    assert changed(in_header(PING), {"b": "2"}) == in_header(PING, information=run({"b": "2"}))


def test_a_new_key_joins_no_empty_run_so_that_removing_it_gives_the_original():
    data = in_header(PING, information=run({}) * 2)
    assert changed(data, {"b": "2"}) == in_header(PING, information=run({}) * 2 + run({"b": "2"}))
    assert changed(changed(data, {"b": "2"}), {"b": None}) == data


def test_a_value_is_replaced_in_its_place():
    data = in_header(PING, information=run({"a": "1", "b": "2", "c": "3"}))
    expected = in_header(PING, information=run({"a": "1", "b": "other", "c": "3"}))
    assert changed(data, {"b": "other"}) == expected
    assert changed(data, {"b": "2"}) == data


def test_a_key_is_removed_wherever_it_is():
    data = in_header(PING, information=run([("a", "1"), ("b", "2"), ("a", "3")]) + run({"a": "4"}))
    assert changed(data, {"a": None}) == in_header(PING, information=run({"b": "2"}))


def test_of_a_key_that_comes_twice_the_value_that_counts_is_replaced():
    data = in_header(PING, information=run([("a", "1"), ("a", "2")]))
    assert changed(data, {"a": "9"}) == in_header(PING, information=run([("a", "1"), ("a", "9")]))


def test_replies_carry_keys_too():
    data = in_header(strict(REPLY, "ping", 7, hx("00")))
    assert read(changed(data, {"k": "v"}, direction=CLIENT), CLIENT).properties["k"] == "v"


@pytest.mark.parametrize("spare", [0, 4, 40])
@pytest.mark.parametrize("keys", [{}, {"k": "v"}, {"a": "1", "bb": "22"}])
def test_setting_and_removing_gives_the_original_bytes(keys, spare):
    """Also where a peer pads more than it must, as C++ does."""
    information = run(keys) if keys else b""
    data = in_header(PING, information=information, padding=-(2 + len(information)) % 4 + spare)
    for added in ({"x": ""}, {"x": "y" * 200, "z": "1"}):
        assert changed(changed(data, added), dict.fromkeys(added)) == data


@given(st.dictionaries(KEYS, st.text(max_size=5), max_size=4), st.dictionaries(KEYS, st.none() | st.text(max_size=5)))
def test_apache_reads_the_keys_that_a_plain_dictionary_would_hold(keys, mutation):
    information = run(keys) if keys else b""
    data = changed(in_header(PING, information=information), mutation)
    wanted = {key: value for key, value in {**keys, **mutation}.items() if value is not None}
    found, name = headers_by_apache(data)
    assert {key.decode(): value.decode() for key, value in found.items()} == wanted
    assert name == "ping"
    assert read(data).properties == {"method": "ping", **wanted}


def test_what_was_packed_stays_as_it_is_when_only_keys_change():
    payload = zlib.compress(PING, level=1)
    data = in_header(payload, transforms=(1,))
    assert changed(data, {"k": "v"}) == in_header(payload, transforms=(1,), information=run({"k": "v"}))


@pytest.mark.parametrize("transforms", [(1,), (1, 1)])
def test_what_was_packed_is_packed_again_when_it_has_changed(transforms):
    payload = PING
    for _ in transforms:
        payload = zlib.compress(payload)
    data = changed(in_header(payload, transforms=transforms), {"method": "pong", "k": "v"})
    assert headers_by_apache(data) == ({b"k": b"v"}, "pong")
    assert read(data).state[3].transforms == transforms


def test_information_of_another_kind_stays_after_the_keys():
    data = in_header(PING, information=hx("02 01 01 61 01 62"))
    with_key = changed(data, {"k": "v"})
    assert hx("01 01 01 6b 01 76 02 01 01 61 01 62") in with_key
    assert read(with_key).properties["k"] == "v"


def test_a_key_of_the_name_of_a_field_is_not_touched_by_a_rename():
    data = in_header(PING, information=run({"method": "forged"}))
    assert changed(data, {"method": "pong"}) == in_header(
        strict(CALL, "pong", 7, hx("00")), information=run({"method": "forged"})
    )


@pytest.mark.parametrize("text", ["\ud800", "\udcc3\udca9"])
def test_keys_and_values_that_cannot_be_read_back_are_refused(text):
    for mutation in ({text: "v"}, {"k": text}):
        with pytest.raises(UnsupportedMutation, match="would not be read back as it is"):
            changed(in_header(PING), mutation)


@pytest.mark.parametrize(
    ("limit", "value", "what"),
    [
        ("max_key_length", 2, "'key' has 3 bytes in UTF-8; at most 2 fit"),
        ("max_value_length", 2, "'value' has 5 bytes in UTF-8; at most 2 fit"),
        ("max_elements", 1, "there would be 2 entries, over the limit of 1"),
        ("max_header_size", 26, "the header would have 34 bytes, which is too large"),
    ],
)
def test_a_header_never_grows_over_the_limits(limit, value, what):
    codec = ThriftCodec(limits=Limits(**{limit: value}))
    with pytest.raises(UnsupportedMutation, match=what):
        changed(in_header(PING, information=run({"a": "1"})), {"key": "value"}, codec)


def test_a_header_never_grows_over_what_its_size_can_say():
    codec = ThriftCodec(limits=Limits(max_header_size=2**20, max_value_length=2**20))
    with pytest.raises(UnsupportedMutation, match="which is too large"):
        changed(in_header(PING), {"k": "v" * 262_140}, codec)
    assert codec.decode(changed(in_header(PING), {"k": "v" * 262_100}, codec), SERVER).error is None
