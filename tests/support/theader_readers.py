"""The keys that Apache's servers read from the information of a THeader.

Each reader takes the bytes of a header after its transforms, to the header's end. It returns the keys, or None if the
library refuses the message. Python's is the library itself; the others follow the sources of Go 0.25.0, C++ 0.17 to
master, and Node 0.24.0, and tests/interop/thrift holds them to these libraries.
"""

import struct
from collections.abc import Callable

from thrift.transport.THeaderTransport import THeaderClientType, THeaderTransport
from thrift.transport.TTransport import TMemoryBuffer

Keys = dict[bytes, bytes]
Reader = Callable[[bytes], Keys | None]

_LONGEST_VARINT = 10
_KEYS = 1


class _Refused(Exception):
    """The library raises an error."""


def _python(block: bytes) -> Keys | None:
    data = b"\x00\x00" + block  # binary, no transforms
    data += bytes(-len(data) % 4)
    frame = struct.pack(">HHiH", 0x0FFF, 0, 0, len(data) // 4) + data
    transport = THeaderTransport(TMemoryBuffer(struct.pack(">I", len(frame)) + frame), [THeaderClientType.HEADERS])
    try:
        transport.readFrame(0)
    except Exception:  # noqa: BLE001 - whatever it raises, its server closes the connection
        return None
    return transport.get_headers()


def _varint(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """Return a signed integer cut to some bits, and the index after it; IndexError if the data ends first."""
    value = 0
    for number in range(_LONGEST_VARINT):
        byte = data[at + number]
        value |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            value &= (1 << bits) - 1
            return value - (value >> bits - 1 << bits), at + number + 1
    raise _Refused


def _text(data: bytes, at: int, bits: int) -> tuple[bytes, int]:
    size, at = _varint(data, at, bits)
    if size < 0:
        raise _Refused
    if at + size > len(data):
        raise IndexError
    return data[at : at + size], at + size


def _go(block: bytes) -> Keys | None:
    keys: Keys = {}
    at = 0
    while at < len(block):
        try:
            kind, at = _varint(block, at, 32)
        except IndexError:
            return keys
        except _Refused:
            return None
        if kind != _KEYS:
            return keys
        try:
            count, at = _varint(block, at, 32)
            for _ in range(count):
                key, at = _text(block, at, 32)
                keys[key], at = _text(block, at, 32)
        except (IndexError, _Refused):
            return None
    return keys


def _cpp(block: bytes) -> Keys | None:
    keys: Keys = {}
    at = 0
    try:
        while at < len(block):
            kind, at = _varint(block, at, 32)
            if kind == 0 or kind > _KEYS:
                break
            if kind == _KEYS:  # and of a negative kind it reads nothing, and goes on
                count, at = _varint(block, at, 32)
                while count and at < len(block):
                    key, at = _text(block, at, 32)
                    keys[key], at = _text(block, at, 32)
                    count -= 1
    except (IndexError, _Refused):
        return None
    return keys


def _node(block: bytes) -> Keys | None:
    keys: Keys = {}
    at = 0
    try:
        while True:
            kind, at = _varint(block, at, 64)
            if kind != _KEYS:
                return keys
            count, at = _varint(block, at, 64)
            for _ in range(count):
                key, at = _text(block, at, 64)
                keys[key], at = _text(block, at, 64)
    except IndexError:
        return keys
    except _Refused:
        return None


READERS: dict[str, Reader] = {"python": _python, "go": _go, "cpp": _cpp, "node": _node}

INFORMATION = {
    "a key twice in a run": "01 02 0161 0131 0161 0132",
    "a key twice in two runs": "01 01 0161 0131 01 01 0161 0132",
    "an empty run before another": "01 00 01 01 0161 0131",
    "an empty key": "01 01 00 0178",
    "the names of fields": "01 02 06 6d6574686f64 0178 07 73657276696365 0179",
    "padding before a run": "00 01 01 0161 0131",
    "padding of two bytes before a run": "8000 01 01 0161 0131",
    "numbers with zeros before them": "8100 8100 8100 61 8100 31",
    "kind 2 before a run": "02 01 0161 0131 01 01 0162 0132",
    "kind 2 after a run": "01 01 0161 0131 02 01 0162 0132",
    "kind 3 before a run": "03 01 01 0161 0131",
    "kind 2^31 - 1 before a run": "ffffffff07 01 01 0161 0131",
    "kind 2^31 before a run": "8080808008 01 01 0161 0131",
    "kind 2^32 - 1 before a run": "ffffffff0f 01 01 0161 0131",
    "kind 2^32 + 1": "8180808010 01 0161 0131",
    "kind 2^35 + 1": "818080808001 01 0161 0131",
    "kind 2^64 + 1": "81808080808080808002 01 0161 0131",
    "a count over the header": "01 05 0161 0131",
}
"""Information by what is odd about it, in hex."""
