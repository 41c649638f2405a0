"""Draws whole Dubbo messages."""

from __future__ import annotations

from struct import Struct

from hypothesis import strategies as st

from metaprotocol_codecs.dubbo.header import EVENT, HESSIAN2, OK, REQUEST, STATUSES, TWO_WAY
from metaprotocol_codecs.dubbo.strategies.hessian2 import ValueWriter
from metaprotocol_sdk import Direction

_write_header = Struct(">HBBQI").pack
_IDS = st.integers(0, 2**64 - 1)
_DESCRIPTOR = "Ljava/lang/Object;"
_KEYS = st.sampled_from(["path", "version", "group", "trace", "tenant", "größe", "timeout"]) | st.text(max_size=6)


def messages() -> st.SearchStrategy[tuple[Direction, bytes]]:
    """Generate valid messages of each kind, with the direction that they travel."""
    return st.one_of(heartbeats(), requests(), responses())


def heartbeats() -> st.SearchStrategy[tuple[Direction, bytes]]:
    """Generate heartbeats and their answers."""
    question, answer = REQUEST | TWO_WAY | EVENT | HESSIAN2, EVENT | HESSIAN2
    return st.one_of(
        st.builds(lambda number: (Direction.TO_SERVER, _message(question, 0, number, b"N")), _IDS),
        st.builds(lambda number: (Direction.TO_CLIENT, _message(answer, OK, number, b"N")), _IDS),
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """Generate requests with up to three arguments and attachments of any shape."""
    writer = ValueWriter(draw)
    count = draw(st.integers(0, 3))
    flags = REQUEST | HESSIAN2 | (TWO_WAY if draw(st.booleans()) else 0)
    head = b"".join(_string(text) for text in ("2.0.2", "org.demo.Greeter", "1.0", "hello", _DESCRIPTOR * count))
    arguments = b"".join(writer.value(3) for _ in range(count))
    return Direction.TO_SERVER, _message(flags, 0, draw(_IDS), head + arguments + _attachments(draw, writer))


@st.composite
def responses(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """Generate responses of every kind of result, and those that report a failure."""
    status = draw(st.just(OK) | st.sampled_from(sorted(STATUSES)))
    writer = ValueWriter(draw)
    if status != OK:
        return Direction.TO_CLIENT, _message(HESSIAN2, status, draw(_IDS), writer.string())
    kind = draw(st.integers(0, 5))
    value = b"" if kind in (2, 5) else writer.value(3)
    attachments = _attachments(draw, writer) if kind > 2 else b""
    return Direction.TO_CLIENT, _message(HESSIAN2, OK, draw(_IDS), bytes((0x90 + kind,)) + value + attachments)


def _attachments(draw: st.DrawFn, writer: ValueWriter) -> bytes:
    """Draw a map with texts for keys and mostly for values, or null."""
    if not draw(st.integers(0, 4)):
        return b"N"
    writer.references += 1
    entries = []
    for key in draw(st.lists(_KEYS, max_size=4, unique=True)):
        value = _string(draw(st.text(max_size=8))) if draw(st.integers(0, 2)) else writer.value(2)
        entries.append(_string(key) + value)
    return b"H" + b"".join(entries) + b"Z"


def _string(text: str) -> bytes:
    """Return a hessian2 string, each half of a surrogate pair as 3 bytes of its own."""
    units = text.encode("utf-16-be", "surrogatepass")
    halves = [chr(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2)]
    body = "".join(halves).encode("utf-8", "surrogatepass")
    if len(halves) < 32:
        return bytes((len(halves),)) + body
    return bytes((0x30 + (len(halves) >> 8), len(halves) & 0xFF)) + body


def _message(flags: int, status: int, request_id: int, body: bytes) -> bytes:
    return _write_header(0xDABB, flags, status, request_id, len(body)) + body
