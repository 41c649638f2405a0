"""Sets and removes attachments in the bytes of a message; every byte that need not change stays.

A key that is there already is replaced where Java reads it, which is its last place, and a new one is added at the
end. An attachment need not be a string: a list, map or object is counted among the values that later ones refer back
to, and so are its type and its class. What a removed value defines for later ones is kept for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo.attachments import AttachmentMap, AttachmentsSpan, read_map, skip_map_head
from metaprotocol_codecs.hessian2 import ReferenceTables, read_text, skip_values
from metaprotocol_codecs.hessian2.skip import CLASS_DEFINITION
from metaprotocol_codecs.hessian2.strings import NULL, decode_text, read_integer, string_size
from metaprotocol_codecs.hessian2.writer import write_string
from metaprotocol_sdk import Limits, Mutation, UnsupportedMutation

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from metaprotocol_codecs.dubbo.attachments import Entry

Edit = tuple[int, int, bytes]
"""A replacement of bytes: from, to, and the new bytes. Edits are in order and do not overlap."""

_AsciiEntry = tuple[int, int, int]
"""One attachment of an ASCII map: the offsets of its key, of its value, and after that."""
_FEW = 4


def edit_attachments(message: bytes, span: AttachmentsSpan, mutation: Mutation, limits: Limits) -> list[Edit]:
    """Return the edits that apply a mutation to a map of attachments.

    Args:
        message: A Dubbo message.
        span: Where its attachments are; there is something at `span.start`.
        mutation: What to set and remove.
        limits: Bounds of what the message may become.

    Raises:
        UnsupportedMutation: A key or a value cannot be written, or later values depend on what would go.
        ProtocolError: The attachments cannot be read.
    """
    if span.ascii_end and (span.ascii_end - span.start) // 2 + len(mutation) <= limits.max_elements:
        return _edit_ascii(message, span, mutation, limits)
    found = read_map(message, span, limits)
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
    if found.start == span.start:
        if message[span.start] == NULL:
            return [(found.start, found.end, write_map(added))]
        return _edit_in_place(message, span, found, removed, replaced, added)
    return _write_out(message, span, found, removed, replaced, added)


def check_count(count: int, limits: Limits) -> None:
    """Raise `UnsupportedMutation` if a message with so many attachments could not be read again."""
    if count > limits.max_elements:
        raise UnsupportedMutation(f"there would be {count:,} attachments, over the limit of {limits.max_elements:,}")


def write_map(added: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return an untyped map of written keys and values."""
    return b"H" + b"".join(key + value for key, value in added) + b"Z"


def write_key(key: str, limits: Limits) -> bytes:
    """Return an attachment's key as it stands in a message."""
    return _write(key, key, limits.max_key_length)


def write_value(key: str, value: str, limits: Limits) -> bytes:
    """Return an attachment's value as it stands in a message; `key` is for the error."""
    return _write(key, value, limits.max_value_length)


def _edit_ascii(message: bytes, span: AttachmentsSpan, mutation: Mutation, limits: Limits) -> list[Edit]:
    """Edit an ASCII map that cannot get too many entries."""
    found = _find_ascii_entries(message, span.start, span.ascii_end, mutation)
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
        last = span.ascii_end - 1
        edits.append((last, last, b"".join(added)))
    return edits


def _find_ascii_entries(message: bytes, start: int, end: int, keys: Iterable[str]) -> dict[str, list[_AsciiEntry]]:
    """Return where an ASCII map has each of the keys that it has.

    Args:
        message: A Dubbo message.
        start: Where the map begins.
        end: Where it ends, as `read_ascii_map` returned it.
        keys: The keys to look for.
    """
    wanted = {key.encode("ascii"): key for key in keys if key.isascii()}
    found: dict[str, list[_AsciiEntry]] = {}
    # A key that is new, which most are, is nowhere in the bytes; looking for many is no faster than reading.
    if len(wanted) <= _FEW:
        for key in wanted:
            if message.find(key, start, end) >= 0:
                break
        else:
            return found
    at = start + 1
    while at < end - 1:
        key_start = at
        tag = message[at]
        text_start = at + 1 if tag < 0x20 else at + 2
        at = text_start + (tag if tag < 0x20 else tag - 0x30 << 8 | message[at + 1])
        name = wanted.get(message[text_start:at])
        value_start = at
        tag = message[at]
        at += 1 + tag if tag < 0x20 else 2 + (tag - 0x30 << 8 | message[at + 1])
        if name is not None:
            found.setdefault(name, []).append((key_start, value_start, at))
    return found


def _edit_in_place(
    message: bytes,
    span: AttachmentsSpan,
    found: AttachmentMap,
    removed: set[int],
    replaced: dict[int, bytes],
    added: list[tuple[bytes, bytes]],
) -> list[Edit]:
    edits: list[Edit] = []
    for number, (start, value_start, end, _, _) in enumerate(found.entries):
        if number in removed:
            edits.append((start, end, b""))
        elif number in replaced:
            edits.append((value_start, end, replaced[number]))
    edits = _keep_references(message, span, found, edits)
    if added:
        last = found.end - 1
        edits.append((last, last, b"".join(key + value for key, value in added)))
    return edits


def _write_out(
    message: bytes,
    span: AttachmentsSpan,
    found: AttachmentMap,
    removed: set[int],
    replaced: dict[int, bytes],
    added: list[tuple[bytes, bytes]],
) -> list[Edit]:
    """Replace a reference to an earlier map by a copy of that map with the mutation applied."""
    _, end = read_integer(message, span.start + 1)
    parts = [message[found.start : found.entries_start]]
    for number, (start, value_start, stop, _, _) in enumerate(found.entries):
        if number in replaced:
            parts += (message[start:value_start], replaced[number])
        elif number not in removed:
            parts.append(message[start:stop])
    parts += (key + value for key, value in added)
    parts.append(b"Z")
    return [(span.start, end, b"".join(parts))]


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


def _keep_references(message: bytes, span: AttachmentsSpan, found: AttachmentMap, edits: list[Edit]) -> list[Edit]:
    """Return the edits with what they take from later attachments put back.

    Class definitions are moved to the next attachment that is not a string, since they may stand before any value.

    Args:
        message: A Dubbo message.
        span: Where its attachments are.
        found: The attachments.
        edits: Replacements of whole attachments or of their values, in order.

    Raises:
        UnsupportedMutation: A later attachment refers back to a value or a type that would go, or after it.
    """
    gone = {start: (end, text) for start, end, text in edits}
    if not any(_defines(message, entry, gone) for entry in found.entries):
        return edits
    tables = ReferenceTables()
    skip_values(message, span.values_start, span.values, tables)
    skip_map_head(message, found.start, tables)
    kept: list[Edit] = []
    definitions: list[bytes] = []
    first_reference: int | None = None
    first_type: int | None = None
    for start, value_start, _, key, value in found.entries:
        whole, only_value = gone.get(start), gone.get(value_start)
        if definitions and whole is None:
            # Before whatever stays and defines or uses a class; a plain string does neither.
            at = -1
            if key is None or message[start] == CLASS_DEFINITION:
                at = start
            elif only_value is None and (value is None or message[value_start] == CLASS_DEFINITION):
                at = value_start
            if at >= 0:
                kept.append((at, at, b"".join(definitions)))
                definitions.clear()
        if whole is None and only_value is None:
            tables.highest_reference = tables.highest_type = -1
            skip_values(message, start, 2, tables)
            if (first_reference is not None and tables.highest_reference >= first_reference) or (
                first_type is not None and tables.highest_type >= first_type
            ):
                raise UnsupportedMutation("a later attachment refers back to one that would be removed, or after it")
            continue
        if only_value is not None:
            skip_values(message, start, 1, tables)
        at = start if only_value is None else value_start
        references, types = tables.references, tables.types
        tables.definitions = []
        skip_values(message, at, 2 if only_value is None else 1, tables)
        definitions += (message[i:j] for i, j in tables.definitions)
        tables.definitions = None
        if first_reference is None and tables.references > references:
            first_reference = references
        if first_type is None and tables.types > types:
            first_type = types
        kept.append((at, *gone[at]))
    return kept


def _defines(message: bytes, entry: Entry, gone: Container[int]) -> bool:
    """Return True if what goes of an attachment may be referred back to, or define a class; a string is neither."""
    start, value_start, _, key, value = entry
    if start in gone and (key is None or message[start] == CLASS_DEFINITION):
        return True
    return (start in gone or value_start in gone) and (value is None or message[value_start] == CLASS_DEFINITION)
