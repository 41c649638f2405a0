"""A small protocol with streams: a byte for the kind, one for the stream, two for the length of the body, and the body.

Kinds: `I` opens a stream, `A` accepts it, `N` refuses it, `D` carries data, `H` ends one half, `X` ends it, `Q` and `R`
are a request and its answer outside of streams, with the id where streams have theirs. A message whose body is
`unreadable` cannot be read.
"""

from typing import Self

from metaprotocol_envoy.log import report
from metaprotocol_sdk import (
    Capability,
    DecodeError,
    Direction,
    Error,
    ErrorType,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    Status,
    StreamCodec,
    UnsupportedMutation,
)

KINDS = {
    b"I": MessageType.STREAM_INIT,
    b"A": MessageType.STREAM_INIT,
    b"N": MessageType.STREAM_INIT,
    b"D": MessageType.STREAM_DATA,
    b"H": MessageType.STREAM_CLOSE_ONE_WAY,
    b"X": MessageType.STREAM_CLOSE_TWO_WAY,
    b"Q": MessageType.REQUEST,
    b"R": MessageType.RESPONSE,
    b"E": MessageType.EXCEPTION,
}


def build(kind: bytes, number: int, body: bytes = b"") -> bytes:
    return kind + bytes((number,)) + len(body).to_bytes(2) + body


class Streams(StreamCodec):
    name = "toy-streams"
    framing = LengthField(2, 2)
    capabilities = frozenset({Capability.STREAMS})
    max_request_id = max_stream_id = 255

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind = KINDS.get(message[:1])
        if kind is None:
            raise DecodeError(f"there is no kind {message[:1]!r}", offset=0)
        number = message[1]
        properties = {"body": message[4:24].decode("latin-1")} if kind is not MessageType.STREAM_DATA else {}
        metadata = Metadata(message, kind, number, "toy", properties=properties, header_size=4)
        if message[4:] == b"unreadable":
            metadata.error = DecodeError("this cannot be read", offset=4)
        if message[:1] in {b"N", b"E"} or (message[:1] == b"X" and message[4:] != b""):
            metadata.status = Status.ERROR
        if message[:1] not in {b"Q", b"R", b"E"}:
            metadata.request_id, metadata.stream_id = 0, number
            metadata.expects_reply = message[:1] == b"I"
        return metadata

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        if mutation:
            raise UnsupportedMutation("there are no properties to change")
        message = metadata.message
        number = request_id if metadata.stream_id is None else stream_id
        return message if number is None else message[:1] + bytes((number,)) + message[2:]

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        if request.message_type is MessageType.STREAM_INIT:
            return build(b"N", request.stream_id or 0, error.type.value.encode())
        return build(b"E", request.request_id, error.type.value.encode())

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ErrorType.UNSPECIFIED if response.status is Status.ERROR else None

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        return build(b"X", stream.stream_id or 0, error.type.value.encode())


class Unnumbered(Streams):
    """Cannot write ids."""

    name = "toy-unnumbered"
    encode = StreamCodec.encode


class Mortal(Streams):
    """Says when the codec of a connection has gone."""

    name = "toy-mortal"

    def for_connection(self) -> Self:
        return type(self)()

    def __deepcopy__(self, memo: object) -> Streams:
        return Streams()

    def __del__(self) -> None:
        report("the codec of a connection has gone")
