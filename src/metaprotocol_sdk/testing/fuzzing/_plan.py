"""Which properties an input is held to, and with what: a finite list for each, so that a saved input replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Direction, Error, ErrorType, MessageType
from metaprotocol_sdk.testing._cases.changes import AWKWARD_TEXTS, NEW_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random
    from typing import Any

    from metaprotocol_sdk import Codec, Metadata

    Check = tuple[str, dict[str, Any]]
    """The id of a property, and what the case has besides its message."""

_LONGEST = 2_000  # bytes within which a stream is cut at every place
_STEPPED = 0.3  # of the cuts are into equal pieces
_SIZES = (1, 2, 3, 4, 5, 7, 8, 16, 64, 1_000)  # of the pieces of a stream
_UNCHANGED = (
    "MP-MESSAGE-002",
    "MP-MESSAGE-003",
    "MP-MESSAGE-004",
    "MP-MESSAGE-005",
    "MP-IDENTITY-001",
    "MP-IDENTITY-002",
)
_UNREADABLE = ("MP-AFTERMATH-001", "MP-AFTERMATH-002", "MP-AFTERMATH-003", "MP-AFTERMATH-004")
DECODED, CUT, MEASURED = "MP-HOSTILE-001", "MP-STREAM-002", "MP-HOSTILE-005"
OF_STREAMS = frozenset((DECODED, CUT, MEASURED, *_UNREADABLE))
"""Properties of any bytes; the others are of one message, as the framing cuts it."""
_CHANGED = ("MP-MUTATION-001", "MP-MUTATION-002", "MP-MUTATION-005", "MP-MUTATION-010", "MP-IDENTITY-003")
_ADDED = ("MP-MUTATION-003", "MP-MUTATION-004", "MP-MUTATION-007")
_ANSWERED = ("MP-REPLY-001", "MP-REPLY-002", "MP-REPLY-003", "MP-REPLY-004", "MP-REPLY-008", "MP-REPLY-009")
_IDS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def cuts(size: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to cut a stream of so many bytes: in two at every place, and in equal pieces."""
    yield from ((at,) for at in _places(size))
    yield from (tuple(range(step, size, step)) for step in _steps(size))


def some_cut(size: int, random: Random) -> tuple[int, ...] | None:
    """Return one of these ways; None if there is none."""
    places, steps = _places(size), _steps(size)
    if steps and random.random() < _STEPPED:
        step = random.choice(steps)
        return tuple(range(step, size, step))
    return (random.choice(places),) if places else None


def aftermath(direction: Direction) -> tuple[str, ...]:
    """Return what must be true of messages that cannot be read."""
    return _UNREADABLE if direction is Direction.TO_SERVER else _UNREADABLE[:-1]


def checks_of(codec: Codec, metadata: Metadata, direction: Direction) -> Iterator[Check]:
    """Yield what must be true of a message that was read: as it is, renumbered, changed, and answered.

    Args:
        codec: The codec.
        metadata: What it read.
        direction: Which way the message travels. What goes to a client is answered only if it is a heartbeat: few
            protocols have calls in that direction, and where there are none an answer is refused.
    """
    for name in _UNCHANGED:
        yield name, {}
    most = codec.max_request_id
    for number in (*(number for number in _IDS if number < most), most):
        yield "MP-ID-001", {"request_id": number}
    for mutation in _mutations(metadata.properties):
        for name in _CHANGED:
            yield name, {"mutation": mutation}
    for value in ("", "1", "x" * 300):
        for name in _ADDED:
            yield name, {"mutation": {NEW_KEY: value}}
    for text in AWKWARD_TEXTS:
        yield "MP-TEXT-001", {"mutation": {NEW_KEY: text}}
        yield "MP-TEXT-001", {"mutation": {text: "1"}}
    if metadata.message_type is MessageType.HEARTBEAT:
        yield "MP-HEARTBEAT-001", {}
        yield "MP-HEARTBEAT-002", {}
    if direction is Direction.TO_CLIENT and metadata.message_type is not MessageType.HEARTBEAT:
        return
    for text in AWKWARD_TEXTS:
        yield "MP-REPLY-005", {"error": Error(ErrorType.UNSPECIFIED, text)}
    for reason in ErrorType:
        for name in _ANSWERED if metadata.expects_reply else _ANSWERED[:1]:
            yield name, {"error": Error(reason, "no host answers")}


def _places(size: int) -> range:
    return range(1, min(size, _LONGEST))


def _steps(size: int) -> list[int]:
    return [step for step in _SIZES if 1 < size / step < _LONGEST]


def _mutations(properties: dict[str, str]) -> Iterator[dict[str, str | None]]:
    yield {NEW_KEY: "1"}
    yield {NEW_KEY: None}
    for key, value in list(properties.items())[:20]:
        yield {key: f"{value}x"}
        yield {key: ""}
        yield {key: None, NEW_KEY: "2"}
    for key in ("a", "method", "service", "interface", "path", "status", "type"):
        yield {key: "1"}
