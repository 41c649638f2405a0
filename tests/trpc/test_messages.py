"""tRPC's frames: the fields that rules see, ids in two headers, errors, and the faults of Aeraki's codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, cut_anywhere, outcome

from metaprotocol_codecs.trpc import TrpcCodec
from metaprotocol_codecs.trpc.frames import CLOSE, INIT, REQUEST_PROTOCOL, RESPONSE_PROTOCOL, STREAM_METAS, build
from metaprotocol_codecs.trpc.strategies import messages
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

CODEC = TrpcCodec()
NAMES = {"caller": "trpc.app.client", "callee": "trpc.app.Greeter", "func": "/trpc.app.Greeter/SayHello"}
VERSION_0 = "0930 00 00 {:08x} {:04x} 00000000 00 00"


def request(body=b"", stream_id=1, version=1, **fields):
    return build(
        REQUEST_PROTOCOL, {"request_id": 1, **NAMES, **fields}, stream_id=stream_id, version=version, body=body
    )


def response(stream_id=1, version=1, **fields):
    return build(RESPONSE_PROTOCOL, {"request_id": 1, **fields}, stream_id=stream_id, version=version)


def stream(kind, body=b"", **values):
    return build(STREAM_METAS.get(kind), values, frame_type=kind, stream_id=101, body=body)


def to_server(message):
    return CODEC.decode(message, Direction.TO_SERVER)


def to_client(message):
    return CODEC.decode(message, Direction.TO_CLIENT)


def test_a_request_in_bytes():
    head = "18 07  2a 01 63  32 01 73  3a 04 2f732f6d  4a 0a 0a 04 75736572 12 02 6a6e"
    header = bytes.fromhex(head)
    message = bytes.fromhex(VERSION_0.format(16 + len(header) + 2, len(header))) + header + b"hi"
    metadata = to_server(message)
    assert (metadata.message_type, metadata.request_id, metadata.operation) == (MessageType.REQUEST, 7, "s/m")
    assert metadata.properties == {"user": "jn", "caller": "c", "callee": "s", "func": "/s/m"}
    assert message[metadata.header_size : metadata.body_end] == b"hi"


def test_no_entry_can_pretend_to_be_a_field():
    forged = {"callee": "trpc.app.Other", "func": "/trpc.app.Other/Delete", "caller": "admin", "ret": "0"}
    assert to_server(request(trans_info=forged)).properties == {**NAMES, "ret": "0"}
    bare = build(REQUEST_PROTOCOL, {"request_id": 1, "trans_info": forged})
    assert to_server(bare).properties == {"caller": "", "callee": "", "func": "", "ret": "0"}
    failed = to_client(response(ret=23, trans_info={"ret": "0", "error_msg": "fine"}))
    assert failed.properties == {"ret": "23", "func_ret": "0", "error_msg": ""}


def test_a_function_without_a_service_belongs_to_the_callee():
    assert to_server(request(func="SayHello")).operation == "trpc.app.Greeter/SayHello"


@pytest.mark.parametrize(
    ("fields", "kind", "status", "code"),
    [
        ({}, MessageType.RESPONSE, Status.OK, 0),
        ({"ret": 22}, MessageType.EXCEPTION, Status.ERROR, 22),
        ({"ret": -1}, MessageType.EXCEPTION, Status.ERROR, -1),
        ({"func_ret": 10001}, MessageType.EXCEPTION, Status.OK, 0),
        ({"ret": 22, "func_ret": 10001}, MessageType.EXCEPTION, Status.ERROR, 22),
    ],
)
def test_the_framework_fails_with_ret_and_the_business_with_func_ret(fields, kind, status, code):
    metadata = to_client(response(**fields))
    assert (metadata.message_type, metadata.status, metadata.status_code) == (kind, status, code)
    assert (CODEC.error_type(metadata) is None) is (status is Status.OK)


def test_an_id_stands_in_both_headers_of_version_1():
    changed = CODEC.encode(to_server(request()), Mutation(), 258)
    assert changed[10:14] == (258).to_bytes(4)
    assert to_server(changed).request_id == 258


def test_an_id_stands_in_one_header_of_version_0():
    changed = CODEC.encode(to_server(request(stream_id=0, version=0)), Mutation(), 258)
    assert changed[10:14] == bytes(4)
    assert to_server(changed).request_id == 258


def test_a_number_of_the_frame_that_is_not_the_id_stays():
    metadata = to_server(request(stream_id=9))
    assert CODEC.encode(metadata, Mutation(), 258)[10:14] == (9).to_bytes(4)
    with pytest.raises(EncodeError):  # it could not be told from an id that stands there twice
        CODEC.encode(metadata, Mutation(), 9)


@pytest.mark.parametrize("key", ["caller", "callee", "func"])
def test_fields_are_not_changed(key):
    with pytest.raises(UnsupportedMutation):
        CODEC.encode(to_server(request()), Mutation({key: "x"}))


def test_a_response_may_have_an_entry_with_the_name_of_a_requests_field():
    changed = to_client(CODEC.encode(to_client(response()), Mutation({"callee": "x"})))
    assert changed.properties["callee"] == "x"


@pytest.mark.parametrize("error_type", ErrorType)
@pytest.mark.parametrize("version", [0, 1])
def test_an_error_reply_repeats_what_clients_compare(error_type, version):
    fields = {"content_type": 2, "content_encoding": 1, "message_type": 4}
    metadata = to_server(request(stream_id=version, version=version, **fields))
    reply = CODEC.on_error(metadata, Error(error_type, "Zoë"))
    answer = to_client(reply)
    assert answer.request_id == 1
    assert (reply[10:14], reply[14]) == (version.to_bytes(4), version)
    assert {name: answer.state[2].get(name) for name in fields} == fields
    assert (answer.status, answer.properties["error_msg"]) == (Status.ERROR, "Zoë")
    assert CODEC.error_type(answer) in {error_type, ErrorType.ROUTE_NOT_FOUND, ErrorType.UNSPECIFIED}


def test_the_numbers_are_those_of_trpc_proto():
    def code(error_type):
        return to_client(CODEC.on_error(to_server(request()), Error(error_type))).status_code

    assert [code(each) for each in (ErrorType.ROUTE_NOT_FOUND, ErrorType.TIMEOUT, ErrorType.OVER_LIMIT)] == [11, 21, 23]
    assert [code(each) for each in (ErrorType.OVERFLOW, ErrorType.UNAUTHORIZED, ErrorType.FAULT_ABORT)] == [22, 41, 31]


def test_a_long_text_is_cut_between_characters():
    answer = to_client(CODEC.on_error(to_server(request()), Error(ErrorType.TIMEOUT, "世" * 60_000)))
    assert answer.properties["error_msg"] == "世" * 20_000


def test_a_refused_stream_gets_an_init_frame():
    opened = to_server(stream(INIT, request_meta=NAMES, init_window_size=65535))
    refusal = to_client(CODEC.on_error(opened, Error(ErrorType.ROUTE_NOT_FOUND, "no route")))
    assert (refusal.message_type, refusal.stream_id, refusal.status_code) == (MessageType.STREAM_INIT, 101, 11)
    assert refusal.properties["error_msg"] == "no route"


@pytest.mark.parametrize("direction", Direction)
def test_an_open_stream_is_reset(direction):
    opened = to_server(stream(INIT, request_meta=NAMES))
    end = CODEC.decode(CODEC.end_stream(opened, Error(ErrorType.UPSTREAM_RESET, "gone"), direction), direction)
    assert (end.message_type, end.status, end.status_code) == (MessageType.STREAM_CLOSE_TWO_WAY, Status.ERROR, 141)
    assert end.stream_id == 101


def test_the_entries_of_a_stream_are_changed_in_its_first_frame():
    opened = to_server(stream(INIT, request_meta={**NAMES, "trans_info": {"user": "Zoë"}}, init_window_size=65535))
    changed = to_server(CODEC.encode(opened, Mutation({"zone": "eu-1", "user": None}), None, 7))
    assert (changed.properties, changed.stream_id) == ({**NAMES, "zone": "eu-1"}, 7)
    assert changed.state[2]["init_window_size"] == 65535


def test_the_header_size_of_a_streams_frame_is_not_read():
    """Neither does tRPC-Go read it: all of the frame is the protobuf message."""
    message = bytearray(stream(INIT, request_meta=NAMES))
    message[8:10] = b"\xff\xff"
    assert to_server(bytes(message)).properties == NAMES


def test_a_close_with_a_code_ends_both_halves():
    assert to_server(stream(CLOSE)).message_type is MessageType.STREAM_CLOSE_ONE_WAY
    assert to_server(stream(CLOSE, ret=1)).message_type is MessageType.STREAM_CLOSE_TWO_WAY
    assert to_server(stream(CLOSE, close_type=1)).status is Status.ERROR


class TestFaultsOfAeraki:
    """Each of these made its codec loop, abort, or misread; the numbers are those of the research."""

    @pytest.mark.parametrize("frame_type", [0, 1])
    @pytest.mark.parametrize("size", [0, 7])
    def test_r1_r2_a_frame_shorter_than_its_size_field(self, frame_type, size):
        message = b"\x09\x30" + bytes((frame_type, frame_type)) + size.to_bytes(4) + bytes(8)
        assert outcome(CODEC, [message]).error is FramingError

    @pytest.mark.parametrize("frame_type", [0, 1])
    @pytest.mark.parametrize("size", [8, 15])
    def test_r1_r2_a_frame_shorter_than_its_header(self, frame_type, size):
        message = b"\x09\x30" + bytes((frame_type, frame_type)) + size.to_bytes(4) + bytes(8)
        with pytest.raises(DecodeError, match="its header alone has 16"):
            CODEC.decode(message[:size], Direction.TO_SERVER)

    def test_r3_a_frame_type_that_does_not_exist(self):
        for place in (2, 3):
            message = bytearray(stream(INIT, request_meta=NAMES))
            message[place] = 5
            with pytest.raises(ProtocolError, match="frame type 5"):
                to_server(bytes(message))

    def test_r4_a_frame_over_the_limit(self):
        assert outcome(CODEC, [b"\x09\x30\0\0\xff\xff\xff\xff"]).error is LimitExceeded

    @pytest.mark.parametrize("change", [1, 1000])
    def test_r5_a_header_that_ends_after_the_frame(self, change):
        message = bytearray(request())
        message[8:10] = (len(message) - 16 + change).to_bytes(2)
        assert to_server(bytes(message)).error.field == "pb_header_size"

    def test_r6_a_header_over_64_kib(self):
        with pytest.raises(UnsupportedMutation, match="65,535"):
            CODEC.encode(to_server(request()), Mutation({"long": "x" * 70_000}))

    def test_r7_a_oneway_request_expects_nothing(self):
        metadata = to_server(request(call_type=1))
        assert (metadata.message_type, metadata.expects_reply) == (MessageType.ONEWAY, False)
        assert CODEC.on_error(metadata, Error(ErrorType.TIMEOUT)) == b""

    def test_r8_a_unary_frame_that_says_it_belongs_to_a_stream(self):
        message = bytearray(request())
        message[3] = INIT
        metadata = to_server(bytes(message))
        assert metadata.error.field == "stream_frame_type"
        assert to_client(CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST))).status_code == 1

    def test_an_attachment_that_is_longer_than_what_follows(self):
        assert to_server(request(body=b"abc", attachment_size=4)).error.field == "attachment_size"

    @given(messages(), st.data())
    def test_a_message_in_pieces(self, message, data):
        """Upstream's sibling for bRPC aborted on one that came in two."""
        direction, frame = message
        whole = outcome(CODEC, [frame], direction)
        assert outcome(CODEC, data.draw(cut_anywhere(frame)), direction) == whole
        assert outcome(CODEC, byte_by_byte(frame), direction) == whole
        assert whole.error is None
