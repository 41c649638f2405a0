"""The detection of transport and protocol, and the options that rule some out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import decode
from soundness import sound
from thrift_messages import (
    CALL,
    CODEC,
    FORMS,
    PROTOCOL_OF,
    SERVER,
    STRUCTS,
    WRITERS,
    framed,
    hx,
    message,
    non_strict,
    strict,
)
from toy_protocols import byte_by_byte, outcome

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import CodecLoadError, DecodeError, FramingError, LimitExceeded, Limits, MessageType, load_codec

TRANSPORT_OF = {"framed": "framed", "unframed": "unframed", "header": "header", "zipped": "header"}


def read(codec, data):
    return decode(codec, SERVER, [data])


@given(st.lists(st.tuples(st.sampled_from(FORMS), st.sampled_from(list(STRUCTS["strict"]))), min_size=1, max_size=8))
def test_a_stream_may_change_transport_and_protocol_with_every_message(parts):
    messages = [message(form, CALL, struct, seqid=number) for number, (form, struct) in enumerate(parts)]
    decoded = read(CODEC, b"".join(messages))
    assert decoded.error is None
    assert [metadata.message for metadata in decoded.messages] == messages
    assert [metadata.request_id for metadata in decoded.messages] == list(range(len(parts)))
    assert [metadata.error for metadata in decoded.messages] == [None] * len(parts)


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("transport", ["framed", "unframed", "header"])
def test_a_pinned_transport_reads_that_one_alone(form, transport):
    codec = ThriftCodec(transport=transport)
    decoded = read(codec, message(form, CALL))
    if TRANSPORT_OF[form[0]] == transport:
        assert decoded.error is None
        assert [metadata.error for metadata in decoded.messages] == [None]
    else:
        assert decoded.error or decoded.messages[0].error


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("protocol", ["binary", "compact", "json"])
def test_a_pinned_protocol_reads_that_one_alone(form, protocol):
    codec = ThriftCodec(protocol=protocol)
    decoded = read(codec, message(form, CALL))
    if PROTOCOL_OF[form[1]] == protocol:
        assert decoded.error is None
        assert [metadata.error for metadata in decoded.messages] == [None]
    else:
        error = decoded.error or decoded.messages[0].error
        assert PROTOCOL_OF[form[1]] in str(error)


@pytest.mark.parametrize("protocol", ["strict", "compact", "json"])
def test_a_frame_in_another_protocol_than_the_pinned_one_does_not_end_the_stream(protocol):
    codec = ThriftCodec(protocol="binary")
    decoded = read(codec, message(("framed", protocol), CALL) + message(("framed", "strict"), CALL))
    assert decoded.error is None
    assert [metadata.error is None for metadata in decoded.messages] == [protocol == "strict", True]


def test_a_pinned_transport_leaves_nothing_to_guess():
    """The length of the name is 0x20 in one reading, and that of the frame in the other."""
    name = strict(CALL, "pretended-method-x", 0, hx("00"))
    assert len(name) == 31
    data = (31).to_bytes(4) + name + hx("01 00000007 00")
    (taken_for_a_frame,) = read(ThriftCodec(transport="framed"), data[:35]).messages
    assert taken_for_a_frame.properties["method"] == "pretended-method-x"
    (taken_for_a_name,) = read(ThriftCodec(transport="unframed", protocol="binary"), data).messages
    assert taken_for_a_name.request_id == 7


@pytest.mark.parametrize("name", ["a", "_x", "Service:method", "9lives", "é", "世", "😀", " x", "~"])
def test_what_can_begin_a_name_begins_a_non_strict_message(name):
    (metadata,) = read(CODEC, non_strict(CALL, name, 5, hx("00"))).messages
    assert f"{metadata.properties.get('service', '')}:{metadata.properties['method']}".lstrip(":") == name
    assert metadata.request_id == 5


@pytest.mark.parametrize("fifth", [0x01, 0x0D, 0x1F, 0x7F, 0x81, 0xBF, 0xC1, 0xF5, 0xFF])
def test_what_begins_neither_a_name_nor_a_protocol_is_refused(fifth):
    decoded = read(CODEC, hx("00000010") + bytes((fifth,)) + bytes(20))
    assert isinstance(decoded.error, FramingError)
    assert decoded.error.offset == 4
    assert f"begins with {fifth:02x}" in str(decoded.error)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP/1"),
        (b"POST /thrift HTTP/1.1\r\n", "HTTP/1"),
        (b"HTTP/1.1 200 OK\r\n", "HTTP/1"),
        (b"PRI * HTTP/2.0\r\n", "HTTP/2"),
        (hx("16 03 01 02 00 01 00 01 fc 03 03"), "TLS 1.2 or 1.3 (ClientHello)"),
        (hx("01 00 00 00 06") + b"GSSAPI", "SASL (Thrift's TSaslTransport)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    ],
)
@pytest.mark.parametrize("codec", [CODEC, ThriftCodec(transport="framed"), ThriftCodec(transport="unframed")])
def test_other_protocols_are_called_by_their_name(codec, start, what):
    decoded = read(codec, start)
    assert isinstance(decoded.error, FramingError | LimitExceeded)
    assert decoded.error.hint == f"these bytes look like {what}"


@pytest.mark.parametrize("start", ["84 21 00 00 00", "ff ff ff ff 00", "81 01 00 01 00"])
def test_bytes_that_begin_nothing_are_refused(start):
    decoded = read(CODEC, hx(start))
    assert isinstance(decoded.error, FramingError)
    assert "does the stream begin at a message?" in str(decoded.error)


def test_versions_that_do_not_exist_are_refused():
    assert "no version 8002" in str(read(CODEC, hx("80 02 00 01 00000001")).error)
    assert "version 1, not with 82 22" in str(read(CODEC, hx("82 22 00 00 00")).error)
    (framed_one,) = read(CODEC, framed(hx("80 02 00 01 00000001 6d 00000000 00"))).messages
    assert "no version 8002" in str(framed_one.error)


def test_a_frame_over_the_limit_is_refused_when_its_length_is_seen():
    codec = ThriftCodec(limits=Limits(max_message_size=100))
    decoded = read(codec, (97).to_bytes(4))
    assert isinstance(decoded.error, LimitExceeded)
    assert "101 is over the limit max_message_size of 100" in str(decoded.error)
    assert read(codec, framed(strict(CALL, "x" * 83, 0, hx("00")))).messages[0].error is None


@pytest.mark.parametrize("transport", ["auto", "framed"])
def test_an_empty_frame_is_an_event(transport):
    decoded = read(ThriftCodec(transport=transport), bytes(4) + message(("framed", "strict"), CALL))
    assert [metadata.message_type for metadata in decoded.messages] == [MessageType.EVENT, MessageType.REQUEST]
    assert decoded.messages[0].message == bytes(4)


def test_an_empty_frame_is_one_whatever_follows_it_and_however_it_is_cut():
    """The next bytes would be the type, the sequence id and the struct of a call of the empty name."""
    stream = bytes(4) + hx("70 00000007 00") + framed(strict(CALL, "echo", 1, b"\0"))
    whole, cut = outcome(CODEC, [stream]), outcome(CODEC, byte_by_byte(stream))
    assert whole == cut
    assert [m.message_type for m in whole.messages] == [MessageType.EVENT]
    assert (whole.error, whole.offset) == (LimitExceeded, 4)


def test_a_frame_too_short_for_any_message_can_be_stepped_over():
    decoded = read(CODEC, framed(b"\x82") + framed(b"\x80\x01") + message(("framed", "strict"), CALL))
    assert [metadata.error is None for metadata in decoded.messages] == [False, False, True]


@pytest.mark.parametrize("protocol", WRITERS)
def test_decode_alone_refuses_a_frame_whose_length_is_another(protocol):
    data = message(("framed", protocol), CALL)
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(DecodeError):
            sound(CODEC.decode(wrong, SERVER))


@pytest.mark.parametrize("data", [b"", b"\0", bytes(3), hx("80"), hx("82 21"), b"["])
def test_decode_alone_refuses_what_is_too_short(data):
    with pytest.raises(DecodeError):
        CODEC.decode(data, SERVER)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"transport": "buffered"}, "transport must be one of auto, framed, unframed, header, not 'buffered'"),
        ({"protocol": "simple"}, "protocol must be one of auto, binary, compact, json, not 'simple'"),
        ({"trust_frames": "yes"}, "trust_frames must be true or false, not 'yes'"),
        ({"transport": "header", "protocol": "json"}, "THeader carries the protocols binary and compact, not json"),
        ({"idl": 5}, "idl must be the path of a file or an Idl, not 5"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_can(options, what):
    with pytest.raises(CodecLoadError, match=what):
        load_codec("thrift", **options)


def test_a_codec_shows_its_options():
    assert repr(ThriftCodec()) == "ThriftCodec()"
    assert "transport='framed'" in repr(ThriftCodec(transport="framed"))
