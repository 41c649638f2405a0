"""Ordered keys and values in a message: headers, attachments, a map.

The codec brings a reader, which yields entries, and a writer of one entry; this module decides which of them count and
which bytes change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from metaprotocol_sdk._errors import DecodeError, LimitExceeded, UnsupportedMutation
from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk.edits import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

Duplicates = Literal["last", "first", "refuse"]
"""The server's behaviour for a key that comes twice: it takes the last value, the first, or refuses the message."""

_NO_FIELDS: dict[str, str] = {}
_DEFAULT_LIMITS = Limits()


class Entry(NamedTuple):
    """One key with its value, and the bytes that hold both.

    A plain tuple works as well, and is made in a tenth of the time, where that counts.

    A protocol whose keys differ in case only by accident, such as HTTP, yields them in lower case; their bytes stay.

    Args:
        key: The key, as rules name it.
        value: The value.
        start: Index of the entry's first byte in the message.
        end: Index after its last byte.
    """

    key: str
    value: str
    start: int
    end: int


def read_properties(
    entries: Iterable[tuple[str, str, int, int]],
    fields: Mapping[str, str] = _NO_FIELDS,
    *,
    duplicates: Duplicates = "last",
    limits: Limits = _DEFAULT_LIMITS,
) -> dict[str, str]:
    """Return the properties of a message: its fields, and the entries that no field hides.

    Args:
        entries: In the order of the message.
        fields: Properties that come from the message's own fields. They win over entries of the same name, since
            the server acts on the field.
        duplicates: The server's behaviour for a key that comes twice.
        limits: `max_elements` bounds the keys.

    Raises:
        DecodeError: A key comes twice and `duplicates` is "refuse".
        LimitExceeded: There are too many keys.
    """
    found: dict[str, str] = {}
    maximum = limits.max_elements
    for key, value, start, _ in entries:
        if key in found:
            if duplicates == "refuse":
                raise DecodeError(f"the key {key[:80]!r} comes twice", offset=start, field="entries")
            if duplicates == "first":
                continue
        elif len(found) == maximum:
            raise LimitExceeded("max_elements", maximum + 1, maximum, offset=start, field="entries")
        found[key] = value
    return {**fields, **found, **fields} if fields else found


def mutate_entries(
    entries: Iterable[tuple[str, str, int, int]],
    mutation: Mapping[str, str | None],
    write: Callable[[str, str], bytes],
    end: int,
    *,
    fields: Container[str] = (),
    duplicates: Duplicates = "last",
    limits: Limits = _DEFAULT_LIMITS,
) -> tuple[list[Edit], int]:
    """Return the edits that apply a mutation, and how many entries there are after them.

    An entry whose value changes is written anew in its place, a new one comes last, and of a removed key every entry
    goes. All other bytes stay. Setting a key that was not there and removing it again gives the original bytes.

    Args:
        entries: In the order of the message.
        mutation: The keys to set and, where the value is None, to remove.
        write: Returns the bytes of an entry. It raises `UnsupportedMutation` for what the protocol cannot hold;
            `encode_text` does.
        end: Index after the last entry, where new ones go.
        fields: Names that no entry can have, because a field of the message wins over it.
        duplicates: The server's behaviour for a key that comes twice. The entry that it reads gets the new value.
        limits: `max_elements` bounds the entries.

    Raises:
        UnsupportedMutation: A key is a field's name, an entry cannot be written, or there would be too many.
    """
    for key in mutation:
        if key in fields:
            raise UnsupportedMutation(f"{key} is a field of the message, not an entry")
    count = 0
    places: dict[str, list[tuple[str, str, int, int]]] = {}
    for entry in entries:
        count += 1
        if entry[0] in mutation:
            places.setdefault(entry[0], []).append(entry)
    edits: list[Edit] = []
    for key, value in mutation.items():
        found = places.get(key, ())
        if value is None:
            edits += (Edit(start, stop, b"") for _, _, start, stop in found)
            count -= len(found)
        elif not found:
            edits.append(Edit(end, end, write(key, value)))
            count += 1
        else:
            _, old, start, stop = found[0 if duplicates == "first" else -1]
            if old != value:
                edits.append(Edit(start, stop, write(key, value)))
    if edits and count > limits.max_elements:
        raise UnsupportedMutation(f"there would be {count:,} entries, over the limit of {limits.max_elements:,}")
    return edits, count


def encode_text(text: str, maximum: int) -> bytes:
    """Return a key or a value in UTF-8, so that `decode_text` gives the same text again.

    Args:
        text: The text; surrogate escapes stand for bytes that are not UTF-8.
        maximum: The most bytes that the protocol can hold.

    Raises:
        UnsupportedMutation: It would be read back as another text, or is too long.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = b""
    if not text.isascii() and raw.decode("utf-8", "surrogateescape") != text:
        raise UnsupportedMutation(f"the text {text[:80]!r} would not be read back as it is")
    if len(raw) > maximum:
        raise UnsupportedMutation(f"the text {text[:80]!r} has {len(raw):,} bytes in UTF-8; at most {maximum:,} fit")
    return raw


def decode_text(raw: bytes) -> str:
    """Return a key or a value that is UTF-8; bytes that are not become surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")
