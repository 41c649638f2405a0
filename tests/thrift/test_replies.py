"""Error replies: in the request's transport and protocol, with its id, and as Apache's own clients read them."""

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import THeaderClientType
from thrift.transport.TTransport import TFramedTransport, TMemoryBuffer
from thrift_messages import (
    CALL,
    CLIENT,
    CODEC,
    FORMS,
    ONEWAY,
    REPLY,
    SERVER,
    STRUCTS,
    framed,
    hx,
    message,
    read,
    strict,
)
from thrift_values import PROTOCOLS

from metaprotocol_sdk import EncodeError, Error, ErrorType, MessageType, Status

each_form = pytest.mark.parametrize("form", FORMS, ids=" ".join)

TYPES = {
    ErrorType.ROUTE_NOT_FOUND: TApplicationException.UNKNOWN_METHOD,
    ErrorType.CLUSTER_NOT_FOUND: TApplicationException.INTERNAL_ERROR,
    ErrorType.NO_HEALTHY_UPSTREAM: TApplicationException.INTERNAL_ERROR,
    ErrorType.BAD_RESPONSE: TApplicationException.PROTOCOL_ERROR,
    ErrorType.UNSPECIFIED: TApplicationException.INTERNAL_ERROR,
    ErrorType.OVER_LIMIT: TApplicationException.INTERNAL_ERROR,
    ErrorType.TIMEOUT: TApplicationException.INTERNAL_ERROR,
    ErrorType.UPSTREAM_RESET: TApplicationException.INTERNAL_ERROR,
    ErrorType.OVERFLOW: TApplicationException.INTERNAL_ERROR,
    ErrorType.UNAUTHORIZED: TApplicationException.INTERNAL_ERROR,
    ErrorType.FAULT_ABORT: TApplicationException.INTERNAL_ERROR,
    ErrorType.BAD_REQUEST: TApplicationException.PROTOCOL_ERROR,
}


def request_of(form, kind=CALL, **fields):
    """Return a request without its bytes: a reply needs its fields and state alone."""
    request = read(message(form, kind, **fields))
    request.message = b""
    return request


def read_by_apache(form, reply):
    """Return name, type, sequence id and TApplicationException of a reply, as a client of this form reads it."""
    buffer = TMemoryBuffer(reply)
    if form[0] in ("header", "zipped"):
        protocol = THeaderProtocol(buffer, [THeaderClientType.HEADERS])
    else:
        transport = TFramedTransport(buffer) if form[0] == "framed" else buffer
        protocol = PROTOCOLS[form[1]](transport) if form[1] in PROTOCOLS else TBinaryProtocol(transport)
    head = protocol.readMessageBegin()
    exception = TApplicationException()
    exception.read(protocol)
    protocol.readMessageEnd()
    assert buffer.cstringio_buf.read() == b""
    return head, exception


@each_form
@pytest.mark.parametrize("error_type", ErrorType)
def test_apache_reads_the_reply_as_an_exception_of_the_documented_type(form, error_type):
    reply = CODEC.on_error(request_of(form, name="Svc:echo", seqid=300), Error(error_type, 'no "way", é世😀'))
    head, exception = read_by_apache(form, reply)
    assert head == ("echo", TMessageType.EXCEPTION, 300)
    assert (exception.message, exception.type) == ('no "way", é世😀', TYPES[error_type])


@each_form
def test_the_reply_is_in_the_transport_and_protocol_of_its_request(form):
    request = request_of(form)
    reply = read(CODEC.on_error(request, Error(ErrorType.TIMEOUT, "late")), CLIENT)
    assert reply.state[0].transport == request.state[0].transport
    assert reply.state[1].name == request.state[1].name
    assert (reply.message_type, reply.status, reply.status_code) == (MessageType.EXCEPTION, Status.ERROR, 6)
    assert reply.properties == {"method": "echo", "error": "late"}


@each_form
@pytest.mark.parametrize("seqid", [0, 127, 128, 2**31 - 1, -1, -(2**31)])
def test_the_reply_has_the_sequence_id_of_its_request(form, seqid):
    reply = CODEC.on_error(request_of(form, seqid=seqid), Error(ErrorType.TIMEOUT))
    (_, _, found), _ = read_by_apache(form, reply)
    assert found == seqid
    assert read(reply, CLIENT).request_id == seqid % 2**32


def test_a_request_in_theader_is_answered_with_its_id_in_both_places_and_its_flags():
    data = message(("header", "strict"), CALL, seqid=300)
    data = data[:6] + b"\x00\x01" + data[8:]
    reply = CODEC.on_error(read(data), Error(ErrorType.TIMEOUT))
    assert reply[4:12].hex(" ") == "0f ff 00 01 00 00 01 2c"


def test_a_reply_byte_for_byte():
    request = request_of(("framed", "strict"), seqid=7)
    reply = CODEC.on_error(request, Error(ErrorType.ROUTE_NOT_FOUND, "no x"))
    assert reply == framed(strict(3, "echo", 7, STRUCTS["strict"]["failure"]))


@each_form
def test_who_expects_no_reply_gets_none(form):
    for request in (request_of(form, ONEWAY), read(message(form, REPLY, "result"), CLIENT)):
        assert CODEC.on_error(request, Error(ErrorType.TIMEOUT)) == b""


def test_an_empty_frame_gets_none():
    assert CODEC.on_error(read(bytes(4)), Error(ErrorType.BAD_REQUEST)) == b""


@each_form
@pytest.mark.parametrize("code", [0, 10, 2**31 - 1, -(2**31)])
def test_a_code_overrides_the_type(form, code):
    _, exception = read_by_apache(form, CODEC.on_error(request_of(form), Error(ErrorType.TIMEOUT, "", code)))
    assert exception.type == code


@each_form
@pytest.mark.parametrize("error_type", [ErrorType.ROUTE_NOT_FOUND, ErrorType.BAD_REQUEST, ErrorType.UNSPECIFIED])
def test_a_type_that_stands_for_one_reason_gives_it_back(form, error_type):
    reply = read(CODEC.on_error(request_of(form), Error(error_type)), CLIENT)
    assert CODEC.error_type(reply) is error_type


@pytest.mark.parametrize(
    ("name", "error_type"),
    [
        ("UNKNOWN", ErrorType.UNSPECIFIED),
        ("UNKNOWN_METHOD", ErrorType.ROUTE_NOT_FOUND),
        ("INVALID_MESSAGE_TYPE", ErrorType.BAD_REQUEST),
        ("WRONG_METHOD_NAME", ErrorType.BAD_RESPONSE),
        ("BAD_SEQUENCE_ID", ErrorType.BAD_RESPONSE),
        ("MISSING_RESULT", ErrorType.BAD_RESPONSE),
        ("INTERNAL_ERROR", ErrorType.UNSPECIFIED),
        ("PROTOCOL_ERROR", ErrorType.BAD_REQUEST),
        ("INVALID_TRANSFORM", ErrorType.BAD_REQUEST),
        ("INVALID_PROTOCOL", ErrorType.BAD_REQUEST),
        ("UNSUPPORTED_CLIENT_TYPE", ErrorType.BAD_REQUEST),
    ],
)
def test_every_type_of_apache_has_a_reason(name, error_type):
    code = getattr(TApplicationException, name)
    reply = CODEC.on_error(request_of(("framed", "strict")), Error(ErrorType.UNSPECIFIED, "", code))
    assert CODEC.error_type(read(reply, CLIENT)) is error_type


@pytest.mark.parametrize("code", [-1, 11, 2**31 - 1])
def test_a_type_of_a_servers_own_is_a_failure_without_a_reason(code):
    reply = CODEC.on_error(request_of(("framed", "strict")), Error(ErrorType.UNSPECIFIED, "", code))
    assert CODEC.error_type(read(reply, CLIENT)) is ErrorType.UNSPECIFIED


def test_an_exception_that_cannot_be_read_is_a_failure():
    response = CODEC.decode(framed(strict(3, "echo", 7, hx("0b0001 7fffffff"))), CLIENT)
    assert response.error is not None
    assert CODEC.error_type(response) is ErrorType.UNSPECIFIED


@each_form
@pytest.mark.parametrize("struct", ["result", "declared", "nothing"])
def test_an_answer_of_the_business_is_not_a_failure(form, struct):
    assert CODEC.error_type(read(message(form, REPLY, struct), CLIENT)) is None


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1])
def test_a_code_that_is_no_type_is_refused(code):
    with pytest.raises(EncodeError, match="is out of range"):
        CODEC.on_error(request_of(("framed", "strict")), Error(ErrorType.TIMEOUT, "", code))


@each_form
def test_text_that_no_utf_8_can_hold_is_escaped(form):
    _, exception = read_by_apache(form, CODEC.on_error(request_of(form), Error(ErrorType.TIMEOUT, "a\ud800b")))
    assert exception.message == "a\\ud800b"


@each_form
def test_a_name_that_is_no_utf_8_comes_back_as_it_was(form):
    name = b"m\xff\xc3"
    reply = CODEC.on_error(request_of(form, name=name), Error(ErrorType.TIMEOUT))
    assert read(reply, CLIENT).properties["method"].encode("utf-8", "surrogateescape") == name


def test_a_request_whose_arguments_cannot_be_read_is_answered():
    from metaprotocol_sdk import MessageDecoder

    decoder = MessageDecoder(CODEC, SERVER)
    (request,) = decoder.feed(framed(strict(CALL, "echo", 9, b"\x63\x00\x01")))
    assert request.error is not None
    head, exception = read_by_apache(("framed", "strict"), CODEC.on_error(request, Error(ErrorType.BAD_REQUEST, "?")))
    assert head == ("echo", TMessageType.EXCEPTION, 9)
    assert exception.type == TApplicationException.PROTOCOL_ERROR
