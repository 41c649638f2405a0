"""AwesomeRPC on a connection: streams however they are cut, and messages that nobody should have sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, cut_anywhere, damaged, outcome, two_pieces

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import (
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    FramingError,
    IncompleteMessage,
    LimitExceeded,
    Limits,
    MessageType,
    Metadata,
    Mutation,
)

codec = AwesomeRpcCodec(limits=Limits(max_message_size=200))
EXAMPLES = [message for _, message in codec.examples()]
LYING_BLOCK = bytes.fromhex("4152 01 00 00000009 00000013 0007 0000 0007 ff")


@st.composite
def wire_messages(draw: st.DrawFn) -> bytes:
    """Sound frames of any version, type, status and command, with a header block of any bytes, or too short for one."""
    block = draw(st.sampled_from(["", "01 61 0001 31", "03 636d64 0001 38", "01 ff 0000", "ff", "00 0000"]))
    rest = bytes.fromhex(block) + draw(st.binary(max_size=20))
    fields = [(1, draw(st.integers(0, 5))), (4, draw(st.integers(0, 2**32 - 1))), (4, 18 + len(rest))]
    fields += [(2, draw(st.integers(0, 2**16 - 1))), (2, draw(st.sampled_from([0, 4, 255, 999])))]
    fields += [(2, draw(st.sampled_from([0, len(bytes.fromhex(block)), len(rest)])))]
    version = draw(st.sampled_from([b"\x01", b"\x01", b"\x02"]))
    message = b"AR" + version + b"".join(value.to_bytes(size) for size, value in fields) + rest
    size = draw(st.just(len(message)) | st.integers(12, len(message)))
    return message[:8] + size.to_bytes(4) + message[12:size]


def decode(message: bytes) -> Metadata:
    [metadata] = outcome(codec, [message]).messages
    return metadata


@given(st.lists(st.sampled_from(EXAMPLES) | wire_messages(), max_size=5), st.data())
def test_messages_and_error_are_the_same_however_the_stream_was_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = data.draw(damaged(b"".join(messages)))
    whole = outcome(codec, [stream])
    assert outcome(codec, data.draw(cut_anywhere(stream))) == whole
    assert outcome(codec, byte_by_byte(stream)) == whole


def test_the_examples_come_out_whole_at_every_split_and_byte_by_byte() -> None:
    stream = b"".join(EXAMPLES)
    for chunks in (byte_by_byte(stream), *two_pieces(stream)):
        result = outcome(codec, chunks)
        assert (result.pieces, result.error) == (EXAMPLES, None)


def test_the_messages_before_bad_bytes_come_out() -> None:
    stream = b"".join(EXAMPLES[:3])
    result = outcome(codec, [stream + b"GET / HTTP/1.1\r\n\r\n"])
    assert (result.pieces, result.error, result.offset) == (EXAMPLES[:3], FramingError, len(stream))


def test_the_messages_behind_an_unreadable_one_come_out() -> None:
    result = outcome(codec, [EXAMPLES[0] + LYING_BLOCK + EXAMPLES[1]])
    assert [metadata.error is None for metadata in result.messages] == [True, False, True]
    bad = result.messages[1]
    assert isinstance(bad.error, DecodeError)
    assert (bad.request_id, bad.message_type, bad.expects_reply) == (9, MessageType.REQUEST, True)
    assert bad.properties == {"cmd": "7"}


@pytest.mark.parametrize(
    ("length", "error"), [(0, FramingError), (11, FramingError), (201, LimitExceeded), (2**32 - 1, LimitExceeded)]
)
def test_a_length_that_no_message_has_is_refused_with_its_twelfth_byte(length: int, error: type[Exception]) -> None:
    header = b"AR\x01\x00" + bytes(4) + length.to_bytes(4)
    assert outcome(codec, [header[:11]]).error is IncompleteMessage
    result = outcome(codec, [header])
    assert (result.error, result.offset) == (error, 8)


@given(wire_messages())
def test_the_spans_of_any_message_are_in_order_and_cover_it(message: bytes) -> None:
    spans = codec.spans(decode(message))
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == len(message)
    assert all(span.start < span.end for span in spans)


@given(wire_messages(), st.sampled_from(ErrorType), st.text(max_size=10))
def test_an_answer_is_empty_exactly_when_none_is_expected(message: bytes, error_type: ErrorType, text: str) -> None:
    request = decode(message)
    reply = codec.on_error(request, Error(error_type, text))
    assert (reply != b"") is request.expects_reply
    if reply:
        answer = codec.decode(reply, Direction.TO_CLIENT)
        assert (answer.message_type, answer.request_id) == (MessageType.EXCEPTION, request.request_id)
        assert answer.properties == {"cmd": request.properties["cmd"]}


@given(wire_messages())
def test_an_empty_mutation_gives_back_the_very_bytes_of_any_message(message: bytes) -> None:
    metadata = decode(message)
    assert codec.encode(metadata, Mutation()) is metadata.message
    assert metadata.message == message


@given(wire_messages(), st.integers(0, 2**32 - 1))
def test_a_new_id_changes_four_bytes_of_any_message(message: bytes, request_id: int) -> None:
    """Only a message that is unreadable may be refused instead."""
    metadata = decode(message)
    try:
        changed = codec.encode(metadata, Mutation(), request_id)
    except EncodeError:
        assert metadata.error
    else:
        assert changed == message[:4] + request_id.to_bytes(4) + message[8:]
