"""A codec without a fault, and copies of it with one fault each, which no good message shows.

Most of them wait for the magic in a body: fuzzing joins messages so often that it comes early with any seed.
"""

from collections.abc import Iterable

from metaprotocol_sdk import (
    Codec,
    Direction,
    Framing,
    LengthField,
    Limits,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Scanner,
)

MAGIC = b"P"


class Sound(Codec):
    """A magic, a length of what follows, and bytes."""

    name = "planted"
    framing = LengthField(offset=1, length=2, magic=MAGIC)

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        self.look(message[3:])
        return Metadata(message, MessageType.ONEWAY, header_size=min(3, len(message)), expects_reply=False)

    def look(self, body: bytes) -> None:
        """The others have their fault here."""

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, b"P\0\5hello"
        yield Direction.TO_SERVER, b"P\0\0"


class LeaksAnIndexError(Sound):
    def look(self, body: bytes) -> None:
        if MAGIC in body:
            body[len(body)]


class NeverEnds(Sound):
    def look(self, body: bytes) -> None:
        while MAGIC in body:
            pass


class AllocatesACount(Sound):
    def look(self, body: bytes) -> None:
        bytearray(100 * int.from_bytes(body[:2]))


class LeaksAKeyError(Sound):
    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if mutation and MAGIC in metadata.message[3:]:
            {}[next(iter(mutation))]
        return super().encode(metadata, mutation, request_id)


class _Lines(Framing):
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _ForgetfulScanner()


class _ForgetfulScanner(Scanner):
    """Does not see a CR LF that comes in two pieces."""

    def scan(self, data: bytes, start: int) -> int:
        found = data.find(b"\r\n", start)
        self.needed = 1
        return -1 if found < 0 else found + 2


class DependsOnTheCuts(Sound):
    framing = _Lines()

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, b"hello\r\n"


class RefusesEverything(Sound):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        raise ProtocolError("nothing is good enough", offset=0)

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        return ()
