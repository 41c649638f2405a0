"""Tells by the first bytes of a connection whether they are of a codec's protocol."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, HeaderLength, LengthField, ProtocolError
from metaprotocol_sdk.foreign import looks_like

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec

ENOUGH = 16
"""Bytes of a message that has begun well, after which it is taken for one."""


class Detection(IntEnum):
    """The verdict on a connection's first bytes, by the number that the C half knows."""

    FOREIGN = 0
    OURS = 1
    UNSURE = 2


def size_of(codec: Codec, head: bytes, direction: Direction) -> int:
    """Return how many bytes the message at least has that begins with some; 0 if nothing is known.

    The codec's decoder says the same of bytes that are not a message; here they are not known.

    Args:
        codec: Of the protocol.
        head: The first bytes of a message, of which not all need be there.
        direction: The way it travels.
    """
    framing = codec.framing
    if not isinstance(framing, (LengthField, HeaderLength)):
        return 0
    try:
        scanner = framing.scanner(direction, codec.limits)
        end = scanner.scan(head, 0)
        return end if end >= 0 else len(head) + scanner.needed
    except Exception:  # noqa: BLE001 - the decoder meets it again, and reports it
        return 0


def detect(codec: Codec, head: bytes) -> Detection:
    """Return whose protocol a connection's first bytes are.

    Args:
        codec: Of the expected protocol.
        head: All bytes that have come so far, at least one.
    """
    try:
        end = codec.framing.scanner(Direction.TO_SERVER, codec.limits).scan(head, 0)
        if end >= 0:
            codec.decode(head[:end], Direction.TO_SERVER)
            return Detection.OURS
    except ProtocolError:
        return Detection.FOREIGN
    name = looks_like(head)
    if name.startswith(("HTTP/", "TLS", "SSL")):
        return Detection.FOREIGN
    return Detection.OURS if len(head) >= ENOUGH else Detection.UNSURE
