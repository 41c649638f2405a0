"""Large counts, deep nesting and long errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import ProtocolError
from metaprotocol_sdk.testing._cases.hostile import large_counts, repeated, some_repeated
from metaprotocol_sdk.testing._catalogue import NOTHING, Level, Tier, prove
from metaprotocol_sdk.testing._subject import tried
from metaprotocol_sdk.testing._violation import Violation, escaped
from metaprotocol_sdk.testing._work.memory import peak_of

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._outcome import Outcome
    from metaprotocol_sdk.testing._subject import Subject

_KIB = 1024
_LONGEST_ERROR = 1_000


@prove(
    "MP-HOSTILE-005",
    Tier.HOSTILE,
    large_counts,
    title="Nothing is allocated by a number that the peer announces",
    why="Twenty bytes that announce two thousand million elements take all the memory of the machine.",
    fix="Append what was read, as it is read; check a count against the bytes that are left before using it.",
)
def allocates_what_is_there(subject: Subject, case: Case) -> None:
    found: list[Outcome | None] = []
    peak = peak_of(lambda: found.append(tried(subject, case)))
    messages = sum(len(outcome.messages) for outcome in found if outcome is not None)
    most = 256 * _KIB + 200 * len(case.data) + 2 * _KIB * messages
    if peak > most:
        raise Violation(f"{len(case.data)} bytes made the codec allocate {peak:,}; {most:,} would be a lot")


@prove(
    "MP-HOSTILE-006",
    Tier.HOSTILE,
    repeated,
    title="Values inside values, as deep as they fit, give messages or a ProtocolError",
    why="A megabyte of opening brackets ends a recursive reader: with a RecursionError that nobody catches, or "
    "with the process.",
    fix="Skip with a loop and a count of what is open; where something is built, raise `LimitExceeded` at `max_depth`.",
)
def does_not_recurse(subject: Subject, case: Case) -> None:
    codec = subject.connection(case)
    try:
        metadata = codec.decode(case.data, case.direction)
        codec.spans(metadata)
    except ProtocolError:
        pass
    except RecursionError as error:
        raise escaped(error, "decode or spans") from error


@prove(
    "MP-HOSTILE-007",
    Tier.HOSTILE,
    some_repeated,
    level=Level.RECOMMENDED,
    title="An error says what is wrong in a few words, whatever the size of the message",
    why="Errors go into logs. One that quotes the message fills a disk with what the peer chose, secrets included.",
    fix="Quote at most some dozen characters of what came off the wire: `value[:80]`.",
)
def keeps_errors_short(subject: Subject, case: Case) -> object:
    found = tried(subject, case)
    if found is None:
        return NOTHING
    errors = [metadata.error for metadata in found.messages] + [found.error]
    texts = [str(error) for error in errors if error is not None]
    if any(len(text) > _LONGEST_ERROR for text in texts):
        raise Violation(f"an error of {max(map(len, texts)):,} characters: {max(texts, key=len)[:100]}…")
    return None if texts else NOTHING
