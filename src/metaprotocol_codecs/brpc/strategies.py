"""Hypothesis strategies for valid messages of bRPC, for the conformance kit: every field of every protobuf message.

They are written from baidu_rpc_meta.proto and streaming_rpc_meta.proto, and use nothing of the codec. Peers may write
fields in any order, and of numbers that nobody knows.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from metaprotocol_sdk import Direction
from metaprotocol_sdk.protobuf import write_field

deviations = {
    "MP-MULTIPLEX-001": "the answer that accepts a stream has the server's id alone, so the ids of streams stay"
}

Message = tuple[Direction, bytes]

_IDS = st.integers(1, 2**64 - 1)
_SMALL = st.integers(0, 2**31 - 1) | st.integers(0, 4)
_NAMES = st.sampled_from(["example.EchoService", "größe", ""]) | st.text(max_size=8)
_KEYS = st.sampled_from(["user", "service", "error_code", "größe"]) | st.text(max_size=6)
_CODES = st.sampled_from([0, 0, 1001, 2004, 4242]) | st.integers(-(2**31), 2**31 - 1)


def messages() -> st.SearchStrategy[Message]:
    """Generate valid messages of each kind, with the direction that they travel."""
    return st.one_of(requests(), responses(), stream_frames())


@st.composite
def requests(draw: st.DrawFn) -> Message:
    """Generate requests, some of which open a stream."""
    names = [write_field(1, draw(_NAMES)), write_field(2, draw(_NAMES))]  # bRPC requires both
    others = [
        write_field(3, draw(_IDS)),
        write_field(4, draw(_IDS)),
        write_field(7, draw(_NAMES)),
        write_field(8, draw(_SMALL)),
    ]
    return Direction.TO_SERVER, draw(_rpc([write_field(1, b"".join(names) + draw(_some(others)))]))


@st.composite
def responses(draw: st.DrawFn) -> Message:
    """Generate responses, some of them failures."""
    inner = draw(_some([write_field(1, draw(_CODES)), write_field(2, draw(_NAMES))]))
    return Direction.TO_CLIENT, draw(_rpc([write_field(2, inner)]))


@st.composite
def stream_frames(draw: st.DrawFn) -> Message:
    """Generate frames of streams, in both directions."""
    kind = draw(st.integers(1, 4))
    meta = write_field(1, draw(_IDS)) + write_field(2, draw(_IDS)) + write_field(3, kind)
    if kind == 4:
        meta += write_field(5, write_field(1, draw(_SMALL)))
    body = draw(st.binary(max_size=12)) if kind == 3 else b""
    return draw(st.sampled_from(Direction)), _frame(b"STRM", meta + draw(_some([write_field(4, 1)])), body)


@st.composite
def _rpc(draw: st.DrawFn, always: list[bytes]) -> bytes:
    attachment = draw(st.binary(max_size=4))
    entries = st.lists(st.tuples(_KEYS, st.text(max_size=6)), max_size=4)
    fields = [
        write_field(3, draw(st.integers(0, 4))),
        write_field(7, draw(st.binary(max_size=4))),
        *(
            [write_field(8, write_field(1, draw(_IDS)) + write_field(2, 1) + write_field(3, 1))]
            if draw(st.booleans())
            else []
        ),
        *(write_field(9, write_field(1, key) + write_field(2, value)) for key, value in draw(entries)),
        write_field(10, draw(st.integers(0, 3))),
    ]
    # The id and the size of the attachment come once: which of two counts is tried elsewhere.
    always = [*always, write_field(4, draw(_IDS)), *([write_field(5, len(attachment))] if attachment else [])]
    return _frame(b"PRPC", b"".join(draw(st.permutations(always))) + draw(_some(fields)), b"body" + attachment)


@st.composite
def _some(draw: st.DrawFn, fields: list[bytes]) -> bytes:
    """Generate some of the fields in some order, with one that nobody knows."""
    chosen = draw(st.permutations(fields))[: draw(st.integers(0, len(fields)) | st.just(len(fields)))]
    return b"".join([*chosen, draw(st.sampled_from([b"", write_field(99, 7), write_field(100, b"unknown")]))])


def _frame(magic: bytes, meta: bytes, body: bytes) -> bytes:
    return magic + struct.pack(">II", len(meta) + len(body), len(meta)) + meta + body
