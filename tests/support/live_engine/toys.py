"""Small protocols for tests in Envoy: a byte for the kind, a byte for the length of the body, and the body.

Kinds: `Q` a request, `O` a oneway, `R` an answer, `E` an error. There are no ids.
"""

import re
import time
from typing import Self

from metaprotocol_envoy.log import report
from metaprotocol_sdk import (
    Capability,
    ClosingReply,
    Codec,
    Correlation,
    DecodeError,
    Direction,
    Error,
    ErrorType,
    Framing,
    LengthField,
    Limits,
    MessageType,
    Metadata,
    Mutation,
    Scanner,
    Status,
    UnsupportedMutation,
    UpstreamConnection,
)

KINDS = {
    b"Q": MessageType.REQUEST,
    b"O": MessageType.ONEWAY,
    b"R": MessageType.RESPONSE,
    b"E": MessageType.EXCEPTION,
}


def build(kind: bytes, body: str) -> bytes:
    return kind + bytes((len(body),)) + body.encode()


class Fifo(Codec):
    """Answers come in the order of the requests."""

    name = "toy-fifo"
    framing = LengthField(1, 1)
    correlation = Correlation.FIFO
    capabilities = frozenset({Capability.ONEWAY})

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind = KINDS.get(message[:1])
        if kind is None:
            raise DecodeError(f"there is no kind {message[:1]!r}", offset=0)
        text = message[2:].decode("latin-1")
        status = Status.ERROR if kind is MessageType.EXCEPTION else Status.OK
        return Metadata(message, kind, 0, "toy", status, {"body": text}, 2)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return build(b"E", error.type.value) if request.expects_reply else b""

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ErrorType.UNSPECIFIED if response.status is Status.ERROR else None


class Beating(Fifo):
    """Has heartbeats, `H` and their answers `B`, which only the server can answer."""

    name = "toy-beating"

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if message[:1] not in {b"H", b"B"}:
            return super().decode(message, direction)
        return Metadata(message, MessageType.HEARTBEAT, expects_reply=message[:1] == b"H", header_size=2)


class _Until(Scanner):
    """Messages until one of the kind `T`, which other bytes follow."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._ended = False

    def scan(self, data: bytes, start: int) -> int:
        if self._ended:
            return Scanner.OPAQUE
        for at in range(start, len(data)):
            if len(self._head) < 2:
                self._head += data[at : at + 1]
                self._left = self._head[1] if len(self._head) == 2 else 1
            else:
                self._left -= 1
            if len(self._head) == 2 and not self._left:
                self._ended = self._head[:1] == b"T"
                self._head = b""
                return at + 1
        return -1


class _Upgradable(Framing):
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _Until()


class Upgrading(Fifo):
    """After a request `T` the client's bytes are no messages, as after STARTTLS."""

    name = "toy-upgrading"
    framing = _Upgradable()

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        return super().decode(message.replace(b"T", b"Q", 1) if message[:1] == b"T" else message, direction)


class Serial(Fifo):
    """One request at a time."""

    name = "toy-serial"
    correlation = Correlation.SERIAL


class Ordered(Fifo):
    """The server must see a client's requests in order."""

    name = "toy-ordered"
    upstream_connection = UpstreamConnection.ORDERED


class SmallIds(Fifo):
    """The first byte of the body is an id."""

    name = "toy-small-ids"
    correlation = Correlation.ID
    max_request_id = 255
    capabilities = frozenset({Capability.ONEWAY, Capability.REQUEST_MUTATION})

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.request_id = message[2]
        return metadata

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if mutation:
            raise UnsupportedMutation("there are no properties to change")
        message = metadata.message
        return message if request_id is None else message[:2] + bytes((request_id,)) + message[3:]


class Large(Fifo):
    """The length has four bytes. The body is not a property."""

    name = "toy-large"
    framing = LengthField(1, 4)

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message[:1], direction)
        return Metadata(message, metadata.message_type, 0, "toy", metadata.status, header_size=5)


class LargeClosing(Large):
    """An error closes the connection."""

    name = "toy-large-closing"

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return ClosingReply(b"E" + len(error.type.value).to_bytes(4) + error.type.value.encode())


class Wide(Fifo):
    """A request has as many bytes of properties as its body says, and after them `role: admin`."""

    name = "toy-wide"

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        if direction is Direction.TO_SERVER:
            whole, rest = divmod(int(metadata.properties["body"]), 10_000)
            sizes = [10_000] * whole + [rest]
            metadata.properties = {f"k{at}": "v" * size for at, size in enumerate(sizes)} | {"role": "admin"}
        return metadata


class Long(Fifo):
    """A request has a property or an operation as long as its body says: `name 10`, `value 10`, `operation 10`."""

    name = "toy-long"

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        if direction is Direction.TO_SERVER:
            what, size = metadata.properties["body"].split()
            text = "x" * int(size)
            metadata.properties = {"name": {text: "v"}, "value": {"k": text}}.get(what, {})
            metadata.operation = text if what == "operation" else "toy"
        return metadata


class Stateful(Fifo):
    """Counts the answers of its connection, and says the count in a property of each."""

    name = "toy-stateful"

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def for_connection(self) -> Self:
        return type(self)()

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        if direction is Direction.TO_CLIENT:
            self.answers += 1
        return metadata

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if metadata.message_type is MessageType.RESPONSE:
            return build(b"R", f"{metadata.properties['body']} {self.answers}")
        return metadata.message


class Unconnectable(Fifo):
    """Fails to make a codec for a connection, after the one that is tried when it is loaded."""

    name = "toy-unconnectable"
    what = "raise"

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def for_connection(self) -> Self:
        self.made += 1
        if self.made > 1:
            return _misbehave(self.what)
        return self


class UnconnectableNone(Unconnectable):
    what = "none"


class UnconnectableLoop(Unconnectable):
    what = "loop"


def _misbehave(what: str):
    if what == "raise":
        raise ValueError("as it was told")
    while what == "loop":
        pass


class Misbehaving(Fifo):
    """Does what the body says, where it says: `raise@decode`, `loop@encode`, `sleep@answer`, `nonsense@on_error`,
    `set message=text@decode`."""

    name = "toy-misbehaving"

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        where = "decode" if direction is Direction.TO_SERVER else "answer"
        what, _, there = metadata.properties["body"].partition("@")
        if there == where and what.startswith("set "):
            name, value = what.removeprefix("set ").split("=")
            setattr(metadata, name, None if value == "None" else value)
            return metadata
        return self.misbehave(metadata.properties["body"], where) or metadata

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        return self.misbehave(metadata.properties["body"], "encode") or metadata.message

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return self.misbehave(request.properties["body"], "on_error") or super().on_error(request, error)

    def misbehave(self, body: str, where: str):
        what, _, there = body.partition("@")
        if there != where:
            return None
        if what == "raise":
            raise ValueError("as it was told")
        if what == "exit":
            raise SystemExit(3)
        if what == "nonsense":
            return 42
        if what == "loop":
            while True:
                pass
        if what == "swallow":
            begin = time.monotonic()
            while time.monotonic() - begin < 3:
                try:
                    while time.monotonic() - begin < 3:
                        pass
                except BaseException:  # noqa: BLE001 - it swallows the deadline's exception
                    pass
        if what == "recursion":
            return self.misbehave(body, where)
        if what == "nap":  # which is allowed
            report("the codec naps")
            time.sleep(0.1)
        if what in {"c", "c without end"}:  # one call of C that the deadline cannot interrupt
            re.match("(a+)+$", "a" * (24 if what == "c" else 64) + "b")
        return None
