"""Assertions on whatever bytes decode to a Thrift message."""

from recordings import decode
from thrift_messages import CODEC, SERVER

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import (
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    FramingError,
    IncompleteMessage,
    LimitExceeded,
    MessageType,
    Mutation,
)

ERRORS = (DecodeError, FramingError, IncompleteMessage, LimitExceeded)
TRUSTING = ThriftCodec(trust_frames=True)


def outcome(data, codec=CODEC, direction=SERVER):
    """Decode a stream to its end, and do with each message all that a proxy and a person do."""
    decoded = decode(codec, direction, [data])
    assert decoded.error is None or isinstance(decoded.error, ERRORS)
    for metadata in decoded.messages:
        assert metadata.error is None or isinstance(metadata.error, ERRORS)
        use(codec, metadata, direction)
    return decoded


def use(codec, metadata, direction):
    spans = codec.spans(metadata)
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == len(metadata.message)
    assert codec.encode(metadata, Mutation()) == metadata.message
    for mutation in ({"method": "other"}, {"key": "value"}, {"key": None}):
        try:
            changed = codec.decode(codec.encode(metadata, Mutation(mutation)), direction)
        except EncodeError:
            continue
        for key, value in mutation.items():
            assert changed.properties.get(key) == value
    try:
        changed = codec.encode(metadata, Mutation(), 12345)
    except EncodeError:
        assert metadata.message_type is MessageType.EVENT or metadata.error is not None
    else:
        if metadata.error is None:
            assert codec.decode(changed, direction).request_id == 12345
    reply = codec.on_error(metadata, Error(ErrorType.BAD_REQUEST, "?"))
    assert (reply != b"") == metadata.expects_reply
    if reply:
        answer = codec.decode(reply, Direction.TO_CLIENT)
        assert answer.request_id == metadata.request_id
        assert answer.properties["error"] == "?"
