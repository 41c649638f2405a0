"""bRPC's frames: the fields that rules see, streams with an id on each side, and the faults of Aeraki's codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, cut_anywhere, outcome

from metaprotocol_codecs.brpc import BrpcCodec
from metaprotocol_codecs.brpc.frames import CLOSE, DATA, FEEDBACK, RESET, RPC_META, STREAM_MAGIC, build
from metaprotocol_codecs.brpc.strategies import messages
from metaprotocol_sdk import (
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    FramingError,
    LimitExceeded,
    MessageType,
    Mutation,
    ProtocolError,
    Status,
    UnsupportedMutation,
)

CODEC = BrpcCodec()
CALL = {"service_name": "example.EchoService", "method_name": "Echo"}
FIELDS = {"service": "example.EchoService", "method": "Echo"}
CLIENTS, SERVERS = 31, 47  # a stream's ids


def to_server(message, codec=CODEC):
    return codec.decode(message, Direction.TO_SERVER)


def to_client(message, codec=CODEC):
    return codec.decode(message, Direction.TO_CLIENT)


def request(body=b"", **fields):
    return build({"request": CALL, "correlation_id": 1, **fields}, body)


def opening(correlation_id=1):
    return request(correlation_id=correlation_id, stream_settings={"stream_id": CLIENTS, "writable": True})


def answer(code=0, **fields):
    return build({"response": {"error_code": code}, "correlation_id": 1, **fields})


def frame(kind, to, source, body=b""):
    return build({"stream_id": to, "source_stream_id": source, "frame_type": kind}, body, magic=STREAM_MAGIC)


def test_a_request_in_bytes():
    meta = bytes.fromhex("0a 06 0a 01 73 12 01 6d  20 07  28 02  4a 0a 0a 04 75736572 12 02 6a6e")
    message = b"PRPC" + (len(meta) + 5).to_bytes(4) + len(meta).to_bytes(4) + meta + b"abcde"
    metadata = to_server(message)
    assert (metadata.message_type, metadata.request_id, metadata.operation) == (MessageType.REQUEST, 7, "s/m")
    assert metadata.properties == {"user": "jn", "service": "s", "method": "m"}
    assert message[metadata.header_size : metadata.body_end] == b"abc"
    assert message[metadata.body_end :] == b"de"


def test_no_entry_can_pretend_to_be_a_field():
    forged = {"service": "example.Other", "method": "Delete", "error_code": "0"}
    assert to_server(request(user_fields=forged)).properties == {**FIELDS, "error_code": "0"}
    bare = to_server(build({"request": {}, "user_fields": forged}))
    assert bare.properties == {"service": "", "method": "", "error_code": "0"}
    assert to_client(answer(2004, user_fields=forged)).properties["error_code"] == "2004"


@pytest.mark.parametrize("key", FIELDS)
def test_fields_are_not_changed(key):
    with pytest.raises(UnsupportedMutation):
        CODEC.encode(to_server(request()), Mutation({key: "x"}))


@pytest.mark.parametrize("error_type", ErrorType)
def test_an_error_reply_has_the_id_the_code_and_the_text(error_type):
    reply = to_client(CODEC.on_error(to_server(request()), Error(error_type, "Zoë")))
    assert (reply.request_id, reply.status, reply.properties["error_text"]) == (1, Status.ERROR, "Zoë")
    assert CODEC.error_type(reply) in {error_type, ErrorType.ROUTE_NOT_FOUND, ErrorType.UNSPECIFIED}


def test_the_numbers_are_those_of_errno_proto():
    def code(error_type):
        return to_client(CODEC.on_error(to_server(request()), Error(error_type))).status_code

    assert [code(each) for each in (ErrorType.ROUTE_NOT_FOUND, ErrorType.TIMEOUT)] == [1001, 1008]
    assert [code(each) for each in (ErrorType.OVER_LIMIT, ErrorType.UNSPECIFIED)] == [2004, 2001]


class TestStreams:
    @pytest.fixture
    def codec(self):
        codec = BrpcCodec().for_connection()
        metadata = to_server(opening(), codec)
        assert (metadata.message_type, metadata.stream_id) == (MessageType.STREAM_INIT, CLIENTS)
        assert metadata.expects_reply
        return codec

    def test_the_answer_belongs_to_the_stream_of_its_call(self, codec):
        accepted = to_client(answer(stream_settings={"stream_id": SERVERS}), codec)
        assert (accepted.message_type, accepted.stream_id) == (MessageType.STREAM_INIT, CLIENTS)
        assert accepted.status is Status.OK

    def test_a_failed_call_refuses_the_stream(self, codec):
        refused = to_client(answer(2004), codec)
        assert (refused.message_type, refused.stream_id) == (MessageType.STREAM_INIT, CLIENTS)
        assert refused.status is Status.ERROR

    def test_a_call_that_is_answered_without_the_stream_ends_it(self, codec):
        ended = to_client(answer(), codec)
        assert (ended.message_type, ended.stream_id) == (MessageType.STREAM_CLOSE_TWO_WAY, CLIENTS)
        assert ended.status is Status.OK

    def test_an_id_is_kept_until_the_answer(self, codec):
        to_client(answer(), codec)
        assert to_client(answer(), codec).stream_id is None
        assert to_client(answer(), BrpcCodec()).stream_id is None

    @pytest.mark.parametrize(
        ("kind", "message_type"),
        [
            (DATA, MessageType.STREAM_DATA),
            (FEEDBACK, MessageType.STREAM_FLOW_CONTROL),
            (CLOSE, MessageType.STREAM_CLOSE_TWO_WAY),
            (RESET, MessageType.STREAM_CLOSE_TWO_WAY),
        ],
    )
    def test_a_frame_belongs_to_the_clients_id_in_both_directions(self, kind, message_type):
        up, down = to_server(frame(kind, SERVERS, CLIENTS)), to_client(frame(kind, CLIENTS, SERVERS))
        assert (up.stream_id, up.message_type) == (down.stream_id, down.message_type) == (CLIENTS, message_type)
        assert (up.status is Status.ERROR) is (down.status is Status.ERROR) is (kind == RESET)

    @pytest.mark.parametrize("direction", Direction)
    def test_an_open_stream_is_reset(self, direction):
        known = to_server(frame(DATA, SERVERS, CLIENTS))
        end = CODEC.end_stream(known, Error(ErrorType.UPSTREAM_RESET), direction)
        assert end == frame(RESET, *((CLIENTS, SERVERS) if direction is Direction.TO_CLIENT else (SERVERS, CLIENTS)))

    def test_ids_of_streams_stay(self):
        for message in (opening(), frame(DATA, SERVERS, CLIENTS)):
            metadata = to_server(message)
            with pytest.raises(EncodeError):
                CODEC.encode(metadata, Mutation(), None, 7)
            with pytest.raises(EncodeError):
                CODEC.encode(metadata, Mutation(), 7)

    def test_the_call_that_opens_a_stream_is_changed_and_its_frames_are_not(self):
        changed = to_server(CODEC.encode(to_server(opening()), Mutation({"zone": "eu-1"})))
        assert changed.properties == {**FIELDS, "zone": "eu-1"}
        with pytest.raises(UnsupportedMutation):
            CODEC.encode(to_server(frame(DATA, SERVERS, CLIENTS)), Mutation({"zone": "eu-1"}))


class TestFaultsOfAeraki:
    """Each of these made its codec abort or misread; the numbers are those of the research."""

    @given(messages(), st.data())
    def test_b1_a_message_in_pieces(self, message, data):
        direction, whole = message
        expected = outcome(BrpcCodec(), [whole], direction)
        assert outcome(BrpcCodec(), data.draw(cut_anywhere(whole)), direction) == expected
        assert outcome(BrpcCodec(), byte_by_byte(whole), direction) == expected
        assert expected.error is None

    def test_b2_a_wrong_magic(self):
        assert outcome(CODEC, [b"CPRP" + bytes(8)]).error is FramingError

    @pytest.mark.parametrize("magic", [b"PRPC", b"STRM"])
    def test_b3_a_meta_that_ends_after_the_body(self, magic):
        with pytest.raises(DecodeError, match="the meta has 9 bytes, of 8 that follow"):
            to_server(magic + bytes.fromhex("00000008 00000009") + bytes(8))

    @pytest.mark.parametrize("size", [0xFFFFFFF4, 0xFFFFFFFF])
    def test_b4_b5_a_length_that_wraps_around(self, size):
        assert outcome(CODEC, [b"PRPC" + size.to_bytes(4)]).error is LimitExceeded

    @pytest.mark.parametrize("size", range(4))
    def test_b4_a_body_shorter_than_its_own_size_field(self, size):
        with pytest.raises(ProtocolError, match="its header alone has 12"):
            to_server((b"PRPC" + size.to_bytes(4) + bytes(4))[: 8 + size])

    def test_b6_a_meta_that_is_not_protobuf(self):
        with pytest.raises(DecodeError):
            to_server(b"PRPC" + bytes.fromhex("00000002 00000002 0a05"))

    def test_b6_a_meta_without_a_request(self):
        metadata = to_server(build({"correlation_id": 9}))
        assert metadata.error.field == "request"
        reply = to_client(CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST)))
        assert (reply.request_id, reply.status_code) == (9, 1003)

    @pytest.mark.parametrize("size", [3, 2**31 - 1])
    def test_an_attachment_that_is_longer_than_what_follows(self, size):
        assert to_server(request(b"ab", attachment_size=size)).error.field == "attachment_size"

    def test_a_negative_size_of_an_attachment(self):
        assert to_server(request(b"ab", attachment_size=-1)).error.field == "attachment_size"

    def test_b7_a_frame_type_that_does_not_exist(self):
        with pytest.raises(DecodeError, match="frame type 5"):
            to_server(frame(5, SERVERS, CLIENTS))

    def test_b8_the_meta_is_read(self):
        read = RPC_META.read(message := request(), 12, len(message))
        assert read == {"request": CALL, "correlation_id": 1}
