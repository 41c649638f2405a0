"""A changed message is one message that carries everything it was asked to; it refuses what it cannot carry."""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, EncodeError, Metadata, Mutation, UnsupportedMutation
from metaprotocol_sdk.testing._case import Violation, assume, assumed, shown
from metaprotocol_sdk.testing._outcome import difference, facts, outcome
from metaprotocol_sdk.testing._properties.mutation import (
    NEW_KEY,
    again,
    changed,
    changes,
    check_properties,
    lengthening,
    properties_of,
    read_changed,
    simple,
)
from metaprotocol_sdk.testing._property import Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

    Checksum = Callable[[bytes], int]

# Texts that have been lost, cut or mistaken by some codec.
AWKWARD_TEXTS = (
    "",
    " ",
    "a b",
    "=",
    ":",
    ",",
    ";",
    "\n",
    "\r\n",
    "a\nb: c",
    "\0",
    "a\0b",
    '"',
    "\\",
    "é",
    "世界",
    "😀",
    "\ud83d",
    "\ude00\ud83d",
    "\udcff",
    "\x7f\x80",
    "a" * 255,
    "a" * 256,
    "é" * 128,
    "a" * 4_096,
    "a" * 65_535,
    "a" * 65_536,
)
_ENOUGH = 3  # different messages that must agree: a chance of 1 in 2**24 for a checksum of one byte


def _sum(data: bytes, *, bits: int) -> int:
    return sum(data) & ((1 << bits) - 1)


def _xor(data: bytes) -> int:
    found = 0
    for byte in data:
        found ^= byte
    return found


# What protocols put at the end of a message: SOFA-Bolt a CRC-32, RocketMQ and RESP modules Adler-32, meters a sum.
_CHECKSUMS: dict[int, tuple[Checksum, ...]] = {
    4: (zlib.crc32, zlib.adler32, partial(_sum, bits=32)),
    2: (partial(_sum, bits=16),),
    1: (partial(_sum, bits=8), _xor),
}


@source()
def changes_and_ids(subject: Subject) -> Iterable[Case]:
    """Each valid message with each key of it changed and removed, and with new keys, together with an id."""
    for case in subject.samples:
        longer = () if subject.is_slow else lengthening()
        for mutation in (*simple(properties_of(subject, case)), *longer):
            for number in (0, 1, subject.codec.max_request_id):
                yield case.having(mutation=mutation, request_id=number)


def _fuzzed_texts(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    for text in AWKWARD_TEXTS:
        yield partial(case.having, mutation={NEW_KEY: text})
        yield partial(case.having, mutation={text: "1"})


@source(variants=_fuzzed_texts)
def awkward_changes(subject: Subject) -> Iterable[Case]:
    """Each valid message with awkward texts as keys and as values."""
    for case in subject.samples:
        known = list(properties_of(subject, case))[:3]
        for text in AWKWARD_TEXTS:
            for mutation in ({NEW_KEY: text}, {text: "1"}, *({key: text} for key in known)):
                yield case.having(mutation=mutation)


def check_one_message(subject: Subject, case: Case, encoded: bytes) -> None:
    """Check that the framing finds two messages in a message that comes twice.

    Raises:
        Violation: It doesn't.
    """
    twice = [encoded] if subject.keeps_state else [encoded, encoded]
    found = outcome(subject.connection(case), [b"".join(twice)], case.direction)
    if found.pieces != twice:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"the message of {len(encoded)} bytes, sent twice, was framed as {sizes}; {found.ending}")


@prove(
    "MP-MUTATION-009",
    Tier.CHANGE,
    changes_and_ids,
    title="A mutation and an id at once are the same as one after the other",
    why="A proxy changes headers and renumbers in the same call.",
    fix="Write the id into the message that the mutation has made.",
)
def goes_with_an_id(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    mutated = assumed(changed(codec, metadata, case.having(request_id=None)))
    both = assumed(changed(codec, metadata, case))
    after = changed(subject.connection(case), again(subject, case, mutated), case.having(mutation=None))
    if after != both:
        raise Violation(f"together they gave {shown(both)}, one after the other {shown(after)}")


@prove(
    "MP-MUTATION-010",
    Tier.CHANGE,
    changes,
    title="A changed message is framed as one message",
    why="A length that was not adjusted makes the peer read the next message in the middle.",
    fix="Compute every length field from what is written, not from what was read.",
)
def is_one_message(subject: Subject, case: Case) -> None:
    _, encoded = read_changed(subject, case)
    assume(encoded != case.data)
    check_one_message(subject, case, encoded)


@prove(
    "MP-MUTATION-011",
    Tier.CHANGE,
    changes,
    title="A change that a message cannot carry is refused with `UnsupportedMutation`",
    why="A proxy tells by the type of the error whether a rule asks for too much or the id does not fit.",
    fix="Raise `UnsupportedMutation`, not its base `EncodeError`, for what the mutation asks.",
)
def refuses_with_the_right_error(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    try:
        codec.encode(metadata, case.changes)
    except UnsupportedMutation:
        return
    except EncodeError as error:
        raise Violation(f"the change was refused with {type(error).__name__}: {error}") from error
    assume(False)


@prove(
    "MP-IDENTITY-003",
    Tier.CHANGE,
    changes,
    title="Encoding changes neither of its arguments, and does the same again",
    why="A retry or a mirror encodes the same metadata a second time, with the same mutation.",
    fix="Copy what is to be changed: `dict(metadata.properties)`, `dict(mutation)`.",
)
def leaves_its_arguments(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    mutation, before = case.changes, facts(metadata)
    first = _encoded(codec, metadata, mutation)
    if different := difference(before, facts(metadata)):
        raise Violation(f"encode changed its metadata: another {different}")
    if list(mutation.items()) != list(case.changes.items()):
        raise Violation(f"encode changed its mutation: {shown(mutation)}, not {shown(case.changes)}")
    second = _encoded(codec, metadata, mutation)
    if first != second:
        raise Violation(f"the second call returned {shown(second)}, the first one {shown(first)}")


def _encoded(codec: Codec, metadata: Metadata, mutation: Mutation) -> bytes | str:
    try:
        return codec.encode(metadata, mutation)
    except EncodeError as error:
        return type(error).__name__


@prove(
    "MP-TEXT-001",
    Tier.CHANGE,
    awkward_changes,
    title="Any text is carried as it is, or refused",
    why="A line feed, a NUL or one character too many in a value becomes a second header, cuts the value, or kills the "
    "worker; and values come from clients.",
    fix="Encode with `surrogateescape`, check the size against its length field, and raise `UnsupportedMutation` "
    "for what would be read back as something else.",
)
def is_carried_or_refused(subject: Subject, case: Case) -> None:
    _, encoded = read_changed(subject, case)
    check_properties(case, again(subject, case, encoded))
    check_one_message(subject, case, encoded)


def _recognised(subject: Subject) -> tuple[int, Checksum, bool] | None:
    """Return the size, the function and whether it is little-endian of the checksum that all good messages end with."""
    messages = {sample.data for sample in subject.samples}
    if len(messages) < _ENOUGH:
        return None
    return next(
        (
            (size, checksum, little)
            for size, little, checksum in _candidates()
            if all(_holds(message, size, checksum, little=little) for message in messages)
        ),
        None,
    )


def _candidates() -> Iterator[tuple[int, bool, Checksum]]:
    for size, checksums in _CHECKSUMS.items():
        for checksum in checksums:
            yield size, False, checksum
            yield size, True, checksum


def _holds(message: bytes, size: int, checksum: Checksum, *, little: bool) -> bool:
    if len(message) <= size:
        return False
    found = int.from_bytes(message[-size:], "little" if little else "big")
    return found == checksum(message[:-size])


@prove(
    "MP-MUTATION-012",
    Tier.CHANGE,
    changes_and_ids,
    title="A checksum at the end of a message is that of the changed message",
    why="The peer drops a message whose checksum is wrong, and the client waits for its timeout.",
    fix="Compute the checksum in encode, from the bytes that are written.",
)
def is_computed_again(subject: Subject, case: Case) -> None:
    size, checksum, little = assumed(_recognised(subject))
    _, encoded = read_changed(subject, case)
    assume(encoded != case.data)
    if not _holds(encoded, size, checksum, little=little):
        raise Violation(
            f"the good messages end with a checksum of {size} bytes, and the changed one does not: {shown(encoded)}"
        )
