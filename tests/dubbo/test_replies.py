"""The replies of a mesh in a provider's place: errors and heartbeats."""

import pytest
from dubbo_bytes import message, request, response, string
from dubbo_messages import CODEC, hx, read, sound
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_sdk import EncodeError, Error, ErrorType, MessageType, Metadata, Status

STATUS = {
    ErrorType.ROUTE_NOT_FOUND: 60,
    ErrorType.CLUSTER_NOT_FOUND: 60,
    ErrorType.BAD_RESPONSE: 50,
    ErrorType.TIMEOUT: 31,
    ErrorType.OVER_LIMIT: 100,
    ErrorType.OVERFLOW: 100,
    ErrorType.BAD_REQUEST: 40,
    ErrorType.UPSTREAM_RESET: 35,
    ErrorType.UNAUTHORIZED: 90,
    ErrorType.NO_HEALTHY_UPSTREAM: 80,
    ErrorType.UNSPECIFIED: 80,
    ErrorType.FAULT_ABORT: 80,
}
ANSWERED = {
    "request": request(request_id=7),
    "generic request": request(request_id=7, method="$invoke", types="I", arguments=hx("91")),
    "heartbeat": message(0xE2, b"N", request_id=7),
    "request whose body cannot be read": request(request_id=7, arguments=hx("40")),
    "request without a body": message(0xC2, request_id=7),
    **{
        f"request of serialization {number}": message(0xC0 | number, b"\1\2\3", request_id=7)
        for number in range(32)
        if number != 2
    },
}
NOT_ANSWERED = {
    "oneway request": request(flags=0x82),
    "oneway request whose body cannot be read": request(flags=0x82, arguments=hx("40")),
    "oneway request of another serialization": message(0x86, b"\1\2\3"),
    "event": message(0xA2, hx("01 52")),
    "event whose body cannot be read": message(0xA2, hx("91")),
    "response": response(hx("92")),
    "response whose body cannot be read": response(hx("96")),
    "error reply": response(string("no provider"), status=60),
    "heartbeat reply": message(0x22, b"N", status=20),
}


def without_bytes(found: bytes) -> Metadata:
    """Return a message's metadata as it is kept until the reply: the message itself is gone."""
    metadata = read(found)
    metadata.message = b""
    return metadata


def test_an_error_is_a_response_with_a_status_and_one_string():
    reply = CODEC.on_error(without_bytes(ANSWERED["request"]), Error(ErrorType.TIMEOUT, "too late"))
    assert reply == hx("da bb 02 1f 0000000000000007 00000009 08 746f6f206c617465")


def test_every_kind_of_error_has_a_status():
    assert STATUS.keys() == set(ErrorType)


@pytest.mark.parametrize("kind", ErrorType)
@pytest.mark.parametrize("name", ANSWERED)
def test_every_request_that_waits_gets_every_error_at_once(name, kind):
    metadata = without_bytes(ANSWERED[name])
    reply = CODEC.on_error(metadata, Error(kind, f"because {kind}"))
    assert reply == response(string(f"because {kind}"), status=STATUS[kind], request_id=7)
    found = sound(reply)
    assert found.message_type is MessageType.EXCEPTION
    assert found.status is Status.ERROR
    assert found.status_code == STATUS[kind]
    assert found.request_id == 7
    assert found.properties == {"error": f"because {kind}"}


@pytest.mark.parametrize("kind", ErrorType)
@pytest.mark.parametrize("name", NOT_ANSWERED)
def test_who_does_not_wait_gets_nothing(name, kind):
    assert CODEC.on_error(without_bytes(NOT_ANSWERED[name]), Error(kind, "because")) == b""


@pytest.mark.parametrize("name", [*ANSWERED, *NOT_ANSWERED])
def test_the_metadata_says_who_waits(name):
    assert read({**ANSWERED, **NOT_ANSWERED}[name]).expects_reply == (name in ANSWERED)


def test_an_error_is_in_hessian2_whatever_the_request_is_in():
    flags = {CODEC.on_error(read(found), Error(ErrorType.UNSPECIFIED))[2] for found in ANSWERED.values()}
    assert flags == {0x02}


@pytest.mark.parametrize("request_id", [0, 1, 2**63, 2**64 - 1])
def test_an_error_has_the_id_of_its_request(request_id):
    reply = CODEC.on_error(read(request(request_id=request_id)), Error(ErrorType.TIMEOUT))
    assert sound(reply).request_id == request_id


def test_a_request_that_cannot_be_read_is_answered_as_a_bad_one():
    metadata = read(ANSWERED["request whose body cannot be read"])
    reply = sound(CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST, str(metadata.error))))
    assert (reply.request_id, reply.status_code) == (7, 40)
    assert reply.properties["error"] == str(metadata.error)


@pytest.mark.parametrize("kind", ErrorType)
@pytest.mark.parametrize("code", [0, 19, 21, 30, 70, 255])
def test_the_code_overrides_the_status(kind, code):
    reply = sound(CODEC.on_error(read(request()), Error(kind, "injected", code)))
    assert (reply.message_type, reply.status_code, reply.properties) == (
        MessageType.EXCEPTION,
        code,
        {"error": "injected"},
    )


@pytest.mark.parametrize("code", [20, -1, 256, 20 + 256, 1 << 64])
def test_a_code_that_is_no_error_status_is_refused(code):
    with pytest.raises(EncodeError, match=str(code)):
        CODEC.on_error(read(request()), Error(ErrorType.FAULT_ABORT, "injected", code))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (25, ErrorType.BAD_RESPONSE),
        (30, ErrorType.TIMEOUT),
        (31, ErrorType.TIMEOUT),
        (35, ErrorType.UPSTREAM_RESET),
        (40, ErrorType.BAD_REQUEST),
        (50, ErrorType.BAD_RESPONSE),
        (60, ErrorType.ROUTE_NOT_FOUND),
        (70, ErrorType.UNSPECIFIED),
        (80, ErrorType.UNSPECIFIED),
        (90, ErrorType.UNAUTHORIZED),
        (100, ErrorType.OVERFLOW),
        (77, ErrorType.UNSPECIFIED),
    ],
)
def test_a_status_other_than_20_tells_its_reason(status, kind):
    assert CODEC.error_type(sound(response(string("why"), status=status))) is kind


@pytest.mark.parametrize("body", ["92", "91 91", "90 4e"], ids=["null", "value", "business exception"])
def test_an_answer_of_the_service_is_no_failure(body):
    assert CODEC.error_type(sound(response(hx(body)))) is None


@pytest.mark.parametrize("kind", ErrorType)
def test_the_reply_to_an_error_tells_its_reason_or_one_that_has_the_same_status(kind):
    reply = CODEC.on_error(read(request()), Error(kind))
    told = CODEC.error_type(sound(reply))
    assert CODEC.on_error(read(request()), Error(told)) == reply


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\nb\r\n\tc",
        "\0",
        "h\u00e9llo \u4e16\u754c \U0001f600",
        "\ud83d alone",
        "\ude00",
        "x" * 31,
        "x" * 32,
        "x" * 1023,
        "x" * 1024,
        "x" * 70_000,
        "\U0001f600" * 70_000,
        "x" * 32_767 + "\U0001f600",
    ],
    ids=lambda text: f"{ascii(text)[:20]} {len(text)}",
)
def test_the_text_arrives_as_it_was_sent(text):
    reply = sound(CODEC.on_error(read(request()), Error(ErrorType.UNSPECIFIED, text)))
    assert reply.properties == {"error": text}


def test_a_long_text_is_written_in_chunks_that_java_reads():
    reply = CODEC.on_error(read(request()), Error(ErrorType.UNSPECIFIED, "x" * 70_000))
    assert reply[16:] == hx("52 8000") + b"x" * 0x8000 + hx("52 8000") + b"x" * 0x8000 + hx("53 1170") + b"x" * 0x1170


@given(st.text(st.characters(exclude_categories=("Cs",))), st.sampled_from(ErrorType), st.integers(0, 2**64 - 1))
def test_any_text_arrives(text, kind, request_id):
    reply = sound(CODEC.on_error(read(request(request_id=request_id)), Error(kind, text)))
    assert reply.properties == {"error": text}
    assert reply.request_id == request_id


def test_a_heartbeat_is_answered_with_a_heartbeat():
    reply = CODEC.heartbeat_reply(without_bytes(ANSWERED["heartbeat"]))
    assert reply == hx("da bb 22 14 0000000000000007 00000001 4e")


# How each serialization writes null: fastjson, java, kryo, protobuf, msgpack and gson among them.
@pytest.mark.parametrize("null", ["", "6e756c6c0a", "aced0005 70", "00", "01 80", "c0", "22 22 0a", "4e"])
@pytest.mark.parametrize("serialization", [number for number in range(32) if number != 2])
def test_a_heartbeat_in_another_serialization_is_answered_with_its_own_null(serialization, null):
    metadata = without_bytes(message(0xE0 | serialization, hx(null), request_id=7))
    reply = CODEC.heartbeat_reply(metadata)
    assert reply == message(0x20 | serialization, hx(null), status=20, request_id=7)


@pytest.mark.parametrize("body", ["", "4e", "00", "01 52", "05 68656c6c6f", "91", "ff"])
def test_a_hessian2_heartbeat_is_answered_with_null_whatever_is_in_it(body):
    metadata = without_bytes(message(0xE2, hx(body), request_id=7))
    assert CODEC.heartbeat_reply(metadata) == message(0x22, b"N", status=20, request_id=7)


@pytest.mark.parametrize("request_id", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("serialization", [2, 6, 31])
def test_the_answer_to_a_heartbeat_is_read_as_one_and_expects_none_itself(serialization, request_id):
    reply = CODEC.heartbeat_reply(read(message(0xE0 | serialization, b"N", request_id=request_id)))
    assert reply is not None
    found = sound(reply)
    assert found.message_type is MessageType.HEARTBEAT
    assert (found.request_id, found.status, found.expects_reply) == (request_id, Status.OK, False)
    assert CODEC.heartbeat_reply(found) is None


def test_what_is_too_long_for_a_null_is_left_to_the_provider():
    assert CODEC.heartbeat_reply(read(message(0xE6, b"x" * 256))) is not None
    assert CODEC.heartbeat_reply(read(message(0xE6, b"x" * 257))) is None
