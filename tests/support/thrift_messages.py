"""Thrift messages, written by hand from the specifications, in every transport and protocol."""

import zlib

from soundness import sound

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction

hx = bytes.fromhex

CODEC = ThriftCodec()
SERVER, CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT

CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4


def read(data, direction=SERVER, codec=CODEC):
    """Decode a message, and raise its error if it has one."""
    return sound(codec.decode(data, direction))


def varint(value):
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128,)) + varint(value >> 7)


def strict(kind, name, seqid, struct):
    return b"\x80\x01\x00" + bytes((kind,)) + non_strict_text(name) + (seqid & 0xFFFFFFFF).to_bytes(4) + struct


def non_strict(kind, name, seqid, struct):
    return non_strict_text(name) + bytes((kind,)) + (seqid & 0xFFFFFFFF).to_bytes(4) + struct


def non_strict_text(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return len(raw).to_bytes(4) + raw


def compact(kind, name, seqid, struct):
    raw = name if isinstance(name, bytes) else name.encode()
    return b"\x82" + bytes((kind << 5 | 1,)) + varint(seqid & 0xFFFFFFFF) + varint(len(raw)) + raw + struct


def json_message(kind, name, seqid, struct):
    raw = name if isinstance(name, bytes) else name.encode()
    return b'[1,"%b",%d,%d,%b]' % (raw, kind, seqid, struct)


WRITERS = {"strict": strict, "non-strict": non_strict, "compact": compact, "json": json_message}
PROTOCOL_OF = {"strict": "binary", "non-strict": "binary", "compact": "compact", "json": "json"}
IN_HEADER = {"strict": 0, "non-strict": 0, "compact": 2}

# {1: "hi"}, {}, {0: 5}, {1: {1: 42}}, and TApplicationException(UNKNOWN_METHOD, "no x") in each protocol.
_BINARY = {
    "hi": hx("0b 0001 00000002 6869 00"),
    "nothing": hx("00"),
    "result": hx("08 0000 00000005 00"),
    "declared": hx("0c 0001 08 0001 0000002a 00 00"),
    "failure": hx("0b 0001 00000004 6e6f2078 08 0002 00000001 00"),
}
STRUCTS = {
    "strict": _BINARY,
    "non-strict": _BINARY,
    "compact": {
        "hi": hx("18 02 6869 00"),
        "nothing": hx("00"),
        "result": hx("05 00 0a 00"),
        "declared": hx("1c 15 54 00 00"),
        "failure": hx("18 04 6e6f2078 15 02 00"),
    },
    "json": {
        "hi": b'{"1":{"str":"hi"}}',
        "nothing": b"{}",
        "result": b'{"0":{"i32":5}}',
        "declared": b'{"1":{"rec":{"1":{"i32":42}}}}',
        "failure": b'{"1":{"str":"no x"},"2":{"i32":1}}',
    },
}


def framed(message):
    return len(message).to_bytes(4) + message


def entry(key, value):
    raw_key, raw_value = (text if isinstance(text, bytes) else text.encode() for text in (key, value))
    return varint(len(raw_key)) + raw_key + varint(len(raw_value)) + raw_value


def run(keys):
    pairs = list(keys.items()) if isinstance(keys, dict) else list(keys)
    return b"\x01" + varint(len(pairs)) + b"".join(entry(key, value) for key, value in pairs)


def in_header(payload, protocol=0, *, seqid=7, flags=0, transforms=(), information=b"", padding=None):
    """Put a payload after a header; `information` is what follows the transforms."""
    block = varint(protocol) + varint(len(transforms)) + b"".join(map(varint, transforms)) + information
    block += bytes(-len(block) % 4) if padding is None else bytes(padding)
    head = hx("0fff") + flags.to_bytes(2) + seqid.to_bytes(4) + (len(block) // 4).to_bytes(2)
    return framed(head + block + payload)


def unframed(message):
    return message


def header(message):
    """Put a message after a header with one key."""
    return in_header(message, 2 if message[0] == 0x82 else 0, information=run({"k": "v"}))


def zipped(message):
    """The same, packed with zlib."""
    protocol = 2 if message[0] == 0x82 else 0
    return in_header(zlib.compress(message), protocol, transforms=(1,), information=run({"k": "v"}))


TRANSPORTS = {"framed": framed, "unframed": unframed, "header": header, "zipped": zipped}
FORMS = [
    (transport, protocol)
    for transport in TRANSPORTS
    for protocol in WRITERS
    if transport in ("framed", "unframed") or protocol in IN_HEADER
]


def message(form, kind, struct="hi", *, name="echo", seqid=7):
    """Return a message in one of `FORMS`, around one of `STRUCTS`."""
    transport, protocol = form
    return TRANSPORTS[transport](WRITERS[protocol](kind, name, seqid, STRUCTS[protocol][struct]))
