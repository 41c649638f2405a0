"""The dissector's text, in the Lua of Wireshark 3.6 and later."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaprotocol_cli.dissector.length import LengthRule, Term
    from metaprotocol_sdk import Codec
    from metaprotocol_sdk.layout import LayoutField

_ID_NAMES = {"id", "request_id", "correlation_id", "sequence", "seq", "xid"}
_OWN_FIELDS = ("body", "stray")
# Numbers in Wireshark's Lua are doubles: names of larger values, and bits of larger fields, are left out.
_NAMED_SIZES = {1, 2, 4}

_HEAD = """\
-- A Wireshark dissector for {name}, written by `metaprotocol dissector {name}` (metaprotocol-sdk {version}).
-- Put it in the folder of personal Lua plugins (Help, About, Folders), or:
--   wireshark -X lua_script:{name}.lua
--   tshark -X lua_script:{name}.lua -d tcp.port==PORT,{name} -r FILE -V

local name = {quoted}
local free, protocol = pcall(Proto, name, name .. " (MetaProtocol SDK)")
if not free then -- Wireshark has a dissector of this name
    name = name .. "-mp"
    protocol = Proto(name, name .. " (MetaProtocol SDK)")
end
local fields = {{}}
"""

_CODE = """\

-- Return the length of the message at an offset, of which the header is there; nil if none begins there.
local function message_length(buffer, offset)
    local length = {length}
    if length < {header} or length > {maximum} then
        return nil
    end
    return length
end

-- Return true if bytes may begin a message, as far as they go.
local function may_begin(bytes)
    for _, magic in ipairs(magics) do
        local size = math.min(#magic, #bytes)
        if bytes:sub(1, size) == magic:sub(1, size) then
            return true
        end
    end
    return #magics == 0
end

-- Return the offset of the next magic after an offset, or the end of the buffer.
local function next_magic(buffer, offset)
    if offset + 1 == buffer:len() then
        return buffer:len()
    end
    local bytes = buffer:raw(offset + 1, buffer:len() - offset - 1)
    local nearest = buffer:len()
    for _, magic in ipairs(magics) do
        local found = bytes:find(magic, 1, true)
        if found and offset + found < nearest then
            nearest = offset + found
        end
    end
    return nearest
end

local function show(buffer, offset, size, pinfo, tree)
    local item = tree:add(protocol, buffer(offset, size))
    local info = {{}}
    local function add(field, at, width, name, is_id)
        if at + width > size then
            return nil
        end
        local value = buffer(offset + at, width)
        local shown = item:{add}(field, value)
        if is_id then
            table.insert(info, "id " .. tostring(value:{number64}()))
        elseif name and name[value:{number}()] then
            table.insert(info, name[value:{number}()])
        end
        return shown, value
    end
    local node, value
{fields}
    if size > {body} then
        item:add(fields.body, buffer(offset + {body}, size - {body}))
    end
    local text = table.concat(info, ", ")
    item:append_text(text ~= "" and (", " .. text) or "")
    pinfo.cols.info:append((text ~= "" and text or (size .. " bytes")) .. "; ")
end

function protocol.dissector(buffer, pinfo, tree)
    local size = buffer:len()
    local whole = size == buffer:reported_len() -- false: the capture cut this packet off
    local offset = 0
    pinfo.cols.protocol = {upper}
    pinfo.cols.info = ""
    while offset < size do
        local rest = size - offset
        local good = may_begin(buffer:raw(offset, math.min(rest, {longest})))
        if good and rest < {header} then
            if whole then
                pinfo.desegment_offset = offset
                pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
            end
            return size
        end
        local length = good and message_length(buffer, offset)
        if not length then
            local following = next_magic(buffer, offset)
            tree:add(fields.stray, buffer(offset, following - offset))
            pinfo.cols.info:append((following - offset) .. " bytes that do not begin a message; ")
            offset = following
        elseif length > rest and whole then
            pinfo.desegment_offset = offset
            pinfo.desegment_len = length - rest
            return size
        else
            show(buffer, offset, math.min(length, rest), pinfo, tree)
            offset = offset + length
        end
    end
    return size
end

local ports = DissectorTable.get("tcp.port")
ports:add_for_decode_as(protocol)
"""


def render(codec: Codec, rule: LengthRule, ports: Sequence[int]) -> str:
    """Return the dissector of a codec.

    Args:
        codec: The codec.
        rule: The length of its messages.
        ports: TCP ports to register it for.
    """
    name = codec.name
    layout = codec.layout
    declared = () if layout is None else layout.fields
    little = (rule.byte_order if layout is None else layout.byte_order) == "little"
    magic: bytes | tuple[bytes, ...] = getattr(codec.framing, "magic", b"")
    magics = [one for one in (magic if isinstance(magic, tuple) else (magic,)) if one]
    lines = [_HEAD.format(name=name, version=version("metaprotocol-sdk"), quoted=_quote(name)).rstrip()]
    for field in declared:
        lines += _declare(field)
    lines += [
        'fields.body = ProtoField.bytes(name .. ".body", "body")',
        'fields.stray = ProtoField.bytes(name .. ".stray", "bytes that do not begin a message")',
        "protocol.fields = fields",
        "",
        f"local magics = {{{', '.join(map(_quote_bytes, magics))}}}",
    ]
    lines += [f"local names_of_{_word(field.name)} = {_names(field)}" for field in declared if _has_names(field)]
    code = _CODE.format(
        length=_length(rule),
        header=rule.header,
        longest=max(map(len, magics), default=1),
        maximum=codec.limits.max_message_size,
        add="add_le" if little else "add",
        number="le_uint" if little else "uint",
        number64="le_uint64" if little else "uint64",
        fields="\n".join(line for field in declared for line in _show(field, little=little)),
        body=rule.header if layout is None else layout.size,
        upper=_quote(name.upper()),
    )
    return "\n".join(lines) + "\n" + code + "".join(f"ports:add({port}, protocol)\n" for port in ports)


def _length(rule: LengthRule) -> str:
    parts = [str(rule.base)]
    for term in rule.terms:
        factor = "" if term.factor == 1 else f" * {term.factor}"
        parts.append(f"{_number(term, little=rule.byte_order == 'little')}{factor}")
    return " + ".join(parts)


def _number(term: Term, *, little: bool) -> str:
    prefix = "le_" if little else ""
    read = f"{prefix}uint64():tonumber()" if term.size > 4 else f"{prefix}uint()"
    return f"buffer(offset + {term.offset}, {term.size}):{read}"


def _declare(field: LayoutField) -> Iterator[str]:
    """Yield the declarations of a field and of its flags."""
    abbreviation = _filter(field)
    title, text = _quote(field.name), _quote(field.doc)
    if not field.is_integer:
        yield f"fields.{_key(field)} = ProtoField.bytes({abbreviation}, {title}, base.SPACE, {text})"
        return
    kind = f"{'u' if field.code.isupper() else ''}int{8 * field.size}"
    base = "base.HEX" if field.flags or field.constant is not None else "base.DEC"
    names = _names(field) if _has_names(field) else "nil"
    yield f"fields.{_key(field)} = ProtoField.{kind}({abbreviation}, {title}, {base}, {names}, nil, {text})"
    for mask, flag in _flags(field):
        flag_name = f"{_filter(field)} .. {_quote('.' + _word(flag))}"
        yield (
            f"fields.{_key(field)}_{_word(flag)} = ProtoField.bool({flag_name}, {_quote(flag)}, {8 * field.size}, nil, "
            f"{mask:#x})"
        )


def _show(field: LayoutField, *, little: bool) -> Iterator[str]:
    """Yield the statements that show a field and its flags."""
    names = f"names_of_{_word(field.name)}" if _has_names(field) else "nil"
    is_id = "true" if field.is_integer and field.name in _ID_NAMES else "false"
    yield f"    node, value = add(fields.{_key(field)}, {field.offset}, {field.size}, {names}, {is_id})"
    if flags := list(_flags(field)):
        yield "    if node then"
        for _, flag in flags:
            yield f"        node:{'add_le' if little else 'add'}(fields.{_key(field)}_{_word(flag)}, value)"
        yield "    end"


def _flags(field: LayoutField) -> Iterator[tuple[int, str]]:
    """Yield the masks of a field that are single bits, and their names."""
    if field.size in _NAMED_SIZES:
        yield from ((mask, name) for mask, name in field.flags.items() if mask.bit_count() == 1)


def _has_names(field: LayoutField) -> bool:
    return bool(field.names) and field.size in _NAMED_SIZES


def _names(field: LayoutField) -> str:
    return "{" + ", ".join(f"[{value}] = {_quote(name)}" for value, name in field.names.items()) + "}"


def _key(field: LayoutField) -> str:
    """Return the name of a field's variable; it may be a word that Lua uses itself."""
    return f"f_{_word(field.name)}"


def _filter(field: LayoutField) -> str:
    """Return the expression for the name of a field in Wireshark's display filters."""
    word = _word(field.name)
    return f"name .. {_quote(('.header_' if word in _OWN_FIELDS else '.') + word)}"


def _word(text: str) -> str:
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _quote(text: str) -> str:
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else "".join(f"\\{byte:03d}" for byte in character.encode())


def _quote_bytes(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
