"""One input of a property, in a form that can be pasted into a test."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from metaprotocol_sdk import Direction, Error, Mutation

if TYPE_CHECKING:
    from collections.abc import Mapping


def _frozen_mapping(value: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    return None if value is None else dict(value)


@frozen(repr=False)
class Case:
    """One input of a property. Its repr is the call that makes it.

    Args:
        data: One message, or some of a stream, as the property says.
        direction: Which way it travels.
        cuts: Where the stream is cut into pieces, or where the part begins and ends that the property is about; offsets
            in `data`, in ascending order.
        before: Messages that were on the connection before, for a codec that keeps state.
        request: The request that `data` answers.
        other: A message of another connection.
        mutation: What to change.
        request_id: The id to write.
        error: What to answer.
        keep: The first so many bytes of `data` are messages that must come out, whatever follows them.
        steps: What happened on some connections, for the properties that are about histories.
    """

    data: bytes = b""
    direction: Direction = Direction.TO_SERVER
    cuts: tuple[int, ...] = ()
    before: tuple[tuple[Direction, bytes], ...] = ()
    request: bytes | None = None
    other: bytes | None = None
    mutation: dict[str, str | None] | None = field(default=None, converter=_frozen_mapping)
    request_id: int | None = None
    error: Error | None = None
    keep: int = 0
    steps: tuple[tuple[str, int, int], ...] = ()

    @property
    def pieces(self) -> list[bytes]:
        """The data, cut."""
        edges = [0, *self.cuts, len(self.data)]
        return [self.data[start:end] for start, end in itertools.pairwise(edges)]

    @property
    def changes(self) -> Mutation:
        """The mutation, as codecs take it; a new one each time."""
        return Mutation(self.mutation or {})

    def having(self, **changes: Any) -> Case:
        """Return the case with some of it replaced."""
        return evolve(self, **changes)

    def __repr__(self) -> str:
        return f"Case({', '.join(self._arguments())})"

    def _arguments(self) -> list[str]:
        """Return the arguments of the call that makes it, as Python; what is left at its default is left out."""
        parts = [_bytes(self.data)]
        if self.direction is not Direction.TO_SERVER:
            parts.append(_direction(self.direction))
        if self.cuts:
            parts.append(f"cuts={_places(self.cuts)}")
        if self.before:
            before = ", ".join(f"({_direction(direction)}, {_bytes(data)})" for direction, data in self.before)
            parts.append(f"before=({before},)")
        if self.request is not None:
            parts.append(f"request={_bytes(self.request)}")
        if self.other is not None:
            parts.append(f"other={_bytes(self.other)}")
        if self.mutation is not None:
            changes = ", ".join(f"{_text(key)}: {_text(value)}" for key, value in self.mutation.items())
            parts.append(f"mutation={{{changes}}}")
        if self.request_id is not None:
            parts.append(f"request_id={self.request_id}")
        if self.error is not None:
            parts.append(f"error={_error(self.error)}")
        if self.keep:
            parts.append(f"keep={self.keep}")
        if self.steps:
            parts.append(f"steps={self.steps!r}")
        return parts


def _direction(direction: Direction) -> str:
    return f"Direction.{direction.name}"


def _bytes(data: bytes) -> str:
    """Return Python for some bytes: hex, and what repeats without repeating it."""
    if not data:
        return 'b""'
    if len(data) > 64:
        unit, count, start = _longest_run(data)
        if len(unit) * count > 48:
            end = start + len(unit) * count
            parts = [_bytes(data[:start])] if start else []
            parts.append(f'bytes.fromhex("{unit.hex()}") * {count}')
            parts += [_bytes(data[end:])] if end < len(data) else []
            return parts[0] if len(parts) == 1 else f'b"".join([{", ".join(parts)}])'
    return f'bytes.fromhex("{data.hex()}")'


def _places(places: tuple[int, ...]) -> str:
    """Return Python for some numbers; those in a row, between single bytes, are not told one by one."""
    if len(places) > 8 and places == tuple(range(places[0], places[-1] + 1)):
        return f"tuple(range({places[0]}, {places[-1] + 1}))"
    return repr(places)


def _longest_run(data: bytes) -> tuple[bytes, int, int]:
    """Return the run of a repeated unit of 1 to 16 bytes that covers most, how often it repeats, and where."""
    best = (data[:1], 1, 0)
    for width in range(1, 17):
        start = 0
        while start + 2 * width <= len(data):
            unit, end = data[start : start + width], start + width
            while data.startswith(unit, end):
                end += width
            count = (end - start) // width
            if count > 3 and count * width > best[1] * len(best[0]):
                best = (unit, count, start)
            start = end if count > 3 else start + 1
    return best


def _text(text: str | None) -> str:
    """Return Python for a text or None; one that repeats a character does not repeat it."""
    if text is not None and len(text) > 64 and text == text[0] * len(text):
        return f"{text[0]!r} * {len(text)}"
    return repr(text)


def _error(error: Error) -> str:
    parts = [f"ErrorType.{error.type.name}", _text(error.message)]
    if error.code is not None:
        parts.append(f"code={error.code}")
    return f"Error({', '.join(parts)})"
