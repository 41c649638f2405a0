"""The body of a response: the six kinds of result, the exception's class, and the attachments."""

import pytest
from dubbo_bytes import response, string, untyped_map

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction, MessageType, Status

hx = bytes.fromhex

EXCEPTION, VALUE, NULL, EXCEPTION_PLUS, VALUE_PLUS, NULL_PLUS = (bytes((0x90 + kind,)) for kind in range(6))
ATTACHMENTS = {"dubbo": "2.0.2", "timing": "3"}


def class_definition(name, *fields):
    return b"C" + string(name) + bytes((0x90 + len(fields),)) + b"".join(map(string, fields))


BIZ = class_definition("org.demo.BizException", "message") + b"\x60" + string("broken")


def decode(body):
    return DubboCodec().decode(response(body, request_id=5), Direction.TO_CLIENT)


def refusal(body):
    error = decode(body).error
    assert isinstance(error, DecodeError)
    return error


@pytest.mark.parametrize(
    ("body", "message_type", "properties"),
    [
        (EXCEPTION + BIZ, MessageType.EXCEPTION, {"exception": "org.demo.BizException"}),
        (VALUE + string("hi"), MessageType.RESPONSE, {}),
        (NULL, MessageType.RESPONSE, {}),
        (
            EXCEPTION_PLUS + BIZ + untyped_map(ATTACHMENTS),
            MessageType.EXCEPTION,
            {**ATTACHMENTS, "exception": "org.demo.BizException"},
        ),
        (VALUE_PLUS + string("hi") + untyped_map(ATTACHMENTS), MessageType.RESPONSE, ATTACHMENTS),
        (NULL_PLUS + untyped_map(ATTACHMENTS), MessageType.RESPONSE, ATTACHMENTS),
    ],
    ids=["exception", "value", "null", "exception+", "value+", "null+"],
)
def test_each_kind_of_result(body, message_type, properties):
    metadata = decode(body)
    assert (metadata.message_type, metadata.properties) == (message_type, properties)
    assert (metadata.status, metadata.status_code) == (Status.OK, 20)
    assert (metadata.request_id, metadata.expects_reply, metadata.operation) == (5, False, "")


def test_the_kind_may_be_written_as_a_long_int():
    assert decode(hx("49 00000001") + string("hi")).message_type is MessageType.RESPONSE


@pytest.mark.parametrize("kind", ["96", "8f", "49 7fffffff", "49 80000000"])
def test_a_kind_that_does_not_exist_is_refused(kind):
    metadata = decode(hx(kind) + b"N")
    assert (metadata.error.offset, metadata.error.field) == (16, "kind")
    assert (metadata.request_id, metadata.message_type) == (5, MessageType.RESPONSE)


@pytest.mark.parametrize("body", ["4e", "00", "48 5a"])
def test_a_body_that_begins_without_its_kind_is_refused_at_its_first_byte(body):
    assert refusal(hx(body)).offset == 16


def test_an_empty_body_is_refused():
    assert refusal(b"").offset == 16


@pytest.mark.parametrize(
    "value", ["4e", "54", "91", "7a 91 92", "48 01 61 90 5a", "43 01 41 91 01 66 60 4e", "22 0102"]
)
def test_values_of_any_shape_are_skipped(value):
    assert decode(VALUE_PLUS + hx(value) + untyped_map({"k": "v"})).properties == {"k": "v"}


@pytest.mark.parametrize("kind", [VALUE_PLUS + b"N", NULL_PLUS, EXCEPTION_PLUS + BIZ])
def test_attachments_may_be_null(kind):
    assert decode(kind + b"N").properties.keys() <= {"exception"}


def test_attachments_may_name_their_type():
    assert decode(NULL_PLUS + b"M" + string("java.util.HashMap") + string("k") + string("v") + b"Z").properties == {
        "k": "v"
    }


def test_attachments_may_be_the_same_map_as_the_value():
    assert decode(VALUE_PLUS + untyped_map({"k": "v"}) + hx("51 90")).properties == {"k": "v"}


@pytest.mark.parametrize("kind", [VALUE_PLUS + b"N", NULL_PLUS, EXCEPTION_PLUS + BIZ])
def test_announced_attachments_that_are_missing_are_refused(kind):
    error = refusal(kind)
    assert (error.field, error.offset) == ("attachments", 16 + len(kind))


@pytest.mark.parametrize("name", ["exception", "error"])
def test_no_attachment_passes_for_a_failure(name):
    metadata = decode(VALUE_PLUS + b"N" + untyped_map({name: "spoofed", "k": "v"}))
    assert (metadata.message_type, metadata.properties) == (MessageType.RESPONSE, {"k": "v"})


def test_no_attachment_replaces_the_class_of_an_exception():
    metadata = decode(EXCEPTION_PLUS + BIZ + untyped_map({"exception": "spoofed"}))
    assert metadata.properties == {"exception": "org.demo.BizException"}


class TestTheClassOfAnException:
    def test_is_that_of_the_object(self):
        assert decode(EXCEPTION + BIZ).properties == {"exception": "org.demo.BizException"}

    def test_is_that_of_an_object_with_its_class_number_written_out(self):
        body = class_definition("a.A") + class_definition("b.B") + hx("4f 91")
        assert decode(EXCEPTION + body).properties == {"exception": "b.B"}

    def test_is_that_of_the_object_where_another_class_is_defined_before_it(self):
        body = class_definition("a.Cause") + class_definition("b.Thrown", "cause") + hx("61 60")
        assert decode(EXCEPTION + body).properties == {"exception": "b.Thrown"}

    def test_is_the_type_of_a_map(self):
        body = b"M" + string("com.demo.GenericException") + string("k") + string("v") + b"Z"
        assert decode(EXCEPTION + body).properties == {"exception": "com.demo.GenericException"}

    def test_may_be_written_in_any_script(self):
        assert decode(EXCEPTION + class_definition("org.Öl😀") + b"\x60").properties == {"exception": "org.Öl😀"}

    @pytest.mark.parametrize("value", ["4e", "04 626f6f6d", "48 5a", "91", "78"])
    def test_is_absent_where_the_exception_has_none(self, value):
        metadata = decode(EXCEPTION + hx(value))
        assert (metadata.message_type, metadata.properties) == (MessageType.EXCEPTION, {})


def test_an_unreadable_body_keeps_the_type_and_the_id_of_the_header():
    metadata = decode(VALUE + hx("40"))
    assert metadata.error.offset == 17
    assert (metadata.message_type, metadata.request_id) == (MessageType.RESPONSE, 5)
    assert metadata.status_code == 20


def test_bytes_behind_the_result_are_ignored():
    assert decode(VALUE + b"N" + hx("ff ff")).message_type is MessageType.RESPONSE
