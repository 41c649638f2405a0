"""Sets and removes the keys of a THeader.

Of a key that comes twice, servers take the last value: that one is replaced, and all are removed. A new key comes last.
Removing a key that was set gives the original bytes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.theader.header import FIXED_SIZE, WORD, WORDS, run_head, write_entry
from metaprotocol_sdk import UnsupportedMutation
from metaprotocol_sdk.edits import Edit, growth
from metaprotocol_sdk.entries import encode_text, mutate_entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_codecs.thrift.theader.header import Header
    from metaprotocol_sdk import Limits

_MOST_WORDS = 0xFFFF


def edit_header(message: bytes, header: Header, keys: Mapping[str, str | None], limits: Limits) -> list[Edit]:
    """Return the edits that set and remove keys.

    Args:
        message: A message in THeader.
        header: Its header.
        keys: The keys to set and, where the value is None, to remove.
        limits: Bounds for the changed header.

    Raises:
        UnsupportedMutation: A key or a value cannot be written, or the header would be too large.
    """

    def write(key: str, value: str) -> bytes:
        return write_entry(encode_text(key, limits.max_key_length), encode_text(value, limits.max_value_length))

    # A new key does not join an empty run: the run would go with it when the key is removed.
    joined = bool(header.runs and header.runs[-1].entries)
    edits, _ = mutate_entries(header.entries, keys, write, header.runs_end, limits=limits)
    if not edits:
        return []
    added = sum([edit.start == edit.end for edit in edits])
    for run in header.runs:
        count = len(run.entries)
        removed = sum([run.start < edit.start < run.end and not edit.replacement for edit in edits])
        left = count - removed + (added if joined and run.end == header.runs_end else 0)
        if removed and not left:  # the run goes too
            edits = [edit for edit in edits if not run.start < edit.start < run.end]
            edits.append(Edit(run.start, run.end, b""))
        elif left != count:
            edits.append(Edit(run.start, run.entries[0].start, run_head(left)))
    if added and not joined:
        edits.insert(0, Edit(header.runs_end, header.runs_end, run_head(added)))
    grown = growth(edits)
    return [*edits, *_resize(message, header, grown, limits)] if grown else edits


def _resize(message: bytes, header: Header, grown: int, limits: Limits) -> list[Edit]:
    """Return the edits of the header's size and of its padding, for keys that grow by a number of bytes."""
    rest = message[header.runs_end : header.end]
    if not rest.strip(b"\0"):
        # Some peers pad with a word too much; with as much from here, the original comes back in the end.
        rest = bytes(len(rest) // WORD * WORD)
    size = header.runs_end - FIXED_SIZE + grown + len(rest)
    rest += bytes(-size % WORD)
    words = (size + WORD - 1) // WORD
    if words > _MOST_WORDS or FIXED_SIZE + words * WORD > limits.max_header_size:
        raise UnsupportedMutation(f"the header would have {FIXED_SIZE + words * WORD:,} bytes, which is too large")
    return [
        Edit(WORDS.start, WORDS.stop, words.to_bytes(WORDS.stop - WORDS.start)),
        Edit(header.runs_end, header.end, rest),
    ]
