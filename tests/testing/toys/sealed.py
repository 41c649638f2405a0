"""Sealed, made up: labels that are counted, and a CRC-32 after the body."""

import zlib
from collections.abc import Iterable, Mapping

from construct import Enum, Int8ub, Int16ub, Int32ub, Struct

from metaprotocol_sdk import (
    Capability,
    Codec,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    Status,
    UnsupportedMutation,
)

HEADER = Layout(
    Struct(
        "length" / Int16ub * "of what follows",
        "type" / Enum(Int8ub, request=0, response=1, failure=2),
        "id" / Int32ub,
        "count" / Int16ub * "of the labels that follow",
    )
)
TYPES = (MessageType.REQUEST, MessageType.RESPONSE, MessageType.EXCEPTION)
REQUEST, RESPONSE, FAILURE = range(3)
CHECKSUM_SIZE = 4


class SealedCodec(Codec):
    name = "sealed"
    framing = LengthField(offset=0, length=2)
    layout = HEADER
    capabilities = frozenset({Capability.REQUEST_MUTATION, Capability.RESPONSE_MUTATION})
    max_request_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        _, kind, number, count = HEADER.unpack(message)
        if kind >= len(TYPES):
            raise DecodeError(f"there is no type {kind}", offset=2, field="type")
        metadata = Metadata(message, TYPES[kind], number, header_size=HEADER.size)
        if kind == FAILURE:
            metadata.status = Status.ERROR
        end = len(message) - CHECKSUM_SIZE
        try:
            if self.is_broken(message):
                raise DecodeError("the checksum is that of another message", offset=max(end, 0), field="checksum")
            metadata.properties, metadata.header_size = read_labels(message, HEADER.size, count, end)
        except DecodeError as error:
            metadata.error = error
            return metadata
        metadata.trailer_size = CHECKSUM_SIZE
        return metadata

    def is_broken(self, message: bytes) -> bool:
        return message[-CHECKSUM_SIZE:] != checksum(message[:-CHECKSUM_SIZE])

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if not mutation and request_id is None:
            return metadata.message
        if metadata.error:
            raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
        number = metadata.request_id if request_id is None else request_id
        if not 0 <= number <= self.max_request_id:
            raise EncodeError(f"the id {number} does not fit 32 bits")
        labels = metadata.properties | mutation
        body = metadata.message[metadata.header_size : metadata.body_end]
        kind = TYPES.index(metadata.message_type)
        if not mutation:
            return self.build(kind, number, metadata.properties, body)
        return self.build(kind, number, {key: value for key, value in labels.items() if value is not None}, body)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        if error.code is not None:
            raise EncodeError("Sealed has no numbers for errors")
        return self.build(FAILURE, request.request_id, {}, error.message.encode("utf-8", "backslashreplace")[:1_000])

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ErrorType.UNSPECIFIED if response.status is Status.ERROR else None

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, self.build(REQUEST, 1, {"user": "zoe", "tag": "a"}, b"hello")
        yield Direction.TO_CLIENT, self.build(RESPONSE, 1, {}, b"hello back")
        yield Direction.TO_SERVER, self.build(REQUEST, 2, {}, b"who?")
        yield Direction.TO_CLIENT, self.build(FAILURE, 2, {"retry": "no"}, b"nobody")

    def build(self, kind: int, number: int, labels: Mapping[str, str], body: bytes) -> bytes:
        block = b"".join(write_label(key, value) for key, value in labels.items())
        length = HEADER.size - 2 + len(block) + len(body) + CHECKSUM_SIZE
        if length > 0xFFFF:
            raise UnsupportedMutation(f"the message would have {length + 2} bytes; 65,537 fit")
        message = HEADER.build(length=length, type=kind, id=number, count=self.counted(labels)) + block + body
        return message + self.sealed(message)

    def counted(self, labels: Mapping[str, str]) -> int:
        return len(labels)

    def sealed(self, message: bytes) -> bytes:
        return checksum(message)


def checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(CHECKSUM_SIZE)


def read_labels(message: bytes, start: int, count: int, end: int) -> tuple[dict[str, str], int]:
    labels: dict[str, str] = {}
    for _ in range(count):
        texts = []
        for _ in range(2):
            stop = start + 2 + int.from_bytes(message[start : start + 2])
            if stop > end:
                raise DecodeError("a label ends after the message", offset=min(start, len(message)), field="labels")
            texts.append(message[start + 2 : stop].decode("utf-8", "surrogateescape"))
            start = stop
        if texts[0] in labels:
            raise DecodeError(f"the label {texts[0][:80]!r} comes twice", offset=start, field="labels")
        labels[texts[0]] = texts[1]
    return labels, start


def write_label(key: str, value: str) -> bytes:
    parts = []
    for text in (key, value):
        try:
            raw = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise UnsupportedMutation(f"the label {text[:80]!r} cannot be written: {error.reason}") from None
        if raw.decode("utf-8", "surrogateescape") != text or len(raw) > 0xFFFF:
            raise UnsupportedMutation(f"the label {text[:80]!r} cannot be written as it is")
        parts.append(len(raw).to_bytes(2) + raw)
    return b"".join(parts)
