"""The codec's own examples: every kind of message, in every transport and protocol."""

import pytest
from thrift_messages import CODEC
from toy_protocols import byte_by_byte, outcome

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import MessageType, Mutation, Status

EXAMPLES = list(CODEC.examples())


def forms(codec):
    return {(m.state[0].transport, m.state[1].name) for m in (codec.decode(d, w) for w, d in codec.examples())}


def test_every_example_is_one_sound_message():
    for direction, data in EXAMPLES:
        for chunks in ([data], byte_by_byte(data)):
            result = outcome(CODEC, chunks, direction)
            assert (result.pieces, result.error) == ([data], None)
            assert result.messages[0].error is None
        (metadata,) = result.messages
        assert CODEC.encode(metadata, Mutation()) == data


def test_together_they_are_of_every_transport_and_protocol():
    in_frames = {("framed", name) for name in ("binary", "compact", "json")}
    unframed = {("unframed", name) for name in ("binary", "compact", "json")}
    assert forms(CODEC) == in_frames | unframed | {("header", "binary"), ("header", "compact")}


def test_together_they_are_of_every_kind():
    decoded = [CODEC.decode(data, direction) for direction, data in EXAMPLES]
    kinds = {(metadata.message_type, metadata.status) for metadata in decoded}
    assert kinds == {
        (MessageType.REQUEST, Status.OK),
        (MessageType.ONEWAY, Status.OK),
        (MessageType.RESPONSE, Status.OK),
        (MessageType.EXCEPTION, Status.OK),
        (MessageType.EXCEPTION, Status.ERROR),
    }
    assert any("service" in metadata.properties for metadata in decoded)
    assert any("x-request-id" in metadata.properties for metadata in decoded)


@pytest.mark.parametrize("transport", ["framed", "unframed", "header"])
@pytest.mark.parametrize("protocol", ["binary", "compact"])
def test_of_a_codec_with_options_they_are_what_it_reads(transport, protocol):
    codec = ThriftCodec(transport=transport, protocol=protocol)
    assert forms(codec) == {(transport, protocol)}
    for direction, data in codec.examples():
        assert outcome(codec, [data], direction).messages[0].error is None
