"""Keeps the numbers by which hessian2 values refer to each other right when one of them goes.

An attachment need not be a string. A list, map or object among them numbers itself, its type and its class, and later
attachments use these numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo.attachments import AttachmentMap, Place, skip_map_head
from metaprotocol_codecs.dubbo.hessian2 import Tables, skip_values
from metaprotocol_codecs.dubbo.hessian2.skip import CLASS_DEFINITION
from metaprotocol_sdk import UnsupportedMutation

if TYPE_CHECKING:
    from collections.abc import Container

    from metaprotocol_codecs.dubbo.attachments import Entry
    from metaprotocol_codecs.dubbo.mutation import Edit


def keep_numbering(message: bytes, place: Place, found: AttachmentMap, edits: list[Edit]) -> list[Edit]:
    """Return the edits with what they take from later attachments put back.

    Class definitions are moved to the next attachment that is no string, since they may stand before any value.

    Args:
        message: A Dubbo message.
        place: Where its attachments are.
        found: The attachments.
        edits: Replacements of whole attachments or of their values, in order.

    Raises:
        UnsupportedMutation: A later attachment refers back to a value or a type that would go, or after it.
    """
    gone = {start: (end, text) for start, end, text in edits}
    if not any(_numbers(message, entry, gone) for entry in found.entries):
        return edits
    tables = Tables()
    skip_values(message, place.values_start, place.values, tables)
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


def _numbers(message: bytes, entry: Entry, gone: Container[int]) -> bool:
    """Return whether what goes of an attachment may number something; a string does not."""
    start, value_start, _, key, value = entry
    if start in gone and (key is None or message[start] == CLASS_DEFINITION):
        return True
    return (start in gone or value_start in gone) and (value is None or message[value_start] == CLASS_DEFINITION)
