"""The map of attachments that ends a Dubbo body: its headers, which a mesh routes on.

Nearly every message has an untyped map of ASCII strings, each in one chunk. Such an *ASCII map* defines nothing that
later values refer to, so it is read in one pass and changed without a look at anything else.
"""

from __future__ import annotations

from typing import NamedTuple

from attrs import define

from metaprotocol_codecs.hessian2 import ReferenceTables, read_text, read_type_end, skip_values
from metaprotocol_codecs.hessian2.skip import CLASS_DEFINITION, skip_class_definition
from metaprotocol_codecs.hessian2.strings import NULL, is_integer, read_integer, read_short_ascii, string_size
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits

Entry = tuple[int, int, int, str | None, str | None]
"""One attachment: where its key begins, where its value begins, where that ends, and both, None if no string.

A plain tuple, since a message has a dozen and each is made on the way of every message.
"""

# Maps that give every key and value as it is in the message; Java makes a HashMap where no type is named.
_FAITHFUL_MAPS = frozenset(
    f"java.util.{name}"
    for name in ("HashMap", "Hashtable", "LinkedHashMap", "Map", "TreeMap", "concurrent.ConcurrentHashMap")
)
# Clients write these as an int, and providers read a number or its text (RpcUtils.getTimeout).
_NUMBERS = frozenset({"timeout", "_TO", "_to"})
_REFERENCE, _MAP, _TYPED_MAP, _OBJECT, _END = 0x51, 0x48, 0x4D, 0x4F, 0x5A
# Bytes of a string in one chunk, of a form that an ASCII map may have.
_LONGEST_STRING = 1023


@define(weakref_slot=False)
class AttachmentsSpan:
    """The offsets of the attachments and of the values before them."""

    values_start: int
    """The offset of the hessian2 values before the map: the map may be a reference to one of them."""
    values: int
    """The number of those values."""
    start: int
    """The offset of the map, or where one would begin."""
    ascii_end: int = 0
    """The offset after the map if it is an ASCII map (see `read_ascii_map`), otherwise 0."""


class AttachmentMap(NamedTuple):
    """The attachments in the bytes of a message."""

    start: int
    """The offset of the map, or of the null in its place; before its place in the message if that is a reference."""
    entries_start: int
    """The offset of its first entry, or of its end mark."""
    end: int
    """The offset after it."""
    entries: list[Entry]
    """The attachments in their order."""

    def unknown_class(self, message: bytes) -> str:
        """Return the class of the map if its name does not tell what Java finds in it, "" if it does."""
        if message[self.start] != _TYPED_MAP:
            return ""
        tag = message[self.start + 1]
        if tag >= 0x80 or tag == 0x49:
            return "that an earlier value names"
        name = read_text(message, self.start + 1)[0] or ""
        return "" if name in _FAITHFUL_MAPS or not name else name


def read_attachments(
    message: bytes, span: AttachmentsSpan, tables: ReferenceTables, limits: Limits
) -> tuple[dict[str, str | None], str]:
    """Return the attachments, and why Java may see others; "" if it sees these.

    Of a key that comes twice the last counts, as in Java. The value is None where Java's `getAttachment` returns null:
    for null, and for what is not a string.

    Args:
        message: A Dubbo message.
        span: Where they are.
        tables: What the values before them have numbered.
        limits: Bounds of what is built.

    Raises:
        DecodeError: It is not a map.
        LimitExceeded: There are too many attachments, or one is too long.
    """
    found = read_map(message, span, limits, tables)
    unclear = ""
    if message[span.start] == _REFERENCE:
        unclear = "the attachments are the same map as an argument, of whatever class the provider makes it"
    elif name := found.unknown_class(message):
        unclear = f"the attachments are a map of the class {name[:80]}, which may change keys and values"
    attachments: dict[str, str | None] = {}
    no_strings: dict[str, bool] = {}
    for start, value_start, _, key, value in found.entries:
        if key is None:
            if not unclear and _may_become_a_string(message[start]):
                unclear = "the key of an attachment is an object, which may become a string"
        else:
            attachments[key] = value
            if value is None:
                no_strings[key] = message[value_start] != NULL
    for key, is_value in no_strings.items():
        if is_value and not unclear and attachments[key] is None:
            unclear = f"the attachment {key[:80]!r} is not a string, which some providers turn into one"
    return attachments, unclear


def _may_become_a_string(tag: int) -> bool:
    """Return whether Java may make a string of a value that is none: of an object, by its class."""
    return 0x60 <= tag < 0x70 or tag in (CLASS_DEFINITION, _OBJECT, _TYPED_MAP, _REFERENCE)


def read_map(
    message: bytes, span: AttachmentsSpan, limits: Limits, tables: ReferenceTables | None = None
) -> AttachmentMap:
    """Return every attachment with its place; see `read_attachments`.

    Args:
        message: A Dubbo message.
        span: Where its attachments are.
        limits: Bounds of what is built.
        tables: What the values before them have numbered; found out if None.
    """
    position = span.start
    if position >= len(message):
        raise DecodeError("the message ends where its attachments were expected", offset=position, field="attachments")
    if message[position] == _REFERENCE:
        position, tables = _resolve(message, span)
    elif tables is None:
        tables = ReferenceTables()
        skip_values(message, span.values_start, span.values, tables)
    tag = message[position]
    if tag == NULL:
        return AttachmentMap(position, position + 1, position + 1, [])
    if tag not in (_MAP, _TYPED_MAP):
        raise DecodeError(f"attachments are a map, not the type code {tag:02x}", offset=position, field="attachments")
    try:
        return _read_entries(message, position, tables, limits)
    except IndexError:
        raise DecodeError(
            f"the message ends inside the attachments that begin at {position}",
            offset=len(message),
            field="attachments",
        ) from None


def _read_entries(message: bytes, start: int, tables: ReferenceTables, limits: Limits) -> AttachmentMap:
    entries_start = position = skip_map_head(message, start, tables)
    entries: list[Entry] = []
    max_key_length, max_value_length = limits.max_key_length, limits.max_value_length
    key: str | None
    value: str | None
    while message[position] != _END:
        if len(entries) == limits.max_elements:
            raise LimitExceeded(
                "max_elements", len(entries) + 1, limits.max_elements, offset=position, field="attachments"
            )
        # Short and ASCII is the rule, and a call that is not needed costs as much as the rest.
        short = read_short_ascii(message, position)
        if short is not None and short[1] - position <= max_key_length:
            key, value_start = short
        else:
            key, value_start = _read_if_string(message, position, tables, "max_key_length", max_key_length)
        short = read_short_ascii(message, value_start)
        if short is not None and short[1] - value_start <= max_value_length:
            value, end = short
        else:
            value, end = _read_if_string(message, value_start, tables, "max_value_length", max_value_length)
            if value is None and key in _NUMBERS and is_integer(message[value_start]):
                value, _ = read_text(message, value_start)
        entries.append((position, value_start, end, key, value))
        position = end
    return AttachmentMap(start, entries_start, position + 1, entries)


def skip_map_head(message: bytes, start: int, tables: ReferenceTables) -> int:
    """Number the map that begins at `start` and return where its first entry begins."""
    tables.references += 1
    return start + 1 if message[start] == _MAP else read_type_end(message, start + 1, tables)


def _read_if_string(
    message: bytes, position: int, tables: ReferenceTables, limit: str, maximum: int
) -> tuple[str | None, int]:
    while message[position] == CLASS_DEFINITION:  # one may stand before any value
        position = skip_class_definition(message, position, tables.field_counts)
    tag = message[position]
    end = skip_values(message, position, 1, tables)
    if not (tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53)):
        return None, end
    if end - position > maximum and (size := string_size(message, position)) > maximum:
        raise LimitExceeded(limit, size, maximum, offset=position, field="attachments")
    return read_text(message, position)


def _resolve(message: bytes, span: AttachmentsSpan) -> tuple[int, ReferenceTables]:
    """Follow a reference to the value that the attachments are the same as; return its offset and the tables there."""
    try:
        index = read_integer(message, span.start + 1)[0]
    except IndexError:
        raise DecodeError("the message ends inside a reference", offset=len(message), field="attachments") from None
    tables = ReferenceTables()
    if index >= 0:
        position = skip_values(message, span.values_start, span.values, tables, stop_at=index)
        if tables.references == index and position < span.start:
            return position, tables
    raise DecodeError(
        f"the attachments refer back to number {index}, and {tables.references} values came before them",
        offset=span.start,
        field="attachments",
    )


def read_ascii_map(message: bytes, position: int, limits: Limits, attachments: dict[str, str]) -> int:
    """Read an ASCII map that passes the limits.

    Args:
        message: A Dubbo message.
        position: Where the map begins.
        limits: Bounds of what is built.
        attachments: Takes the keys and values, the last of a key that comes twice; useless if this returns 0.

    Returns:
        The position after the map; 0 if it is not an ASCII map, or may pass the limits.
    """
    size = len(message) - position
    if (size > limits.max_value_length or size > limits.max_key_length) and (
        limits.max_value_length < _LONGEST_STRING or limits.max_key_length < _LONGEST_STRING
    ):
        return 0
    raw = message[position:]
    if not raw.isascii():
        return 0
    end = read_ascii_entries(raw, raw.decode("ascii"), 0, attachments)
    # An entry takes two bytes.
    if not end or (size > 2 * limits.max_elements and _count(raw, end) > limits.max_elements):
        return 0
    return position + end


def read_ascii_entries(raw: bytes, text: str, start: int, attachments: dict[str, str]) -> int:
    """Read an ASCII map from bytes that were made text all at once, so that every string is a slice.

    Args:
        raw: The bytes.
        text: The same as text, a character for each byte. That those of the map are ASCII is for the caller to see.
        start: Where the map begins.
        attachments: As in `read_ascii_map`.

    Returns:
        The position after the map; 0 if it is not an ASCII map.
    """
    at = start + 1
    try:
        if raw[start] != _MAP:
            return 0
        while True:
            tag = raw[at]
            if tag < 0x20:
                key_start = at + 1
                key_end = key_start + tag
            elif 0x30 <= tag <= 0x33:
                key_start = at + 2
                key_end = key_start + (tag - 0x30 << 8 | raw[at + 1])
            else:
                return at + 1 if tag == _END else 0
            tag = raw[key_end]
            if tag < 0x20:
                start = key_end + 1
                at = start + tag
            elif 0x30 <= tag <= 0x33:
                start = key_end + 2
                at = start + (tag - 0x30 << 8 | raw[key_end + 1])
            else:
                return 0
            attachments[text[key_start:key_end]] = text[start:at]
    except IndexError:
        return 0


def _count(raw: bytes, end: int) -> int:
    """Return the number of entries of an ASCII map that begins at 0 and ends at `end`."""
    strings, at = 0, 1
    while at < end - 1:
        tag = raw[at]
        at += 1 + tag if tag < 0x20 else 2 + (tag - 0x30 << 8 | raw[at + 1])
        strings += 1
    return strings // 2
