"""A fixed header, declared once with construct and compiled to one `struct.Struct`.

construct is what protocol engineers in Python read, and it takes some 8 microseconds for a header that struct reads
in 0.1; its own `compile()` accepts short reads. So construct declares, and struct reads. From the same declaration
come the annotated dump, the docs' tables and the kit's strategies.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk._errors import DecodeError, EncodeError
from metaprotocol_sdk._span import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    import construct

    from metaprotocol_sdk.layout import LayoutField


class Layout:
    """A compiled header.

    Compiles fixed-width integers of 1, 2, 4 and 8 bytes, `Bytes(n)` and `Padding(n)`, and `Const`, `Enum`,
    `FlagsEnum` and `Hex` over them, all of one byte order. It refuses anything else by name.

    Args:
        declaration: A `construct.Struct` of named fields.

    Raises:
        TypeError: The declaration holds a construct that cannot be compiled; the message names it.
    """

    __slots__ = ("_constants", "_pack", "_unpack", "byte_order", "fields", "size", "variables")

    fields: tuple[LayoutField, ...]
    """The fields in their order."""
    variables: tuple[LayoutField, ...]
    """Those that hold a value: all but constants and padding."""
    size: int
    """Bytes of the header."""
    byte_order: str
    """ "big" or "little"."""

    def __init__(self, declaration: construct.Struct) -> None:
        from metaprotocol_sdk._layout_compiler import compile_fields  # imports construct

        self.fields, order = compile_fields(declaration)
        self.byte_order = "little" if order == "<" else "big"
        self.size = sum(field.size for field in self.fields)
        self.variables = tuple(field for field in self.fields if field.constant is None and field.code != "x")
        # Constants are compared as bytes and skipped by the struct; packing writes them.
        codes = [f"{field.size}x" if field not in self.variables else _code(field) for field in self.fields]
        self._unpack = struct.Struct(order + "".join(codes)).unpack_from
        self._pack = struct.Struct(order + "".join(_code(field) for field in self.fields)).pack
        self._constants = tuple(
            (field.offset, struct.pack(order + _code(field), field.constant), field)
            for field in self.fields
            if field.constant is not None
        )

    def unpack(self, message: bytes) -> tuple[Any, ...]:
        """Return the values of `variables`, in their order.

        Args:
            message: Bytes that begin with the header; the rest is ignored.

        Raises:
            DecodeError: The message is shorter than the header, or a constant field holds something else.
        """
        for offset, expected, field in self._constants:
            if not message.startswith(expected, offset):
                self._refuse(message, field, expected)
        try:
            return self._unpack(message)
        except struct.error:
            raise self._short(message) from None

    def parse(self, message: bytes) -> dict[str, int | bytes]:
        """Return all fields but padding by name, constants included.

        Raises:
            DecodeError: As for `unpack`.
        """
        values: dict[str, int | bytes] = {}
        variables = iter(self.unpack(message))
        for field in self.fields:
            if field.constant is not None:
                values[field.name] = field.constant
            elif field.code != "x":
                values[field.name] = next(variables)
        return values

    def build(self, values: Mapping[str, int | bytes] | None = None, /, **more: int | bytes) -> bytes:
        """Return a header; constants and padding need no value.

        Args:
            values: Values by field name.
            more: The same as keyword arguments.

        Raises:
            EncodeError: A value is missing, unknown, or does not fit its field.
        """
        given = {**(values or {}), **more}
        arguments: list[int | bytes] = []
        for field in self.fields:
            if field.code == "x":
                continue
            value = given.pop(field.name, field.constant)
            if value is None:
                raise EncodeError(f"the field {field.name} has no value")
            arguments.append(field.check(value))
        if given:
            raise EncodeError(f"there is no field {', '.join(map(repr, given))} in this header")
        return self._pack(*arguments)

    def spans(self, message: bytes) -> list[Span]:
        """Return the fields as spans; a field that the message cuts off ends with it."""
        spans: list[Span] = []
        order = "<" if self.byte_order == "little" else ">"
        for field in self.fields:
            end = min(field.offset + field.size, len(message))
            if field.offset >= end:
                break
            raw = message[field.offset : end]
            value, meaning = "", ""
            if len(raw) < field.size:
                meaning = f"cut off: {len(raw)} of {field.size} bytes"
            elif field.is_integer:
                number = struct.unpack(order + field.code, raw)[0]
                if number != field.constant:
                    value, meaning = str(number), field.meaning(number)
            spans.append(Span(field.offset, end, field.name, value, meaning))
        return spans

    def _refuse(self, message: bytes, field: LayoutField, expected: bytes) -> None:
        if len(message) < self.size:
            raise self._short(message)
        found = message[field.offset : field.offset + field.size]
        raise DecodeError(
            f"the field {field.name} holds {found.hex()}, not {expected.hex()}",
            offset=field.offset,
            field=field.name,
        )

    def _short(self, message: bytes) -> DecodeError:
        cut = next(field for field in self.fields if field.offset + field.size > len(message))
        return DecodeError(
            f"the message is {len(message)} bytes long, which is less than its {self.size}-byte header",
            offset=len(message),
            field=cut.name,
        )


def _code(field: LayoutField) -> str:
    return f"{field.size}{field.code}" if field.code in "sx" else field.code
