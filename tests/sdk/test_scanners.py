"""Scanners of a codec's own: what the framework promises them, and what it does with those that break theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import Lines, Netstrings, byte_by_byte, codec_for, cut_anywhere, damaged, outcome, two_pieces

from metaprotocol_sdk import (
    Direction,
    Framing,
    FramingError,
    IncompleteMessage,
    LimitExceeded,
    Limits,
    MessageDecoder,
    Scanner,
)

LINES = [b"hello\r\n", b"\r\n", b"a\rb\nc\r\n", b"\r\r\n"]
NETSTRINGS = [b"5:hello,", b"0:,", b"12:hello, world,"]


def framing_of(scan: object, needed: int = 1) -> Framing:
    """Make a framing from one function, of which every scanner has its own object."""

    class OneFunction(Scanner):
        def __init__(self) -> None:
            self.needed = needed

        def scan(self, data: bytes, start: int) -> int:
            return scan(data, start)

    class OneFunctionFraming(Framing):
        def scanner(self, direction: Direction, limits: Limits) -> Scanner:
            return OneFunction()

    return OneFunctionFraming()


@pytest.mark.parametrize(("framing", "messages"), [(Lines(), LINES), (Netstrings(), NETSTRINGS)])
def test_coalesced_messages_come_out_at_every_split_point(framing: Framing, messages: list[bytes]) -> None:
    stream = b"".join(messages)
    for chunks in (byte_by_byte(stream), *two_pieces(stream)):
        result = outcome(codec_for(framing), chunks)
        assert (result.pieces, result.error) == (messages, None)


@given(st.lists(st.sampled_from(LINES), max_size=5), st.integers(2, 20), st.data())
def test_lines_and_errors_are_the_same_however_the_stream_was_cut(
    lines: list[bytes], maximum: int, data: st.DataObject
) -> None:
    stream = data.draw(damaged(b"".join(lines)))
    codec = codec_for(Lines(), limits=Limits(max_message_size=maximum))
    assert outcome(codec, data.draw(cut_anywhere(stream))) == outcome(codec, [stream])


@given(st.lists(st.sampled_from(NETSTRINGS), max_size=5), st.integers(2, 20), st.data())
def test_netstrings_and_errors_are_the_same_however_the_stream_was_cut(
    netstrings: list[bytes], maximum: int, data: st.DataObject
) -> None:
    stream = data.draw(damaged(b"".join(netstrings)))
    codec = codec_for(Netstrings(), limits=Limits(max_message_size=maximum))
    assert outcome(codec, data.draw(cut_anywhere(stream))) == outcome(codec, [stream])


def test_messages_before_bad_bytes_come_out() -> None:
    stream = b"one\r\ntwo\r\nthree\r\nfo\x00ur\r\n"
    result = outcome(codec_for(Lines()), [stream])
    assert result.pieces == [b"one\r\n", b"two\r\n", b"three\r\n"]
    assert (result.error, result.offset) == (FramingError, 19)


@pytest.mark.parametrize("size", [2, 9, 10])
def test_a_message_up_to_the_limit_passes_though_the_scanner_knows_no_limits(size: int) -> None:
    line = b"x" * (size - 2) + b"\r\n"
    for chunks in ([line + line], byte_by_byte(line + line)):
        assert outcome(codec_for(Lines(), limits=Limits(max_message_size=10)), chunks).pieces == [line, line]


def test_a_message_over_the_limit_is_refused_though_the_scanner_knows_no_limits() -> None:
    line = b"x" * 9 + b"\r\n"
    for chunks in ([LINES[0] + line], byte_by_byte(LINES[0] + line)):
        result = outcome(codec_for(Lines(), limits=Limits(max_message_size=10)), chunks)
        assert (result.pieces, result.error, result.offset) == ([LINES[0]], LimitExceeded, 7)


def test_a_message_without_an_end_is_kept_up_to_the_limit_and_no_further() -> None:
    decoder = MessageDecoder(codec_for(Lines(), limits=Limits(max_message_size=10)), Direction.TO_SERVER)
    for count in range(1, 10):
        decoder.feed(b"x")
        assert decoder.buffered == count
    decoder.feed(b"x")
    assert isinstance(decoder.stream_error, LimitExceeded)
    assert decoder.buffered == 0


def test_what_a_scanner_says_is_needed_is_held_against_the_limit_at_once() -> None:
    framing = framing_of(lambda data, start: -1, needed=100)
    decoder = MessageDecoder(codec_for(framing, limits=Limits(max_message_size=100)), Direction.TO_SERVER)
    decoder.feed(b"x")
    assert isinstance(decoder.stream_error, LimitExceeded)


@pytest.mark.parametrize("offset", [None, 0])
def test_a_scanner_that_judges_a_message_at_its_end_fails_alike_however_the_stream_was_cut(offset: int | None) -> None:
    """Byte by byte the limit is met before the judgement, so the limit is the error for every cut."""

    def scan(data: bytes, start: int) -> int:
        end = data.find(b"\n", start) + 1
        if end:
            raise FramingError("this line is not for us", offset=offset)
        return -1

    stream = b"x" * 20 + b"\n"
    codec = codec_for(framing_of(scan), limits=Limits(max_message_size=10))
    whole = outcome(codec, [stream])
    assert [outcome(codec, chunks) for chunks in two_pieces(stream)] == [whole] * 22
    assert outcome(codec, byte_by_byte(stream)) == whole
    assert whole.error is LimitExceeded


def test_the_end_of_the_stream_inside_a_message_is_an_error() -> None:
    result = outcome(codec_for(Netstrings()), [b"5:hello,5:he"])
    assert (result.pieces, result.error, result.offset) == ([b"5:hello,"], IncompleteMessage, 12)
    assert "ended 4 bytes into a message, at least 4 before its end" in result.text


def test_every_byte_is_shown_once_and_in_order() -> None:
    shown: list[bytes] = []
    stream = b"one\r\ntwo\r\nthree"

    class Recording(Lines):
        def scanner(self, direction: Direction, limits: Limits) -> Scanner:
            inner = super().scanner(direction, limits)

            def scan(data: bytes, start: int) -> int:
                end = inner.scan(data, start)
                shown.append(data[start : end if end > 0 else len(data)])
                return end

            return framing_of(scan).scanner(direction, limits)

    for chunks in ([stream], byte_by_byte(stream), [stream[:7], stream[7:]]):
        shown.clear()
        outcome(codec_for(Recording()), chunks)
        assert b"".join(shown) == stream


def test_each_direction_and_each_connection_has_a_scanner_of_its_own() -> None:
    asked: list[tuple[Direction, Limits]] = []

    class Asking(Lines):
        def scanner(self, direction: Direction, limits: Limits) -> Scanner:
            asked.append((direction, limits))
            return super().scanner(direction, limits)

    codec = codec_for(Asking(), limits=Limits(max_message_size=77))
    one, other = MessageDecoder(codec, Direction.TO_SERVER), MessageDecoder(codec, Direction.TO_CLIENT)
    assert asked == [(Direction.TO_SERVER, codec.limits), (Direction.TO_CLIENT, codec.limits)]
    assert one.feed(b"half a") == other.feed(b"other half") == []
    assert [metadata.message for metadata in one.feed(b"\r\n")] == [b"half a\r\n"]


@pytest.mark.parametrize(
    ("end", "what"),
    [
        pytest.param(0, "returned 0 for bytes 0 to 4", id="no progress"),
        pytest.param(5, "returned 5 for bytes 0 to 4", id="behind the data"),
        pytest.param(10**9, "returned 1000000000 for bytes 0 to 4", id="far behind the data"),
    ],
)
def test_an_end_outside_the_data_is_a_bug_in_the_codec_and_said_so(end: int, what: str) -> None:
    result = outcome(codec_for(framing_of(lambda data, start: end)), [b"abcd"])
    assert (result.messages, result.error, result.offset) == ([], FramingError, 0)
    assert f"the scanner of the codec toy {what}: a bug in the codec" in result.text


def test_an_end_before_the_start_is_no_progress_either() -> None:
    result = outcome(codec_for(framing_of(lambda data, start: 2)), [b"abcd"])
    assert result.pieces == [b"ab"]
    assert (result.error, result.offset) == (FramingError, 2)
    assert "returned 2 for bytes 2 to 4" in result.text


@pytest.mark.parametrize("needed", [0, -3])
def test_a_scanner_that_needs_nothing_more_and_names_no_end_is_a_bug_in_the_codec(needed: int) -> None:
    result = outcome(codec_for(framing_of(lambda data, start: -1, needed)), [b"abcd"])
    assert (result.messages, result.error, result.offset) == ([], FramingError, 0)
    assert f"the scanner of the codec toy needs {needed} bytes: a bug in the codec" in result.text


def test_a_scanner_that_raises_anything_else_escapes_and_ends_the_stream() -> None:
    def scan(data: bytes, start: int) -> int:
        raise IndexError("a slip in the codec")

    decoder = MessageDecoder(codec_for(framing_of(scan)), Direction.TO_SERVER)
    with pytest.raises(IndexError, match="a slip in the codec"):
        decoder.feed(b"abcd")
    with pytest.raises(FramingError, match="IndexError"):
        decoder.feed(b"efgh")
