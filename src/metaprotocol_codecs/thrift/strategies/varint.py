"""Integers as the compact protocol and THeader write them: seven bits a byte, the low ones first."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """Return the bytes of an integer of at least 0."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F)
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


def zigzag(value: int) -> bytes:
    """Return the bytes of a signed integer, whose sign is moved to the lowest bit."""
    return varint(2 * value if value >= 0 else -2 * value - 1)


def with_length(data: bytes) -> bytes:
    """Return some bytes with their number before them."""
    return varint(len(data)) + data
