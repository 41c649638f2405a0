"""Single messages of Bolt, in hex: what each field means, and what is refused."""

import pytest

from metaprotocol_codecs.bolt import BoltCodec
from metaprotocol_codecs.bolt.wire import LAYOUTS
from metaprotocol_sdk import (
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    FramingError,
    MessageDecoder,
    MessageType,
    Mutation,
    Status,
    UnsupportedMutation,
)

CODEC = BoltCodec()
CLASS = b"com.alipay.sofa.rpc.core.request.SofaRequest"
HEARTBEAT = bytes.fromhex("01 01 0000 01 00000007 01 00000bb8 0000 0000 00000000")
HEARTBEAT_WITH_CRC = bytes.fromhex("02 02 01 0000 01 00000007 01 01 00000bb8 0000 0000 00000000 87629fc5")  # of Node


def text(value: str | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else len(value.encode()).to_bytes(4) + value.encode()


def request(headers=(), *, codec=11, content=b"", name=CLASS, kind=1, command=1) -> bytes:
    block = b"".join(map(text, headers))
    head = bytes((1, kind)) + command.to_bytes(2) + b"\x01" + (7).to_bytes(4) + bytes((codec,)) + (3000).to_bytes(4)
    return head + len(name).to_bytes(2) + len(block).to_bytes(2) + len(content).to_bytes(4) + name + block + content


def response(status: int, content: bytes = b"", *, codec=11, name=b"") -> bytes:
    head = bytes.fromhex("01 00 0002 01 00000007") + bytes((codec,)) + status.to_bytes(2)
    return head + len(name).to_bytes(2) + b"\0\0" + len(content).to_bytes(4) + name + content


def decode(message: bytes, direction=Direction.TO_SERVER):
    return CODEC.decode(message, direction)


def test_the_headers_are_20_22_and_24_bytes():
    sizes = {(protocol, response): layout.size for (protocol, response), layout in LAYOUTS.items()}
    assert sizes == {(1, False): 22, (1, True): 20, (2, False): 24, (2, True): 22}


def test_of_protobuf_the_headers_name_the_method():
    names = ("sofa_head_method_name", "hello", "sofa_head_target_service", "a.Greeter:1.0", "service", "spoofed")
    found = decode(request(names))
    assert found.operation == "a.Greeter:1.0/hello"
    assert (found.properties["service"], found.properties["method"]) == ("a.Greeter:1.0", "hello")


def test_of_hessian2_the_object_names_the_method_and_no_header_can():
    example = next(CODEC.examples())[1]
    found = decode(example)
    assert (found.properties["service"], found.properties["method"]) == ("org.example.Greeter:1.0", "hello")
    for key in ("service", "method", "sofa_head_method_name", "sofa_head_target_service"):
        with pytest.raises(UnsupportedMutation, match=f"{key} is a field"):
            CODEC.encode(found, Mutation({key: "other"}))


@pytest.mark.parametrize("content", [b"", b"N", b"O\xbc" + CLASS, b"O\xc8\x2c" + CLASS + b"\x91\x01ao\x90"])
def test_a_request_whose_object_cannot_be_read_says_so(content):
    found = decode(request(codec=1, content=content))
    assert found.error is None
    assert found.incomplete
    assert found.operation == "/"


def test_an_own_class_of_a_bolt_user_has_its_headers_and_no_service():
    found = decode(request(("a", "b", "service", "x"), codec=1, content=b"anything", name=b"org.example.Own"))
    assert (found.operation, found.incomplete) == ("", "")
    fields = {"class": "org.example.Own", "codec": "hessian2", "timeout": "3000", "service": "", "method": ""}
    assert found.properties == {"a": "b", **fields}


def test_null_reads_as_the_empty_text():
    assert decode(request(("a", None))).properties["a"] == ""


def test_headers_that_end_after_their_block_are_an_error_of_that_message_alone():
    damaged = request(("a", "b")).replace(text("b"), b"\0\0\0\x09b")
    found = decode(damaged)
    assert isinstance(found.error, DecodeError)
    assert (found.message_type, found.request_id) == (MessageType.REQUEST, 7)
    decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
    assert [each.error is None for each in decoder.feed(damaged + HEARTBEAT)] == [False, True]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((1, b"\x03"), "message type 3"),
        ((14, b"\x80"), "negative"),
        ((16, b"\x80"), "negative"),
        ((18, b"\x80"), "negative"),
        ((0, b"\x03"), "magic"),
    ],
)
def test_a_header_that_peers_cannot_agree_on_ends_the_connection(change, problem):
    place, value = change
    damaged = HEARTBEAT[:place] + value + HEARTBEAT[place + 1 :]
    decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
    decoder.feed(damaged)
    assert isinstance(decoder.stream_error, FramingError)
    assert problem in str(decoder.stream_error)


def test_a_version_of_protocol_2_that_is_not_known_is_refused():
    decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
    decoder.feed(HEARTBEAT_WITH_CRC[:1] + b"\x03" + HEARTBEAT_WITH_CRC[2:])
    assert "version 3" in str(decoder.stream_error)


def test_version_1_of_protocol_2_has_no_crc_whatever_the_switch_says():
    """As Bolt for Java reads it; Node adds a CRC."""
    message = HEARTBEAT_WITH_CRC[:1] + b"\x01" + HEARTBEAT_WITH_CRC[2:-4]
    assert (decode(message).error, decode(message).trailer_size) == (None, 0)


def test_a_wrong_crc_is_an_error_and_stays_wrong():
    damaged = HEARTBEAT_WITH_CRC[:-1] + b"\0"
    found = decode(damaged)
    assert "CRC" in str(found.error)
    renumbered = decode(CODEC.encode(found, Mutation(), request_id=8))
    assert renumbered.request_id == 8
    assert "CRC" in str(renumbered.error)
    assert CODEC.encode(renumbered, Mutation(), request_id=7) == damaged


def test_a_changed_message_has_a_crc_that_fits():
    changed = decode(CODEC.encode(decode(HEARTBEAT_WITH_CRC), Mutation({"a": "b"}), request_id=9))
    assert (changed.error, changed.request_id, changed.properties["a"]) == (None, 9, "b")


def test_headers_that_peers_would_read_as_negative_are_refused():
    full = Mutation({"a": "x" * 20_000, "b": "x" * 20_000})
    with pytest.raises(UnsupportedMutation, match="at most 32,767"):
        CODEC.encode(decode(request()), full)


@pytest.mark.parametrize("request_id", [-1, 2**32])
def test_an_id_that_does_not_fit_is_refused(request_id):
    with pytest.raises(EncodeError, match="32 bits"):
        CODEC.encode(decode(HEARTBEAT), Mutation(), request_id=request_id)


def test_a_failed_response_tells_its_reason():
    found = decode(response(7), Direction.TO_CLIENT)
    assert (found.message_type, found.status, found.status_code) == (MessageType.EXCEPTION, Status.ERROR, 7)
    assert CODEC.error_type(found) is ErrorType.TIMEOUT


def test_an_exception_of_the_service_is_an_answer():
    failed = b"O\xbe" + CLASS.replace(b"request.SofaRequest", b"response.SofaResponse")
    failed += b"\x92\x07isError\x08errorMsgo\x90T\x02no"
    name = b"com.alipay.sofa.rpc.core.response.SofaResponse"
    found = decode(response(0, failed, codec=1, name=name), Direction.TO_CLIENT)
    assert (found.message_type, found.status, found.properties["error"]) == (MessageType.EXCEPTION, Status.OK, "no")
    assert CODEC.error_type(found) is None


@pytest.mark.parametrize("codec", [1, 11])
def test_an_error_reply_is_in_the_form_of_its_request(codec):
    asked = decode(request(codec=codec))
    raw = CODEC.on_error(asked, Error(ErrorType.OVER_LIMIT, "over the limit"))
    answer = decode(raw, Direction.TO_CLIENT)
    assert (answer.request_id, answer.status_code, answer.properties["error"]) == (7, 4, "over the limit")
    assert CODEC.on_error(decode(request(kind=2)), Error(ErrorType.OVER_LIMIT)) == b""


def test_a_heartbeat_is_answered_in_its_form():
    assert CODEC.heartbeat_reply(decode(HEARTBEAT)) == bytes.fromhex(
        "01 00 0000 01 00000007 01 0000 0000 0000 00000000"
    )
    with_crc = CODEC.heartbeat_reply(decode(HEARTBEAT_WITH_CRC))
    assert with_crc == bytes.fromhex("02 02 00 0000 01 00000007 01 01 0000 0000 0000 00000000 c24327a9")  # of Node


def test_a_command_that_is_not_known_is_refused():
    with pytest.raises(DecodeError, match="command 9"):
        decode(request(command=9))
