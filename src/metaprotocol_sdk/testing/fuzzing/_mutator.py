"""Makes new inputs of known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing._frames import Frames
from metaprotocol_sdk.testing.fuzzing._changes import CHANGES, Material
from metaprotocol_sdk.testing.fuzzing._framed import is_one_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from metaprotocol_sdk import Codec

MOST = 4 * 1024
"""Bytes of an input at most."""

_REPAIRED = 0.6  # of the inputs get a length that is right, without which little behind the header is ever read
_FOLLOWED = 0.1  # of the inputs get another one behind them
_RENEWED = 1_000  # inputs after which what is known of lengths is forgotten, so that it does not grow


class Mutator:
    """Changes inputs at random.

    Args:
        codec: The codec, whose framing says whether a length is right.
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
            random: Where chance comes from.
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
        """Return the changed bytes with their length set right, if the original was one message."""
        self._made += 1
        if not self._made % _RENEWED:
            self._frames = Frames(self._codec)
        for direction in Direction:
            if is_one_message(self._codec, original, direction):
                return self._frames.resized(original, changed, direction) or changed
        return changed
