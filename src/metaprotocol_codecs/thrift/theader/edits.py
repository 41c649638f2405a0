"""Sets and removes the keys of a THeader.

Of a key that comes twice, readers take the last value: that one is replaced, and all are removed. A new key comes last.
Removing a key that was set gives the original bytes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.protocols.varint import write_varint
from metaprotocol_codecs.thrift.theader.header import FIXED_SIZE, WORD, WORDS, write_run
from metaprotocol_sdk import UnsupportedMutation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_codecs.thrift.theader.header import Entry, Header
    from metaprotocol_sdk import Limits

Edit = tuple[int, int, bytes]
"""Where bytes are replaced: from, to, and by what. Edits do not overlap."""

_MOSTWORDS = 0xFFFF


def edit_header(message: bytes, header: Header, keys: Mapping[str, str | None], limits: Limits) -> list[Edit]:
    """Return the edits that set and remove keys.

    Args:
        message: A message in THeader.
        header: Its header.
        keys: What to set and, where the value is None, to remove.
        limits: Bounds of what the header may become.

    Raises:
        UnsupportedMutation: A key or a value cannot be written, or the header would be too large.
    """
    places: dict[str, list[Entry]] = {}
    for run in header.runs:
        for entry in run.entries:
            if entry.key in keys:
                places.setdefault(entry.key, []).append(entry)
    # What becomes of entries, by where they are; and what is added.
    changed: dict[int, bytes] = {}
    added: list[bytes] = []
    for key, value in keys.items():
        at = places.get(key)
        if value is None:
            changed.update((entry.start, b"") for entry in at or ())
        elif at is None:
            added.append(_write(key, key, limits.max_key_length) + _write(key, value, limits.max_value_length))
        elif at[-1].value != value:
            last = at[-1]
            changed[last.start] = message[last.start : last.value_start] + _write(key, value, limits.max_value_length)
    if not changed and not added:
        return []
    return [
        (WORDS.start, header.end, _with_size(message, header, _runs(message, header, changed, added, limits), limits))
    ]


def _runs(message: bytes, header: Header, changed: dict[int, bytes], added: list[bytes], limits: Limits) -> bytes:
    """Return the header's runs of keys and values; one from which all were removed goes too.

    New keys do not join an empty run: it would go with them when they are removed.
    """
    runs: list[bytes] = []
    last = len(header.runs) - 1 if header.runs and header.runs[-1].entries else None
    for number, run in enumerate(header.runs):
        here = added if number == last else []
        if not here and not any(entry.start in changed for entry in run.entries):
            runs.append(message[run.start : run.end])
            continue
        written = [changed.get(entry.start, message[entry.start : entry.end]) for entry in run.entries]
        runs.append(_write_run([entry for entry in written if entry] + here, limits))
    if last is None:
        runs.append(_write_run(added, limits))
    return b"".join(runs)


def _write_run(entries: list[bytes], limits: Limits) -> bytes:
    if len(entries) > limits.max_elements:
        raise UnsupportedMutation(f"there would be {len(entries):,} keys, over the limit of {limits.max_elements:,}")
    return write_run(entries) if entries else b""


def _with_size(message: bytes, header: Header, runs: bytes, limits: Limits) -> bytes:
    """Return the header from its size on, with other runs of keys and values."""
    before = message[FIXED_SIZE : header.runs_start]
    behind = message[header.runs_end : header.end]
    if not behind.strip(b"\0"):
        # Some peers pad with a word too much; with as much from here, the original comes back in the end.
        behind = bytes(len(behind) // WORD * WORD)
    block = before + runs + behind
    block += bytes(-len(block) % WORD)
    words = len(block) // WORD
    if words > _MOSTWORDS or FIXED_SIZE + len(block) > limits.max_header_size:
        raise UnsupportedMutation(f"the header would have {FIXED_SIZE + len(block):,} bytes, which is too large")
    return words.to_bytes(WORDS.stop - WORDS.start) + block


def _write(key: str, text: str, longest: int) -> bytes:
    try:
        written = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        written = b""
    if str(written, "utf-8", "surrogateescape") != text:
        raise UnsupportedMutation(f"of the key {key[:80]!r}, a part is no text in UTF-8")
    if len(written) > longest:
        raise UnsupportedMutation(f"of the key {key[:80]!r}, a part has {len(written):,} bytes; {longest:,} may be")
    return write_varint(len(written)) + written
