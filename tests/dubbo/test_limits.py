"""The bounds of what is built from a message: attachments. What is skipped is bounded by its bytes alone."""

import pytest
from dubbo_bytes import message, request, response, string

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, LimitExceeded, Limits, MessageDecoder, MessageType


def decode(attachments, **limits):
    return DubboCodec(limits=Limits(**limits)).decode(request(attachments=attachments), Direction.TO_SERVER)


def properties(attachments, **limits):
    metadata = decode(attachments, **limits)
    assert metadata.error is None
    return metadata.properties


def refusal(attachments, **limits):
    error = decode(attachments, **limits).error
    assert isinstance(error, LimitExceeded)
    return error


# The same entries in the shape that is read in one look, and in one that is not.
@pytest.fixture(params=["ascii", "with a null"])
def entries(request):
    rest = {"n": None} if request.param == "with a null" else {}
    return lambda entries: entries | rest


def test_as_many_attachments_as_the_limit_are_read():
    assert properties({"a": "1", "b": "2"}, max_elements=2)["b"] == "2"
    assert properties({"a": "1", "b": None}, max_elements=2)["a"] == "1"


def test_more_attachments_than_the_limit_are_refused(entries):
    error = refusal(entries({"a": "1", "b": "2", "c": "3"}), max_elements=2)
    assert (error.limit, error.value, error.maximum, error.field) == ("max_elements", 3, 2, "attachments")


def test_attachments_count_even_if_they_are_no_strings():
    assert refusal(b"H" + b"\x90\x90" * 3 + b"Z", max_elements=2).limit == "max_elements"


def test_a_key_as_long_as_the_limit_is_read(entries):
    assert properties(entries({"k" * 20: "v"}), max_key_length=20)["k" * 20] == "v"


def test_a_longer_key_is_refused(entries):
    error = refusal(entries({"k" * 21: "v"}), max_key_length=20)
    assert (error.limit, error.maximum, error.field) == ("max_key_length", 20, "attachments")


def test_a_value_as_long_as_the_limit_is_read(entries):
    assert properties(entries({"k": "v" * 20}), max_value_length=20)["k"] == "v" * 20


def test_a_longer_value_is_refused(entries):
    error = refusal(entries({"k": "v" * 21}), max_value_length=20)
    assert (error.limit, error.maximum, error.field) == ("max_value_length", 20, "attachments")


def test_the_length_of_a_chunked_value_is_that_of_all_its_chunks():
    chunked = b"H" + string("k") + (b"R\x00\x0a" + b"v" * 10) * 3 + b"\x00" + b"Z"
    assert refusal(chunked, max_value_length=20).limit == "max_value_length"


def test_values_that_are_no_strings_are_skipped_whatever_their_length():
    binary = b"B\x01\x00" + bytes(256)
    assert "k" not in properties(b"H" + string("k") + binary + b"Z", max_value_length=20)


def test_attachments_of_a_response_have_the_same_limits():
    codec = DubboCodec(limits=Limits(max_elements=1))
    body = b"\x95H" + (string("k") + string("v")) * 2 + b"Z"
    error = codec.decode(response(body), Direction.TO_CLIENT).error
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_elements"


def test_a_request_past_a_limit_can_still_be_answered_and_the_connection_goes_on():
    decoder = MessageDecoder(DubboCodec(limits=Limits(max_elements=1)), Direction.TO_SERVER)
    refused, good = decoder.feed(request(request_id=7, attachments={"a": "", "b": ""}) + request(request_id=8))
    assert isinstance(refused.error, LimitExceeded)
    assert (refused.message_type, refused.request_id, refused.expects_reply) == (MessageType.REQUEST, 7, True)
    assert (good.request_id, good.error) == (8, None)


def test_an_announced_length_over_the_limit_ends_the_stream_before_the_body_comes():
    decoder = MessageDecoder(DubboCodec(limits=Limits(max_message_size=1000)), Direction.TO_SERVER)
    good = message(0xE2, b"N")
    assert len(decoder.feed(good + bytes.fromhex("dabb c200 0000000000000001 7fffffff"))) == 1
    assert isinstance(decoder.stream_error, LimitExceeded)
    assert decoder.stream_error.offset == len(good) + 12
    assert decoder.buffered == 0


def test_a_wrong_magic_ends_the_stream_at_its_first_byte():
    decoder = MessageDecoder(DubboCodec(), Direction.TO_SERVER)
    decoder.feed(message(0xE2, b"N") + b"H")
    assert decoder.stream_error.offset == 17
    assert decoder.stream_error.field == "magic"
