"""Streams in pieces, and frames that hold more or less than one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_messages import CALL, CLIENT, CODEC, FORMS, REPLY, TRANSPORTS, WRITERS, framed, hx, in_header, message
from toy_protocols import byte_by_byte, cut_anywhere, damaged, outcome, two_pieces

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import DecodeError, IncompleteMessage, LimitExceeded, Limits, MessageType

each_form = pytest.mark.parametrize("form", FORMS, ids=" ".join)
IN_FRAMES = [form for form in FORMS if form[0] in ("framed", "header")]


@each_form
def test_messages_come_out_at_every_split_point(form):
    messages = [message(form, CALL), message(form, REPLY, "declared", seqid=500)]
    stream = b"".join(messages)
    for chunks in (byte_by_byte(stream), *two_pieces(stream)):
        result = outcome(CODEC, chunks)
        assert (result.pieces, result.error) == (messages, None)


@each_form
def test_a_stream_that_ends_inside_a_message_says_so_wherever_it_ends(form):
    data = message(form, CALL)
    for size in range(1, len(data)):
        result = outcome(CODEC, [data[:size]])
        assert (result.messages, result.error, result.offset) == ([], IncompleteMessage, size)


@given(st.lists(st.sampled_from(FORMS), max_size=4), st.integers(60, 120), st.data())
def test_messages_and_errors_are_the_same_however_the_stream_was_cut(forms, largest, data):
    stream = data.draw(damaged(b"".join(message(form, CALL) for form in forms)))
    codec = ThriftCodec(limits=Limits(max_message_size=largest, max_header_size=largest))
    whole = outcome(codec, [stream])
    assert outcome(codec, data.draw(cut_anywhere(stream))) == whole
    assert outcome(codec, byte_by_byte(stream)) == whole


@given(st.binary(max_size=60), st.sampled_from(["auto", "framed", "unframed"]), st.data())
def test_any_bytes_give_the_same_however_they_were_cut(stream, transport, data):
    codec = ThriftCodec(transport=transport, limits=Limits(max_message_size=40, max_header_size=40))
    assert outcome(codec, data.draw(cut_anywhere(stream))) == outcome(codec, [stream])


@pytest.mark.parametrize("form", IN_FRAMES, ids=" ".join)
@pytest.mark.parametrize("after", [b"\0", b"]", "another call"], ids=["a stop", "a bracket", "another call"])
def test_bytes_after_the_message_in_its_frame_are_an_error(form, after):
    transport, protocol = form
    call = message(("unframed", protocol), CALL)
    hidden = call if after == "another call" else after
    first, second = outcome(CODEC, [TRANSPORTS[transport](call + hidden) + framed(call)]).messages
    assert isinstance(first.error, DecodeError)
    assert f"{len(hidden)} bytes follow the message in its frame" in str(first.error)
    assert (first.message_type, first.request_id, first.expects_reply) == (MessageType.REQUEST, 7, True)
    assert second.error is None


@pytest.mark.parametrize("form", IN_FRAMES, ids=" ".join)
def test_a_message_that_is_longer_than_its_frame_is_an_error(form):
    transport, protocol = form
    call = message(("unframed", protocol), CALL)
    for size in range(1, len(call)):
        first, second = outcome(CODEC, [TRANSPORTS[transport](call[:size]) + framed(call)]).messages
        assert isinstance(first.error, DecodeError)
        assert second.error is None


@pytest.mark.parametrize("form", IN_FRAMES, ids=" ".join)
def test_frames_that_are_trusted_are_not_looked_through(form):
    transport, protocol = form
    call = message(("unframed", protocol), CALL)
    codec = ThriftCodec(trust_frames=True)
    (metadata,) = outcome(codec, [TRANSPORTS[transport](call + call)]).messages
    assert metadata.error is None
    assert metadata.properties["method"] == "echo"


@pytest.mark.parametrize("protocol", ["strict", "compact"])
def test_trusted_frames_still_tell_results_from_exceptions(protocol):
    codec = ThriftCodec(trust_frames=True)
    types = [
        codec.decode(message(("framed", protocol), kind, struct), CLIENT).message_type
        for kind, struct in ((2, "result"), (2, "declared"), (3, "failure"))
    ]
    assert types == [MessageType.RESPONSE, MessageType.EXCEPTION, MessageType.EXCEPTION]


@pytest.mark.parametrize("protocol", WRITERS)
def test_an_unframed_message_over_the_limit_is_refused(protocol):
    data = message(("unframed", protocol), CALL)
    exact = ThriftCodec(limits=Limits(max_message_size=len(data)))
    short = ThriftCodec(limits=Limits(max_message_size=len(data) - 1))
    for chunks in ([data], byte_by_byte(data)):
        assert outcome(exact, chunks).pieces == [data]
        assert outcome(short, chunks).error is LimitExceeded


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        ("80010001 00000001 6d 00000000 0b 0001 7fffffff", 20),
        ("80010001 00000001 6d 00000000 0f 0001 08 7fffffff", 21),
        ("80010001 00000001 6d 00000000 0d 0001 0b0b 7fffffff", 22),
        ("8221 00 01 6d 18 ffffffff07", 11),
        ("8221 00 01 6d 19 f5 ffffffff07", 12),
        ("8221 00 01 6d 1b ffffffff07 88", 12),
    ],
)
def test_a_declared_size_over_the_limit_is_refused_when_it_is_seen(data, offset):
    stream = hx(data)
    for chunks in ([stream], byte_by_byte(stream)):
        result = outcome(CODEC, chunks)
        assert (result.error, result.offset) == (LimitExceeded, offset)


@pytest.mark.parametrize("protocol", ["strict", "non-strict", "compact"])
def test_a_name_over_the_limit_is_refused_when_its_length_is_seen(protocol):
    start = {"strict": "80010001 7fffffff", "non-strict": "7fffffff", "compact": "8221 00 ffffffff07"}[protocol]
    for chunks in ([hx(start)], byte_by_byte(hx(start))):
        assert outcome(CODEC, chunks).error is LimitExceeded


def test_in_a_header_the_struct_ends_where_the_frame_does_even_when_it_is_packed():
    import zlib

    data = in_header(zlib.compress(message(("unframed", "strict"), CALL) * 2), transforms=(1,))
    (metadata,) = outcome(CODEC, [data]).messages
    assert "bytes follow the message in its frame" in str(metadata.error)
    assert metadata.request_id == 7
