"""THeader: a frame that holds a header with keys and values, and then the message, which may be transformed.

Source: doc/specs/HeaderFormat.md of Apache Thrift, and THeaderTransport of its C++, Go and Python libraries.
"""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING, NamedTuple

from metaprotocol_codecs.thrift.names import FIELDS
from metaprotocol_codecs.thrift.protocols.varint import read_varint, write_varint
from metaprotocol_sdk import DecodeError, LimitExceeded
from metaprotocol_sdk.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaprotocol_sdk import Limits

LENGTH_SIZE = 4
MAGIC = 0x0FFF
SEQUENCE = slice(8, 12)
"""The bytes of the header's own sequence id."""
WORDS = slice(12, 14)
"""The bytes of the number of words in the rest of the header."""
FIXED_SIZE = 14
"""Bytes of length, magic, flags, sequence id and the number of words that follow."""
WORD = 4

PADDING, KEY_VALUES = 0, 1
"""The kinds of information that Apache's readers know. They stop at any other."""

_read_fixed = Struct(">4xHHIH").unpack_from
_write_fixed = Struct(">IHHIH").pack


class Run(NamedTuple):
    """A run of keys and values."""

    start: int
    entries: list[Entry]
    end: int


class Header(NamedTuple):
    """The parts of a header. Places count from the message's first byte."""

    flags: int
    sequence: int
    protocol: int
    transforms: tuple[int, ...]
    runs_start: int
    runs: list[Run]
    runs_end: int
    unread: int
    """The kind of the information at `runs_end` if it is neither padding nor keys and values; 0 if there is none."""
    end: int
    """The end of the header, where the message in it begins."""

    @property
    def entries(self) -> list[Entry]:
        """All keys and values, in the order of the message."""
        return [entry for run in self.runs for entry in run.entries]

    @property
    def properties(self) -> dict[str, str]:
        """The keys that rules can match on. Of a key that comes twice the last value counts, as for every server."""
        found = {entry[0]: entry[1] for run in self.runs for entry in run.entries}
        if FIELDS.isdisjoint(map(str.lower, found)):
            return found
        return {name: value for name, value in found.items() if name.lower() not in FIELDS}

    @property
    def incomplete(self) -> str:
        """The reason why there may be more keys; "" if these are all."""
        if not self.unread:
            return ""
        return f"the header has information of the unknown kind {self.unread} at offset {self.runs_end}"


def read_header(message: bytes, limits: Limits) -> Header:
    """Read the header of a message in THeader.

    Raises:
        DecodeError: The bytes are not a header.
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
    # Nothing is read past the header's end, where the message begins.
    block = message[:end]
    unread = PADDING
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
                unread = kind
                break
            run = _read_run(block, position, inside, limits)
            runs.append(run)
            position = run.end
    except IndexError:
        raise DecodeError("the header ends in the middle of its information", offset=end, field="header") from None
    if unread >> 31:
        raise DecodeError(
            f"the kind of information {unread:,} has more than 31 bits, and servers differ in which kind that is",
            offset=position,
            field="header",
        )
    return Header(flags, sequence, protocol, tuple(transforms), start, runs, position, unread, end)


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
        payload: The message after its transforms.
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
    return run_head(len(entries)) + b"".join(entries)


def run_head(count: int) -> bytes:
    """Return the beginning of a run: its kind, and the number of its keys."""
    return write_varint(KEY_VALUES) + write_varint(count)


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
        # Not decode_text, which would take 3 % of the time of a message with one key.
        entries.append(
            Entry(
                str(block[position:middle], "utf-8", "surrogateescape"),
                str(block[value:end], "utf-8", "surrogateescape"),
                at,
                end,
            )
        )
        position = end
    return Run(start, entries, position)
