"""The 16 bytes of the header, in every combination of flags and with every status."""

import pytest
from dubbo_bytes import message, request, response, string

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction, MessageType, Status

STATUSES = (20, 25, 30, 31, 35, 40, 50, 60, 70, 80, 90, 100)
# Java serialization, fastjson, fastjson2, protobuf, and a number nobody has.
OTHER_SERIALIZATIONS = (3, 6, 23, 22, 31)


def decode(message, direction=Direction.TO_SERVER):
    return DubboCodec().decode(message, direction)


def test_a_two_way_request_expects_a_reply():
    metadata = decode(request(flags=0xC2, request_id=7))
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.REQUEST, True)
    assert (metadata.status, metadata.status_code) == (Status.OK, None)


def test_a_request_without_the_two_way_bit_is_oneway():
    metadata = decode(request(flags=0x82))
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.ONEWAY, False)


def test_sizes_are_those_of_header_and_body():
    metadata = decode(message(0xC2 & ~0x1F | 3, b"opaque"))
    assert (metadata.header_size, metadata.body_size) == (16, 6)


@pytest.mark.parametrize("request_id", [0, 1, 2**31, 2**63, 2**64 - 1])
def test_ids_are_64_bits_without_a_sign(request_id):
    assert decode(request(request_id=request_id)).request_id == request_id
    assert decode(response(b"\x92", request_id=request_id), Direction.TO_CLIENT).request_id == request_id


def test_the_status_byte_of_a_request_means_nothing():
    metadata = decode(message(0xC2, request()[16:], status=80))
    assert (metadata.message_type, metadata.status, metadata.status_code) == (MessageType.REQUEST, Status.OK, None)


@pytest.mark.parametrize("direction", Direction)
def test_a_response_is_a_response_in_either_direction(direction):
    metadata = decode(response(b"\x92"), direction)
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.RESPONSE, False)


@pytest.mark.parametrize("status", [status for status in (*STATUSES, 0, 77, 255) if status != 20])
def test_every_status_but_20_is_an_error_with_its_number_and_text(status):
    metadata = decode(response(string("no provider"), status=status), Direction.TO_CLIENT)
    assert (metadata.message_type, metadata.status) == (MessageType.EXCEPTION, Status.ERROR)
    assert metadata.status_code == status
    assert metadata.properties == {"error": "no provider"}


def test_an_error_may_have_a_null_text():
    metadata = decode(response(b"N", status=80), Direction.TO_CLIENT)
    assert (metadata.message_type, metadata.properties) == (MessageType.EXCEPTION, {})


def test_an_error_whose_text_is_no_string_is_unreadable_and_keeps_its_id():
    metadata = decode(response(b"HZ", status=70, request_id=9), Direction.TO_CLIENT)
    assert metadata.error.offset == 16
    assert (metadata.message_type, metadata.request_id, metadata.status_code) == (MessageType.EXCEPTION, 9, 70)


@pytest.mark.parametrize("direction", Direction)
def test_either_side_may_ask_for_a_heartbeat(direction):
    metadata = decode(message(0xE2, b"N", request_id=3), direction)
    assert (metadata.message_type, metadata.request_id, metadata.expects_reply) == (MessageType.HEARTBEAT, 3, True)
    assert metadata.properties == {}


@pytest.mark.parametrize("direction", Direction)
def test_the_answer_to_a_heartbeat_is_a_heartbeat_that_expects_none(direction):
    metadata = decode(message(0x22, b"N", status=20, request_id=3), direction)
    assert (metadata.message_type, metadata.request_id, metadata.expects_reply) == (MessageType.HEARTBEAT, 3, False)
    assert metadata.status_code == 20


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ("01 52", "READONLY"),
        ("01 57", "WRITEABLE"),
        ("4e", "HEARTBEAT"),
        ("00", "HEARTBEAT"),
        ("05 4f 54 48 45 52", "OTHER"),
    ],
)
def test_a_notice_that_expects_no_reply_is_an_event_by_name(body, event):
    metadata = decode(message(0xA2, bytes.fromhex(body)), Direction.TO_CLIENT)
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.EVENT, False)
    assert metadata.properties == {"event": event}


def test_an_event_without_a_body_has_no_name():
    metadata = decode(message(0xA2), Direction.TO_CLIENT)
    assert (metadata.message_type, metadata.properties) == (MessageType.EVENT, {})


def test_an_event_that_is_no_string_is_unreadable_and_still_an_event():
    metadata = decode(message(0xA2, b"\x91"), Direction.TO_CLIENT)
    assert isinstance(metadata.error, DecodeError)
    assert metadata.message_type is MessageType.EVENT


@pytest.mark.parametrize("serialization", OTHER_SERIALIZATIONS)
@pytest.mark.parametrize(
    ("flags", "status", "message_type", "outcome"),
    [
        (0xC0, 0, MessageType.REQUEST, Status.OK),
        (0x80, 0, MessageType.ONEWAY, Status.OK),
        (0xE0, 0, MessageType.HEARTBEAT, Status.OK),
        (0xA0, 0, MessageType.EVENT, Status.OK),
        (0x00, 20, MessageType.RESPONSE, Status.OK),
        (0x00, 70, MessageType.EXCEPTION, Status.ERROR),
        (0x20, 20, MessageType.HEARTBEAT, Status.OK),
    ],
)
def test_of_other_serializations_the_header_is_known(serialization, flags, status, message_type, outcome):
    metadata = decode(message(flags | serialization, b"\xff\x00 anything", status=status, request_id=5))
    assert (metadata.message_type, metadata.request_id, metadata.status) == (message_type, 5, outcome)
    assert metadata.expects_reply == (flags & 0xC0 == 0xC0)
    assert (metadata.properties, metadata.operation) == ({}, "")


def test_less_than_a_header_is_refused_with_its_length():
    with pytest.raises(DecodeError, match="15 bytes") as caught:
        decode(bytes.fromhex("dabb c200 0000 0000 0000 0001 0000 00"))
    assert caught.value.offset == 15
