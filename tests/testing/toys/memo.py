"""Memo, made up: a length of 16 bits, an id and lines of text, each a key and a value. A message is 64 KiB at most."""

from collections.abc import Iterable

from construct import Int8ub, Int16ub, Struct

from metaprotocol_sdk import (
    Capability,
    Codec,
    DecodeError,
    Direction,
    EncodeError,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    UnsupportedMutation,
)

HEADER = Layout(Struct("length" / Int16ub, "id" / Int8ub))


class MemoCodec(Codec):
    name = "memo"
    framing = LengthField(offset=0, length=2)
    layout = HEADER
    capabilities = frozenset({Capability.REQUEST_MUTATION, Capability.ONEWAY})
    max_request_id = 255

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        _, number = HEADER.unpack(message)
        metadata = Metadata(message, MessageType.ONEWAY, number, header_size=HEADER.size)
        try:
            metadata.properties = self.read_lines(message)
        except DecodeError as error:
            metadata.error = error
        return metadata

    def read_lines(self, message: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in message[HEADER.size :].decode("utf-8", "surrogateescape").split("\n"):
            key, colon, value = line.partition(":")
            if not key and not colon and len(message) == HEADER.size:
                break
            if not key or not colon or key in found:
                raise DecodeError("a line is a new key, a colon and a value", offset=HEADER.size)
            found[key] = value
        return found

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if not mutation and request_id is None:
            return metadata.message
        number = metadata.request_id if request_id is None else request_id
        if not 0 <= number <= self.max_request_id:
            raise EncodeError(f"the id {number} does not fit into 8 bits")
        if not mutation:
            return metadata.message[:2] + bytes([number]) + metadata.message[3:]
        if metadata.error:
            raise UnsupportedMutation("the lines cannot be read")
        lines = {key: value for key, value in (metadata.properties | mutation).items() if value is not None}
        try:
            message = build(number, lines)
            if self.decode(message, Direction.TO_SERVER).properties == lines:
                return message
        except (DecodeError, EncodeError, UnicodeEncodeError):
            pass
        raise UnsupportedMutation("these lines cannot be read back")

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, build(1, {})
        yield Direction.TO_SERVER, build(2, {"to": "ann", "text": "a box has come"})


def build(number: int, lines: dict[str, str]) -> bytes:
    text = "\n".join(f"{key}:{value}" for key, value in lines.items()).encode("utf-8", "surrogateescape")
    return HEADER.build(length=1 + len(text), id=number) + text


class LooksBackAtEveryLine(MemoCodec):
    """A fault that shows in long messages, and no message is longer than 64 KiB."""

    def read_lines(self, message: bytes) -> dict[str, str]:
        lines = message.split(b"a")
        for number in range(len(lines)):
            for before in range(number):
                lines[before]
        return super().read_lines(message)


class CopiesTheRestForEachByte(MemoCodec):
    def read_lines(self, message: bytes) -> dict[str, str]:
        for at in range(len(message)):
            (message[:at], message[at:]) * 2
        return super().read_lines(message)


class KeepsEveryByteApart(MemoCodec):
    def read_lines(self, message: bytes) -> dict[str, str]:
        [bytearray(message[at : at + 1]) for at in range(len(message))]
        return super().read_lines(message)


class RecursesOverLines(MemoCodec):
    def read_lines(self, message: bytes) -> dict[str, str]:
        self.count(message, 0)
        return super().read_lines(message)

    def count(self, message: bytes, at: int) -> int:
        end = message.find(b":", at)
        return 1 if end < 0 else 1 + self.count(message, end + 1)
