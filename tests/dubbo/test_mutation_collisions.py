"""Attachments whose names are words of the codec, of the SDK or of Envoy: to Dubbo they are names like any other."""

import pytest
from dubbo_bytes import request, response, string
from dubbo_messages import CODEC, changed, hx, properties, sound

from metaprotocol_sdk import Error, ErrorType, MessageType, Status

NAMES = [
    *("Timeout", "ResponseStatus", "RpcResultInfo", "MessageType", "status", "status_code", "cmd", "event"),
    *("error", "exception", "message", "message_type", "request_id", "operation", "state", "properties", "addheader"),
    *("__class__", "__init__", "", "key", "self", ":path", ":method", ":authority", "x-request-id", "timeout"),
]
# What only a response says: in a request these names are free.
IN_RESPONSES_A_FIELD = {"error", "exception"}
BODY_FIELDS = ["method", "parameter_types", "interface", "dubbo", "body_path", "generic_method"]


def answered(name: str, value: str) -> bytes:
    return response(hx("94 03 617267") + b"H" + string(name) + string(value) + b"Z")


@pytest.mark.parametrize("name", NAMES)
def test_a_request_may_carry_it(name):
    metadata = sound(request(attachments={name: "7"}))
    assert metadata.properties == {**properties(request()), name: "7"}
    assert metadata.message_type is MessageType.REQUEST
    assert metadata.request_id == 1
    assert metadata.status is Status.OK
    assert metadata.operation == "org.demo.Greeter/hello"


@pytest.mark.parametrize("name", NAMES)
def test_a_request_may_be_given_it_and_lose_it(name):
    assert changed(request(), {name: "7"}) == request(attachments={name: "7"})
    assert changed(request(attachments={name: "7"}), {name: None}) == request()


@pytest.mark.parametrize("name", NAMES)
def test_its_reply_is_what_it_would_be_without(name):
    for kind in ErrorType:
        error = Error(kind, "why")
        assert CODEC.on_error(sound(request(attachments={name: "20"})), error) == CODEC.on_error(
            sound(request()), error
        )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_RESPONSES_A_FIELD])
def test_a_response_may_carry_it(name):
    metadata = sound(answered(name, "7"))
    assert metadata.properties == {name: "7"}
    assert metadata.message_type is MessageType.RESPONSE
    assert metadata.status is Status.OK
    assert metadata.status_code == 20


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_RESPONSES_A_FIELD])
def test_a_response_may_be_given_it_and_lose_it(name):
    empty = response(hx("94 03 617267 48 5a"))
    assert changed(empty, {name: "7"}) == answered(name, "7")
    assert changed(answered(name, "7"), {name: None}) == empty


@pytest.mark.parametrize("name", sorted(IN_RESPONSES_A_FIELD))
def test_no_attachment_makes_a_success_a_failure(name):
    metadata = sound(answered(name, "boo"))
    assert name not in metadata.properties
    assert metadata.message_type is MessageType.RESPONSE
    assert metadata.status is Status.OK


@pytest.mark.parametrize("name", BODY_FIELDS)
def test_no_attachment_passes_for_a_field_of_the_body(name):
    assert properties(request(attachments={name: "forged", "a": "1"})) == {**properties(request()), "a": "1"}


@pytest.mark.parametrize("name", BODY_FIELDS)
def test_an_attachment_with_the_name_of_a_field_stays_when_others_change(name):
    before = request(attachments={name: "forged", "a": "1"})
    assert changed(before, {"a": None}) == request(attachments={name: "forged"})
