"""LengthField: every shape of it, against a reference that sees the whole stream at once."""

from itertools import product

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, codec_for, cut_anywhere, damaged, outcome, two_pieces

from metaprotocol_sdk import Direction, FramingError, IncompleteMessage, LengthField, LimitExceeded, Limits, Scanner

DUBBO_LIKE = LengthField(offset=12, length=4, magic=b"\xda\xbb")
WHOLE_MESSAGE = LengthField(offset=8, length=4, adjustment=-12, magic=b"AR")
SMALL = Limits(max_message_size=64)


def message(framing: LengthField, size: int, filler: bytes = b"\xee") -> bytes:
    """Return a message of `size` bytes."""
    before = framing.magic + filler * (framing.offset - len(framing.magic))
    value = size - framing.offset - framing.length - framing.adjustment
    header = before + value.to_bytes(framing.length, framing.byte_order)
    return header + filler * (size - len(header))


def scanner(framing: LengthField, limits: Limits = SMALL) -> Scanner:
    return framing.scanner(Direction.TO_SERVER, limits)


@frozen
class Expected:
    messages: list[bytes]
    error: type[Exception] | None
    offset: int | None


def reference(framing: LengthField, stream: bytes, maximum: int) -> Expected:
    """Cut a stream that is there whole, in the plainest way."""
    messages, start, header_size = [], 0, framing.offset + framing.length
    while start < len(stream):
        rest = stream[start:]
        for index, (expected, found) in enumerate(zip(framing.magic, rest, strict=False)):
            if expected != found:
                return Expected(messages, FramingError, start + index)
        if len(rest) < header_size:
            return Expected(messages, IncompleteMessage, len(stream))
        value = int.from_bytes(rest[framing.offset : header_size], framing.byte_order)
        total = header_size + framing.adjustment + value
        if total < header_size:
            return Expected(messages, FramingError, start + framing.offset)
        if total > maximum:
            return Expected(messages, LimitExceeded, start + framing.offset)
        if total > len(rest):
            return Expected(messages, IncompleteMessage, len(stream))
        messages.append(rest[:total])
        start += total
    return Expected(messages, None, None)


@st.composite
def framings(draw: st.DrawFn) -> LengthField:
    offset, length = draw(st.integers(0, 6)), draw(st.sampled_from([1, 2, 3, 4, 8]))
    adjustment = draw(st.integers(-(offset + length) - 2, 6) | st.just(-(offset + length)))
    magic = draw(st.binary(max_size=offset))
    return LengthField(offset, length, adjustment, draw(st.sampled_from(["big", "little"])), magic)


@st.composite
def framed_streams(draw: st.DrawFn) -> tuple[LengthField, bytes]:
    framing = draw(framings())
    header_size = framing.offset + framing.length
    smallest = header_size + max(0, framing.adjustment)
    sizes = draw(st.lists(st.integers(smallest, 64), max_size=4))
    return framing, b"".join(message(framing, size, draw(st.binary(min_size=1, max_size=1))) for size in sizes)


@given(framed_streams(), st.data())
def test_every_shape_cuts_a_stream_as_the_reference_does_however_it_arrives(
    shape: tuple[LengthField, bytes], data: st.DataObject
) -> None:
    framing, stream = shape
    chunks = data.draw(cut_anywhere(stream))
    result = outcome(codec_for(framing, limits=SMALL), chunks)
    assert (result.pieces, result.error) == (reference(framing, stream, 64).messages, None)


@given(framed_streams(), st.data())
def test_every_shape_refuses_a_damaged_stream_as_the_reference_does_however_it_arrives(
    shape: tuple[LengthField, bytes], data: st.DataObject
) -> None:
    framing, stream = shape[0], data.draw(damaged(shape[1]))
    chunks = data.draw(cut_anywhere(stream))
    result = outcome(codec_for(framing, limits=SMALL), chunks)
    expected = reference(framing, stream, 64)
    assert (result.pieces, result.error, result.offset) == (expected.messages, expected.error, expected.offset)
    assert result == outcome(codec_for(framing, limits=SMALL), [stream])


@pytest.mark.parametrize(
    ("length", "byte_order", "adjustment"), [*product([1, 2, 3, 4, 8], ["big", "little"], [-7, -3, 0, 4])]
)
def test_coalesced_messages_come_out_at_every_split_point(length: int, byte_order: str, adjustment: int) -> None:
    framing = LengthField(3, length, adjustment, byte_order, magic=b"\xca\xfe")
    messages = [message(framing, size) for size in (19, 15, 40)]
    stream = b"".join(messages)
    codec = codec_for(framing)
    for chunks in (byte_by_byte(stream), *two_pieces(stream)):
        result = outcome(codec, chunks)
        assert (result.pieces, result.error) == (messages, None)


@pytest.mark.parametrize(
    ("framing", "stream"),
    [
        pytest.param(LengthField(0, 1), "03 616263", id="1 byte"),
        pytest.param(LengthField(0, 2, byte_order="little"), "0300 616263", id="2 bytes, little endian"),
        pytest.param(LengthField(1, 3), "ff 000003 616263", id="3 bytes"),
        pytest.param(LengthField(1, 3, byte_order="little"), "ff 030000 616263", id="3 bytes, little endian"),
        pytest.param(LengthField(4, 4, adjustment=-8), "ffffffff 0000000b 616263", id="tRPC"),
        pytest.param(LengthField(4, 4, adjustment=4), "50525043 00000003 ffffffff 616263", id="bRPC"),
        pytest.param(LengthField(0, 8), "0000000000000003 616263", id="8 bytes"),
        pytest.param(LengthField(0, 8, -5, byte_order="little"), "0800000000000000 616263", id="8 bytes, adjusted"),
    ],
)
def test_the_length_is_counted_as_the_adjustment_says(framing: LengthField, stream: str) -> None:
    whole = bytes.fromhex(stream)
    assert scanner(framing).scan(whole, 0) == len(whole)
    assert scanner(framing).scan(whole + whole, 0) == len(whole)


def test_a_length_of_zero_is_a_message_of_only_the_header() -> None:
    empty = bytes.fromhex("dabb 2000 0000000000000001 00000000")
    assert outcome(codec_for(DUBBO_LIKE), [empty * 2]).pieces == [empty, empty]
    assert outcome(codec_for(DUBBO_LIKE), byte_by_byte(empty * 2)).pieces == [empty, empty]


@pytest.mark.parametrize("value", [0, 1, 11])
def test_a_length_below_the_header_is_refused_at_the_length_field(value: int) -> None:
    header = b"AR" + bytes(6) + value.to_bytes(4)
    with pytest.raises(FramingError) as caught:
        scanner(WHOLE_MESSAGE).scan(header, 0)
    assert (caught.value.offset, caught.value.field) == (8, "length")
    assert f"holds {value}, which makes a message of {value} bytes; the least is 12" in str(caught.value)


def test_a_length_can_make_no_message_of_less_than_nothing() -> None:
    result = outcome(codec_for(LengthField(0, 1, adjustment=-3)), [b"\x00abc"])
    assert (result.messages, result.error) == ([], FramingError)
    assert "a message of -2 bytes; the least is 1" in result.text


@pytest.mark.parametrize("size", [12, 63, 64])
def test_a_message_up_to_the_limit_passes(size: int) -> None:
    stream = message(WHOLE_MESSAGE, size)
    for chunks in ([stream], byte_by_byte(stream)):
        assert outcome(codec_for(WHOLE_MESSAGE, limits=SMALL), chunks).pieces == [stream]


@pytest.mark.parametrize(
    ("framing", "length", "said"),
    [
        pytest.param(WHOLE_MESSAGE, "00000041", "65", id="one above"),
        pytest.param(WHOLE_MESSAGE, "ffffffff", "4,294,967,295", id="as long as the field allows"),
        pytest.param(LengthField(8, 3, -11, magic=b"AR"), "ffffff", "16,777,215", id="3 bytes"),
        pytest.param(LengthField(8, 8, magic=b"AR"), "ff" * 8, "18,446,744,073,709,551,631", id="8 bytes"),
    ],
)
def test_a_length_above_the_limit_is_refused_the_moment_it_is_visible(
    framing: LengthField, length: str, said: str
) -> None:
    header = b"AR" + bytes(6) + bytes.fromhex(length)
    machine = scanner(framing)
    assert machine.scan(header[:-1], 0) == -1
    with pytest.raises(LimitExceeded) as caught:
        machine.scan(header[-1:], 0)
    assert (caught.value.offset, caught.value.field, caught.value.limit) == (8, "length", "max_message_size")
    assert str(caught.value).startswith(f"{said} is over the limit max_message_size of 64")


def test_a_scanner_refuses_a_length_above_the_limit_even_if_the_message_is_there_whole() -> None:
    whole = message(WHOLE_MESSAGE, 65)
    with pytest.raises(LimitExceeded):
        scanner(WHOLE_MESSAGE).scan(whole, 0)
    assert scanner(WHOLE_MESSAGE, Limits(max_message_size=65)).scan(whole, 0) == 65


def test_the_top_bit_of_a_length_is_a_number_and_no_sign() -> None:
    framing = LengthField(0, 1)
    assert outcome(codec_for(framing), [b"\xff" + bytes(255)]).pieces == [b"\xff" + bytes(255)]


def test_a_wrong_magic_is_refused_at_its_first_byte() -> None:
    result = outcome(codec_for(DUBBO_LIKE), [b"G"])
    assert (result.error, result.offset) == (FramingError, 0)
    assert "begins with 47, not with the magic dabb" in result.text


def test_a_wrong_magic_is_refused_at_its_first_wrong_byte() -> None:
    for chunks in ([b"\xda\xbc"], [b"\xda", b"\xbc"], [b"\xda\xbc" + bytes(100)]):
        result = outcome(codec_for(DUBBO_LIKE), chunks)
        assert (result.error, result.offset) == (FramingError, 1)


def test_a_magic_may_reach_into_the_length_field() -> None:
    framing = LengthField(1, 2, magic=b"\x16\x00")
    assert outcome(codec_for(framing), byte_by_byte(b"\x16\x00\x01a\x16\x00\x00")).pieces == [
        b"\x16\x00\x01a",
        b"\x16\x00\x00",
    ]
    assert outcome(codec_for(framing), [b"\x16\x01\x00"]).offset == 1


def test_needed_is_what_is_missing_of_the_header_and_then_of_the_message() -> None:
    machine = scanner(WHOLE_MESSAGE)
    needed = [machine.needed]
    for byte in byte_by_byte(message(WHOLE_MESSAGE, 15)[:-1]):
        assert machine.scan(byte, 0) == -1
        needed.append(machine.needed)
    assert needed == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 3, 2, 1]


@example(1)
@example(7)
@given(st.integers(0, 30))
def test_a_scanner_goes_on_behind_any_prefix_of_the_chunk(start: int) -> None:
    """`start` is where the bytes not seen before begin; what lies before them is none of its business."""
    stream = message(DUBBO_LIKE, 20)
    assert scanner(DUBBO_LIKE).scan(b"\x00" * start + stream, start) == start + 20


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((-1, 4), "offset must be at least 0"),
        ((0, 0), "must be 1, 2, 3, 4 or 8"),
        ((0, 5), "must be 1, 2, 3, 4 or 8"),
        ((0, 4, 0, "network"), "'big' or 'little', not 'network'"),
        ((1, 1, 0, "big", b"abc"), "magic must end before the length field does"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_when_it_is_written(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        LengthField(*arguments)


def test_a_magic_of_text_is_refused() -> None:
    with pytest.raises(TypeError, match="magic must be bytes, or a tuple of them, not str"):
        LengthField(4, 4, magic="AR")


@pytest.mark.parametrize("limit", ["max_message_size", "max_header_size"])
def test_limits_below_the_protocols_header_are_refused_before_the_first_byte(limit: str) -> None:
    with pytest.raises(ValueError, match=f"Limits.{limit} is smaller than the protocol's 16-byte header"):
        scanner(DUBBO_LIKE, Limits(**{limit: 15}))
    assert scanner(DUBBO_LIKE, Limits(**{limit: 16})).needed == 16


def test_a_framing_is_shared_and_its_scanners_are_not() -> None:
    one, two = scanner(DUBBO_LIKE), scanner(DUBBO_LIKE)
    assert one.scan(b"\xda", 0) == -1
    assert two.scan(message(DUBBO_LIKE, 20), 0) == 20


def test_a_framing_is_a_value() -> None:
    assert LengthField(12, 4, magic=b"\xda\xbb") == DUBBO_LIKE
    assert (DUBBO_LIKE.offset, DUBBO_LIKE.length, DUBBO_LIKE.adjustment, DUBBO_LIKE.byte_order) == (12, 4, 0, "big")
    with pytest.raises(AttributeError):
        DUBBO_LIKE.offset = 3
