"""Plain calls in frames are read in a short way; it reads what the long way, that of messages without frames, does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundness import sound
from thrift_messages import SERVER, STRUCTS, WRITERS, framed, hx, read

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, ProtocolError

UNFRAMED = ThriftCodec(transport="unframed")
NAMES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters='"\\'), min_size=1, max_size=12),
    st.sampled_from([1, 63, 64, 127, 128, 255, 256, 300]).map("n".__mul__),
    st.just(b"caf\xe9"),  # no UTF-8
)


def told(codec, message, direction):
    """Return what a codec tells of a message, or what it says is wrong."""
    try:
        metadata = sound(codec.decode(message, direction))
    except ProtocolError as error:
        return error.message
    return (
        metadata.message_type,
        metadata.request_id,
        metadata.operation,
        metadata.status,
        metadata.properties,
        metadata.body_size,
        metadata.status_code,
        metadata.expects_reply,
        metadata.state[1:],
    )


@pytest.mark.parametrize("codec", [ThriftCodec(), ThriftCodec(trust_frames=True), ThriftCodec(transport="framed")])
@pytest.mark.parametrize("protocol", ["strict", "compact", "json"])
@given(
    name=NAMES,
    kind=st.integers(0, 5),
    seqid=st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 127, 128, 16383, 16384]),
    direction=st.sampled_from(Direction),
)
@example(name="Shop:order", kind=1, seqid=1, direction=SERVER)
@example(name=":", kind=1, seqid=1, direction=SERVER)
def test_a_message_tells_the_same_in_a_frame(protocol, codec, name, kind, seqid, direction):
    seqid = seqid if protocol == "json" else seqid % 2**32
    message = WRITERS[protocol](kind, name, seqid, STRUCTS[protocol]["hi"])
    assert told(codec, framed(message), direction) == told(UNFRAMED, message, direction)


@pytest.mark.parametrize("protocol", ["strict", "compact"])
@given(data=st.data())
def test_a_message_with_a_wrong_byte_tells_the_same_in_a_trusted_frame(protocol, data):
    message = bytearray(WRITERS[protocol](1, "echo", 7, STRUCTS[protocol]["hi"]))
    message[data.draw(st.integers(1, 15 if protocol == "strict" else 7))] = data.draw(st.integers(0, 255))
    trusting = ThriftCodec(trust_frames=True)
    assert told(trusting, framed(bytes(message)), SERVER) == told(UNFRAMED, bytes(message), SERVER)


def test_the_third_byte_of_a_strict_message_means_nothing():
    message = hx("80017f01 00000002 6869 00000007 00")
    assert read(framed(message), codec=ThriftCodec()).properties == {"method": "hi"}


@pytest.mark.parametrize("length", [14, 16, 0, 2**24])
def test_a_frame_whose_length_is_not_the_messages_is_refused(length):
    message = hx("80010001 00000002 6869 00000007 00")
    with pytest.raises(ProtocolError, match="length"):
        read(length.to_bytes(4) + message, codec=ThriftCodec())
