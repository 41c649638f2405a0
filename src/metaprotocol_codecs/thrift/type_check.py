"""Holds the arguments of a call to the types that the interface definition has for them.

Servers take a field for what its type on the wire says, or skip it; but of a list, a set or a map the generated code of
most languages reads the items as the definition has them, whatever the wire says. So a message in which the two differ
can be another one for the server than for us.
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
    """A value whose inside is being looked through; the arguments are a struct without a name."""

    name: str
    kind: str
    fields: Mapping[int, Field]
    type: Type | None = None
    left: int = 0
    """How many values are to come of a list, a set or a map: each entry of a map has two."""
    number: int = 0
    """Of a struct, the id of the last field."""
    in_field: bool = False


def check_call(idl: Idl, protocol: Protocol, data: bytes, at: int, name: str, start: int, limits: Limits) -> bool:
    """Check that the definition has a method for a call; where several have its name, that the call fits all of them.

    Args:
        idl: The interface definition.
        protocol: What the call is written in.
        data: What holds it.
        at: Where in it the call begins.
        name: What it calls.
        start: Where its arguments begin.
        limits: Bounds for hostile bytes.

    Returns:
        True if the method is oneway; where several have the name, if all are.

    Raises:
        DecodeError: There is no such method, or the arguments are others.
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
    """Check every value in fields that the definition has. Others are stepped over, as servers do.

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
    """Go to the next field that holds values the definition knows; return None where the struct ends."""
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
    """Go to the next item of a list, a set or a map, and return its type; None where there are no more."""
    if not inside.left or inside.type is None:
        walker.end_items(inside.kind)
        return None
    inside.left -= 1
    walker.before_item(inside.kind, inside.left)
    return inside.type.key if inside.kind == "map" and inside.left % 2 else inside.type.item


def _open(walker: Walker, name: str, known: Type, stack: list[_Open]) -> _Open | None:
    """Begin a container; return None if nothing in it needs to be looked at, and then it is behind us."""
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
    """Return where in the arguments a value is: `order.lines[].price`."""
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
