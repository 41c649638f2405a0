"""The file of a capture: a line of JSON that says what it is, then one for each exchange.

    {"metaprotocol_mesh_capture": 1, "redacted": true}
    {"client": "127.0.0.1:40000", "listener": "127.0.0.1:19080", "request": {...}, "answer": {...}}

A property's value is its text, or `{"type": "text", "size": 5}` where it was redacted. Reading needs nothing of the
mesh's other parts, so `metaprotocol inspect` reads captures on machines without the engine.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from attrs import field, frozen

from metaprotocol_sdk import Direction, MessageType, MetaProtocolError, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

MAGIC = b'{"metaprotocol_mesh_capture":'
"""The beginning of a capture."""

_KEY = "metaprotocol_mesh_capture"
_VERSION = 1
_MAX_LINE = 16 << 20  # an exchange has two heads, each below 1 MiB, and JSON writes a character in at most six


class CaptureFileError(MetaProtocolError):
    """A file is not a capture, or is damaged; the text is a sentence for a person."""


@frozen
class Redacted:
    """A value that is not in the file.

    Args:
        type: "number" if the value was decimal digits, perhaps after a minus, otherwise "text".
        size: Its bytes, as UTF-8.
    """

    type: str
    size: int

    @classmethod
    def of(cls, value: str) -> Redacted:
        """Return what is told of a value."""
        digits = value.removeprefix("-")
        kind = "number" if digits.isascii() and digits.isdecimal() else "text"
        return cls(kind, len(value.encode("utf-8", "surrogatepass")))

    def __str__(self) -> str:
        return f"<{self.type}, {self.size:,} byte{'' if self.size == 1 else 's'}>"


@frozen
class Message:
    """A message as Envoy has seen it, without its bytes.

    Args:
        direction: The way it travels.
        type: The kind of message.
        time: When Envoy got it, in nanoseconds since 1970; 0 if unknown.
        operation: Of a request, as `Metadata.operation`.
        status: Of an answer.
        status_code: The protocol's own number for it; None if there is none.
        properties: By name, in lower case.
        incomplete: True if properties may be missing.
        local: The cause for which Envoy answered itself; None if a server did.
    """

    direction: Direction
    type: MessageType
    time: int = 0
    operation: str = ""
    status: Status = Status.OK
    status_code: int | None = None
    properties: Mapping[str, str | Redacted] = field(factory=dict)
    incomplete: bool = False
    local: str | None = None


@frozen
class Exchange:
    """A request and its answer.

    Args:
        client: The client's address, "host:port"; "" if unknown.
        listener: The address that it called.
        request: The request.
        answer: The answer; None if the client got none.
    """

    client: str
    listener: str
    request: Message
    answer: Message | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The request, and the answer if there is one."""
        return (self.request,) if self.answer is None else (self.request, self.answer)


@frozen
class Redaction:
    """Says which values may be written.

    Args:
        shown: Names of properties, in lower case.
        everything: True to write all values.
    """

    shown: Collection[str] = ()
    everything: bool = False

    def value(self, name: str, value: str | Redacted) -> Any:
        """Return what is written of a property's value."""
        if isinstance(value, str) and (self.everything or name in self.shown):
            return value
        found = Redacted.of(value) if isinstance(value, str) else value
        return {"type": found.type, "size": found.size}


class CaptureWriter:
    """Writes a capture, up to a size.

    Args:
        file: Takes it.
        redaction: Says which values may be written.
        max_size: Bytes that are written at most.
    """

    def __init__(self, file: BinaryIO, redaction: Redaction, max_size: int) -> None:
        self._file = file
        self._redaction = redaction
        self._max_size = max_size
        self.messages = 0
        """Messages that were written."""
        self.size = 0
        """Bytes that were written."""
        self._write({_KEY: _VERSION, "redacted": not redaction.everything})

    def add(self, exchange: Exchange) -> bool:
        """Write an exchange; return False if there is no room for it.

        Raises:
            OSError: The file cannot be written.
        """
        answer = exchange.answer
        written = self._write(
            {
                "client": exchange.client,
                "listener": exchange.listener,
                "request": self._message(exchange.request),
                "answer": None if answer is None else self._message(answer),
            }
        )
        self.messages += len(exchange.messages) if written else 0
        return written

    def _write(self, line: Mapping[str, Any]) -> bool:
        data = json.dumps(line).encode("ascii") + b"\n"
        if self.size + len(data) > self._max_size:
            return False
        self._file.write(data)
        self._file.flush()  # so that a reader of a pipe sees each message as it comes
        self.size += len(data)
        return True

    def _message(self, message: Message) -> dict[str, Any]:
        found: dict[str, Any] = {"time": message.time, "type": message.type.value}
        if message.direction is Direction.TO_SERVER:
            found["operation"] = message.operation
        else:
            found |= {"status": message.status.value, "status_code": message.status_code, "local": message.local}
        if message.incomplete:
            found["incomplete"] = True
        found["properties"] = {name: self._redaction.value(name, one) for name, one in message.properties.items()}
        return found


def create(path: Path) -> BinaryIO:
    """Create a file that only its owner may read.

    Raises:
        OSError: There is a file of this name, or it cannot be created.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def read(pieces: Iterable[bytes]) -> Iterator[Exchange]:
    """Yield the exchanges of a capture.

    Args:
        pieces: The content of the file, cut anywhere.

    Raises:
        CaptureFileError: It is damaged or cut off; all that came before has been yielded.
    """
    for number, line in enumerate(_lines(pieces), 1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CaptureFileError(f"line {number} of the capture is not JSON: {error}") from error
        try:
            if number == 1:
                version = found[_KEY]
                if version != _VERSION:
                    text = f"the capture has the form {version!r:.20}, and this version of the command reads {_VERSION}"
                    raise CaptureFileError(text)
            else:
                yield _exchange(found)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CaptureFileError(f"line {number} of the capture is not an exchange: {error!r:.200}") from error


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    number = 1
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        for line in lines:
            yield bytes(rest + line)
            rest.clear()
            number += 1
        rest += last
        if len(rest) > _MAX_LINE:
            raise CaptureFileError(f"line {number} of the capture has more than {_MAX_LINE:,} bytes")
    if rest:
        raise CaptureFileError(f"the capture is cut off in line {number}")


def _exchange(found: Any) -> Exchange:
    answer = found["answer"]
    return Exchange(
        _text(found["client"]),
        _text(found["listener"]),
        _message(found["request"], Direction.TO_SERVER),
        None if answer is None else _message(answer, Direction.TO_CLIENT),
    )


def _message(found: Any, direction: Direction) -> Message:
    code, local = found.get("status_code"), found.get("local")
    return Message(
        direction,
        MessageType(found["type"]),
        _number(found["time"]),
        _text(found.get("operation", "")),
        Status(found.get("status", Status.OK.value)),
        None if code is None else _number(code),
        {name: _value(one) for name, one in found["properties"].items()},
        bool(found.get("incomplete", False)),
        None if local is None else _text(local),
    )


def _value(found: Any) -> str | Redacted:
    return found if isinstance(found, str) else Redacted(_text(found["type"]), _number(found["size"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not a text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is not a whole number")
    return value
