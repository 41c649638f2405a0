"""A subset of RESP 3, as Redis speaks it: no ids, answers in the order of the questions, and pushes between them."""

from collections.abc import Iterable

from metaprotocol_sdk import (
    Codec,
    Correlation,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    Framing,
    FramingError,
    LimitExceeded,
    Limits,
    MessageType,
    Metadata,
    Scanner,
    Status,
)

_BULK, _AGGREGATES, _LINES = b"$", b"*>", b"+-:_"
_LONGEST_LINE = 512


class Resp(Framing):
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _RespScanner(limits)


class _RespScanner(Scanner):
    """Counts the values that are still to come, and the bytes of the one it is in."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.begin()

    def begin(self) -> None:
        self.values = 1
        self.rest = 0
        self.line = b""
        self.seen = 0

    def scan(self, data: bytes, start: int) -> int:
        at = start
        while at < len(data):
            before = at
            if self.rest:
                at = min(len(data), at + self.rest)
                self.rest -= at - before
                ended = not self.rest
            else:
                found = data.find(b"\n", at)
                at = len(data) if found < 0 else found + 1
                self.line += data[before:at]
                ended = found >= 0 and self.end_of_line()
                if len(self.line) > _LONGEST_LINE:
                    raise FramingError("this line does not end", offset=0)
            self.seen += at - before
            if ended:
                self.values -= 1
                if not self.values:
                    self.begin()
                    return at
        self.needed = max(self.rest, 1)
        return -1

    def end_of_line(self) -> bool:
        """Take a whole line; return whether a value ends with it."""
        kind, text = self.line[:1], self.line[1:-2]
        if kind not in (*_kinds(_LINES), *_kinds(_BULK), *_kinds(_AGGREGATES)) or not self.line.endswith(b"\r\n"):
            raise FramingError(f"no value begins with {self.line[:20]!r}", offset=0)
        self.line = b""
        if kind in _kinds(_LINES):
            return True
        if not text.isdigit() or len(text) > 9:
            raise FramingError(f"{text[:20]!r} is no length", offset=0)
        if kind == _BULK:
            self.rest = int(text) + 2
            if self.seen + self.rest > self.limits.max_message_size:
                raise LimitExceeded("max_message_size", self.seen + self.rest, self.limits.max_message_size, offset=0)
            return False
        self.values += int(text)
        return True


def _kinds(characters: bytes) -> list[bytes]:
    return [bytes((character,)) for character in characters]


class RespCodec(Codec):
    """Reads RESP. A command is a request, what begins with `>` is a push, and anything else answers."""

    name = "resp"
    framing = Resp()
    correlation = Correlation.FIFO
    max_request_id = 0

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind = message[:1]
        if direction is Direction.TO_SERVER:
            words = message.split(b"\r\n", 4)
            if kind != b"*" or len(words) < 3:
                raise DecodeError("a command is an array of strings", offset=0)
            command = words[2].decode("utf-8", "replace").upper()
            return Metadata(message, MessageType.REQUEST, operation=command, properties={"command": command})
        if kind == b">":
            return Metadata(message, MessageType.EVENT)
        if kind == b"-":
            text = message[1:-2].decode("utf-8", "surrogateescape")
            return Metadata(message, MessageType.EXCEPTION, status=Status.ERROR, properties={"error": text})
        return Metadata(message, MessageType.RESPONSE)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        if error.code is not None:
            raise EncodeError("RESP has no numbers for errors")
        text = error.message.encode("ascii", "backslashreplace").replace(b"\r", b" ").replace(b"\n", b" ")
        return b"-ERR " + text[:200] + b"\r\n"

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        yield Direction.TO_SERVER, b"*1\r\n$4\r\nPING\r\n"
        yield Direction.TO_SERVER, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n"
        yield Direction.TO_SERVER, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
        yield Direction.TO_CLIENT, b"+PONG\r\n"
        yield Direction.TO_CLIENT, b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
        yield Direction.TO_CLIENT, b"-ERR unknown command\r\n"
        yield Direction.TO_CLIENT, b"$5\r\nhello\r\n"
