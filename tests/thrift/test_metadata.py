"""The metadata of a message, in every transport and protocol."""

import gc

import attrs
import pytest
from thrift_messages import (
    CALL,
    CLIENT,
    CODEC,
    EXCEPTION,
    FORMS,
    ONEWAY,
    REPLY,
    SERVER,
    WRITERS,
    framed,
    header,
    hx,
    message,
    read,
    strict,
)

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import DecodeError, Error, ErrorType, LimitExceeded, Limits, MessageType, Metadata, Status

each_form = pytest.mark.parametrize("form", FORMS, ids=" ".join)


def keys(form):
    return {"k": "v"} if form[0] in ("header", "zipped") else {}


@each_form
def test_a_call_expects_a_reply_and_names_its_method(form):
    request = read(message(form, CALL, seqid=300))
    assert (request.message_type, request.expects_reply) == (MessageType.REQUEST, True)
    assert (request.request_id, request.operation) == (300, "echo")
    assert request.properties == {"method": "echo", **keys(form)}
    assert (request.status, request.status_code) == (Status.OK, None)


@each_form
def test_a_oneway_call_expects_none(form):
    request = read(message(form, ONEWAY))
    assert (request.message_type, request.expects_reply) == (MessageType.ONEWAY, False)


@each_form
def test_a_multiplexed_name_is_a_service_and_a_method(form):
    request = read(message(form, CALL, name="Svc:echo"))
    assert request.properties == {"service": "Svc", "method": "echo", **keys(form)}
    assert request.operation == "Svc/echo"


@each_form
@pytest.mark.parametrize("name", ["a:b:c", "a::b", ":a:b", "a:b:", ":a", "a:", ":"])
def test_a_name_that_servers_take_for_different_methods_is_an_error_that_can_be_answered(form, name):
    """C++ calls b of a::b, :a:b and a:b:, and Node.js calls b of a:b:c, where Python, Go and Java find no method."""
    request = CODEC.decode(message(form, CALL, name=name, seqid=300), SERVER)
    assert "servers differ in which service and method" in str(request.error)
    reply = read(CODEC.on_error(request, Error(ErrorType.BAD_REQUEST)), CLIENT)
    assert (reply.request_id, reply.status) == (300, Status.ERROR)


@each_form
def test_in_a_reply_such_a_name_is_read_since_servers_of_c_plus_plus_repeat_it(form):
    reply = read(message(form, EXCEPTION, "failure", name="a:b:c"), CLIENT)
    assert (reply.properties["service"], reply.properties["method"]) == ("a", "b:c")


@each_form
@pytest.mark.parametrize("kind", [REPLY, EXCEPTION])
def test_a_reply_to_a_server_is_an_error_since_most_servers_run_it_as_a_call(form, kind):
    request = CODEC.decode(message(form, kind, seqid=300), SERVER)
    assert "goes to a server" in str(request.error)
    assert (request.message_type, request.expects_reply, request.request_id) == (MessageType.REQUEST, True, 300)
    reply = read(CODEC.on_error(request, Error(ErrorType.BAD_REQUEST)), CLIENT)
    assert (reply.request_id, reply.status) == (300, Status.ERROR)


@each_form
def test_a_call_to_a_client_is_an_error_that_is_not_answered_since_no_server_takes_the_answer(form):
    reply = CODEC.decode(message(form, CALL, seqid=300), CLIENT)
    assert "goes to a client" in str(reply.error)
    assert (reply.message_type, reply.expects_reply, reply.request_id) == (MessageType.RESPONSE, False, 300)
    assert CODEC.on_error(reply, Error(ErrorType.BAD_RESPONSE)) == b""


@each_form
def test_a_oneway_call_to_a_client_is_read(form):
    assert read(message(form, ONEWAY), CLIENT).message_type is MessageType.ONEWAY


@each_form
def test_a_reply_with_a_result_is_a_response(form):
    for struct in ("result", "nothing"):
        response = read(message(form, REPLY, struct), CLIENT)
        assert (response.message_type, response.status, response.status_code) == (MessageType.RESPONSE, Status.OK, None)
        assert response.properties == {"method": "echo", **keys(form)}


@each_form
def test_a_declared_exception_is_an_error_of_the_business(form):
    response = read(message(form, REPLY, "declared"), CLIENT)
    assert (response.message_type, response.status, response.status_code) == (MessageType.EXCEPTION, Status.OK, None)
    assert response.properties == {"method": "echo", **keys(form)}


@each_form
def test_an_application_exception_is_an_error_of_the_protocol_with_type_and_text(form):
    response = read(message(form, EXCEPTION, "failure"), CLIENT)
    assert (response.message_type, response.status, response.status_code) == (MessageType.EXCEPTION, Status.ERROR, 1)
    assert response.properties == {"method": "echo", "error": "no x", **keys(form)}


@each_form
def test_an_application_exception_that_says_nothing_is_of_type_0_as_in_apache(form):
    response = read(message(form, EXCEPTION, "nothing"), CLIENT)
    assert (response.status, response.status_code) == (Status.ERROR, 0)
    assert "error" not in response.properties


@each_form
@pytest.mark.parametrize(("seqid", "request_id"), [(0, 0), (2**31 - 1, 2**31 - 1), (-1, 2**32 - 1), (-(2**31), 2**31)])
def test_the_request_id_is_the_sequence_id_taken_as_unsigned(form, seqid, request_id):
    assert read(message(form, CALL, seqid=seqid)).request_id == request_id


@pytest.mark.parametrize("form", [form for form in FORMS if form[0] != "zipped"], ids=" ".join)
def test_the_header_ends_where_the_struct_begins(form):
    metadata = read(message(form, CALL, "nothing"))
    ending = 3 if form[1] == "json" else 1
    assert metadata.body_size == ending


@each_form
def test_what_the_type_of_a_message_cannot_be_is_an_error(form):
    for kind in (0, 5, 7):
        with pytest.raises(DecodeError, match=f"there is no type of message {kind}; there are 1 to 4"):
            read(message(form, kind))


@pytest.mark.parametrize("protocol", WRITERS)
def test_a_name_that_is_no_utf_8_is_kept_byte_for_byte(protocol):
    request = read(framed(WRITERS[protocol](CALL, b"m\xff\xc3", 1, {"json": b"{}"}.get(protocol, b"\0"))))
    assert request.properties["method"].encode("utf-8", "surrogateescape") == b"m\xff\xc3"


def test_escapes_in_the_name_of_a_json_message_are_undone():
    data = rb'[1,"\u00e9\ud83d\ude00\"\\\/\n:\u0041\ud800",1,0,{}]'
    request = read(data)
    assert request.properties == {"service": 'é😀"\\/\n', "method": "A\ud800"}


def test_blanks_between_the_parts_of_a_json_message_change_nothing():
    data = b'[ 1 ,\t"echo" , 2 ,\r\n-7 , { "1" : { "rec" : { } } } ]'
    response = read(data, CLIENT)
    assert (response.message_type, response.request_id) == (MessageType.EXCEPTION, 2**32 - 7)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b'[2,"m",1,0,{}]', "begins with"),
        (b'[1,"m",1,0]', "begins with"),
        (b'[1,"m",1,2147483648,{}]', "does not fit 32 bits"),
        (b"[1,m,1,0,{}]", "begins with"),
        (b'[1,"m",1,0,[]]', "begin with a brace"),
        (b'[1,"m",1,0,7]', "begin with a brace"),
    ],
)
def test_another_head_of_a_json_message_is_an_error(start, what):
    with pytest.raises(DecodeError, match=what):
        read(framed(start))


def test_a_compact_sequence_id_of_more_than_32_bits_is_an_error():
    with pytest.raises(DecodeError, match="does not fit 32 bits"):
        read(framed(hx("82 21 8080808010 01 6d 00")))


def test_of_an_application_exception_other_fields_are_skipped_and_the_last_of_a_kind_counts():
    struct = hx("0c 0007 0b 0001 00000001 78 00 08 0001 00000009 0b 0001 00000001 61 0b 0001 00000001 62")
    response = read(framed(strict(EXCEPTION, "m", 0, struct + hx("08 0002 ffffffff 00"))), CLIENT)
    assert (response.properties["error"], response.status_code) == ("b", -1)


def test_the_text_of_an_application_exception_is_bounded():
    codec = ThriftCodec(limits=Limits(max_value_length=10))
    struct = hx("0b 0001 00000014") + b"x" * 20 + b"\0"
    response = codec.decode(framed(strict(EXCEPTION, "m", 3, struct)), CLIENT)
    assert isinstance(response.error, LimitExceeded)
    assert response.error.limit == "max_value_length"
    assert response.request_id == 3


@pytest.mark.parametrize("data", [b"\x63\x00", b"", b"\x00\x00"], ids=["a bad type", "cut off", "trailing"])
@pytest.mark.parametrize("transport", [framed, header])
def test_the_error_of_a_message_forms_no_circle_with_it(transport, data):
    """Else each bad message would stay in memory until the garbage collector runs."""
    message = transport(strict(CALL, "m", 7, data))
    gc.collect()
    assert CODEC.decode(message, SERVER).error is not None
    assert gc.collect() == 0


def test_a_reply_is_completed_with_the_operation_of_its_request():
    response = read(message(("framed", "strict"), REPLY), CLIENT)
    response.request = read(message(("framed", "strict"), CALL, name="Svc:echo"))
    CODEC.complete(response)
    assert response.operation == "Svc/echo"
    assert response.properties == {"method": "echo"}


@each_form
def test_metadata_have_every_field_that_the_constructor_sets(form):
    metadata = CODEC.decode(message(form, CALL), SERVER)
    for field in attrs.fields(Metadata):
        assert hasattr(metadata, field.name), field.name
    assert metadata == metadata.clone()
