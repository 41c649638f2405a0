"""The plain form of a map of attachments, which nearly every message has: untyped, of ASCII strings in one piece.

A plain map numbers nothing and refers to nothing, so it can be read, and changed, without a look at anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk import Limits

Entry = tuple[int, int, int]
"""One attachment: where its key begins, where its value begins, where that ends."""

_MAP, _END = 0x48, 0x5A
_FEW = 4
# Bytes of a string in one piece, of a form that the fast way reads.
_LONGEST_STRING = 1023


def read_plain_map(message: bytes, position: int, limits: Limits, attachments: dict[str, str]) -> int:
    """Read a plain map that passes the limits.

    Args:
        message: A Dubbo message.
        position: Where the map begins.
        limits: Bounds of what is built.
        attachments: Takes the keys and values, the last of a key that comes twice; of no use if the map is not plain.

    Returns:
        The position after the map; 0 if it is not plain, or may pass the limits.
    """
    size = len(message) - position
    if (size > limits.max_value_length or size > limits.max_key_length) and (
        limits.max_value_length < _LONGEST_STRING or limits.max_key_length < _LONGEST_STRING
    ):
        return 0
    raw = message[position:]
    if not raw.isascii():
        return 0
    end = read_plain_entries(raw, raw.decode("ascii"), 0, attachments)
    # An entry takes two bytes.
    if not end or (size > 2 * limits.max_elements and _count(raw, end) > limits.max_elements):
        return 0
    return position + end


def read_plain_entries(raw: bytes, text: str, start: int, attachments: dict[str, str]) -> int:
    """Read a plain map from bytes that were made text all at once, so that every string is a slice.

    Args:
        raw: The bytes.
        text: The same as text, a character for each byte. That those of the map are ASCII is for the caller to see.
        start: Where the map begins.
        attachments: As in `read_plain_map`.

    Returns:
        The position after the map; 0 if it is not plain.
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
    """Return the number of entries of a plain map that begins at 0 and ends at `end`."""
    strings, at = 0, 1
    while at < end - 1:
        tag = raw[at]
        at += 1 + tag if tag < 0x20 else 2 + (tag - 0x30 << 8 | raw[at + 1])
        strings += 1
    return strings // 2


def find_plain_entries(message: bytes, start: int, end: int, keys: Iterable[str]) -> dict[str, list[Entry]]:
    """Return where a plain map has each of the keys that it has.

    Args:
        message: A Dubbo message.
        start: Where the map begins.
        end: Where it ends, as `read_plain_map` returned it.
        keys: The keys to look for.
    """
    wanted = {key.encode("ascii"): key for key in keys if key.isascii()}
    found: dict[str, list[Entry]] = {}
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
