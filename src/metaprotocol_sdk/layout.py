"""The fields of a `Layout`, for programs that show or generate headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, frozen

from metaprotocol_sdk._errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTEGERS = frozenset("bBhHiIqQ")


@frozen
class LayoutField:
    """One field of a `Layout`.

    Args:
        name: The field's name.
        offset: Bytes before it.
        size: Its own bytes.
        code: Its `struct` code: one of "bBhHiIqQ" for an integer, "s" for bytes, "x" for padding.
        constant: The only value it may have, or None.
        names: Names of its values, by value.
        flags: Names of its bits, by mask.
        doc: The text in its declaration.
    """

    name: str
    offset: int
    size: int
    code: str
    constant: int | bytes | None = None
    names: Mapping[int, str] = Factory(dict)
    flags: Mapping[int, str] = Factory(dict)
    doc: str = ""

    @property
    def is_integer(self) -> bool:
        """True if the field holds a number."""
        return self.code in _INTEGERS

    def meaning(self, value: object) -> str:
        """Return the name of a value of this field, or ""."""
        if isinstance(value, int):
            if self.flags:
                return " ".join(name for mask, name in self.flags.items() if value & mask == mask)
            return self.names.get(value, "")
        return ""

    def check(self, value: object) -> int | bytes:
        """Return the value if the field can hold it.

        Raises:
            EncodeError: The field cannot hold it.
        """
        if self.constant is not None and value != self.constant:
            raise EncodeError(f"the field {self.name} is always {self.constant!r}, not {value!r}")
        if self.code == "s":
            if not isinstance(value, bytes) or len(value) != self.size:
                raise EncodeError(f"the field {self.name} takes {self.size} bytes, not {value!r}")
            return value
        signed = self.code.islower()
        bits = 8 * self.size - signed
        low, high = (-(1 << bits) if signed else 0), (1 << bits) - 1
        if not isinstance(value, int) or not low <= value <= high:
            raise EncodeError(f"the field {self.name} takes a whole number from {low} to {high}, not {value!r}")
        return value
