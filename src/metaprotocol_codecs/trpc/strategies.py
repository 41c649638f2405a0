"""Hypothesis strategies for valid tRPC messages, for the conformance kit: every field of every protobuf message.

They are written from trpc.proto, and use nothing of the codec. Peers may write fields in any order, more than once, and
of numbers that nobody knows.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from metaprotocol_sdk import Direction
from metaprotocol_sdk.protobuf import write_field

Message = tuple[Direction, bytes]

_IDS = st.integers(1, 2**32 - 1)
_SMALL = st.integers(0, 2**32 - 1) | st.integers(0, 4)
_NAMES = st.sampled_from(["trpc.app.greeter.Greeter", "größe", ""]) | st.text(max_size=8)
_FUNCTIONS = st.sampled_from(["/trpc.app.greeter.Greeter/SayHello", "SayHello", "/", ""]) | st.text(max_size=8)
_KEYS = st.sampled_from(["trpc-env", "user", "callee", "ret", "größe"]) | st.text(max_size=6)
_CODES = st.sampled_from([0, 0, 21, 31, 999, 10001]) | st.integers(-(2**31), 2**31 - 1)


def messages() -> st.SearchStrategy[Message]:
    """Generate valid messages of each kind, with the direction that they travel."""
    return st.one_of(requests(), responses(), stream_frames())


@st.composite
def requests(draw: st.DrawFn) -> Message:
    """Generate requests, oneway ones among them."""
    number, attachment = draw(_IDS), draw(st.binary(max_size=4))
    fields = [
        write_field(1, draw(_SMALL)),
        write_field(2, draw(st.sampled_from([0, 0, 1]))),
        write_field(4, draw(_SMALL)),
        write_field(5, draw(_NAMES)),
        write_field(6, draw(_NAMES)),
        write_field(7, draw(_FUNCTIONS)),
        write_field(8, draw(_SMALL)),
        *(_entry(9, key, value) for key, value in draw(_entries())),
        write_field(10, draw(_SMALL)),
        write_field(11, draw(_SMALL)),
    ]
    return Direction.TO_SERVER, draw(_unary(number, fields, attachment))


@st.composite
def responses(draw: st.DrawFn) -> Message:
    """Generate responses: results, failures of the framework and of the business."""
    number, attachment = draw(_IDS), draw(st.binary(max_size=4))
    fields = [
        write_field(1, draw(_SMALL)),
        write_field(4, draw(_CODES)),
        write_field(5, draw(_CODES)),
        write_field(6, draw(st.binary(max_size=8))),
        write_field(7, draw(_SMALL)),
        *(_entry(8, key, value) for key, value in draw(_entries())),
        write_field(9, draw(_SMALL)),
        write_field(10, draw(_SMALL)),
    ]
    return Direction.TO_CLIENT, draw(_unary(number, fields, attachment))


@st.composite
def stream_frames(draw: st.DrawFn) -> Message:
    """Generate frames of streams, in both directions."""
    direction = draw(st.sampled_from(Direction))
    kind = draw(st.integers(1, 4))
    if kind == 2:
        return direction, _frame(1, kind, draw(_IDS), 0, b"", draw(st.binary(max_size=12)))
    if kind == 3:
        fields = [write_field(1, draw(_SMALL))]
    elif kind == 4:
        fields = [
            write_field(1, draw(st.integers(0, 1))),
            write_field(2, draw(_CODES)),
            write_field(3, draw(st.binary(max_size=8))),
        ]
        fields += [_entry(5, key, value) for key, value in draw(_entries())]
    elif direction is Direction.TO_SERVER:
        names = [
            write_field(1, draw(_NAMES)),
            write_field(2, draw(_NAMES)),
            write_field(3, draw(_FUNCTIONS)),
            write_field(4, draw(_SMALL)),
        ]
        entries = [_entry(5, key, value) for key, value in draw(_entries())]
        return direction, _frame(1, kind, draw(_IDS), 0, b"", draw(_init(draw(_mixed([*names, *entries])))))
    else:
        inner = draw(_mixed([write_field(1, draw(_CODES)), write_field(2, draw(st.binary(max_size=8)))]))
        fields = [
            write_field(2, inner),
            write_field(3, draw(_SMALL)),
            write_field(4, draw(_SMALL)),
            write_field(5, draw(_SMALL)),
        ]
    return direction, _frame(1, kind, draw(_IDS), 0, b"", draw(_mixed(fields)))


@st.composite
def _init(draw: st.DrawFn, request_meta: bytes) -> bytes:
    """Generate what an INIT frame to a server holds: it always names what it calls."""
    others = draw(_mixed([write_field(3, draw(_SMALL)), write_field(4, draw(_SMALL)), write_field(5, draw(_SMALL))]))
    meta = write_field(1, request_meta)
    return meta + others if draw(st.booleans()) else others + meta


def _entries() -> st.SearchStrategy[list[tuple[str, bytes]]]:
    return st.lists(st.tuples(_KEYS, st.binary(max_size=6) | st.sampled_from([b"eu-1", "Zoë".encode()])), max_size=4)


@st.composite
def _unary(draw: st.DrawFn, number: int, fields: list[bytes], attachment: bytes) -> bytes:
    """Generate a unary frame; in version 1 the id stands in both headers."""
    version = draw(st.sampled_from([0, 1]))
    # The id and the size of the attachment come once: which of two counts is tried elsewhere.
    header = draw(_mixed(fields)) + write_field(3, number) + (write_field(12, len(attachment)) if attachment else b"")
    return _frame(0, 0, number if version else 0, version, header, draw(st.binary(max_size=8)) + attachment)


@st.composite
def _mixed(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """Generate fields in some order, not always all of them, with one that nobody knows."""
    chosen = draw(st.permutations(fields))[: draw(st.integers(0, len(fields)) | st.just(len(fields)))]
    return b"".join([*chosen, draw(st.sampled_from([b"", write_field(99, 7), write_field(100, b"unknown")]))])


def _frame(frame_type: int, stream_type: int, stream_id: int, version: int, header: bytes, body: bytes) -> bytes:
    size = 16 + len(header) + len(body)
    head = struct.pack(">HBBIHIBB", 0x930, frame_type, stream_type, size, len(header), stream_id, version, 0)
    return head + header + body


def _entry(field: int, key: str, value: bytes) -> bytes:
    return write_field(field, write_field(1, key) + write_field(2, value))
