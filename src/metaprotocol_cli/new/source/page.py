"""The tables of the page that describes the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.new.source.formatting import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_cli.new.fields import Field
    from metaprotocol_cli.new.protocol import Protocol

_MEANINGS = {
    "id": "a response repeats its request's",
    "length": "see below",
    "type": "see below",
    "status": "see below; 0 in requests",
    "operation": "which procedure",
    "headers": "bytes of the header block",
}


def field_rows(protocol: Protocol) -> list[str]:
    """Return the rows of the table of fields."""
    rows = [f"| 0 | {len(protocol.magic)} | magic | `{protocol.magic.hex(' ')}` |"] if protocol.magic else []
    rows += [
        f"| {protocol.offset(field)} | {field.size} | {field.name} | {_meaning(protocol, field)} |"
        for field in protocol.fields
    ]
    if (split := protocol.split_id) is not None:
        where = f"{split.to_server} in requests, {split.to_client} in responses"
        rows.append(f"| {where} | {split.size} | id | {_MEANINGS['id']} |")
        return [*rows, "| … | … | payload | not read |"]
    if "headers" in protocol.roles:
        rows.append(f"| {protocol.size} | … | header block | see below |")
    return [*rows, f"| {'…' if 'headers' in protocol.roles else protocol.size} | … | payload | not read |"]


def length_text(protocol: Protocol) -> str:
    """Return a sentence about the bytes that the length counts."""
    uncounted = protocol.length_end + protocol.adjustment
    name = protocol.length.name
    if protocol.summed:
        names = ", ".join(f"`{field.name}`" for field in protocol.lengths)
        return f"A message is {uncounted} bytes longer than the sum of its fields {names}."
    if not uncounted:
        return f"A message is as long as its field `{name}` says, the header included."
    return f"A message is {uncounted} bytes longer than its field `{name}` says."


def changes_text(protocol: Protocol) -> str:
    """Return sentences about the use of properties by rules."""
    if "headers" in protocol.roles:
        return "Rules match on them, and set and remove headers. Fields cannot be changed."
    pronoun = "it" if len(protocol.plain_fields) == 1 else "them"
    matched = f"Rules match on {pronoun}. " if protocol.plain_fields else ""
    has_id = "id" in protocol.roles or protocol.split_id is not None
    changed = "Nothing can be changed but the id" if has_id else "Nothing can be changed"
    return f"{matched}{changed}: a message has no headers."


def value_rows(values: Mapping[str, int]) -> list[str]:
    """Return the rows of a table of numbers and names."""
    return [f"| {value} | {name} |" for name, value in values.items()]


def _meaning(protocol: Protocol, field: Field) -> str:
    if field.constant is not None:
        return f"always {number(field.constant)}{f': {field.meaning}' if field.meaning else ''}"
    role = next((role for role, name in protocol.roles.items() if name == field.name), "")
    return field.meaning or _MEANINGS.get(role, "")
