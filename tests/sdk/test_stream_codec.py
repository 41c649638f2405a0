"""Protocols with streams."""

import pytest
from toy_protocols import OpaqueCodec

from metaprotocol_sdk import (
    Capability,
    Direction,
    EncodeError,
    Error,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    StreamCodec,
    UnsupportedMutation,
)


class ThreadsCodec(StreamCodec):
    name = "threads"
    framing = LengthField(1, 1)
    capabilities = frozenset({Capability.STREAMS})

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        return Metadata(message, MessageType.STREAM_DATA, stream_id=message[0], header_size=2)

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        return bytes([stream.stream_id or 0, 0])


def test_a_stream_codec_that_does_not_change_messages_refuses_another_stream_id() -> None:
    codec = ThreadsCodec()
    metadata = codec.decode(b"\x07\x02ab", Direction.TO_SERVER)
    assert codec.encode(metadata, Mutation(), stream_id=7) is metadata.message
    with pytest.raises(EncodeError, match="the codec threads cannot change the stream id of a message"):
        codec.encode(metadata, Mutation(), stream_id=8)
    with pytest.raises(UnsupportedMutation):
        codec.encode(metadata, Mutation(a="b"))


def test_a_stream_codec_claims_streams_when_it_is_defined() -> None:
    body = {
        key: value for key, value in vars(ThreadsCodec).items() if key in ("name", "framing", "decode", "end_stream")
    }
    with pytest.raises(TypeError, match=r"needs Capability\.STREAMS in its capabilities, as it is a StreamCodec"):
        type("Forgetful", (StreamCodec,), body)


def test_only_a_stream_codec_claims_streams() -> None:
    body = {"name": "plain", "framing": LengthField(1, 1), "capabilities": frozenset({Capability.STREAMS})}
    with pytest.raises(TypeError, match=r"needs to subclass StreamCodec, as it claims Capability\.STREAMS"):
        type("Boastful", (OpaqueCodec,), body)


def test_a_stream_codec_says_how_it_ends_a_stream() -> None:
    body = {
        key: value for key, value in vars(ThreadsCodec).items() if key in ("name", "framing", "decode", "capabilities")
    }
    endless = type("Endless", (StreamCodec,), body)
    with pytest.raises(TypeError, match=r"abstract method '?end_stream"):
        endless()
