"""Braid, made up: many streams on one connection, and calls beside them."""

from collections.abc import Iterable

from construct import Const, Enum, Int8ub, Int32ub, Struct

from metaprotocol_sdk import (
    Capability,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    Status,
    StreamCodec,
    UnsupportedMutation,
)

TYPES = (
    MessageType.REQUEST,
    MessageType.RESPONSE,
    MessageType.EXCEPTION,
    MessageType.STREAM_INIT,
    MessageType.STREAM_DATA,
    MessageType.STREAM_CLOSE_ONE_WAY,
    MessageType.STREAM_CLOSE_TWO_WAY,
)
CALL, ANSWER, FAILURE, OPEN, DATA, HALF_CLOSE, CLOSE = range(7)
HEADER = Layout(
    Struct(
        "magic" / Const(b"~"),
        "type" / Enum(Int8ub, **{kind.value: number for number, kind in enumerate(TYPES)}),
        "id" / Int32ub * "of a call, or of a stream",
        "length" / Int32ub * "of the body",
    )
)


class BraidCodec(StreamCodec):
    name = "braid"
    framing = LengthField(offset=6, length=4, magic=b"~")
    layout = HEADER
    capabilities = frozenset({Capability.STREAMS})
    max_request_id = max_stream_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind, number, _ = HEADER.unpack(message)
        if kind >= len(TYPES):
            raise DecodeError(f"there is no type {kind}", offset=1, field="type")
        metadata = Metadata(message, TYPES[kind], number, header_size=HEADER.size)
        if kind == FAILURE:
            metadata.status = Status.ERROR
        elif kind >= OPEN:
            metadata.request_id, metadata.stream_id = 0, number
        return metadata

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        if mutation:
            raise UnsupportedMutation("Braid has no headers")
        number, other = (request_id, stream_id) if metadata.stream_id is None else (stream_id, request_id)
        if other is not None:
            raise EncodeError("a message is part of a call or of a stream, not both")
        if number is None:
            return metadata.message
        if not 0 <= number <= self.max_request_id:
            raise EncodeError(f"this message cannot have the id {number}")
        return metadata.message[:2] + number.to_bytes(4) + metadata.message[6:]

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        if error.code is not None:
            raise EncodeError("Braid has no numbers for errors")
        return build(FAILURE, request.request_id, error.message.encode("utf-8", "backslashreplace"))

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        return build(CLOSE, stream.stream_id or 0)

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, build(CALL, 1, b"add 1 2")
        yield Direction.TO_CLIENT, build(ANSWER, 1, b"3")
        yield Direction.TO_CLIENT, build(FAILURE, 1)
        yield Direction.TO_SERVER, build(OPEN, 2, b"watch")
        yield Direction.TO_CLIENT, build(DATA, 2, b"changed")
        yield Direction.TO_SERVER, build(HALF_CLOSE, 2)
        yield Direction.TO_CLIENT, build(CLOSE, 2)


def build(kind: int, number: int, body: bytes = b"") -> bytes:
    return HEADER.build(type=kind, id=number, length=len(body)) + body
