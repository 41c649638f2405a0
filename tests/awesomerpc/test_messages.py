"""AwesomeRPC messages, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import DecodeError, Direction, MessageDecoder, MessageType, Metadata, Mutation, Status

codec = AwesomeRpcCodec()

REQUEST = bytes.fromhex(
    "4152 01 00 0000002a 00000034 0007 0000 001d"  # magic, version, request, id 42, 52 bytes, command 7, 29 of headers
    "07 73657276696365 0007 47726565746572"  # service: Greeter
    "04 75736572 0005 5a6fc3ab21"  # user: Zoë!
    "68656c6c6f"  # hello
)


def decode(message: bytes) -> Metadata:
    return codec.decode(message, Direction.TO_SERVER)


def test_a_request_has_its_headers_and_its_command_as_properties() -> None:
    request = decode(REQUEST)
    assert request.message_type is MessageType.REQUEST
    assert request.request_id == 42
    assert request.operation == "Greeter/7"
    assert request.properties == {"cmd": "7", "service": "Greeter", "user": "Zoë!"}
    assert (request.header_size, request.body_size) == (47, 5)
    assert request.expects_reply
    assert request.status_code is None


@pytest.mark.parametrize(
    ("kind", "code", "message_type", "status", "status_code", "expects_reply"),
    [
        ("00", "0000", MessageType.REQUEST, Status.OK, None, True),
        ("01", "0000", MessageType.RESPONSE, Status.OK, 0, False),
        ("01", "0004", MessageType.EXCEPTION, Status.ERROR, 4, False),
        ("01", "abcd", MessageType.EXCEPTION, Status.ERROR, 0xABCD, False),
        ("02", "0000", MessageType.ONEWAY, Status.OK, None, False),
        ("03", "0000", MessageType.HEARTBEAT, Status.OK, None, True),
        ("04", "0000", MessageType.HEARTBEAT, Status.OK, None, False),
    ],
)
def test_the_type_field_says_what_a_message_is(
    kind: str, code: str, message_type: MessageType, status: Status, status_code: int | None, expects_reply: bool
) -> None:
    metadata = decode(bytes.fromhex(f"4152 01 {kind} 00000001 00000012 0002 {code} 0000"))
    assert (metadata.message_type, metadata.status) == (message_type, status)
    assert (metadata.status_code, metadata.expects_reply) == (status_code, expects_reply)
    assert metadata.operation == "2"


def test_a_header_named_cmd_does_not_pass_for_the_command() -> None:
    message = codec.build(0, 1, 7, headers={"cmd": "8"})
    assert decode(message).properties == {"cmd": "7"}


def test_bytes_that_are_no_utf_8_are_kept_in_the_property() -> None:
    message = bytes.fromhex("4152 01 00 00000001 00000018 0007 0000 0006 02 6bff 0001 fe")
    assert decode(message).properties["k\udcff"] == "\udcfe"


@pytest.mark.parametrize(
    ("block", "offset", "sentence"),
    [
        ("00 0000", 18, "has no key"),
        ("01 61 0000 01 61 0000", 22, "'a' comes twice"),
        ("01 61 0001", 18, "ends after the header block"),
        ("ff", 18, "ends after the header block"),
        ("01 61 00", 18, "ends after the header block"),
    ],
)
def test_a_bad_header_block_is_refused_and_leaves_id_and_type(block: str, offset: int, sentence: str) -> None:
    raw = bytes.fromhex(block)
    message = bytes.fromhex(f"4152 01 00 00000009 {18 + len(raw):08x} 0007 0000 {len(raw):04x}") + raw
    metadata = decode(message)
    assert sentence in str(metadata.error)
    assert metadata.error.offset == offset
    assert (metadata.request_id, metadata.message_type, metadata.expects_reply) == (9, MessageType.REQUEST, True)


def test_a_header_block_longer_than_the_message_is_refused() -> None:
    metadata = decode(bytes.fromhex("4152 01 00 00000009 00000012 0007 0000 0001"))
    assert "ends after" in str(metadata.error)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(DecodeError, match="no message type 5") as caught:
        decode(bytes.fromhex("4152 01 05 00000009 00000012 0007 0000 0000"))
    assert (caught.value.offset, caught.value.field) == (3, "type")


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(DecodeError, match="version holds 02, not 01"):
        decode(bytes.fromhex("4152 02 00 00000009 00000012 0007 0000 0000"))


def test_a_message_shorter_than_its_header_is_one_unreadable_message() -> None:
    decoder = MessageDecoder(codec, Direction.TO_SERVER)
    (metadata,) = decoder.feed(bytes.fromhex("4152 01 00 00000009 0000000c"))
    assert isinstance(metadata.error, DecodeError)
    assert decoder.stream_error is None


def test_the_examples_are_valid() -> None:
    for direction, message in codec.examples():
        metadata = codec.decode(message, direction)
        assert codec.encode(metadata, Mutation()) is message


def test_every_split_of_the_examples_gives_the_same_messages() -> None:
    stream = b"".join(message for _, message in codec.examples())
    whole = MessageDecoder(codec, Direction.TO_SERVER).feed(stream)
    assert len(whole) == 6
    for cut in range(len(stream)):
        decoder = MessageDecoder(codec, Direction.TO_SERVER)
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == whole


headers = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4)


@given(headers, st.binary(max_size=20))
def test_the_spans_are_in_order_and_cover_the_message(headers: dict[str, str], payload: bytes) -> None:
    message = codec.build(0, 1, 7, headers=headers, payload=payload)
    spans = codec.spans(decode(message))
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == len(message)
    assert {span.name: span.value for span in spans if span.name.startswith("headers.")} == {
        f"headers.{key}": value for key, value in headers.items()
    }


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_header_block_is_read_or_refused(block: bytes, claimed: int) -> None:
    message = bytes.fromhex(f"4152 01 00 00000009 {18 + len(block):08x} 0007 0000 {claimed:04x}") + block
    (metadata,) = MessageDecoder(codec, Direction.TO_SERVER).feed(message)
    spans = codec.spans(metadata)
    assert spans[-1].end == len(message)
    assert metadata.error is None or metadata.request_id == 9
