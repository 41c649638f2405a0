"""Sets and removes attachments in the bytes of a message; every byte that need not change stays.

A key that is there already is replaced where Java reads it, which is its last place, and a new one is added at the
end. What a removed value has defined for later ones is kept for them (see `numbering`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo import header, marks
from metaprotocol_codecs.dubbo.attachments import AttachmentMap, Place, read_map
from metaprotocol_codecs.dubbo.hessian2 import Tables, read_text, skip_values
from metaprotocol_codecs.dubbo.hessian2.scalar_writer import write_int, write_string
from metaprotocol_codecs.dubbo.hessian2.strings import NULL, decode_text, read_integer, string_size
from metaprotocol_codecs.dubbo.numbering import keep_numbering
from metaprotocol_codecs.dubbo.plain import find_plain_entries
from metaprotocol_sdk import Limits, Mutation, UnsupportedMutation

if TYPE_CHECKING:
    from collections.abc import Sequence

Edit = tuple[int, int, bytes]
"""A replacement of bytes: from, to, and the new bytes. Edits are in order and do not overlap."""


def edit_attachments(message: bytes, place: Place, mutation: Mutation, limits: Limits) -> list[Edit]:
    """Return the edits that apply a mutation to a map of attachments.

    Args:
        message: A Dubbo message.
        place: Where its attachments are; there is something at `place.start`.
        mutation: What to set and remove.
        limits: Bounds of what the message may become.

    Raises:
        UnsupportedMutation: A key or a value cannot be written, or later values depend on what would go.
        ProtocolError: The attachments cannot be read.
    """
    if place.plain_end and (place.plain_end - place.start) // 2 + len(mutation) <= limits.max_elements:
        return _edit_plain(message, place, mutation, limits)
    found = read_map(message, place, limits)
    entries = found.entries
    places: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        key = entry[3]
        if key is not None and key in mutation:
            places.setdefault(key, []).append(number)
    removed: set[int] = set()
    replaced: dict[int, bytes] = {}
    added: list[tuple[bytes, bytes]] = []
    for key, value in mutation.items():
        at = places.get(key)
        if value is None:
            removed.update(at or ())
        elif at is None:
            added.append((write_key(key, limits), write_value(key, value, limits)))
        elif entries[at[-1]][4] != value:
            replaced[at[-1]] = write_value(key, value, limits)
    if not (removed or replaced or added):
        return []
    if name := found.unknown_class(message):
        raise UnsupportedMutation(
            f"the attachments are a map of the class {name[:80]}, of which only the provider knows what it would keep"
        )
    check_count(len(entries) - len(removed) + len(added), limits)
    if found.start == place.start:
        if message[place.start] == NULL:
            return [(found.start, found.end, write_map(marks.WAS_NULL, added))]
        return _edit_in_place(message, place, found, removed, replaced, added)
    return _write_out(message, place, found, removed, replaced, added)


def check_count(count: int, limits: Limits) -> None:
    """Raise `UnsupportedMutation` if a message with so many attachments could not be read again."""
    if count > limits.max_elements:
        raise UnsupportedMutation(f"there would be {count:,} attachments, over the limit of {limits.max_elements:,}")


def write_map(mark: int, added: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return an untyped map of written keys and values, its keys marked."""
    return b"H" + b"".join(marks.put_mark(mark, key) + value for key, value in added) + b"Z"


def write_key(key: str, limits: Limits) -> bytes:
    """Return an attachment's key as it stands in a message."""
    return _write(key, key, limits.max_key_length)


def write_value(key: str, value: str, limits: Limits) -> bytes:
    """Return an attachment's value as it stands in a message; `key` is for the error."""
    return _write(key, value, limits.max_value_length)


def _edit_plain(message: bytes, place: Place, mutation: Mutation, limits: Limits) -> list[Edit]:
    """Edit a map that numbers nothing, has no marks, and cannot get too many entries."""
    found = find_plain_entries(message, place.start, place.plain_end, mutation)
    edits: list[Edit] = []
    added: list[bytes] = []
    for key, value in mutation.items():
        at = found.get(key)
        if value is None:
            if at is not None:
                edits += ((start, end, b"") for start, _, end in at)
        elif at is None:
            added += (write_key(key, limits), write_value(key, value, limits))
        else:
            _, start, end = at[-1]
            if read_text(message, start)[0] != value:
                edits.append((start, end, write_value(key, value, limits)))
    if len(edits) > 1:
        edits.sort()
    if added:
        last = place.plain_end - 1
        edits.append((last, last, b"".join(added)))
    return edits


def _edit_in_place(
    message: bytes,
    place: Place,
    found: AttachmentMap,
    removed: set[int],
    replaced: dict[int, bytes],
    added: list[tuple[bytes, bytes]],
) -> list[Edit]:
    entries = found.entries
    # Marked keys are the last ones: what is set later was, like them, not in the original.
    mark = marks.read_mark(message, entries[-1][0]) if entries else marks.UNMARKED
    if mark and not added:
        original = _original(message, place, found, removed, replaced, mark)
        if original is not None:
            return [(place.start, found.end, original)]
    edits: list[Edit] = []
    for number, (start, value_start, end, _, _) in enumerate(entries):
        if number in removed:
            edits.append((start, end, b""))
        elif number in replaced:
            edits.append((value_start, end, replaced[number]))
    edits = keep_numbering(message, place, found, edits)
    if added:
        tail = b"".join(marks.put_mark(mark, key) + value for key, value in added)
        edits.append((found.end - 1, found.end - 1, tail))
    return edits


def _original(
    message: bytes, place: Place, found: AttachmentMap, removed: set[int], replaced: dict[int, bytes], mark: int
) -> bytes | None:
    """Return what was in the map's place before keys were set, if the removal takes out the last of these keys."""
    if replaced:
        return None
    first = next(number for number, entry in enumerate(found.entries) if marks.read_mark(message, entry[0]) == mark)
    if removed != set(range(first, len(found.entries))):
        return None
    if mark == marks.WAS_NULL:
        return b"N" if first == 0 else None
    if mark == marks.WAS_ABSENT:
        return b"" if first == 0 and not message[2] & header.REQUEST else None
    index = marks.reference_of_mark(mark)
    if index is None:
        return None
    # The rest must still be what the reference meant.
    start = skip_values(message, place.values_start, place.values, Tables(), stop_at=index)
    rest = message[found.start : found.entries[first][0]] + b"Z"
    return b"Q" + write_int(index) if start < place.start and message.startswith(rest, start) else None


def _write_out(
    message: bytes,
    place: Place,
    found: AttachmentMap,
    removed: set[int],
    replaced: dict[int, bytes],
    added: list[tuple[bytes, bytes]],
) -> list[Edit]:
    """Replace a reference to an earlier map by a copy of that map with the mutation applied."""
    index, end = read_integer(message, place.start + 1)
    mark = marks.mark_of_reference(index)
    if mark is None:
        raise UnsupportedMutation(f"the attachments are a reference to the value of number {index}, which is too far")
    parts = [message[found.start : found.entries_start]]
    for number, (start, value_start, stop, _, _) in enumerate(found.entries):
        if number in replaced:
            parts += (message[start:value_start], replaced[number])
        elif number not in removed:
            parts.append(message[start:stop])
    parts += (marks.put_mark(mark, key) + value for key, value in added)
    parts.append(b"Z")
    return [(place.start, end, b"".join(parts))]


def _write(key: str, text: str, maximum: int) -> bytes:
    written = write_string(text)
    if len(written) > maximum and (size := string_size(written, 0)) > maximum:
        raise UnsupportedMutation(
            f"the attachment {key[:80]!r} would take {size:,} bytes, over the limit of {maximum:,}"
        )
    if not text.isascii() and text != decode_text(text.encode("utf-8", "surrogatepass")):
        raise UnsupportedMutation(
            f"the attachment {key[:80]!r} holds two surrogates that would be read as one character"
        )
    return written
