"""Reads a construct declaration; the only module of the SDK that imports construct."""

from __future__ import annotations

from typing import Any

import construct
from construct import core

from metaprotocol_sdk._errors import EncodeError
from metaprotocol_sdk.layout import LayoutField

_REFUSAL = (
    "a Layout compiles integers of 1, 2, 4 and 8 bytes, Bytes(n), Padding(n), and Const, Enum, FlagsEnum and Hex "
    "over them"
)

# construct's Int32ub is a long, which struct also knows as an int.
_STRUCT_CODES = {code: code for code in "bBhHiIqQ"} | {"l": "i", "L": "I"}


class _Declaration:
    """The facts in the wrappers around one field's primitive, collected from the outside in."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.name = ""
        self.doc = ""
        self.constant: int | bytes | None = None
        self.names: dict[int, str] = {}
        self.flags: dict[int, str] = {}

    def label(self) -> str:
        return f"the field {self.name!r}" if self.name else f"field number {self.position + 1}"


def compile_fields(declaration: Any) -> tuple[tuple[LayoutField, ...], str]:
    """Return the fields of a `construct.Struct` and its byte order as a `struct` prefix.

    Raises:
        TypeError: It holds what cannot be compiled.
    """
    while isinstance(declaration, core.Renamed):
        declaration = declaration.subcon
    if not isinstance(declaration, construct.Struct):
        raise TypeError(f"a Layout takes a construct.Struct, not {_describe(declaration)}")
    fields: list[LayoutField] = []
    orders: dict[str, str] = {}
    offset = 0
    names = {subcon.name for subcon in declaration.subcons}
    for position, subcon in enumerate(declaration.subcons):
        about = _Declaration(position)
        code, size, order = _primitive(subcon, about)
        if code == "x" and not about.name:
            about.name = f"padding{position}"
            while about.name in names:
                about.name += "_"
        if not about.name:
            raise TypeError(f'{about.label()} of the Layout has no name: write "name" / {_describe(subcon)}')
        if any(field.name == about.name for field in fields):
            raise TypeError(f"the Layout has two fields named {about.name!r}")
        if order:
            orders.setdefault(order, about.name)
        _check_constant(about, size, code)
        fields.append(LayoutField(about.name, offset, size, code, about.constant, about.names, about.flags, about.doc))
        offset += size
    if not offset:
        raise TypeError("a Layout needs at least one field")
    if len(orders) > 1:
        raise TypeError(f"a Layout has one byte order; {orders['>']!r} is big endian and {orders['<']!r} little endian")
    return tuple(fields), next(iter(orders), ">")


def _primitive(subcon: Any, about: _Declaration) -> tuple[str, int, str]:
    """Unwrap a field to its primitive; return its struct code, size, and byte order or ""."""
    # One step for each wrapper that the author wrote: no wire data is involved.
    while True:
        match subcon:
            case core.Renamed():
                about.name = about.name or subcon.name or ""
                about.doc = about.doc or subcon.docs
            case core.Const() if isinstance(subcon.value, int | bytes):
                about.constant = subcon.value
            case core.Enum():
                about.names = {int(value): str(name) for value, name in subcon.decmapping.items()}
            case core.FlagsEnum():
                about.flags = {int(mask): str(name) for name, mask in subcon.flags.items()}
            case core.Hex():
                pass
            case core.FormatField() if subcon.fmtstr[1:] in _STRUCT_CODES:
                return _integer(subcon, about)
            case core.Bytes() if isinstance(subcon.length, int) and subcon.length > 0:
                return "s", subcon.length, ""
            case core.Padded() if (
                isinstance(subcon.length, int) and subcon.subcon is construct.Pass and subcon.pattern == b"\0"
            ):
                return "x", subcon.length, ""
            case _:
                raise TypeError(f"{about.label()} of the Layout is {_describe(subcon)}; {_REFUSAL}")
        subcon = subcon.subcon


def _check_constant(about: _Declaration, size: int, code: str) -> None:
    if about.constant is None:
        return
    try:
        LayoutField(about.name, 0, size, code).check(about.constant)
    except EncodeError as error:
        raise TypeError(f"{about.label()} of the Layout has a constant that it cannot hold: {error}") from None


def _integer(subcon: Any, about: _Declaration) -> tuple[str, int, str]:
    order, code = subcon.fmtstr[0], _STRUCT_CODES[subcon.fmtstr[1:]]
    if subcon.length == 1:
        return code, 1, ""
    if order not in "<>":
        raise TypeError(
            f"{about.label()} of the Layout has the byte order of the machine; say big or little endian "
            "(Int32ub, Int32ul)"
        )
    return code, subcon.length, order


def _describe(subcon: Any) -> str:
    """Name a construct as its author wrote it, as far as possible."""
    match subcon:
        case core.Renamed():
            return _describe(subcon.subcon)
        case core.BytesInteger():
            return f"a BytesInteger of {subcon.length} bytes (as Int24ub is)"
        case core.Padded() if subcon.pattern != b"\0":
            return f"padding with the pattern {subcon.pattern!r} instead of zeros"
        case core.Bytes():
            return "Bytes of a length that is not a fixed number"
        case core.FormatField():
            return f"a FormatField({subcon.fmtstr!r}), which is not an integer"
        case construct.Construct():
            return f"a construct.{type(subcon).__name__}"
        case _:
            return f"{subcon!r}, which is not a construct"
