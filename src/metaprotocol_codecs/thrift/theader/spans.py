"""The spans of a THeader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.detection import NUMBERS_IN_HEADER
from metaprotocol_codecs.thrift.protocols.varint import skip_varint
from metaprotocol_codecs.thrift.theader import transforms
from metaprotocol_codecs.thrift.theader.header import FIXED_SIZE, LENGTH_SIZE, MAGIC, SEQUENCE, WORD, WORDS, Header
from metaprotocol_sdk import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC_END = 6
_NAMES = {number: name for name, number in NUMBERS_IN_HEADER.items()}


def begins_header(message: bytes) -> bool:
    """Return True if a frame holds a header."""
    return message[LENGTH_SIZE:_MAGIC_END] == MAGIC.to_bytes(2)


def spans_of(message: bytes, header: Header) -> Iterator[Span]:
    """Yield the spans of a header, from its magic on."""
    yield Span(LENGTH_SIZE, _MAGIC_END, "magic", "", "THeader")
    yield Span(_MAGIC_END, SEQUENCE.start, "flags", f"0x{header.flags:04x}")
    yield Span(SEQUENCE.start, SEQUENCE.stop, "header_seqid", str(header.sequence))
    words = (header.end - FIXED_SIZE) // WORD
    yield Span(WORDS.start, WORDS.stop, "header_words", str(words), f"{words * WORD} bytes")
    middle = skip_varint(message, FIXED_SIZE)
    yield Span(FIXED_SIZE, middle, "protocol", str(header.protocol), _NAMES.get(header.protocol, ""))
    names = ", ".join(map(transforms.name_of, header.transforms))
    yield Span(middle, header.runs_start, "transforms", str(len(header.transforms)), names)
    for run in header.runs:
        start = run.entries[0].start if run.entries else run.end
        yield Span(run.start, start, "keys", str(len(run.entries)))
        for entry in run.entries:
            yield Span(entry.start, entry.end, f"keys.{entry.key}", entry.value)
    rest = message[header.runs_end : header.end]
    if rest:
        if header.unread:
            yield Span(header.runs_end, header.end, "information", "", f"of kind {header.unread}, which is not read")
        else:
            yield Span(header.runs_end, header.end, "padding")
