"""HeaderLength: a function of a fixed header says how long the message is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, codec_for, cut_anywhere, damaged, outcome, two_pieces

from metaprotocol_sdk import (
    Direction,
    FramingError,
    HeaderLength,
    IncompleteMessage,
    LimitExceeded,
    Limits,
    LongerHeader,
    MessageDecoder,
)


def three_lengths(header: bytes) -> int:
    """As SOFA-Bolt does it: class name, headers and content each have a length."""
    return 8 + int.from_bytes(header[2:4]) + int.from_bytes(header[4:6]) + int.from_bytes(header[6:8])


BOLT_LIKE = HeaderLength(8, three_lengths, magic=b"\x01")


def message(name: bytes, headers: bytes, content: bytes) -> bytes:
    lengths = b"".join(len(part).to_bytes(2) for part in (name, headers, content))
    return b"\x01\x00" + lengths + name + headers + content


MESSAGES = [message(b"a.B", b"k=v", b"hello"), message(b"", b"", b""), message(b"a.B", b"", b"x" * 30)]


def test_coalesced_messages_come_out_at_every_split_point() -> None:
    stream = b"".join(MESSAGES)
    for chunks in (byte_by_byte(stream), *two_pieces(stream)):
        result = outcome(codec_for(BOLT_LIKE), chunks)
        assert (result.pieces, result.error) == (MESSAGES, None)


@given(st.lists(st.tuples(*[st.binary(max_size=20)] * 3), max_size=4), st.data())
def test_messages_and_error_are_the_same_however_the_stream_was_cut(
    parts: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    stream = data.draw(damaged(b"".join(message(*part) for part in parts)))
    codec = codec_for(BOLT_LIKE, limits=Limits(max_message_size=60))
    assert outcome(codec, data.draw(cut_anywhere(stream))) == outcome(codec, [stream])


def test_the_function_is_shown_the_header_and_nothing_behind_it() -> None:
    shown: list[bytes] = []

    def total(header: bytes) -> int:
        shown.append(header)
        return three_lengths(header)

    codec = codec_for(HeaderLength(8, total))
    outcome(codec, [b"".join(MESSAGES)])
    outcome(codec, byte_by_byte(b"".join(MESSAGES)))
    assert shown == [piece[:8] for piece in MESSAGES] * 2
    assert {type(header) for header in shown} == {bytes}


@pytest.mark.parametrize("total", [-1, 0, 7])
def test_a_total_below_the_header_is_refused(total: int) -> None:
    result = outcome(codec_for(HeaderLength(8, lambda header: total)), [bytes(20)])
    assert (result.messages, result.error, result.offset) == ([], FramingError, 0)
    assert f"the message is {total} bytes long, which is less than the header's own 8" in result.text


def test_a_total_above_the_limit_is_refused_with_the_headers_last_byte() -> None:
    decoder = MessageDecoder(codec_for(BOLT_LIKE, limits=Limits(max_message_size=100)), Direction.TO_SERVER)
    header = bytes.fromhex("0100 0021 0000 003c")
    decoder.feed(header[:7])
    assert decoder.stream_error is None
    decoder.feed(header[7:])
    assert isinstance(decoder.stream_error, LimitExceeded)
    assert (decoder.stream_error.value, decoder.stream_error.maximum) == (101, 100)


def test_a_total_at_the_limit_passes() -> None:
    whole = message(b"", b"", bytes(92))
    codec = codec_for(BOLT_LIKE, limits=Limits(max_message_size=100))
    assert outcome(codec, byte_by_byte(whole)).pieces == [whole]


def test_the_function_may_refuse_a_header() -> None:
    def total(header: bytes) -> int:
        if header[1]:
            raise FramingError("the second byte is reserved", offset=1, field="reserved")
        return three_lengths(header)

    bad = bytes.fromhex("01ff 0000 0000 0000")
    for chunks in ([MESSAGES[0] + bad], byte_by_byte(MESSAGES[0] + bad)):
        result = outcome(codec_for(HeaderLength(8, total)), chunks)
        assert (result.pieces, result.error) == ([MESSAGES[0]], FramingError)
        assert result.offset == len(MESSAGES[0]) + 1


def test_a_wrong_magic_is_refused_before_the_header_is_there() -> None:
    result = outcome(codec_for(BOLT_LIKE), [b"\x02"])
    assert (result.error, result.offset) == (FramingError, 0)


def test_the_stream_may_not_end_inside_a_header_or_a_body() -> None:
    for length in (1, 7, 8, len(MESSAGES[0]) - 1):
        result = outcome(codec_for(BOLT_LIKE), [MESSAGES[0][:length]])
        assert (result.error, result.offset) == (IncompleteMessage, length)


@pytest.mark.parametrize(
    ("size", "magic", "reason"),
    [(0, b"", "size must be at least 1"), (1, b"ab", "magic must not be longer than the header")],
)
def test_a_shape_that_cannot_be_is_refused_when_it_is_written(size: int, magic: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        HeaderLength(size, len, magic)


@pytest.mark.parametrize("framing", [HeaderLength(1, len), HeaderLength(200, lambda header: 200)])
def test_a_header_may_be_the_whole_message(framing: HeaderLength) -> None:
    stream = bytes(framing.size * 3)
    assert [len(piece) for piece in outcome(codec_for(framing), byte_by_byte(stream)).pieces] == [framing.size] * 3


def test_a_function_that_breaks_is_a_bug_that_ends_the_stream() -> None:
    """Its exception escapes as it is, as from `decode`; the stream can't be followed any more."""
    decoder = MessageDecoder(codec_for(HeaderLength(2, lambda header: 1 // 0)), Direction.TO_SERVER)
    with pytest.raises(ZeroDivisionError):
        decoder.feed(b"ab")
    assert isinstance(decoder.stream_error, FramingError)


def growing(header: bytes) -> int | LongerHeader:
    """As SOFA-Bolt does it: the second byte says how long the header is, and its last byte the body's length."""
    size = header[1]
    return LongerHeader(size) if size > len(header) else size + header[size - 1]


GROWING = HeaderLength(4, growing, magic=b"\x02")


@given(st.lists(st.tuples(st.integers(4, 24), st.binary(max_size=20)), max_size=4), st.data())
def test_a_function_may_ask_for_more_of_the_header(parts: list[tuple[int, bytes]], data: st.DataObject) -> None:
    messages = [bytes([2, size]) + bytes(size - 3) + bytes([len(body)]) + body for size, body in parts]
    stream = b"".join(messages)
    result = outcome(codec_for(GROWING), data.draw(cut_anywhere(stream)))
    assert (result.pieces, result.error) == (messages, None)


def test_the_rest_of_a_longer_header_is_announced_as_needed() -> None:
    scanner = GROWING.scanner(Direction.TO_SERVER, Limits())
    assert scanner.scan(bytes.fromhex("02 0a 00 00"), 0) == -1
    assert scanner.needed == 6


def test_a_header_longer_than_the_limit_is_refused() -> None:
    codec = codec_for(GROWING, limits=Limits(max_header_size=8))
    result = outcome(codec, [bytes.fromhex("02 09 00 00")])
    assert (result.error, result.offset) == (LimitExceeded, 0)
    assert "max_header_size" in result.text


def test_a_function_that_asks_for_no_more_than_there_is_has_a_bug() -> None:
    decoder = MessageDecoder(codec_for(HeaderLength(4, lambda header: LongerHeader(4))), Direction.TO_SERVER)
    with pytest.raises(ValueError, match="asks for no more than the 4 bytes that are there"):
        decoder.feed(b"abcd")


def test_a_message_shorter_than_its_longer_header_is_refused() -> None:
    short = HeaderLength(4, lambda header: 5 if len(header) > 4 else LongerHeader(6))
    result = outcome(codec_for(short), [b"abcdef"])
    assert result.error is FramingError
    assert "5 bytes long, which is less than the header's own 6" in result.text
