"""Suggests a header that fits the evidence; other bytes are called unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_cli.new.evidence.ids import IdField
    from metaprotocol_cli.new.evidence.lengths import LengthField

_LONGEST_MAGIC = 16


def suggest(length: LengthField, identifier: IdField | None) -> dict[str, Any]:
    """Return answers, by their keys.

    Args:
        length: The place that is the length.
        identifier: The place that is the id, or None.
    """
    numbers = length.numbers
    names = ["length"] if len(numbers) == 1 else [f"length_{number}" for number in range(1, len(numbers) + 1)]
    known = {offset: (name, size) for name, (offset, size) in zip(names, numbers, strict=True)}
    is_split = identifier is not None and identifier.is_split
    if identifier is not None and not is_split:
        known[identifier.offset] = ("id", identifier.size)
    magic = _magic(length.constant, min(known))
    end = max(offset + size for offset, (_, size) in known.items())
    counts = length.counts
    if counts == "body" and length.surplus >= end:
        end = length.surplus  # the body begins after the header
    elif counts == "body":  # the header is longer than what is known of it
        counts = str(length.surplus - length.offset - length.size)
    return {
        "magic": magic.hex() or "none",
        "byte_order": length.byte_order if identifier is None or length.size > 1 else identifier.byte_order,
        "fields": _fields(known, len(magic), end),
        "length": "+".join(names),
        "counts": counts,
        "id": _id(identifier),
        **dict.fromkeys(("type", "status", "operation", "headers"), "none"),
    }


def _id(identifier: IdField | None) -> str:
    if identifier is None:
        return "none"
    return f"{identifier.offset}/{identifier.response_offset}:{identifier.size}" if identifier.is_split else "id"


def _magic(constant: Mapping[int, int], most: int) -> bytes:
    """Return the bytes that all messages begin with, without zeros at their end, which may belong to a number."""
    magic = bytearray()
    while len(magic) < min(most, _LONGEST_MAGIC) and len(magic) in constant:
        magic.append(constant[len(magic)])
    return bytes(magic).rstrip(b"\0")


def _fields(known: Mapping[int, tuple[str, int]], start: int, end: int) -> list[str]:
    fields = []
    for offset, (name, size) in sorted(known.items()):
        if start < offset:
            fields.append(f"unknown_{start}:{offset - start}")
        fields.append(f"{name}:{size}")
        start = offset + size
    if start < end:
        fields.append(f"unknown_{start}:{end - start}")
    return fields
