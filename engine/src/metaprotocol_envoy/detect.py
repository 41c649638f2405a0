"""Tells by the first bytes of a connection whether they are of a codec's protocol."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, ProtocolError
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
