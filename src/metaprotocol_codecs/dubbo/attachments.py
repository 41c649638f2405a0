"""The map of attachments that ends a Dubbo body: its headers, which a mesh routes on."""

from __future__ import annotations

from typing import NamedTuple

from attrs import define

from metaprotocol_codecs.dubbo.hessian2 import Tables, read_string, read_type_end, skip_values
from metaprotocol_codecs.dubbo.hessian2.skip import CLASS_DEFINITION, skip_class_definition
from metaprotocol_codecs.dubbo.hessian2.strings import NULL, read_integer, read_short_ascii, string_size
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits

Entry = tuple[int, int, int, str | None, str | None]
"""One attachment: where its key begins, where its value begins, where that ends, and both, None if no string.

A plain tuple, since a message has a dozen and each is made on the way of every message.
"""


@define(weakref_slot=False)
class Place:
    """Where a message keeps its attachments."""

    values_start: int
    """Where the hessian2 values before the map begin: the map may be a reference to one of them."""
    values: int
    """How many values there are."""
    start: int
    """Where the map begins, or would."""
    plain_end: int = 0
    """Where the map ends if it is plain (see `read_plain_map`), otherwise 0."""


class AttachmentMap(NamedTuple):
    """The attachments in the bytes of a message."""

    start: int
    """Where the map begins, or the null in its place; before its place in the message if that is a reference."""
    entries_start: int
    """Where its first entry begins, or its end mark."""
    end: int
    """Where it ends."""
    entries: list[Entry]
    """The attachments in their order."""


def read_attachments(message: bytes, place: Place, tables: Tables, limits: Limits) -> dict[str, str]:
    """Return the string attachments. Of a key that comes twice the last counts, as in Java.

    Args:
        message: A Dubbo message.
        place: Where they are.
        tables: What the values before them have numbered.
        limits: Bounds of what is built.

    Raises:
        DecodeError: What is there is no map.
        LimitExceeded: There are too many attachments, or one is too long.
    """
    attachments: dict[str, str] = {}
    for _, _, _, key, value in read_map(message, place, limits, tables).entries:
        if key is not None:
            if value is not None:
                attachments[key] = value
            else:
                attachments.pop(key, None)
    return attachments


def read_map(message: bytes, place: Place, limits: Limits, tables: Tables | None = None) -> AttachmentMap:
    """Return every attachment with its place; see `read_attachments`.

    Args:
        message: A Dubbo message.
        place: Where its attachments are.
        limits: Bounds of what is built.
        tables: What the values before them have numbered; found out if None.
    """
    position = place.start
    if position >= len(message):
        raise DecodeError("the message ends where its attachments were expected", offset=position, field="attachments")
    if message[position] == 0x51:
        position, tables = _resolve(message, place)
    elif tables is None:
        tables = Tables()
        skip_values(message, place.values_start, place.values, tables)
    tag = message[position]
    if tag == NULL:
        return AttachmentMap(position, position + 1, position + 1, [])
    if tag not in (0x48, 0x4D):
        raise DecodeError(f"attachments are a map, not the type code {tag:02x}", offset=position, field="attachments")
    try:
        return _read_entries(message, position, tables, limits)
    except IndexError:
        raise DecodeError(
            f"the message ends inside the attachments that begin at {position}",
            offset=len(message),
            field="attachments",
        ) from None


def _read_entries(message: bytes, start: int, tables: Tables, limits: Limits) -> AttachmentMap:
    entries_start = position = skip_map_head(message, start, tables)
    entries: list[Entry] = []
    while message[position] != 0x5A:
        if len(entries) == limits.max_elements:
            raise LimitExceeded(
                "max_elements", len(entries) + 1, limits.max_elements, offset=position, field="attachments"
            )
        key, value_start = _read_if_string(message, position, tables, "max_key_length", limits.max_key_length)
        value, end = _read_if_string(message, value_start, tables, "max_value_length", limits.max_value_length)
        entries.append((position, value_start, end, key, value))
        position = end
    return AttachmentMap(start, entries_start, position + 1, entries)


def skip_map_head(message: bytes, start: int, tables: Tables) -> int:
    """Number the map that begins at `start` and return where its first entry begins."""
    tables.references += 1
    return start + 1 if message[start] == 0x48 else read_type_end(message, start + 1, tables)


def _read_if_string(message: bytes, position: int, tables: Tables, limit: str, maximum: int) -> tuple[str | None, int]:
    short = read_short_ascii(message, position)
    if short is not None and short[1] - position <= maximum:
        return short
    while message[position] == CLASS_DEFINITION:  # one may stand before any value
        position = skip_class_definition(message, position, tables.field_counts)
    tag = message[position]
    end = skip_values(message, position, 1, tables)
    if not (tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53)):
        return None, end
    if end - position > maximum and (size := string_size(message, position)) > maximum:
        raise LimitExceeded(limit, size, maximum, offset=position, field="attachments")
    return read_string(message, position)


def _resolve(message: bytes, place: Place) -> tuple[int, Tables]:
    """Follow a reference to the value that the attachments are the same as; return its place and the tables there."""
    try:
        index = read_integer(message, place.start + 1)[0]
    except IndexError:
        raise DecodeError("the message ends inside a reference", offset=len(message), field="attachments") from None
    tables = Tables()
    if index >= 0:
        position = skip_values(message, place.values_start, place.values, tables, stop_at=index)
        if tables.references == index and position < place.start:
            return position, tables
    raise DecodeError(
        f"the attachments refer back to number {index}, and {tables.references} values came before them",
        offset=place.start,
        field="attachments",
    )
