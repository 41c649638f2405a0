"""Hypothesis strategies for valid Dubbo messages, for the conformance kit: every type of hessian2, in every form.

They are drawn straight from the grammar of the specification. Nothing of the codec's reader and writer is used: what a
reader must number is counted here a second time.
"""

from __future__ import annotations

import struct

from attrs import field, frozen
from hypothesis import strategies as st

from metaprotocol_codecs.dubbo.fastjson2 import FASTJSON2
from metaprotocol_codecs.dubbo.header import EVENT, HESSIAN2, OK, REQUEST, STATUSES, TWO_WAY
from metaprotocol_sdk import Direction

deviations = {
    "MP-MUTATION-008": "a null, a reference or a missing map that got a key stays an empty map or a copy without it"
}

_write_header = struct.Struct(">HBBQI").pack
_IDS = st.integers(0, 2**64 - 1)
_DESCRIPTOR = "Ljava/lang/Object;"
_KEYS = st.sampled_from(["path", "version", "group", "trace", "tenant", "größe", "timeout"]) | st.text(max_size=6)
# A byte of the first column, and how many bytes follow it: every value without inner structure but strings, binaries.
_FIXED = [
    (b"NTF\x5b\x5c", 0),
    (bytes(range(0x80, 0xC0)), 0),
    (bytes(range(0xC0, 0xD0)), 1),
    (bytes(range(0xD0, 0xD8)), 2),
    (b"I", 4),
    (bytes(range(0xD8, 0xF0)), 0),
    (bytes(range(0xF0, 0x100)), 1),
    (bytes(range(0x38, 0x40)), 2),
    (b"\x59", 4),
    (b"L", 8),
    (b"\x5d", 1),
    (b"\x5e", 2),
    (b"\x5f", 4),
    (b"D", 8),
    (b"\x4a", 8),
    (b"\x4b", 4),
]


def messages() -> st.SearchStrategy[tuple[Direction, bytes]]:
    """Generate valid messages of each kind, with the direction that they travel."""
    return st.one_of(heartbeats(), requests(), responses(), fastjson2_messages())


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


@st.composite
def fastjson2_messages(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """Generate requests and responses in fastjson2 with attachments that are text or null."""
    keys = draw(st.lists(_KEYS.filter("@type".__ne__), max_size=4, unique=True))
    entries = b"".join(_jsonb(key) + _jsonb(draw(st.none() | st.text(max_size=8))) for key in keys)
    attachments = draw(st.just(b"\xaf") | st.just(b"\xa6" + entries + b"\xa5"))
    values = draw(
        st.lists(st.sampled_from([b"\xaf", b"\x05", b"\xb1", b"\xa6\xa5", b"\x94", _jsonb("größe 世")]), max_size=2)
    )
    if draw(st.booleans()):
        head = [_jsonb(text) for text in ("2.0.2", "org.demo.Greeter", "1.0", "hello", _DESCRIPTOR * len(values))]
        flags = REQUEST | FASTJSON2 | (TWO_WAY if draw(st.booleans()) else 0)
        return Direction.TO_SERVER, _message(flags, 0, draw(_IDS), _chunks([*head, *values, attachments]))
    kind = draw(st.integers(0, 5))
    value = [] if kind in (2, 5) else [b"\xb1"]
    body = _chunks([b"\xbd" + bytes((kind,)), *value, *([attachments] if kind > 2 else [])])
    return Direction.TO_CLIENT, _message(FASTJSON2, OK, draw(_IDS), body)


def _jsonb(text: str | None) -> bytes:
    """Return a string as fastjson2 writes it: Latin-1 if that is enough, otherwise UTF-8."""
    if text is None:
        return b"\xaf"
    if max(text, default="") <= "\xff":
        return bytes((0x79, len(text))) + text.encode("latin-1")
    raw = text.encode("utf-8")
    return bytes((0x7A, len(raw))) + raw


def _chunks(values: list[bytes]) -> bytes:
    return b"".join(len(value).to_bytes(4) + value for value in values)


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


@frozen
class Values:
    """Some values and what they number.

    Args:
        data: Their bytes.
        count: How many there are.
        references: How many lists, maps and objects are in them.
        types: How many type names.
        field_counts: The number of fields of each class that they define.
    """

    data: bytes
    count: int
    references: int
    types: int
    field_counts: list[int] = field(factory=list)


class ValueWriter:
    """Draws values that follow each other in one message, and counts what they number.

    Args:
        draw: Hypothesis' function.
        stretches: How many times strings and binaries are repeated, one of these drawn for each.
    """

    def __init__(self, draw: st.DrawFn, *, stretches: tuple[int, ...] = (1, 1, 1, 3)) -> None:
        self._draw = draw
        self._stretches = stretches
        self.references = 0
        self.types = 0
        self.field_counts: list[int] = []

    def value(self, depth: int) -> bytes:
        kinds = [self._fixed, self.string, self._binary]
        if self.references:
            kinds.append(self._reference)
        if depth:
            kinds += [self._list, self._map, self._object, self._defined]
        kind = self._draw(st.sampled_from(kinds))
        return kind(depth)

    def _fixed(self, depth: int) -> bytes:
        codes, rest = self._draw(st.sampled_from(_FIXED))
        return bytes((self._draw(st.sampled_from(codes)),)) + self._draw(st.binary(min_size=rest, max_size=rest))

    def string(self, depth: int = 0) -> bytes:
        """Return a string of some chunks, counted as Java counts (UTF-16 units) or as Rust does (code points)."""
        counts_units = self._draw(st.booleans())
        texts = self._draw(st.lists(st.text(st.characters(exclude_categories=()), max_size=12), min_size=1, max_size=3))
        stretch = self._draw(st.sampled_from(self._stretches))
        chunks = []
        for number, text in enumerate(texts):
            characters = list(text * stretch)
            if counts_units:
                units = "".join(characters).encode("utf-16-be", "surrogatepass")
                characters = [chr(unit) for (unit,) in struct.iter_unpack(">H", units)]
            body = "".join(characters).encode("utf-8", "surrogatepass")
            chunks.append(self._string_head(len(characters), final=number == len(texts) - 1) + body)
        return b"".join(chunks)

    def _string_head(self, count: int, *, final: bool) -> bytes:
        if not final:
            return b"R" + struct.pack(">H", count)
        forms = [b"S" + struct.pack(">H", count)]
        if count < 32:
            forms.append(bytes((count,)))
        if count < 1024:
            forms.append(bytes((0x30 + (count >> 8), count & 0xFF)))
        return self._draw(st.sampled_from(forms))

    def _binary(self, depth: int) -> bytes:
        inner = self._draw(st.lists(st.binary(max_size=40), max_size=2))
        last = (self._draw(st.binary(max_size=40)) * self._draw(st.sampled_from(self._stretches)))[:0xFFFF]
        forms = [b"B" + struct.pack(">H", len(last))]
        if len(last) < 16:
            forms.append(bytes((0x20 + len(last),)))
        if len(last) < 1024:
            forms.append(bytes((0x34 + (len(last) >> 8), len(last) & 0xFF)))
        chunks = b"".join(b"A" + struct.pack(">H", len(chunk)) + chunk for chunk in inner)
        return chunks + self._draw(st.sampled_from(forms)) + last

    def _integer(self, number: int) -> bytes:
        forms = [b"I" + struct.pack(">i", number)]
        if -16 <= number <= 47:
            forms.append(bytes((0x90 + number,)))
        if -2048 <= number <= 2047:
            forms.append(struct.pack(">H", 0xC800 + number))
        if -262144 <= number <= 262143:
            forms.append((0xD40000 + number).to_bytes(3))
        return self._draw(st.sampled_from(forms))

    def _type(self) -> bytes:
        if self.types and self._draw(st.booleans()):
            return self._integer(self._draw(st.integers(0, self.types - 1)))
        self.types += 1
        return self.string()

    def _reference(self, depth: int) -> bytes:
        return b"Q" + self._integer(self._draw(st.integers(0, self.references - 1)))

    def _list(self, depth: int) -> bytes:
        self.references += 1
        length = self._draw(st.integers(0, 7))
        code = self._draw(st.sampled_from(b"\x55\x56\x57\x58\x70\x78"))
        head = bytes((code + length if code >= 0x70 else code,))
        if code in b"\x55\x56\x70":
            head += self._type()
        if code in b"\x56\x58":
            head += self._integer(length)
        body = b"".join(self.value(depth - 1) for _ in range(length))
        return head + body + (b"Z" if code in b"\x55\x57" else b"")

    def _map(self, depth: int) -> bytes:
        self.references += 1
        head = b"M" + self._type() if self._draw(st.booleans()) else b"H"
        length = self._draw(st.integers(0, 4))
        return head + b"".join(self.value(depth - 1) for _ in range(2 * length)) + b"Z"

    def _definition(self) -> bytes:
        count = self._draw(st.integers(0, 4))
        name = self.string()
        fields = b"".join(self.string() for _ in range(count))
        self.field_counts.append(count)
        return b"C" + name + self._integer(count) + fields

    def _defined(self, depth: int) -> bytes:
        """A class definition may stand before any value."""
        return self._definition() + self.value(depth - 1)

    def _object(self, depth: int) -> bytes:
        again = bool(self.field_counts) and self._draw(st.booleans())
        definition = b"" if again else self._definition()
        number = self._draw(st.integers(0, len(self.field_counts) - 1))
        self.references += 1
        short = number < 16 and self._draw(st.booleans())
        head = bytes((0x60 + number,)) if short else b"O" + self._integer(number)
        fields = (self.value(depth - 1) for _ in range(self.field_counts[number]))
        return definition + head + b"".join(fields)


@st.composite
def hessian2_values(draw: st.DrawFn, max_count: int = 3, max_depth: int = 3) -> Values:
    """Draw some values that follow each other in one message."""
    writer = ValueWriter(draw, stretches=(1, 1, 1, 3, 90, 3000))
    count = draw(st.integers(1, max_count))
    data = b"".join(writer.value(max_depth) for _ in range(count))
    return Values(data, count, writer.references, writer.types, writer.field_counts)
