"""A sound frame whose body cannot be read, and a codec that fails in a way it must not."""

import pytest
from toy_protocols import OpaqueCodec, byte_by_byte, outcome

from metaprotocol_sdk import (
    DecodeError,
    Direction,
    FramingError,
    LengthField,
    LimitExceeded,
    MessageDecoder,
    MessageType,
    Metadata,
    ProtocolError,
)


class GrumpyCodec(OpaqueCodec):
    """`id, length, body`; the body says how reading it goes."""

    name = "grumpy"
    framing = LengthField(1, 1)

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        header = Metadata(message, MessageType.EVENT, message[0], "op", header_size=2, expects_reply=True)
        match message[2:]:
            case b"bare":
                raise DecodeError("not even the id is known", offset=2)
            case b"known":
                header.error = DecodeError("the body is bad", offset=2, field="body")
            case b"limit":
                raise LimitExceeded("max_depth", 65, 64, offset=3)
            case b"framing":
                raise FramingError("a word that decode may use too", offset=0)
            case b"bug":
                raise KeyError("a slip")
        return header


def message(number: int, body: bytes) -> bytes:
    return bytes([number, len(body)]) + body


GOOD = message(7, b"good")


@pytest.mark.parametrize("body", [b"bare", b"known", b"limit", b"framing"])
def test_the_messages_around_an_unreadable_one_are_read(body: bytes) -> None:
    bad = message(9, body)
    for chunks in ([GOOD + bad + GOOD], byte_by_byte(GOOD + bad + GOOD)):
        result = outcome(GrumpyCodec(), chunks)
        assert result.pieces == [GOOD, bad, GOOD]
        assert [metadata.error is None for metadata in result.messages] == [True, False, True]
        assert result.error is None


def test_an_unreadable_message_has_what_its_header_told() -> None:
    [metadata] = outcome(GrumpyCodec(), [message(9, b"known")]).messages
    assert (metadata.message_type, metadata.request_id, metadata.operation) == (MessageType.EVENT, 9, "op")
    assert (metadata.expects_reply, metadata.header_size, metadata.body_size) == (True, 2, 5)
    assert isinstance(metadata.error, DecodeError)


@pytest.mark.parametrize(
    ("direction", "kind"),
    [(Direction.TO_SERVER, MessageType.REQUEST), (Direction.TO_CLIENT, MessageType.RESPONSE)],
)
def test_of_a_message_that_told_nothing_only_the_direction_is_known(direction: Direction, kind: MessageType) -> None:
    """Nobody answers it: there is no id to answer with."""
    [metadata] = outcome(GrumpyCodec(), [message(9, b"bare")], direction).messages
    assert (metadata.message, metadata.message_type, metadata.expects_reply) == (message(9, b"bare"), kind, False)
    assert (metadata.request_id, metadata.properties) == (0, {})


def test_the_offset_of_a_messages_error_counts_from_the_messages_first_byte() -> None:
    result = outcome(GrumpyCodec(), [GOOD * 3 + message(9, b"known")])
    assert result.messages[3].error.offset == 2
    assert str(result.messages[3].error) == "the body is bad (offset 2, field body)"


def test_any_protocol_error_from_decode_is_of_the_message_and_not_of_the_stream() -> None:
    for body, kind in ((b"limit", LimitExceeded), (b"framing", FramingError)):
        [bad, good] = outcome(GrumpyCodec(), [message(9, body) + GOOD]).messages
        assert type(bad.error) is kind
        assert good.error is None


@pytest.mark.parametrize("body", [b"bare", b"known"])
def test_an_unreadable_message_keeps_no_frames_alive(body: bytes) -> None:
    [metadata] = outcome(GrumpyCodec(), [message(9, body)]).messages
    assert metadata.error.__traceback__ is None


def test_equal_bytes_decode_to_equal_metadata_even_if_they_are_unreadable() -> None:
    [one, two] = outcome(GrumpyCodec(), [message(9, b"known") * 2]).messages
    assert one == two
    assert one.error is not two.error


def test_a_bug_in_decode_escapes_as_it_is_and_ends_the_stream() -> None:
    decoder = MessageDecoder(GrumpyCodec(), Direction.TO_SERVER)
    assert len(decoder.feed(GOOD)) == 1
    with pytest.raises(KeyError, match="a slip"):
        decoder.feed(message(9, b"bug") + GOOD)
    assert (type(decoder.stream_error), decoder.stream_error.offset, decoder.buffered) == (FramingError, len(GOOD), 0)
    assert "the codec grumpy raised KeyError, a bug in it" in str(decoder.stream_error)


def test_after_a_bug_in_decode_every_call_raises_a_protocol_error() -> None:
    decoder = MessageDecoder(GrumpyCodec(), Direction.TO_SERVER)
    with pytest.raises(KeyError):
        decoder.feed(message(9, b"bug"))
    for call in (lambda: decoder.feed(GOOD), decoder.eof):
        with pytest.raises(ProtocolError, match="KeyError"):
            call()
