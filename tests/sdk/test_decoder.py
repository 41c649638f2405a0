"""MessageDecoder: nothing good is lost, what is bad is final, and the end of the stream is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import OpaqueCodec, byte_by_byte, codec_for, cut_anywhere, damaged, outcome

from metaprotocol_sdk import (
    Codec,
    Direction,
    FramingError,
    IncompleteMessage,
    LengthField,
    LimitExceeded,
    Limits,
    MessageDecoder,
    Metadata,
    ProtocolError,
)

FRAMING = LengthField(2, 1, magic=b"OK")


def message(body: bytes) -> bytes:
    return b"OK" + bytes([len(body)]) + body


ONE, TWO, THREE = message(b"one"), message(b""), message(b"three")


def decoder_for(codec: Codec | None = None) -> MessageDecoder:
    return MessageDecoder(codec or codec_for(FRAMING), Direction.TO_SERVER)


def pieces(messages: list[Metadata]) -> list[bytes]:
    return [metadata.message for metadata in messages]


def test_the_messages_that_a_chunk_completes_come_out_in_order() -> None:
    decoder = decoder_for()
    assert pieces(decoder.feed(ONE[:2])) == []
    assert pieces(decoder.feed(ONE[2:] + TWO + THREE[:4])) == [ONE, TWO]
    assert pieces(decoder.feed(THREE[4:])) == [THREE]


def test_three_good_messages_before_bad_bytes_in_one_chunk_come_out() -> None:
    decoder = decoder_for()
    assert pieces(decoder.feed(ONE + TWO + THREE + b"NO" + ONE)) == [ONE, TWO, THREE]
    assert isinstance(decoder.stream_error, FramingError)


def test_the_offset_of_an_error_counts_from_the_streams_first_byte() -> None:
    stream = ONE + TWO + THREE + b"ON"
    for chunks in ([stream], byte_by_byte(stream), [stream[:5], stream[5:]]):
        result = outcome(codec_for(FRAMING), chunks)
        assert result.offset == len(ONE + TWO + THREE) + 1
        assert result.text.startswith("the message begins with 4f4e, not with the magic 4f4b (offset 18, field magic)")


def test_a_framing_error_is_final() -> None:
    decoder = decoder_for()
    decoder.feed(b"NO")
    for call in (lambda: decoder.feed(ONE), lambda: decoder.feed(b""), decoder.eof):
        with pytest.raises(FramingError) as caught:
            call()
        assert caught.value is decoder.stream_error


def test_nothing_of_a_dead_stream_is_kept() -> None:
    decoder = decoder_for()
    decoder.feed(b"O")
    assert decoder.buffered == 1
    decoder.feed(b"X" * 1000)
    assert (decoder.buffered, type(decoder.stream_error)) == (0, FramingError)


def test_the_error_of_a_dead_stream_keeps_neither_chunks_nor_messages_alive() -> None:
    """A traceback holds the frame, and the frame all the bytes that were fed with the bad ones."""
    decoder = decoder_for()
    decoder.feed(ONE + b"NO")
    assert decoder.stream_error is not None
    assert decoder.stream_error.__traceback__ is None


def test_feeding_a_dead_stream_again_and_again_does_not_grow_its_error() -> None:
    decoder = decoder_for()
    decoder.feed(b"NO")

    def depth() -> int:
        with pytest.raises(FramingError) as caught:
            decoder.feed(b"more")
        return len(caught.traceback)

    assert len({depth() for _ in range(5)}) == 1


def test_the_end_at_a_boundary_is_clean() -> None:
    for stream in (b"", ONE, ONE + TWO):
        decoder = decoder_for()
        decoder.feed(stream)
        decoder.eof()
        assert decoder.stream_error is None


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_the_end_inside_a_message_is_an_error_at_the_streams_end(kept: int) -> None:
    decoder = decoder_for()
    assert pieces(decoder.feed(TWO + ONE[:kept])) == [TWO]
    with pytest.raises(IncompleteMessage) as caught:
        decoder.eof()
    assert caught.value is decoder.stream_error
    assert caught.value.offset == len(TWO) + kept
    assert f"ended {kept} bytes into a message" in str(caught.value)
    assert decoder.buffered == 0


def test_the_end_may_be_told_again() -> None:
    decoder = decoder_for()
    decoder.eof()
    decoder.eof()
    assert decoder.stream_error is None


def test_bytes_after_the_end_are_the_callers_mistake() -> None:
    decoder = decoder_for()
    decoder.eof()
    with pytest.raises(RuntimeError, match=r"feed\(\) was called after eof\(\)"):
        decoder.feed(ONE)
    assert decoder.stream_error is None


def test_an_incomplete_message_ends_the_stream_as_any_error_does() -> None:
    decoder = decoder_for()
    decoder.feed(b"O")
    with pytest.raises(IncompleteMessage):
        decoder.eof()
    with pytest.raises(IncompleteMessage):
        decoder.feed(b"K")


def test_no_bytes_are_fine() -> None:
    decoder = decoder_for()
    assert decoder.feed(b"") == []
    decoder.feed(ONE[:4])
    assert decoder.feed(b"") == []
    assert decoder.buffered == 4


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_buffer_that_the_caller_uses_again_is_copied(kind: type) -> None:
    storage = bytearray(ONE + TWO + ONE[:4])
    decoder = decoder_for()
    messages = decoder.feed(kind(storage))
    storage[:] = bytes(len(storage))
    messages += decoder.feed(kind(bytearray(ONE[4:])))
    assert pieces(messages) == [ONE, TWO, ONE]
    assert {type(metadata.message) for metadata in messages} == {bytes}


def test_buffered_counts_the_bytes_of_the_unfinished_message() -> None:
    decoder = decoder_for()
    counts = []
    for byte in byte_by_byte(ONE + THREE[:2]):
        decoder.feed(byte)
        counts.append(decoder.buffered)
    assert counts == [1, 2, 3, 4, 5, 0, 1, 2]


def test_what_is_kept_is_bounded_by_the_limit_whatever_is_announced() -> None:
    framing = LengthField(0, 8)
    decoder = decoder_for(codec_for(framing, limits=Limits(max_message_size=100)))
    decoder.feed((92).to_bytes(8))
    for _ in range(91):
        decoder.feed(b"x")
        assert decoder.buffered <= 100
    assert pieces(decoder.feed(b"x" + (93).to_bytes(8))) == [(92).to_bytes(8) + b"x" * 92]
    assert isinstance(decoder.stream_error, LimitExceeded)
    assert decoder.buffered == 0


def test_the_codec_is_told_the_direction_and_gets_exactly_one_message() -> None:
    seen: list[tuple[bytes, Direction]] = []

    class Watching(OpaqueCodec):
        name = "watching"
        framing = FRAMING

        def decode(self, message: bytes, direction: Direction) -> Metadata:
            seen.append((message, direction))
            return super().decode(message, direction)

    outcome(Watching(), [ONE + TWO[:1], TWO[1:] + THREE], Direction.TO_CLIENT)
    assert seen == [(part, Direction.TO_CLIENT) for part in (ONE, TWO, THREE)]


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(3, 30), st.data())
def test_messages_and_error_are_the_same_however_the_stream_was_cut(
    bodies: list[bytes], maximum: int, data: st.DataObject
) -> None:
    stream = data.draw(damaged(b"".join(map(message, bodies))))
    codec = codec_for(FRAMING, limits=Limits(max_message_size=maximum))
    whole = outcome(codec, [stream])
    assert outcome(codec, data.draw(cut_anywhere(stream))) == whole
    assert outcome(codec, byte_by_byte(stream)) == whole
    assert stream.startswith(b"".join(whole.pieces))


def test_two_decoders_of_one_codec_know_nothing_of_each_other() -> None:
    codec = codec_for(FRAMING)
    one, other = decoder_for(codec), decoder_for(codec)
    one.feed(ONE[:4])
    other.feed(b"NO")
    assert pieces(one.feed(ONE[4:])) == [ONE]
    assert (one.stream_error, type(other.stream_error)) == (None, FramingError)


def test_the_error_is_none_of_the_callers_to_set() -> None:
    with pytest.raises(AttributeError):
        decoder_for().stream_error = ProtocolError("mine")
