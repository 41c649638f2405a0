"""What the framing makes of some bytes, if it does not fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Direction


def is_one_message(codec: Codec, data: bytes, direction: Direction) -> bool:
    """Return whether the framing finds the end of a message just at the end of the data."""
    try:
        return 0 < len(data) == codec.framing.scanner(direction, codec.limits).scan(data, 0)
    except Exception:  # noqa: BLE001 - what it may raise is for a trial to say
        return False


def messages_in(codec: Codec, data: bytes, direction: Direction) -> list[bytes]:
    """Return the messages of a stream, as far as the framing cuts it."""
    found: list[bytes] = []
    start = 0
    try:
        scanner = codec.framing.scanner(direction, codec.limits)
        while start < len(data):
            end = scanner.scan(data, start)
            if not start < end <= len(data):
                break
            found.append(data[start:end])
            start = end
    except Exception:  # noqa: BLE001, S110 - as above
        pass
    return found
