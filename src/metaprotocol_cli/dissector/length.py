"""The length of a message as a sum of numbers in its header, which other languages can compute."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from metaprotocol_sdk import HeaderLength, LengthField, LongerHeader, ProtocolError

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Layout
    from metaprotocol_sdk.layout import LayoutField

_TRIALS = 200
_FEWEST = 20  # of these must be headers that the protocol does not refuse


class DissectorError(Exception):
    """A codec's messages cannot be described as data; the text is a sentence for a person."""


@frozen
class Term:
    """A number in the header that is added to the length.

    Args:
        offset: Bytes before it.
        size: Its own bytes.
        factor: The number it is multiplied by.
    """

    offset: int
    size: int
    factor: int = 1


@frozen
class LengthRule:
    """The length of a message.

    Args:
        header: Bytes of the header that tell it.
        base: The length if all terms are 0.
        terms: The numbers that are added to it.
        byte_order: The byte order of these.
    """

    header: int
    base: int
    terms: tuple[Term, ...]
    byte_order: Literal["big", "little"]


def length_rule(codec: Codec) -> LengthRule:
    """Return the rule for the length of a codec's messages.

    Raises:
        DissectorError: The codec finds the end of a message in a way that is not a sum of fields.
    """
    framing = codec.framing
    if isinstance(framing, LengthField):
        end = framing.offset + framing.length
        return LengthRule(end, end + framing.adjustment, (Term(framing.offset, framing.length),), framing.byte_order)
    if isinstance(framing, HeaderLength):
        return _sum_of_fields(codec, framing)
    raise DissectorError(
        f"the codec {codec.name} finds the end of a message with a scanner of its own ({type(framing).__name__}), "
        "which cannot be translated: a dissector needs a LengthField or a HeaderLength"
    )


def _sum_of_fields(codec: Codec, framing: HeaderLength) -> LengthRule:
    """Find the sum that a HeaderLength computes, by asking it; compare it with what it says of many other headers."""
    layout = codec.layout
    if layout is None:
        raise DissectorError(f"the codec {codec.name} has no layout, so it is unknown which fields its length adds up")
    order: Literal["big", "little"] = "little" if layout.byte_order == "little" else "big"
    fields = [
        field
        for field in layout.variables
        if field.is_integer and field.code.isupper() and field.offset + field.size <= framing.size
    ]
    chance = random.Random(0)  # noqa: S311 - the same headers each time
    for _ in range(_TRIALS):
        plain = _header(layout, framing, order)
        for field in fields:
            plain = _with(plain, field, chance.choice(sorted(field.names) or [0]), order)
        rule = _probe(framing, fields, order, plain)
        if rule is not None and _agrees(framing, rule, fields, plain, chance):
            return rule
    raise DissectorError(
        f"the length of a message of the codec {codec.name} is not a sum of its header's fields, so it cannot be "
        "translated"
    )


def _header(layout: Layout, framing: HeaderLength, order: Literal["big", "little"]) -> bytes:
    """Return a header of zeros but for the magic and the constants."""
    magic = framing.magic[0] if isinstance(framing.magic, tuple) else framing.magic
    header = bytearray(framing.size)
    for field in layout.fields:
        constant, end = field.constant, field.offset + field.size
        if constant is not None and end <= framing.size:
            header[field.offset : end] = (
                constant if isinstance(constant, bytes) else constant.to_bytes(field.size, order, signed=constant < 0)
            )
    header[: len(magic)] = magic
    return bytes(header)


def _probe(
    framing: HeaderLength, fields: list[LayoutField], order: Literal["big", "little"], plain: bytes
) -> LengthRule | None:
    """Return the sum that fits headers which differ from a plain one in a single field."""
    total = _total(framing, plain)
    if total is None:
        return None
    base, terms = total, []
    for field in fields:
        value = int.from_bytes(plain[field.offset : field.offset + field.size], order)
        step = 1 if value < (1 << 8 * field.size) - 1 else -1
        other = _total(framing, _with(plain, field, value + step, order))
        if other is not None and other != total:
            factor = step * (other - total)
            terms.append(Term(field.offset, field.size, factor))
            base -= value * factor
    return LengthRule(framing.size, base, tuple(terms), order) if terms else None


def _agrees(
    framing: HeaderLength, rule: LengthRule, fields: list[LayoutField], plain: bytes, chance: random.Random
) -> bool:
    """Return True if the sum is what the function says of many headers that the protocol does not refuse."""
    added = {term.offset for term in rule.terms}
    compared = 0
    for _ in range(_TRIALS):
        header = plain
        for field in fields:
            if field.offset in added or not chance.randrange(4):
                header = _with(header, field, chance.getrandbits(chance.randint(1, 8 * field.size)), rule.byte_order)
        total = _total(framing, header)
        if total is None:
            continue
        if total != rule.base + sum(
            term.factor * int.from_bytes(header[term.offset : term.offset + term.size], rule.byte_order)
            for term in rule.terms
        ):
            return False
        compared += 1
    return compared >= _FEWEST


def _with(header: bytes, field: LayoutField, value: int, order: Literal["big", "little"]) -> bytes:
    return header[: field.offset] + value.to_bytes(field.size, order) + header[field.offset + field.size :]


def _total(framing: HeaderLength, header: bytes) -> int | None:
    try:
        total = framing.total(header)
    except ProtocolError:
        return None
    return None if isinstance(total, LongerHeader) else total
