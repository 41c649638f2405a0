"""Protocols small enough to see through, and one way to run a stream through any codec."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from attrs import frozen
from hypothesis import strategies as st

from metaprotocol_sdk import (
    Codec,
    Direction,
    Framing,
    FramingError,
    LimitExceeded,
    Limits,
    MessageDecoder,
    MessageType,
    Metadata,
    ProtocolError,
    Scanner,
)


class OpaqueCodec(Codec, abstract=True):
    """Reads nothing of its messages, so that a test of framing sees only framing."""

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        return Metadata(message, MessageType.REQUEST, expects_reply=False)


def codec_for(framing: Framing, *, limits: Limits | None = None) -> Codec:
    toy = type("ToyCodec", (OpaqueCodec,), {"name": "toy", "framing": framing})
    return toy(limits=limits)


class Lines(Framing):
    """Messages end with CR LF. A NUL is refused where it stands."""

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _LineScanner()


class _LineScanner(Scanner):
    def __init__(self) -> None:
        self.seen = 0
        self.after_cr = False

    def scan(self, data: bytes, start: int) -> int:
        if self.after_cr and data.startswith(b"\n", start):
            end = start + 1
        else:
            found = data.find(b"\r\n", start)
            end = found + 2 if found >= 0 else -1
        nul = data.find(0, start, len(data) if end < 0 else end)
        if nul >= 0:
            raise FramingError("a line holds a NUL", offset=self.seen + nul - start)
        if end < 0:
            self.seen += len(data) - start
            self.after_cr = data.endswith(b"\r")
        else:
            self.seen, self.after_cr = 0, False
        return end


class Netstrings(Framing):
    """Messages are `5:hello,`: a decimal length of their own, and a comma that must be there."""

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _NetstringScanner(limits.max_message_size)


class _NetstringScanner(Scanner):
    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.begin()

    def begin(self) -> None:
        self.digits = b""
        self.seen = 0
        self.rest = 0  # bytes to come of the body and its comma, once the colon was seen

    def scan(self, data: bytes, start: int) -> int:
        at = start
        while not self.rest:
            if at == len(data):
                self.needed = 1
                return -1
            byte = data[at : at + 1]
            if byte == b":" and self.digits:
                self.rest = int(self.digits) + 1
                total = len(self.digits) + 1 + self.rest
                if total > self.maximum:
                    raise LimitExceeded("max_message_size", total, self.maximum, offset=self.seen)
            elif byte.isdigit() and len(self.digits) < 9:
                self.digits += byte
            else:
                raise FramingError(f"{byte!r} is not a digit", offset=self.seen)
            at += 1
            self.seen += 1
        used = min(self.rest, len(data) - at)
        at += used
        self.seen += used
        self.rest -= used
        if self.rest:
            self.needed = self.rest
            return -1
        if data[at - 1 : at] != b",":
            raise FramingError("a netstring ends with a comma", offset=self.seen - 1)
        self.begin()
        return at


@frozen
class Outcome:
    """All that a user of the decoder can see of a stream that has ended."""

    messages: list[Metadata]
    error: type[ProtocolError] | None
    text: str
    offset: int | None

    @property
    def pieces(self) -> list[bytes]:
        return [metadata.message for metadata in self.messages]


def outcome(codec: Codec, chunks: Iterable[bytes], direction: Direction = Direction.TO_SERVER) -> Outcome:
    """Feed the chunks, then the end of the stream, and say what came out."""
    decoder = MessageDecoder(codec, direction)
    messages: list[Metadata] = []
    for chunk in chunks:
        messages += decoder.feed(chunk)
        if decoder.stream_error:
            break
    else:
        with suppress(ProtocolError):  # it is `decoder.stream_error`, as a test of the decoder shows
            decoder.eof()
    error = decoder.stream_error
    if error is None:
        return Outcome(messages, None, "", None)
    text = str(ProtocolError(error.message, offset=error.offset, field=error.field))  # the hint may differ
    return Outcome(messages, type(error), text, error.offset)


def two_pieces(stream: bytes) -> Iterator[list[bytes]]:
    """Cut a stream in two at every point, the ends included."""
    for at in range(len(stream) + 1):
        yield [stream[:at], stream[at:]]


def byte_by_byte(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


@st.composite
def cut_anywhere(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """Cut a stream into pieces of any size, empty ones included."""
    points = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[i:j] for i, j in zip([0, *points], [*points, len(stream)], strict=True)]


@st.composite
def damaged(draw: st.DrawFn, stream: bytes) -> bytes:
    """Overwrite, insert, drop or cut off some bytes, or leave the stream as it is."""
    at = draw(st.integers(0, len(stream)))
    stop = draw(st.integers(at, min(len(stream), at + 3)))
    return stream[:at] + draw(st.binary(max_size=4)) + draw(st.sampled_from([stream[stop:], b""]))


HELLO, UPGRADE, TLS = b"\x02hi", b"\x01!", bytes.fromhex("16030100c8")


class Upgrading(Framing):
    """A byte with the length, then the body. After the body `!` come bytes of another protocol."""

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return UpgradingScanner()


class UpgradingScanner(Scanner):
    """Reads messages of `Upgrading` until `!`."""

    def __init__(self) -> None:
        self.message = b""
        self.upgraded = False

    def scan(self, data: bytes, start: int) -> int:
        if self.upgraded:
            return Scanner.OPAQUE
        for at in range(start, len(data)):
            self.message += data[at : at + 1]
            if len(self.message) == 1 + self.message[0]:
                self.upgraded = self.message == UPGRADE
                self.message = b""
                return at + 1
        return -1
