"""THeader: a frame that holds a header with keys and values, and then the message, maybe transformed.

Source: doc/specs/HeaderFormat.md of Apache Thrift, and THeaderTransport of its C++, Go and Python libraries.
"""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING, NamedTuple

from metaprotocol_codecs.thrift.protocols.varint import read_varint, write_varint
from metaprotocol_sdk import DecodeError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaprotocol_sdk import Limits

LENGTH_SIZE = 4
MAGIC = 0x0FFF
SEQUENCE = slice(8, 12)
"""The bytes of the header's own sequence id."""
WORDS = slice(12, 14)
"""The bytes that say how many words the rest of the header has."""
FIXED_SIZE = 14
"""Bytes of length, magic, flags, sequence id and the number of words that follow."""
WORD = 4

KEY_VALUES = 1
"""The kind of information that keys and values are; 0 is padding, and no reader looks behind any other."""

_read_fixed = Struct(">4xHHIH").unpack_from
_write_fixed = Struct(">IHHIH").pack


class Entry(NamedTuple):
    """One key and its value, and where they are in the message."""

    start: int
    value_start: int
    """Where the value's length is, and the value behind it."""
    end: int
    key: str
    value: str


class Run(NamedTuple):
    """A run of keys and values."""

    start: int
    entries: list[Entry]
    end: int


class Header(NamedTuple):
    """What a header says; places are those in the message."""

    flags: int
    sequence: int
    protocol: int
    transforms: tuple[int, ...]
    runs_start: int
    runs: list[Run]
    runs_end: int
    end: int
    """Where the header ends and the message in it begins."""


def read_header(message: bytes, limits: Limits) -> Header:
    """Read the header of a message in THeader.

    Raises:
        DecodeError: It is no such header.
        LimitExceeded: It passes the limits.
    """
    try:
        magic, flags, sequence, words = _read_fixed(message)
    except struct_error:
        raise DecodeError("the frame ends in the middle of its header", offset=len(message), field="header") from None
    if magic != MAGIC:
        raise DecodeError(f"a header begins with 0fff, not with {magic:04x}", offset=4, field="magic")
    end = FIXED_SIZE + words * WORD
    if end > limits.max_header_size:
        raise LimitExceeded("max_header_size", end, limits.max_header_size, offset=12, field="header_words")
    if end > len(message):
        raise DecodeError(f"the header has {words:,} words, and the frame ends before", offset=12, field="header_words")
    # Nothing is read over the header's end, which cannot be told from the message behind it.
    block = message[:end]
    try:
        protocol, position = read_varint(block, FIXED_SIZE)
        count, position = read_varint(block, position)
        transforms: list[int] = []
        for _ in range(count):
            transform, position = read_varint(block, position)
            transforms.append(transform)
        start, runs = position, []
        while position < end:
            kind, inside = read_varint(block, position)
            if kind != KEY_VALUES:
                break
            run = _read_run(block, position, inside, limits)
            runs.append(run)
            position = run.end
    except IndexError:
        raise DecodeError("the header ends in the middle of its information", offset=end, field="header") from None
    return Header(flags, sequence, protocol, tuple(transforms), start, runs, position, end)


def write_header(
    protocol: int,
    sequence: int,
    payload: bytes,
    *,
    flags: int = 0,
    transforms: tuple[int, ...] = (),
    entries: tuple[bytes, ...] = (),
) -> bytes:
    """Return a whole message in THeader.

    Args:
        protocol: The number of the payload's protocol.
        sequence: The sequence id.
        payload: What the transforms have made of the message.
        flags: The flags.
        transforms: The numbers of the transforms.
        entries: The keys and values, each with its length before it.
    """
    block = b"".join(map(write_varint, (protocol, len(transforms), *transforms)))
    if entries:
        block += write_run(entries)
    block += bytes(-len(block) % WORD)
    length = FIXED_SIZE - LENGTH_SIZE + len(block) + len(payload)
    return _write_fixed(length, MAGIC, flags, sequence, len(block) // WORD) + block + payload


def write_run(entries: Sequence[bytes]) -> bytes:
    """Return a run of keys and values, each of which is written with its length before it."""
    return write_varint(KEY_VALUES) + write_varint(len(entries)) + b"".join(entries)


def write_entry(key: bytes, value: bytes) -> bytes:
    """Return a key and its value as they stand in a run."""
    return b"".join((write_varint(len(key)), key, write_varint(len(value)), value))


def _read_run(block: bytes, start: int, inside: int, limits: Limits) -> Run:
    count, position = read_varint(block, inside)
    if count > limits.max_elements:
        raise LimitExceeded("max_elements", count, limits.max_elements, offset=inside, field="header")
    longest_key, longest_value, size = limits.max_key_length, limits.max_value_length, len(block)
    entries = []
    for _ in range(count):
        at = position
        length, position = read_varint(block, at)
        middle = position + length
        if length > longest_key:
            raise LimitExceeded("max_key_length", length, longest_key, offset=at, field="header")
        if middle > size:
            raise IndexError
        length, value = read_varint(block, middle)
        end = value + length
        if length > longest_value:
            raise LimitExceeded("max_value_length", length, longest_value, offset=middle, field="header")
        if end > size:
            raise IndexError
        entries.append(
            Entry(
                at,
                middle,
                end,
                str(block[position:middle], "utf-8", "surrogateescape"),
                str(block[value:end], "utf-8", "surrogateescape"),
            )
        )
        position = end
    return Run(start, entries, position)
