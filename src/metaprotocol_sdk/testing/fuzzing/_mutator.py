"""Inputs for fuzzing: the first ones, and the ways in which one input becomes another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing._frames import Frames, is_one_message
from metaprotocol_sdk.testing._properties.hostile import BOUNDARIES, boundaries, noise, repeated, shortened
from metaprotocol_sdk.testing._property import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from metaprotocol_sdk import Codec
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

MOST = 4 * 1024
"""The most bytes of an input."""

_REPAIRED = 0.6  # of the inputs get a true length, without which little after the header is ever read
_FOLLOWED = 0.1  # of the inputs get another one after them
_RENEWED = 1_000  # inputs after which the known length fields are forgotten, so that they do not take ever more memory
_LONGEST_TOKEN = 16
_TOKENS = 500


@frozen
class Material:
    """The parts that may be put into an input.

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


class Mutator:
    """Changes inputs at random.

    Args:
        codec: The codec, whose framing decides if a length is true.
        tokens: Bytes that mean something in the protocol.
    """

    def __init__(self, codec: Codec, tokens: Sequence[bytes]) -> None:
        self._codec = codec
        self._tokens = tokens or (b"\0",)
        self._frames = Frames(codec)
        self._made = 0

    def mutated(self, data: bytes, other: bytes, random: Random) -> bytes:
        """Return a changed form of an input.

        Args:
            data: The input.
            other: Another input, to take parts of.
            random: The source of chance.
        """
        material = Material(other, self._tokens)
        changed = data
        for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
            changed = random.choice(CHANGES)(changed, material, random)
        if random.random() < _REPAIRED:
            changed = self.repaired(data, changed)
        if random.random() < _FOLLOWED:
            changed += other
        return changed[:MOST]

    def repaired(self, original: bytes, changed: bytes) -> bytes:
        """Return the changed bytes with their length made true, if the original was one message."""
        self._made += 1
        if not self._made % _RENEWED:
            self._frames = Frames(self._codec)
        for direction in Direction:
            if is_one_message(self._codec, original, direction):
                return self._frames.resized(original, changed, direction) or changed
        return changed


def fuzz_seeds(subject: Subject) -> list[bytes]:
    """Return the codec's valid messages, and some of the kit's hostile ones made of them.

    Args:
        subject: The codec under test.
    """
    found = dict.fromkeys(_stream(case) for case in subject.samples)
    for source in (noise, shortened, boundaries, repeated):
        found |= dict.fromkeys(case.data[:MOST] for case in chosen(source, subject))
    return list(found)


def tokens(subject: Subject) -> list[bytes]:
    """Return bytes that mean something in the protocol: the short fields of its valid messages.

    Args:
        subject: The codec under test.
    """
    found = dict.fromkeys(_fields(subject))
    return list(found)[:_TOKENS]


def _fields(subject: Subject) -> Iterator[bytes]:
    for case in subject.samples:
        codec, metadata = subject.receive(case)
        if metadata is None:
            continue
        try:
            spans = codec.spans(metadata)
        except Exception:  # noqa: BLE001, S112 - a property of its own reports it
            continue
        for span in spans:
            if span.end - span.start <= _LONGEST_TOKEN:
                yield case.data[span.start : span.end]


def _stream(case: Case) -> bytes:
    """Return a message after those that it needs before it."""
    return b"".join(data for direction, data in case.before if direction is case.direction) + case.data
