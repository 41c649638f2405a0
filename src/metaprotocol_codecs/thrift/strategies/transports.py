"""Puts messages into the transports.

Source: doc/specs/HeaderFormat.md of Apache Thrift.
"""

from __future__ import annotations

import struct
import zlib

from hypothesis import strategies as st

from metaprotocol_codecs.thrift.strategies.varint import varint, with_length

_ZLIB = 1
_KEY_VALUES = 1
_TEXTS = st.text(max_size=8).map(str.encode)
_KEYS = st.sampled_from([b"x-request-id", b"tenant", "größe".encode(), b"method", b""]) | _TEXTS
# Several runs of keys and values may follow each other.
_RUNS = st.lists(st.dictionaries(_KEYS, _TEXTS, max_size=3), max_size=2)
_TRANSFORMS = st.sampled_from([[], [_ZLIB], [_ZLIB, _ZLIB]])
_FLAGS = st.just(0) | st.integers(0, 0xFFFF)


def framed(message: bytes) -> bytes:
    """Return a message with its length before it."""
    return struct.pack(">I", len(message)) + message


@st.composite
def in_header(draw: st.DrawFn, message: bytes, protocol: int, sequence: int) -> bytes:
    """Generate a frame of THeader around a message.

    Args:
        draw: Hypothesis' function.
        message: The message.
        protocol: The number that THeader gives its protocol.
        sequence: The message's sequence id, which the header has too.
    """
    transforms = draw(_TRANSFORMS)
    parts = [varint(protocol), varint(len(transforms)), *map(varint, transforms)]
    for run in draw(_RUNS):
        parts += [varint(_KEY_VALUES), varint(len(run))]
        parts += [with_length(key) + with_length(value) for key, value in run.items()]
    block = b"".join(parts)
    # Some writers pad with a word too much.
    block += bytes(-len(block) % 4 + 4 * draw(st.booleans()))
    for _ in transforms:
        message = zlib.compress(message)
    return framed(struct.pack(">HHiH", 0x0FFF, draw(_FLAGS), sequence, len(block) // 4) + block + message)
