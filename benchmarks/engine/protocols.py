"""One request and its reply of each protocol, and where their length and id are."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.hessian2 import Writer
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk import Codec

SERVICE = "org.example.EchoService"
_STRING = 11  # Thrift's type id


@frozen
class Protocol:
    """A protocol that all lanes of a table speak.

    Args:
        name: The codec's name.
        codec: The codec.
        request: Returns a request with a payload of a size, in bytes.
        reply: The same of a reply.
        length: Offset of the four bytes of the length, and what it does not count.
        id: Offset and size of the id.
    """

    name: str
    codec: Codec
    request: Callable[[int], bytes]
    reply: Callable[[int], bytes]
    length: tuple[int, int]
    id: tuple[int, int]

    def check(self, size: int) -> None:
        """Show that the codec reads both messages.

        Raises:
            ValueError: It does not.
        """
        for direction, message in ((Direction.TO_SERVER, self.request(size)), (Direction.TO_CLIENT, self.reply(size))):
            (metadata,) = MessageDecoder(self.codec, direction).feed(message)
            if metadata.error is not None or metadata.incomplete:
                raise ValueError(f"{self.name}: {metadata.error or metadata.incomplete}")


def _payload(size: int) -> str:
    return ("0123456789abcdef" * (size // 16 + 1))[:size]


def _awesomerpc(kind: int, size: int) -> bytes:
    block = b""
    for key, value in (("service", SERVICE), ("user", "jason")):
        block += struct.pack(">B", len(key)) + key.encode() + struct.pack(">H", len(value)) + value.encode()
    total = 18 + len(block) + size
    header = struct.pack(">2sBBIIHHH", b"AR", 1, kind, 0, total, 7, 0, len(block))
    return header + block + _payload(size).encode()


def _dubbo_request(size: int) -> bytes:
    write = Writer().write
    head = b"".join(map(write, ("2.0.2", SERVICE, "1.0.0", "echo", "Ljava/lang/String;", _payload(size))))
    body = head + write({"path": SERVICE, "interface": SERVICE, "version": "1.0.0", "user": "jason"})
    return struct.pack(">HBBQI", 0xDABB, 0xC2, 0, 0, len(body)) + body


def _dubbo_reply(size: int) -> bytes:
    body = b"\x91" + Writer().write(_payload(size))  # a value without attachments
    return struct.pack(">HBBQI", 0xDABB, 0x02, 20, 0, len(body)) + body


def _thrift(kind: int, field: int, size: int) -> bytes:
    name = b"echo"
    head = struct.pack(f">HBBI{len(name)}sI", 0x8001, 0, kind, len(name), name, 0)
    body = head + struct.pack(">BHI", _STRING, field, size) + _payload(size).encode() + b"\0"
    return struct.pack(">I", len(body)) + body


AWESOMERPC = Protocol(
    "awesomerpc", AwesomeRpcCodec(), lambda n: _awesomerpc(0, n), lambda n: _awesomerpc(1, n), (8, 0), (4, 4)
)
DUBBO = Protocol("dubbo", DubboCodec(), _dubbo_request, _dubbo_reply, (12, 16), (4, 8))
# Framed, binary. A sequence id is signed, so of its 4 bytes the load tool leaves the highest bit alone.
THRIFT = Protocol("thrift", ThriftCodec(), lambda n: _thrift(1, 1, n), lambda n: _thrift(2, 0, n), (0, 4), (16, 4))
PROTOCOLS = (AWESOMERPC, DUBBO, THRIFT)
