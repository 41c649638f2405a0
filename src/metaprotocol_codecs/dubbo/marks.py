"""Remembers in a message what its attachments were before the first one was set.

A message may have no map of attachments: a null in its place, a reference to an earlier value, or a kind of response
without one. Setting a key then makes a map, and removing the key has to give the original bytes again, possibly in
another process. So the keys that were set into such a map are written with empty string chunks (`52 0000`) in front.
Every reader joins chunks, so it sees the same key; nobody writes empty chunks, so their number is ours to use.
"""

from __future__ import annotations

_EMPTY_CHUNK = b"R\x00\x00"

UNMARKED = 0
WAS_NULL = 1
WAS_ABSENT = 2
_FIRST_REFERENCE = 3
_LAST_REFERENCE = 255


def mark_of_reference(index: int) -> int | None:
    """Return the mark of a map that was a reference to the value of this number; None if the number is too large."""
    return _FIRST_REFERENCE + index if index <= _LAST_REFERENCE else None


def reference_of_mark(mark: int) -> int | None:
    """Return the number of the value that a marked map was a reference to; None if it was none."""
    return mark - _FIRST_REFERENCE if mark >= _FIRST_REFERENCE else None


def put_mark(mark: int, key: bytes) -> bytes:
    """Return a written key with a mark."""
    return _EMPTY_CHUNK * mark + key


def read_mark(message: bytes, position: int) -> int:
    """Return the mark of the key that begins here."""
    mark = 0
    while message.startswith(_EMPTY_CHUNK, position) and mark <= _FIRST_REFERENCE + _LAST_REFERENCE:
        position += len(_EMPTY_CHUNK)
        mark += 1
    return mark
