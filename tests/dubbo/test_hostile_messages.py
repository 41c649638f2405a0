"""Damaged messages: whatever the bytes, a decoder returns metadata or a protocol error, and a person sees spans."""

from itertools import product

import pytest
from dubbo_bytes import message, request, response, string, untyped_map
from hypothesis import given
from hypothesis import strategies as st
from recordings import decode

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import DecodeError, Direction, FramingError, IncompleteMessage, LimitExceeded, MessageType

hx = bytes.fromhex
CODEC = DubboCodec()

EXCEPTION = hx("43 01 45 91 01 6d 60 04 626f6f6d")  # class E with the field m

MESSAGES = {
    "request": request(
        path="a.B",
        types="Ljava/util/Map;I",
        arguments=hx("48 01 61 79 91 5a 92"),
        attachments={"path": "a.C", "k": "v"},
    ),
    "generic call": request(
        path="a.B",
        method="$invoke",
        types="LA;[LA;",
        arguments=string("hi") + hx("72 01 5b 91 01 61"),
        attachments=b"M" + hx("90") + string("ü") + string("😀") + b"Z",
    ),
    "response": response(b"\x94" + hx("7a 51 90 43 01 41 91 01 78 60 e0") + untyped_map({"dubbo": "2.0.2"})),
    "exception": response(b"\x93" + EXCEPTION + untyped_map({"k": "v"})),
    "error": response(string("no provider for a.B"), status=70),
    "event": message(0xA2, string("R")),
    "heartbeat": message(0xE2, b"N"),
}
ERRORS = (DecodeError, FramingError, IncompleteMessage, LimitExceeded)


def outcome(data):
    """Decode a stream to its end, look at every message as a person would, and return what came of it."""
    direction = Direction.TO_SERVER if data[2:3] > b"\x7f" else Direction.TO_CLIENT
    decoded = decode(CODEC, direction, [data])
    for metadata in decoded.messages:
        assert metadata.error is None or isinstance(metadata.error, ERRORS)
        CODEC.spans(metadata)
    assert decoded.error is None or isinstance(decoded.error, ERRORS)
    return decoded


def with_body(data, body):
    """Return the message with another body, soundly framed."""
    return data[:12] + len(body).to_bytes(4) + body


@pytest.mark.parametrize("name", MESSAGES)
def test_as_it_is_it_can_be_read(name):
    (metadata,) = outcome(MESSAGES[name]).messages
    assert metadata.error is None


@pytest.mark.parametrize("name", MESSAGES)
def test_a_stream_that_ends_inside_a_message_is_incomplete_wherever_it_ends(name):
    data = MESSAGES[name]
    for size in range(1, len(data)):
        decoded = outcome(data[:size])
        assert decoded.messages == []
        assert isinstance(decoded.error, IncompleteMessage)
        assert decoded.error.offset == size


@pytest.mark.parametrize("name", ["request", "generic call", "response", "exception", "error"])
def test_a_body_that_is_cut_off_anywhere_is_unreadable_and_ends_nothing(name):
    data = MESSAGES[name]
    for size in range(len(data) - 16):
        cut = with_body(data, data[16 : 16 + size])
        first, second = outcome(cut + MESSAGES["heartbeat"]).messages
        assert first.error is not None
        assert first.error.offset == len(cut)
        assert first.request_id == 1
        assert second.message_type is MessageType.HEARTBEAT


@pytest.mark.parametrize("name", MESSAGES)
def test_every_byte_may_be_any_other(name):
    data = MESSAGES[name]
    for place, byte in product(range(len(data)), range(256)):
        outcome(data[:place] + bytes((byte,)) + data[place + 1 :])


@pytest.mark.parametrize("name", MESSAGES)
def test_every_byte_of_the_body_may_be_missing_or_there_twice(name):
    data = MESSAGES[name]
    for place in range(16, len(data)):
        outcome(with_body(data, data[16:place] + data[place + 1 :]))
        outcome(with_body(data, data[16 : place + 1] + data[place:]))


@given(st.binary(max_size=300))
def test_any_stream_gives_messages_or_a_protocol_error(data):
    outcome(data)


@given(
    flags=st.integers(0, 255),
    status=st.sampled_from([20, 70, 0]),
    body=st.lists(
        st.sampled_from([b"\x91", b"N", b"H", b"Z", b"M", b"Q", b"C", b"O", b"\x60", b"\x57", b"\x01a", b"\x00", b"R"])
        | st.binary(max_size=3),
        max_size=30,
    ).map(b"".join),
)
def test_any_body_behind_a_sound_header_gives_one_message_with_its_id(flags, status, body):
    (metadata,) = outcome(message(flags, body, status=status, request_id=2**63 + 5)).messages
    assert metadata.request_id == 2**63 + 5
    assert metadata.expects_reply == (flags & 0xC0 == 0xC0)


@given(st.lists(st.sampled_from(sorted(MESSAGES)), min_size=1, max_size=6), st.data())
def test_a_stream_gives_the_same_however_it_is_cut(names, data):
    stream = b"".join(MESSAGES[name] for name in names) + data.draw(st.sampled_from([b"", b"\xda\xbb\xc2", b"GET "]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole, cut = (decode(CODEC, Direction.TO_SERVER, how) for how in ([stream], pieces))
    assert cut.messages == whole.messages
    # The hint at a foreign protocol needs some of its bytes.
    assert (type(cut.error), getattr(cut.error, "offset", 0)) == (type(whole.error), getattr(whole.error, "offset", 0))
