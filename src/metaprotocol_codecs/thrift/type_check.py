"""Compares the arguments of a call with the types in the interface definition.

Servers read a field by its type on the wire, or skip it; but the items of a list, a set or a map are read by the
generated code of most languages as the definition has them, whatever the wire says. So a message in which the two
differ can be another message for the server than for the codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from metaprotocol_codecs.thrift import refusals
from metaprotocol_codecs.thrift.names import split_name
from metaprotocol_codecs.thrift.protocols.walker import CONTAINERS, Walker
from metaprotocol_sdk import DecodeError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_codecs.thrift.idl import Field, Idl, Type
    from metaprotocol_codecs.thrift.protocols import Protocol
    from metaprotocol_sdk import Limits

_FIELD_IDS = range(-(1 << 15), 1 << 15)
_LONGEST_PATH = 8


@define
class _Open:
    """A container that is being checked; the arguments are a struct without a name."""

    name: str
    kind: str
    fields: Mapping[int, Field]
    type: Type | None = None
    left: int = 0
    """The number of values to come in a list, a set or a map; each entry of a map has two."""
    number: int = 0
    """The id of a struct's last field."""
    in_field: bool = False


def check_call(idl: Idl, protocol: Protocol, data: bytes, at: int, name: str, start: int, limits: Limits) -> bool:
    """Check that the definition has a method for a call; where several have its name, that the call fits all of them.

    Args:
        idl: The interface definition.
        protocol: The call's protocol.
        data: The bytes that hold it.
        at: The index at which the call begins.
        name: The name in it.
        start: The index at which its arguments begin.
        limits: Bounds for hostile bytes.

    Returns:
        True if the method is oneway; where several have the name, if all are.

    Raises:
        DecodeError: There is no such method, or an argument has another type.
        LimitExceeded: The arguments pass the limits.
    """
    methods = idl.candidates(*split_name(name))
    if not methods:
        raise refusals.unknown_method(name, at)
    protocol.message_end(data, at, start, limits)  # raises unless they are sound
    for method in methods:
        _check_types(protocol.walker(data, start, limits), method.arguments, limits)
    return all(method.oneway for method in methods)


def _check_types(walker: Walker, arguments: Mapping[int, Field], limits: Limits) -> None:
    """Check every value in fields that the definition has. Other fields are skipped, as by servers.

    Of an empty container the types of items mean nothing.
    """
    stack = [_Open("", "struct", arguments)]
    walker.begin_struct()
    while stack:
        inside = stack[-1]
        if inside.kind == "struct":
            field = _next_field(walker, stack)
            name, known = (field.name, field.type) if field else ("", None)
        else:
            name, known = "", _next_item(walker, inside)
        if known is None:
            stack.pop()
        elif known.kind not in CONTAINERS:
            walker.skip(known.kind)
        elif opened := _open(walker, name, known, stack):
            if len(stack) > limits.max_elements:
                most = limits.max_elements
                raise LimitExceeded("max_elements", most + 1, most, offset=walker.position, field=_path(stack))
            stack.append(opened)


def _next_field(walker: Walker, stack: list[_Open]) -> Field | None:
    """Go to the next field that the definition has and that holds other values; None at the struct's end."""
    inside = stack[-1]
    if inside.in_field:
        inside.in_field = False
        walker.end_field()
    fields = inside.fields
    while True:
        start = walker.position
        kind, number = walker.field(inside.number)
        if not kind:
            return None
        inside.number = number
        field = fields.get(number)
        if field is None:
            if number not in _FIELD_IDS:
                raise refusals.wide_field_id(number, start)
        elif kind != field.type.kind:
            raise _mismatch(_path(stack, field.name), kind, field.type, start)
        elif kind in CONTAINERS:
            inside.in_field = True
            return field
        walker.skip(kind)
        walker.end_field()


def _next_item(walker: Walker, inside: _Open) -> Type | None:
    """Go to the next item of a list, a set or a map, and return its type; None at the end."""
    if not inside.left or inside.type is None:
        walker.end_items(inside.kind)
        return None
    inside.left -= 1
    walker.before_item(inside.kind, inside.left)
    return inside.type.key if inside.kind == "map" and inside.left % 2 else inside.type.item


def _open(walker: Walker, name: str, known: Type, stack: list[_Open]) -> _Open | None:
    """Begin a container, or skip it and return None if nothing in it needs a check."""
    if known.kind == "struct":
        walker.begin_struct()
        return _Open(name, known.kind, known.fields)
    start = walker.position
    items = walker.items(known.kind)
    if items.count:
        for kind, part, what in ((items.key, known.key, "the keys of "), (items.item, known.item, "the items of ")):
            if part is not None and kind != part.kind:
                raise _mismatch(_path(stack, name), kind, part, start, what)
    if items.key not in CONTAINERS and items.item not in CONTAINERS:
        walker.skip_scalars(known.kind, items, start)
        return None
    return _Open(name, known.kind, {}, known, items.count * 2 if known.kind == "map" else items.count)


def _path(stack: list[_Open], name: str = "") -> str:
    """Return the path to a value in the arguments: `order.lines[].price`."""
    inside = [above.kind == "struct" for above in stack]
    names = [*(opened.name for opened in stack[1:]), name]
    parts = ["." + name if in_struct else "[]" for in_struct, name in zip(inside, names, strict=True)]
    return "".join(parts if len(parts) <= _LONGEST_PATH else [*parts[:_LONGEST_PATH], "…"]).removeprefix(".")


def _mismatch(path: str, wire: str, known: Type, offset: int, what: str = "") -> DecodeError:
    verb = "are" if what else "is"
    return DecodeError(
        f"{what}{path} {verb} {wire} on the wire, and {known.name} in the interface definition",
        offset=offset,
        field=path,
    )
