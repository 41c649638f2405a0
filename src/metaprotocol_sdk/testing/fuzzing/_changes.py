"""The ways in which one input becomes another, each a function of the input, other material and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk.testing._cases.hostile import BOUNDARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random


@frozen
class Material:
    """What may be put into an input.

    Args:
        other: Another input.
        tokens: Bytes that mean something in the protocol, at least one.
    """

    other: bytes
    tokens: Sequence[bytes]


def overwrite_byte(data: bytes, material: Material, random: Random) -> bytes:
    """Write any byte in any place."""
    return _written(data, bytes((random.randrange(256),)), random)


def flip_bit(data: bytes, material: Material, random: Random) -> bytes:
    """Flip one bit."""
    at = _place(data, random)
    return data[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def overwrite_number(data: bytes, material: Material, random: Random) -> bytes:
    """Write a number at the edge of a width in any place."""
    size = random.choice((1, 2, 4, 8))
    return _written(data, _number(random.choice(BOUNDARIES[size]), size, random), random)


def add_to_number(data: bytes, material: Material, random: Random) -> bytes:
    """Make a number a little larger or smaller."""
    at, size = _place(data, random), random.choice((1, 2, 4))
    number = int.from_bytes(data[at : at + size]) + random.randint(-16, 16)
    return data[:at] + (number % (1 << 8 * size)).to_bytes(size) + data[at + size :]


def overwrite_token(data: bytes, material: Material, random: Random) -> bytes:
    """Write a token in any place."""
    return _written(data, random.choice(material.tokens), random)


def insert_token(data: bytes, material: Material, random: Random) -> bytes:
    """Insert a token in any place."""
    at = _place(data, random)
    return data[:at] + random.choice(material.tokens) + data[at:]


def insert_bytes(data: bytes, material: Material, random: Random) -> bytes:
    """Insert any bytes in any place."""
    at = _place(data, random)
    return data[:at] + random.randbytes(random.choice((1, 1, 2, 4, 8, 16))) + data[at:]


def drop(data: bytes, material: Material, random: Random) -> bytes:
    """Leave out some bytes."""
    at = _place(data, random)
    return data[:at] + data[at + random.choice((1, 1, 2, 4, 8, 32)) :]


def repeat(data: bytes, material: Material, random: Random) -> bytes:
    """Repeat some bytes, perhaps many times."""
    at = _place(data, random)
    unit = data[at : at + random.choice((1, 2, 3, 4, 8, 16))]
    return data[:at] + unit * random.choice((2, 3, 8, 64, 300, 3_000)) + data[at + len(unit) :]


def cut_off(data: bytes, material: Material, random: Random) -> bytes:
    """Leave out the end."""
    return data[: _place(data, random)]


def splice(data: bytes, material: Material, random: Random) -> bytes:
    """Go on with the end of another input."""
    return data[: _place(data, random)] + material.other[_place(material.other, random) :]


def insert_part(data: bytes, material: Material, random: Random) -> bytes:
    """Insert a part of another input."""
    at, start = _place(data, random), _place(material.other, random)
    return data[:at] + material.other[start : start + random.choice((1, 2, 4, 8, 16, 64))] + data[at:]


CHANGES: tuple[Callable[[bytes, Material, Random], bytes], ...] = (
    overwrite_byte,
    overwrite_byte,  # twice as likely as the others
    flip_bit,
    overwrite_number,
    add_to_number,
    overwrite_token,
    insert_token,
    insert_bytes,
    drop,
    repeat,
    cut_off,
    splice,
    insert_part,
)


def _place(data: bytes, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _written(data: bytes, written: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + written + data[at + len(written) :]


def _number(number: int, size: int, random: Random) -> bytes:
    return number.to_bytes(size, "big" if random.random() < 0.5 else "little")
