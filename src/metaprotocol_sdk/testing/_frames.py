"""Writes the length of a message whose size has changed, without knowing the protocol."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, NamedTuple

from metaprotocol_sdk import LengthField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk import Codec, Direction

_FURTHEST = 64  # bytes in which a length field is looked for
_FILLERS = (b"0", b"a", b" ", b"\0")


class _Field(NamedTuple):
    offset: int
    size: int
    byte_order: Literal["big", "little"]


class Frames:
    """Finds a codec's length field by changing headers and asking its framing, and changes sizes with it.

    Args:
        codec: The codec.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._known: dict[tuple[Direction, bytes], _Field | None] = {}
        self._last: _Field | None = None
        self._rooms: dict[tuple[Direction, bytes, int, int], int] = {}

    def resized(self, original: bytes, changed: bytes, direction: Direction) -> bytes | None:
        """Return `changed` with its length field set to its size, or None if that can't be.

        Args:
            original: A message.
            changed: The same with bytes added, changed or removed behind its length field.
            direction: Which way it travels.
        """
        field = self._field(original, direction)
        if field is None or len(changed) < field.offset + field.size:
            return changed if self._is_one(changed, direction) else None
        added = len(changed) - len(original)
        resized = _with_added(changed, field, added)
        return resized if resized is not None and self._is_one(resized, direction) else None

    def room(self, original: bytes, wanted: int, direction: Direction) -> int:
        """Return by how many bytes a message can become longer: as its length field and the limits allow.

        Args:
            original: A message.
            wanted: The most that is asked for, in bytes.
            direction: Which way it travels.
        """
        wanted = max(min(wanted, self._codec.limits.max_message_size - len(original)), 0)
        if self._field(original, direction) is None:
            return wanted
        key = (direction, original[:_FURTHEST], len(original), wanted)
        if key not in self._rooms:
            self._rooms[key] = self._most_added(original, wanted, direction)
        return self._rooms[key]

    def _most_added(self, original: bytes, wanted: int, direction: Direction) -> int:
        def is_too_long(size: int) -> bool:
            return self.resized(original, original + bytes(size), direction) is None

        # Not from the field's size: what was found may begin with bytes of another field.
        return bisect_left(range(1, wanted + 1), True, key=is_too_long) if is_too_long(wanted) else wanted

    def are_told_by_header(self, message: bytes, header_size: int, direction: Direction) -> bool:
        """Whether the end of a message is told by its header, so that any body of its size is framed as it is."""
        head, size = message[:header_size], len(message) - header_size
        return header_size > 0 and all(self._is_one(head + byte * size, direction) for byte in (b"\0", b"\xff"))

    def grown(self, original: bytes, size: int, direction: Direction) -> bytes | None:
        """Return a message of about so many bytes whose end the framing finds, or None if it can't be.

        Nothing but its framing need be sound.
        """
        added = max(size - len(original), 0)
        at_end = self.resized(original, original + bytes(added), direction)
        if at_end is not None:
            return at_end
        for at in range(1, min(len(original), _FURTHEST)):
            for filler in _FILLERS:
                stretched = original[:at] + filler * added + original[at:]
                if self._is_one(stretched, direction):
                    return stretched
        return None

    def _is_one(self, data: bytes, direction: Direction) -> bool:
        """Whether the framing finds the end of a message just at the end of the data."""
        if not data:
            return False
        try:
            return self._codec.framing.scanner(direction, self._codec.limits).scan(data, 0) == len(data)
        except Exception:  # noqa: BLE001 - whether it may be raised is for the properties to say
            return False

    def _field(self, message: bytes, direction: Direction) -> _Field | None:
        key = (direction, message[:_FURTHEST])
        if key not in self._known:
            if self._last is not None and self._is_length(message, self._last, direction):
                self._known[key] = self._last
            else:
                fields = (field for field in self._fields(message) if self._is_length(message, field, direction))
                self._known[key] = next(fields, None)
            self._last = self._known[key] or self._last
        return self._known[key]

    def _fields(self, message: bytes) -> Iterator[_Field]:
        """Yield what may be the length: what the framing declares, else any place."""
        framing = self._codec.framing
        if isinstance(framing, LengthField):
            yield _Field(framing.offset, framing.length, framing.byte_order)
        yield from _anywhere(message)

    def _is_length(self, message: bytes, field: _Field, direction: Direction) -> bool:
        longer = _with_added(message, field, 1)
        return longer is not None and self._is_one(longer + b"\0", direction) and not self._is_one(longer, direction)


def _anywhere(message: bytes) -> Iterator[_Field]:
    for size in (4, 2, 3, 8, 1):
        for offset in range(min(len(message), _FURTHEST) - size + 1):
            yield _Field(offset, size, "big")
            yield _Field(offset, size, "little")


def _with_added(message: bytes, field: _Field, added: int) -> bytes | None:
    end = field.offset + field.size
    value = int.from_bytes(message[field.offset : end], field.byte_order) + added
    if not 0 <= value < 1 << 8 * field.size or end > len(message):
        return None
    return message[: field.offset] + value.to_bytes(field.size, field.byte_order) + message[end:]
