"""Parley, made up after MySQL: the server speaks first, and what it says decides how all that follows is read."""

from collections.abc import Iterable
from typing import Self

from metaprotocol_sdk import (
    Codec,
    Correlation,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    LengthField,
    MessageType,
    Metadata,
    Status,
)

GREETING, QUESTION, ANSWER, FAILURE = b"H", b"Q", b"A", b"F"


def packet(kind: bytes, text: bytes) -> bytes:
    return len(kind + text).to_bytes(3, "little") + kind + text


class ParleyCodec(Codec):
    """On a connection it remembers the alphabet that the greeting has named."""

    name = "parley"
    framing = LengthField(offset=0, length=3, byte_order="little")
    correlation = Correlation.SERIAL
    server_first = True
    max_request_id = 0

    def __init__(self) -> None:
        super().__init__()
        self.alphabet = ""

    def for_connection(self) -> Self:
        return type(self)()

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind, text = message[3:4], message[4:]
        if kind == GREETING:
            if text not in (b"latin-1", b"utf-8"):
                raise DecodeError("there is no such alphabet", offset=4)
            self.alphabet = text.decode("ascii")
            return Metadata(message, MessageType.EVENT, properties={"alphabet": self.alphabet}, header_size=4)
        if not self.alphabet:
            raise DecodeError("the server has not greeted yet", offset=3)
        properties = {"text": text.decode(self.alphabet, "surrogateescape")}
        if kind == QUESTION:
            return Metadata(message, MessageType.REQUEST, properties=properties, header_size=4)
        if kind == ANSWER:
            return Metadata(message, MessageType.RESPONSE, properties=properties, header_size=4)
        if kind == FAILURE:
            return Metadata(message, MessageType.EXCEPTION, 0, "", Status.ERROR, properties, 4)
        raise DecodeError("there is no such packet", offset=3)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        if error.code is not None:
            raise EncodeError("Parley has no numbers for errors")
        return packet(FAILURE, error.message.encode("ascii", "backslashreplace"))

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_CLIENT, packet(GREETING, b"latin-1")
        yield Direction.TO_SERVER, packet(QUESTION, b"caf\xe9?")
        yield Direction.TO_CLIENT, packet(ANSWER, b"s\xed")
        yield Direction.TO_SERVER, packet(QUESTION, b"")
        yield Direction.TO_CLIENT, packet(FAILURE, b"what?")
