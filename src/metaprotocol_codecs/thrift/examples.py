"""Valid messages, for the conformance kit, fuzzing and the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.detection import AUTO, FRAMED, HEADER, NUMBERS_IN_HEADER, UNFRAMED
from metaprotocol_codecs.thrift.protocols import CALL, COMPACT, EXCEPTION, JSON, NON_STRICT, ONEWAY, REPLY, STRICT
from metaprotocol_codecs.thrift.theader import transforms
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE, write_entry, write_header
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_codecs.thrift.framing import ThriftFraming
    from metaprotocol_codecs.thrift.protocols import Protocol

_hex = bytes.fromhex

# The same in each protocol: {1: "hello", 2: [7, -1], 3: {4: true}}, {0: "hello"}, {1: {1: 42}} and {}.
_BINARY = (
    _hex("0b0001 00000005 68656c6c6f 0f0002 08 00000002 00000007 ffffffff 0c0003 020004 01 00 00"),
    _hex("0b0000 00000005 68656c6c6f 00"),
    _hex("0c0001 080001 0000002a 00 00"),
    _hex("00"),
)
_STRUCTS: dict[Protocol, tuple[bytes, bytes, bytes, bytes]] = {
    STRICT: _BINARY,
    NON_STRICT: _BINARY,
    COMPACT: (
        _hex("18 05 68656c6c6f 19 25 0e 01 1c 41 00 00"),
        _hex("0800 05 68656c6c6f 00"),
        _hex("1c 15 54 00 00"),
        _hex("00"),
    ),
    JSON: (
        b'{"1":{"str":"hello"},"2":{"lst":["i32",2,7,-1]},"3":{"rec":{"4":{"tf":1}}}}',
        b'{"0":{"str":"hello"}}',
        b'{"1":{"rec":{"1":{"i32":42}}}}',
        b"{}",
    ),
}
_KEYS = (write_entry(b"x-request-id", b"42"),)


def examples(framing: ThriftFraming) -> Iterator[tuple[Direction, bytes]]:
    """Yield messages of every kind, in each transport and protocol that the framing is for."""
    for protocol in (STRICT, NON_STRICT, COMPACT, JSON):
        if framing.protocol not in (AUTO, protocol.name):
            continue
        for direction, request_id, message in _messages(protocol):
            if framing.transport in (AUTO, FRAMED):
                yield direction, len(message).to_bytes(LENGTH_SIZE) + message
            if framing.transport in (AUTO, UNFRAMED):
                yield direction, message
            if framing.transport in (AUTO, HEADER) and protocol.name in NUMBERS_IN_HEADER:
                number = NUMBERS_IN_HEADER[protocol.name]
                yield direction, write_header(number, request_id, message, entries=_KEYS)
                packing = (transforms.ZLIB,)
                packed = transforms.apply(message, packing)
                yield direction, write_header(number, request_id, packed, transforms=packing)


def _messages(protocol: Protocol) -> Iterator[tuple[Direction, int, bytes]]:
    call, reply, exception, nothing = _STRUCTS[protocol]
    failure = protocol.write_exception("no such method", 1)
    for direction, kind, name, request_id, struct in (
        (Direction.TO_SERVER, CALL, "echo", 1, call),
        (Direction.TO_SERVER, CALL, "Service:ping", 2**32 - 1, nothing),
        (Direction.TO_SERVER, ONEWAY, "fire", 3, call),
        (Direction.TO_CLIENT, REPLY, "echo", 1, reply),
        (Direction.TO_CLIENT, REPLY, "ping", 2**32 - 1, nothing),
        (Direction.TO_CLIENT, REPLY, "echo", 300, exception),
        (Direction.TO_CLIENT, EXCEPTION, "echo", 1, failure),
    ):
        yield direction, request_id, protocol.write_message(kind, name, request_id, struct)
