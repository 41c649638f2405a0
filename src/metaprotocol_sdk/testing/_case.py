"""One input of a property, and the two ways in which a check can end early: a violation, or nothing to say."""

from __future__ import annotations

import itertools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, field, frozen

from metaprotocol_sdk import Direction, Error, Mutation

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

# Everything that a codec may raise by mistake. An exception that ends the process would end the check, too.
ANYTHING = (Exception, SystemExit)


def _frozen_mapping(value: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    return None if value is None else dict(value)


@frozen(repr=False)
class Case:
    """One input of a property. Its repr is the call that makes it.

    Args:
        data: One message, or a part of a stream, as the property says.
        direction: The direction in which it travels.
        cuts: The offsets in `data`, in ascending order, at which the stream is cut into pieces, or at which the part
            begins and ends that the property is about.
        before: The messages that were on the connection before, for a codec that keeps state.
        request: The request that `data` answers.
        other: A message of another connection.
        mutation: The changes to make.
        request_id: The id to write.
        error: The error to answer with.
        keep: The number of bytes at the beginning of `data` that are messages which must come out, whatever follows.
        steps: The history of some connections: of each step its name, the connection, and a message or a number of
            bytes.
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
        """The data, cut into pieces."""
        edges = [0, *self.cuts, len(self.data)]
        return [self.data[start:end] for start, end in itertools.pairwise(edges)]

    @property
    def changes(self) -> Mutation:
        """The mutation as codecs take it; a new object each time."""
        return Mutation(self.mutation or {})

    def having(self, **changes: Any) -> Case:
        """Return the case with some fields replaced."""
        return evolve(self, **changes)

    def __repr__(self) -> str:
        return f"Case({', '.join(self._arguments())})"

    def _arguments(self) -> list[str]:
        """Return the arguments of the call that makes it, as Python, without those that have their default."""
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


class Violation(AssertionError):
    """A property does not hold.

    Args:
        diagnosis: The facts that were seen and expected, in one line.
        case: A clearer case than the one that was checked, or None.
    """

    def __init__(self, diagnosis: str, case: Case | None = None) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.case = case


class Unsatisfied(BaseException):
    """A case says nothing about its property. No codec and no check catches this; the runner counts it."""


def assume(condition: object) -> None:
    """End the check here unless a condition is true: the case says nothing about the property.

    Raises:
        Unsatisfied: The condition is false.
    """
    if not condition:
        raise Unsatisfied


def assumed(value: T | None) -> T:
    """Return a value, or end the check if there is none: the case says nothing about the property.

    Raises:
        Unsatisfied: The value is None.
    """
    if value is None:
        raise Unsatisfied
    return value


def shown(value: object, most: int = 200) -> str:
    """Return the repr of a value, shortened."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def escaped(error: BaseException, what: str = "", case: Case | None = None) -> Violation:
    """Make a violation of an exception that must not leave a codec.

    Args:
        error: The exception.
        what: The name of the function that raised it; by default the innermost one.
        case: The case that led to it.
    """
    said = str(error).partition("\n")[0]
    place = _place(error)
    text = f"{what or (place and place[0]) or 'the codec'} raised {type(error).__name__}"
    text += f": {said[:200]}" if said else ""
    violation = Violation(text + (f" ({place[1]})" if place else ""), case)
    violation.__cause__ = error
    return violation


def _place(error: BaseException) -> tuple[str, str] | None:
    """Return the innermost function that an exception came from, and its file and line."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return None
    frame, line = frames[-1]
    code = frame.f_code
    return code.co_qualname, f"{Path(code.co_filename).name}:{line}"


def _direction(direction: Direction) -> str:
    return f"Direction.{direction.name}"


def _bytes(data: bytes) -> str:
    """Return Python for some bytes: in hex, and a long run of one unit as a product."""
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
    """Return Python for some offsets; many that follow each other are a range."""
    if len(places) > 8 and places == tuple(range(places[0], places[-1] + 1)):
        return f"tuple(range({places[0]}, {places[-1] + 1}))"
    return repr(places)


def _longest_run(data: bytes) -> tuple[bytes, int, int]:
    """Return the unit of 1 to 16 bytes whose repetition covers most, its number of repetitions, and its offset."""
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
    """Return Python for a text or None; one long run of a character is a product."""
    if text is not None and len(text) > 64 and text == text[0] * len(text):
        return f"{text[0]!r} * {len(text)}"
    return repr(text)


def _error(error: Error) -> str:
    parts = [f"ErrorType.{error.type.name}", _text(error.message)]
    if error.code is not None:
        parts.append(f"code={error.code}")
    return f"Error({', '.join(parts)})"
