"""Builds Dubbo messages by hand, the way Apache Dubbo for Java writes them. Nothing of our codec is used."""

import struct
from collections.abc import Mapping

# What the builders say where a test does not.
INTERFACE = "org.demo.Greeter"
METHOD = "hello"

NO_ATTACHMENTS = b"HZ"


def string(text: str | None) -> bytes:
    """Return a hessian2 string, each half of a surrogate pair as 3 bytes of its own."""
    if text is None:
        return b"N"
    units = text.encode("utf-16-be", "surrogatepass")
    halves = [chr(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2)]
    body = "".join(halves).encode("utf-8", "surrogatepass")
    count = len(halves)
    if count < 32:
        return bytes((count,)) + body
    if count < 1024:
        return bytes((0x30 + (count >> 8), count & 0xFF)) + body
    return b"S" + count.to_bytes(2) + body


def untyped_map(entries: Mapping[str, str | None]) -> bytes:
    """Return a hessian2 map of strings."""
    return b"H" + b"".join(string(key) + string(value) for key, value in entries.items()) + b"Z"


def message(flags: int, body: bytes = b"", *, status: int = 0, request_id: int = 1) -> bytes:
    """Return a Dubbo message."""
    return struct.pack(">HBBQI", 0xDABB, flags, status, request_id, len(body)) + body


def request(
    *,
    flags: int = 0xC2,
    request_id: int = 1,
    dubbo: str | None = "2.0.2",
    path: str | None = INTERFACE,
    version: str | None = "1.0",
    method: str | None = METHOD,
    types: str | None = "",
    arguments: bytes = b"",
    attachments: Mapping[str, str | None] | bytes = NO_ATTACHMENTS,
    trailing: bytes = b"",
) -> bytes:
    """Return a request with a hessian2 body; arguments, and attachments if they are bytes, are hessian2 values."""
    strings = b"".join(map(string, (dubbo, path, version, method, types)))
    end = attachments if isinstance(attachments, bytes) else untyped_map(attachments)
    return message(flags, strings + arguments + end + trailing, request_id=request_id)


def response(body: bytes, *, flags: int = 0x02, status: int = 20, request_id: int = 1) -> bytes:
    """Return a response."""
    return message(flags, body, status=status, request_id=request_id)
