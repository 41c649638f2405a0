"""The framing of a codec: it cuts streams, and gives a message of another size its length, whatever the protocol."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, NamedTuple

from metaprotocol_sdk import LengthField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk import Codec, Direction

_FURTHEST = 64  # bytes at the beginning of a message that are searched for a length field
_FILLERS = (b"0", b"a", b" ", b"\0")


def is_one_message(codec: Codec, data: bytes, direction: Direction) -> bool:
    """Return True if the framing finds the end of a message exactly at the end of the data."""
    try:
        return 0 < len(data) == codec.framing.scanner(direction, codec.limits).scan(data, 0)
    except Exception:  # noqa: BLE001 - the properties of framing say which exceptions are allowed
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
        """Return `changed` with its length field set to its size, or None if that is not possible.

        Args:
            original: A message.
            changed: The same with bytes added, changed or removed after its length field.
            direction: The direction in which it travels.
        """
        field = self._field(original, direction)
        if field is None or len(changed) < field.offset + field.size:
            return changed if self._is_one(changed, direction) else None
        added = len(changed) - len(original)
        resized = _with_added(changed, field, added)
        return resized if resized is not None and self._is_one(resized, direction) else None

    def room(self, original: bytes, wanted: int, direction: Direction) -> int:
        """Return the number of bytes that can be added to a message, as its length field and the limits allow.

        Args:
            original: A message.
            wanted: The number that is asked for, which is the most that is returned.
            direction: The direction in which it travels.
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

        # The size of the field would tell less: the bytes that were found may begin with some of another field.
        return bisect_left(range(1, wanted + 1), True, key=is_too_long) if is_too_long(wanted) else wanted

    def are_told_by_header(self, message: bytes, header_size: int, direction: Direction) -> bool:
        """Return True if the header alone tells where a message ends: any body of that size is framed like its own."""
        head, size = message[:header_size], len(message) - header_size
        return header_size > 0 and all(self._is_one(head + byte * size, direction) for byte in (b"\0", b"\xff"))

    def grown(self, original: bytes, size: int, direction: Direction) -> bytes | None:
        """Return a message of about this size whose end the framing finds, or None if that is not possible.

        Only the framing of the message is sound, not its contents.

        Args:
            original: A message.
            size: The size in bytes.
            direction: The direction in which it travels.
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
        return is_one_message(self._codec, data, direction)

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
        """Yield the candidates for the length field: the one that the framing declares, then any place."""
        framing = self._codec.framing
        if isinstance(framing, LengthField):
            yield _Field(framing.offset, framing.length, framing.byte_order)
        yield from _anywhere(message)

    def _is_length(self, message: bytes, field: _Field, direction: Direction) -> bool:
        # With the true length field one more byte is missing when the number grows by one, and completes the message.
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
