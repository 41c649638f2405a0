"""The declaration of the header, and the framing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from metaprotocol_cli.new.source.formatting import WIDTH, number

if TYPE_CHECKING:
    from metaprotocol_cli.new.fields import Field
    from metaprotocol_cli.new.protocol import Protocol

_INDENT = 8
# In the order in which ruff sorts them.
_CONSTRUCTS = ("Bytes", "Const", "Enum", "Int8ub", "Int16ub", "Int16ul", "Int32ub", "Int32ul", "Int64ub", "Int64ul")


def bytes_literal(data: bytes) -> str:
    """Return the bytes as ruff writes them."""
    text = repr(data)[2:-1]
    return f'b"{text}"' if '"' not in text else f"b'{text}'"


def layout_lines(protocol: Protocol) -> list[str]:
    """Return the fields of the `Struct`, one for each of the header."""
    lines = [f'"magic" / Const({bytes_literal(protocol.magic)}),'] if protocol.magic else []
    for field in protocol.fields:
        parts = [f'"{field.name}"', f"/ {_construct(protocol, field)}"]
        if field.meaning:
            parts.append(f'* "{field.meaning}"')
        line = f"{' '.join(parts)},"
        if _INDENT + len(line) <= WIDTH:
            lines.append(line)
        else:
            parts[-1] += ","
            lines += parts
    return lines


def construct_names(protocol: Protocol) -> list[str]:
    """Return the names that the declaration imports from construct."""
    used = set(re.findall(r"\w+", " ".join(_construct(protocol, field) for field in protocol.fields)))
    used |= {"Const"} if protocol.magic else set()
    return [*(name for name in _CONSTRUCTS if name in used), "Struct"]


def framing_text(protocol: Protocol) -> str:
    """Return the framing as Python."""
    if protocol.summed:
        magic = f", magic={bytes_literal(protocol.magic)}" if protocol.magic else ""
        return f"HeaderLength({_lengths_end(protocol)}, message_size{magic})"
    arguments = [f"offset={protocol.offset(protocol.length)}", f"length={protocol.length.size}"]
    if protocol.adjustment:
        arguments.append(f"adjustment={protocol.adjustment}")
    if protocol.byte_order == "little":
        arguments.append('byte_order="little"')
    if protocol.magic and len(protocol.magic) <= protocol.length_end:
        arguments.append(f"magic={bytes_literal(protocol.magic)}")
    return f"LengthField({', '.join(arguments)})"


def message_size_lines(protocol: Protocol) -> list[str]:
    """Return the function that a `HeaderLength` calls; none if the framing is a `LengthField`."""
    if not protocol.summed:
        return []
    order = "" if protocol.byte_order == "big" else ', "little"'
    terms = [
        f"int.from_bytes(header[{protocol.offset(field)}:{protocol.offset(field) + field.size}]{order})"
        for field in protocol.lengths
    ]
    fixed = protocol.length_end + protocol.adjustment
    return [
        "def message_size(header: bytes) -> int:",
        '    """Return the bytes of the message that a header begins."""',
        f"    size = {fixed}",
        *(f"    size += {term}" for term in terms),
        "    return size",
    ]


def _lengths_end(protocol: Protocol) -> int:
    return max(len(protocol.magic), *(protocol.offset(field) + field.size for field in protocol.lengths))


def _construct(protocol: Protocol, field: Field) -> str:
    if not field.is_integer:
        return f"Bytes({field.size})"
    order = "b" if protocol.byte_order == "big" or field.size == 1 else "l"
    integer = f"Int{8 * field.size}u{order}"
    if field.constant is not None:
        return f"Const({number(field.constant)}, {integer})"
    if field == protocol.field("type"):
        return f"Enum({integer}, **KINDS)"
    if field == protocol.field("status"):
        return f"Enum({integer}, **STATUSES)"
    return integer
