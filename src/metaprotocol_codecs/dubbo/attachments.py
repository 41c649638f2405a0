"""The map of attachments that ends a Dubbo body: its headers, which a mesh routes on."""

from __future__ import annotations

from attrs import frozen

from metaprotocol_codecs.dubbo.hessian2 import Tables, read_string, read_type_end, skip_values
from metaprotocol_codecs.dubbo.hessian2.strings import NULL, read_integer
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits


@frozen
class Entry:
    """One attachment in the bytes of a message.

    Args:
        start: Where its key begins.
        value_start: Where its value begins.
        end: Where its value ends.
        key: The key; None if it is null or no string.
        value: The value; None if it is null or no string.
    """

    start: int
    value_start: int
    end: int
    key: str | None
    value: str | None


@frozen
class AttachmentMap:
    """The attachments in the bytes of a message.

    Args:
        start: Where the map begins, or the null in its place. Before `position` where that is a reference.
        entries_start: Where its first entry begins, or its end mark.
        end: Where it ends.
        entries: The attachments in their order.
    """

    start: int
    entries_start: int
    end: int
    entries: list[Entry]


def read_attachments(
    message: bytes, position: int, values_start: int, values: int, tables: Tables, limits: Limits
) -> dict[str, str]:
    """Return the string attachments. Of a key that comes twice the last counts, as in Java.

    Args:
        message: A Dubbo message.
        position: Where the map begins.
        values_start: Where the hessian2 values before it begin: a map may be a reference to one of them.
        values: How many there are.
        tables: What these values have numbered.
        limits: Bounds of what is built.

    Raises:
        DecodeError: What begins here is no map.
        LimitExceeded: There are too many attachments, or one is too long.
    """
    small = min(2 * limits.max_elements, limits.max_key_length, limits.max_value_length)
    if len(message) - position <= small:
        attachments = _read_short_ascii(message, position)
        if attachments is not None:
            return attachments
    attachments = {}
    for entry in read_map(message, position, values_start, values, tables, limits).entries:
        if entry.key is not None:
            if entry.value is None:
                attachments.pop(entry.key, None)
            else:
                attachments[entry.key] = entry.value
    return attachments


def read_map(
    message: bytes, position: int, values_start: int, values: int, tables: Tables, limits: Limits
) -> AttachmentMap:
    """Return every attachment with its place; see `read_attachments`."""
    if position >= len(message):
        raise DecodeError("the message ends where its attachments were expected", offset=position, field="attachments")
    if message[position] == 0x51:
        position, tables = _resolve(message, position, values_start, values)
    tag = message[position]
    if tag == NULL:
        return AttachmentMap(position, position + 1, position + 1, [])
    if tag not in (0x48, 0x4D):
        raise DecodeError(f"attachments are a map, not the type code {tag:02x}", offset=position, field="attachments")
    start = position
    tables.references += 1
    entries: list[Entry] = []
    try:
        position = position + 1 if tag == 0x48 else read_type_end(message, position + 1, tables)
        entries_start = position
        while message[position] != 0x5A:
            if len(entries) == limits.max_elements:
                raise LimitExceeded(
                    "max_elements", len(entries) + 1, limits.max_elements, offset=position, field="attachments"
                )
            key, value_start = _string_or_skip(message, position, tables, "max_key_length", limits.max_key_length)
            value, end = _string_or_skip(message, value_start, tables, "max_value_length", limits.max_value_length)
            entries.append(Entry(position, value_start, end, key, value))
            position = end
    except IndexError:
        raise DecodeError(
            f"the message ends inside the attachments that begin at {start}", offset=len(message), field="attachments"
        ) from None
    return AttachmentMap(start, entries_start, position + 1, entries)


def _string_or_skip(message: bytes, position: int, tables: Tables, limit: str, maximum: int) -> tuple[str | None, int]:
    tag = message[position]
    if not (tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53)):
        return None, skip_values(message, position, 1, tables)
    end = skip_values(message, position, 1, tables)
    if end - position > maximum:
        raise LimitExceeded(limit, end - position, maximum, offset=position, field="attachments")
    return read_string(message, position)


def _read_short_ascii(message: bytes, position: int) -> dict[str, str] | None:
    """Read an untyped map of ASCII strings, which nearly all attachments are; None if these are not."""
    raw = message[position:]
    if not raw.isascii() or raw[:1] != b"H":
        return None
    # All at once to text: then every string is a slice.
    text = raw.decode("ascii")
    attachments: dict[str, str] = {}
    at = 1
    try:
        while True:
            tag = raw[at]
            if tag < 0x20:
                at += 1
            elif tag == 0x5A:
                return attachments
            elif 0x30 <= tag <= 0x33:
                tag = tag - 0x30 << 8 | raw[at + 1]
                at += 2
            else:
                return None
            end = at + tag
            key = text[at:end]
            tag = raw[end]
            if tag < 0x20:
                at = end + 1
            elif 0x30 <= tag <= 0x33:
                tag = tag - 0x30 << 8 | raw[end + 1]
                at = end + 2
            else:
                return None
            end = at + tag
            attachments[key] = text[at:end]
            at = end
    except IndexError:
        return None


def _resolve(message: bytes, position: int, values_start: int, values: int) -> tuple[int, Tables]:
    """Follow a reference to the value that the attachments are the same as; return its place and the tables there."""
    try:
        index = read_integer(message, position + 1)[0]
    except IndexError:
        raise DecodeError("the message ends inside a reference", offset=len(message), field="attachments") from None
    tables = Tables()
    if index >= 0:
        place = skip_values(message, values_start, values, tables, stop_at=index)
        if tables.references == index and place < position:
            return place, tables
    raise DecodeError(
        f"the attachments refer back to number {index}, and {tables.references} came before them",
        offset=position,
        field="attachments",
    )
