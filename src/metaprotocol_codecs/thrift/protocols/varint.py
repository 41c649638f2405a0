"""Variable-length integers: seven bits a byte, the low ones first, and the high bit says that more follow.

The compact protocol and THeader use them.
"""

from __future__ import annotations

from metaprotocol_sdk import DecodeError

LONGEST = 10
"""Bytes of the longest one that any reader takes: 64 bits."""


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return an integer and the position after it.

    Raises:
        IndexError: The data ends inside it.
        DecodeError: It does not end within `LONGEST` bytes.
    """
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    value, shift, start = byte & 0x7F, 7, position
    while True:
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
        if shift == 7 * LONGEST:
            raise too_long(start)


def skip_varint(data: bytes, position: int) -> int:
    """Return the position after an integer; raises the same errors as `read_varint`."""
    start = position
    while data[position] >= 0x80:
        position += 1
        if position - start == LONGEST:
            raise too_long(start)
    return position + 1


def too_long(start: int) -> DecodeError:
    """Return the error for an integer that begins at `start` and does not end."""
    return DecodeError(f"a variable-length integer is longer than {LONGEST} bytes", offset=start)


def write_varint(value: int) -> bytes:
    """Return the shortest bytes of an integer of at least 0."""
    if value < 0x80:
        return bytes((value,))
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def from_zigzag(value: int) -> int:
    """Return the signed integer that the compact protocol folds into an unsigned one."""
    return value >> 1 ^ -(value & 1)


def to_zigzag(value: int) -> int:
    """Fold a signed integer of 64 bits into an unsigned one, small ones into small ones."""
    return value << 1 ^ value >> 63
