"""Ids under which requests leave for a server.

Clients share the connections to a server, and each chooses ids of its own. A server that sends an answer twice would
have the second copy taken for the answer to another client's request, if that has the same id. So every request leaves
under an id of the module's own, and its answer gets the client's id back.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from metaprotocol_sdk import Correlation, Mutation, StreamCodec

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Metadata


class UpstreamIds:
    """Ids that no other request has, nor had lately.

    They are random, so that nobody can have a server write the id of another client's request. Where a protocol has
    only few ids they are counted instead: each comes back when all the others have been used.

    Args:
        largest: The largest id that a message can hold.
        reserved: Ids that are never given.
    """

    LARGEST: ClassVar = 2**31 - 1  # some peers read ids as signed numbers, or as a double
    REMEMBERED: ClassVar = 4096  # at least half of them
    _AT_ONCE: ClassVar = 512

    def __init__(self, largest: int, reserved: frozenset[int]) -> None:
        self.secret = largest >= self.LARGEST
        self._reserved = reserved
        self._counted = [] if self.secret else [number for number in range(largest, 0, -1) if number not in reserved]
        self._stock: list[int] = []
        self._half = (min(self.REMEMBERED, len(self._counted)) if self._counted else self.REMEMBERED) // 2
        self._given: set[int] = set()
        self._given_before: set[int] = set()

    def __contains__(self, number: int) -> bool:
        """Return True if a request has left under the id lately."""
        return number in self._given or number in self._given_before

    def new(self, own: int) -> int:
        """Return an id, and remember it. Any thread may call this.

        Args:
            own: The request's own id, which is not returned: a codec that cannot write another must be found out.
        """
        while True:
            try:
                number = self._stock.pop()
            except IndexError:
                self._stock = self._more()
                continue
            if number != own and number not in self:
                break
        given = self._given
        given.add(number)
        if len(given) >= self._half:
            self._given_before, self._given = given, set()
        return number

    def _more(self) -> list[int]:
        if not self.secret:
            return self._counted[:]
        drawn = struct.unpack(f"={self._AT_ONCE}I", os.urandom(4 * self._AT_ONCE))
        numbers = (number & self.LARGEST for number in drawn)
        return [number for number in numbers if number and number not in self._reserved]


FEWEST = 255
"""With fewer ids than one byte holds, an id of the module's own would be another request's too soon."""


@cache  # of the process: listeners share the connections to a cluster
def _ids(largest: int, reserved: frozenset[int]) -> UpstreamIds | None:
    return UpstreamIds(largest, reserved) if largest - len(reserved) >= FEWEST else None


def request_ids(codec: Codec) -> UpstreamIds | None:
    """Return the ids for requests of a protocol; None if they must keep their own, or have none."""
    return _ids(codec.max_request_id, codec.reserved_ids) if codec.correlation is Correlation.ID else None


def stream_ids(codec: Codec) -> UpstreamIds | None:
    """Return the ids for streams of a protocol; None if they must keep their own."""
    return _ids(codec.max_stream_id, frozenset()) if isinstance(codec, StreamCodec) else None


def renumbered(codec: Codec, message: Metadata, mutation: Mutation, number: int | None) -> bytes:
    """Return a message with a mutation, under another id: that of its stream, if it is a message of one.

    Args:
        codec: Of the message's connection.
        message: The message.
        mutation: As for `Codec.encode`.
        number: The id; None keeps the message's own.

    Raises:
        EncodeError: The message cannot carry the mutation, or the id.
        TypeError: The codec has built something else than bytes.
    """
    if message.stream_id is not None and number is not None and isinstance(codec, StreamCodec):
        return as_bytes(codec.encode(message, mutation, None, number))
    return as_bytes(codec.encode(message, mutation, number))


def as_bytes(message: object) -> bytes:
    """Return what a codec has built.

    Raises:
        TypeError: It is not bytes; `bytes` itself would make 42 zeros of 42.
    """
    if not isinstance(message, bytes):
        raise TypeError(f"a codec builds bytes, not {message!r:.60}")
    return message
