"""The fields of a header, as text: NAME:BYTES, then =VALUE for a constant, or a colon and a meaning."""

from __future__ import annotations

import keyword
import re
from typing import Self

from attrs import frozen

from metaprotocol_cli.new.problems import AnswersError

_FIELD = re.compile(
    r"\s*(?P<name>[^:=\s]*)\s*:\s*(?P<size>\w*)\s*(?:=\s*(?P<value>\w*)\s*)?(?::(?P<meaning>.*))?", re.DOTALL
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
_MEANING_SIZE = 80
_UNQUOTED = frozenset('"|\\')  # a meaning becomes a string in Python and a cell in Markdown
INTEGER_SIZES = (1, 2, 4, 8)


@frozen
class Field:
    """One field of a header.

    Args:
        name: Its name, an identifier in lower case.
        size: Its bytes. Fields of 1, 2, 4 and 8 bytes are unsigned integers.
        constant: The only value that it may have, or None.
        meaning: Its meaning, for the description of the protocol; "" if none was given.
        raw: True if it holds bytes even if its size is that of an integer.
    """

    name: str
    size: int
    constant: int | None = None
    meaning: str = ""
    raw: bool = False

    @property
    def is_integer(self) -> bool:
        """True if the field holds a number."""
        return not self.raw and self.size in INTEGER_SIZES

    @property
    def most(self) -> int:
        """The largest number that the field can hold."""
        return (1 << 8 * self.size) - 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "request_id:4: a response repeats it", "version:1=1" or "reserved:6".

        Raises:
            AnswersError: The text does not have this form.
        """
        match = _FIELD.fullmatch(text)
        if match is None or not re.fullmatch("[0-9]{1,9}", match["size"]):
            raise AnswersError(f"the field {text!r} is not NAME:BYTES, NAME:BYTES=VALUE or NAME:BYTES:MEANING")
        name, size, meaning = match["name"], int(match["size"]), (match["meaning"] or "").strip()
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise AnswersError(
                f"the field name {name!r} is not an identifier: lower-case letters, digits and underscores, a "
                "letter first, at most 24 characters, not a Python keyword"
            )
        if not 1 <= size <= 256:
            raise AnswersError(f"the field {name} has {size} bytes; a field has 1 to 256")
        if len(meaning) > _MEANING_SIZE or not meaning.isprintable() or not _UNQUOTED.isdisjoint(meaning):
            raise AnswersError(
                f"the meaning of the field {name} must be one line of at most {_MEANING_SIZE} characters, without "
                "double quotes, bars and backslashes"
            )
        constant = None if match["value"] is None else _number(name, match["value"])
        field = cls(name, size, constant, meaning)
        if constant is not None and not (field.is_integer and constant <= field.most):
            raise AnswersError(f"the field {name} of {size} bytes cannot hold the constant {constant}")
        return field


def parse_values(text: str) -> dict[str, int]:
    """Read "request=0, response=1" or "ok=0 failed=0xff"; "" has no values.

    Raises:
        AnswersError: The text does not have this form, or a name or a number comes twice.
    """
    values: dict[str, int] = {}
    for part in re.findall(r"[^,\s]+", text):
        name, equals, number = part.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise AnswersError(f"{part!r} is not NAME=NUMBER")
        value = _number(name, number)
        if name in values or value in values.values():
            raise AnswersError(f"{part!r} comes twice, its name or its number")
        values[name] = value
    return values


def _number(name: str, text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0:
        raise AnswersError(f"{name} is {text!r}, which is not a whole number (write 10 or 0x0a)")
    return value
