"""A protocol for tests of the proxy, to be written in hex: a byte for the kind, a byte for the id, a byte with the
length of the body, and the body."""

from metaprotocol_sdk import (
    Capability,
    Codec,
    DecodeError,
    Direction,
    Error,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    Status,
    StreamCodec,
)

KINDS = {
    0x01: MessageType.REQUEST,
    0x02: MessageType.RESPONSE,
    0x03: MessageType.EXCEPTION,
    0x04: MessageType.ONEWAY,
    0x05: MessageType.HEARTBEAT,  # expects a reply
    0x06: MessageType.HEARTBEAT,
    0x07: MessageType.EVENT,
    0x10: MessageType.STREAM_INIT,  # expects a reply when it travels to the server
    0x11: MessageType.STREAM_DATA,
    0x12: MessageType.STREAM_FLOW_CONTROL,
    0x13: MessageType.STREAM_CLOSE_ONE_WAY,
    0x14: MessageType.STREAM_CLOSE_TWO_WAY,
    0x18: MessageType.STREAM_INIT,  # does not expect a reply
    0x19: MessageType.STREAM_INIT,  # the server's refusal
    0x1A: MessageType.EXCEPTION,  # on a stream
}


class Toy(Codec, abstract=True):
    """Decodes messages; a body that begins with ff cannot be read. The property `body` is the body in hex."""

    framing = LengthField(2, 1)

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind, number = message[0], message[1]
        if kind not in KINDS:
            raise DecodeError(f"there is no kind {kind:#04x}", offset=0)
        metadata = Metadata(message, KINDS[kind], number, header_size=3, properties={"body": message[3:].hex()})
        metadata.status = Status.ERROR if kind in (0x03, 0x19, 0x1A) else Status.OK
        metadata.expects_reply = kind in (0x01, 0x05) or (kind == 0x10 and direction is Direction.TO_SERVER)
        if kind >= 0x10:
            metadata.request_id, metadata.stream_id = 0, number
        if message[3:4] == b"\xff":
            metadata.error = DecodeError("the body begins with ff", offset=3)
        return metadata

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        body = mutation.get("body")
        return (
            metadata.message if body is None else build(metadata.message[0], metadata.message[1], bytes.fromhex(body))
        )

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return build(0x03, request.request_id, error.type.encode()) if request.expects_reply else b""

    def heartbeat_reply(self, request: Metadata) -> bytes | None:
        return build(0x06, request.request_id)


class ToyStreams(StreamCodec, Toy, abstract=True):
    """Refuses a stream with 19 and ends one with 14; the body is the type of the error."""

    capabilities = frozenset({Capability.STREAMS})

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if request.message_type is MessageType.STREAM_INIT and request.expects_reply:
            return build(0x19, request.stream_id, error.type.encode())
        return super().on_error(request, error)

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        return build(0x14, stream.stream_id, error.type.encode())


def build(kind: int, number: int, body: bytes = b"") -> bytes:
    return bytes([kind, number, len(body)]) + body
