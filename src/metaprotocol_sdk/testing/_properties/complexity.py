"""The work of reading, changing and answering a message is in proportion to its size."""

from __future__ import annotations

import contextlib
import time
from functools import cache, partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Direction, Error, ErrorType, MessageType, Metadata, Mutation
from metaprotocol_sdk.testing._case import assume
from metaprotocol_sdk.testing._growth import check_counted, check_timed
from metaprotocol_sdk.testing._outcome import ANSWERS, decoded
from metaprotocol_sdk.testing._properties.hostile import windows, with_repeated
from metaprotocol_sdk.testing._property import Source, Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._growth import WorkOfSize
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

_MIB, _LITTLE = 1 << 20, 1 << 14
_KEYS, _SOME_KEYS, _MANY_KEYS = 1_024, 16_384, 65_536
_LONG = 0.3  # processor seconds for a count, of which most must have passed inside calls


def _windows(subject: Subject) -> Iterable[Later]:
    """Yield each message with the part that is to be repeated between `cuts`."""
    for case in subject.brief:
        for at, size in windows(case):
            yield partial(case.having, cuts=(at, at + size), request=None)


repeated_parts = Source(_windows, weight=40)
few_repeated_parts = Source(_windows, weight=100)


@source()
def whole_messages(subject: Subject) -> Iterable[Case]:
    """A valid message of middling length of each direction."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction]
        yield from there[len(there) // 2 :][:1]


@source()
def of_each_type(subject: Subject) -> Iterable[Case]:
    """The shortest valid message of each type in each direction."""
    found: dict[tuple[Direction, MessageType], Case] = {}
    for case in subject.samples:
        metadata = subject.receive(case)[1]
        if metadata is not None:
            found.setdefault((case.direction, metadata.message_type), case)
    yield from found.values()


@source()
def with_headers(subject: Subject) -> Iterable[Case]:
    """The same, of the messages that take new keys."""
    for direction in Direction:
        there = [case for case in subject.samples if case.direction is direction and _with_keys(subject, case)(1)]
        yield from there[len(there) // 2 :][:1]


def _with_part_repeated(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages in which the part between the cuts is repeated so many times, or as often as fits."""
    start, end = case.cuts[0], case.cuts[1]
    return lambda count: with_repeated(subject, case.having(cuts=()), start, case.data[start:end], count)


def _with_keys(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages with so many more keys; None if the codec does not write them."""

    @cache
    def make(count: int) -> Case | None:
        codec, metadata = subject.receive(case)
        if metadata is None:
            return None
        try:
            return case.having(data=codec.encode(metadata, _keys(count)))
        except Exception:  # noqa: BLE001 - a property of its own says what encode may raise
            return None

    return make


def _keys(count: int, value: str = "1") -> Mutation:
    return Mutation({f"x-kit-{number}": value for number in range(count)})


def _decoding(subject: Subject, make: Callable[[int], Case | None]) -> WorkOfSize:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        if case is None:
            return None
        codec = subject.connection(case)
        return lambda: decoded(codec, case.data, case.direction)

    return work


def _encoding(
    subject: Subject, make: Callable[[int], Case | None], mutation_of: Callable[[int], Mutation]
) -> WorkOfSize:
    def work(size: int) -> Callable[[], object] | None:
        case = make(size)
        codec, metadata = (None, None) if case is None else subject.receive(case)
        if codec is None or metadata is None:
            return None
        mutation = mutation_of(size)

        def encode() -> None:
            with contextlib.suppress(Exception):
                codec.encode(metadata, mutation)

        return encode

    return work


def _grown(subject: Subject, case: Case) -> Callable[[int], Case | None]:
    """Return what makes messages with so many more bytes at the end; only their framing is sound."""

    def make(added: int) -> Case | None:
        data = subject.frames.grown(case.data, len(case.data) + added, case.direction)
        return None if data is None else case.having(data=data)

    return make


def _calling(
    subject: Subject, make: Callable[[int], Case | None], call: Callable[[Codec, Metadata], object]
) -> WorkOfSize:
    """Return the work of one call on a message of a size that was decoded before."""

    def read(size: int) -> tuple[Codec, Metadata] | None:
        case = make(size)
        if case is None:
            return None
        codec = subject.connection(case)
        try:
            metadata = codec.decode(case.data, case.direction)
            if case.request is not None and metadata.message_type in ANSWERS:
                metadata.request = codec.decode(case.request, case.direction.opposite)
        except Exception:  # noqa: BLE001 - what is refused has nothing to call, and properties of their own find faults
            return None
        return codec, metadata

    known = read if subject.keeps_state else cache(read)

    def work(size: int) -> Callable[[], object] | None:
        found = known(size)
        if found is None:
            return None
        codec, metadata = found[0], found[1].clone()

        def action() -> None:
            with contextlib.suppress(Exception):
                call(codec, metadata)

        return action

    return work


def _check_call(subject: Subject, case: Case, name: str, call: Callable[[Codec, Metadata], object]) -> bool:
    """Check that the work of a method grows in proportion to the message's bytes, and to its keys.

    Returns:
        True if there was anything to call it on. False if the codec has the default, which is the SDK's own.

    Raises:
        Violation: It grows faster.
    """
    if getattr(type(subject.codec), name) is getattr(Codec, name):
        return False
    # Messages are decoded before, which takes long if it takes a square.
    room = subject.frames.room(case.data, _LITTLE if subject.is_slow else _MIB, case.direction)
    told = False
    for of, make, enough, most in (
        ("a long message", _grown(subject, case), room, room),
        ("a message of many keys", _with_keys(subject, case), _KEYS, _SOME_KEYS),
    ):
        work = _calling(subject, make, call)
        told |= check_counted(subject, f"{name} of {of}", work, most, enough)
        told |= check_timed(subject, f"{name} of {of}", work, most)
    return told


@prove(
    "MP-COST-002",
    Tier.COST,
    repeated_parts,
    title="Reading a message takes work in proportion to its bytes, whatever is repeated in it",
    why="One message of a megabyte that takes a minute stops every other client of the worker.",
    fix="Go through the message once, and never back: no search from the start, no copy for each element.",
)
def decodes_in_linear_time(subject: Subject, case: Case) -> None:
    width = case.cuts[1] - case.cuts[0]
    most = subject.frames.room(case.data, _MIB, case.direction) // width
    decoding = _decoding(subject, _with_part_repeated(subject, case))
    started = time.thread_time()
    assume(check_counted(subject, "decoding", decoding, most))
    if time.thread_time() - started > _LONG:
        # Only time shows what a call hides. To look now saves as much for each of the other cases.
        check_timed(subject, "decoding", decoding, most)


# Before those that complete long responses.
@prove(
    "MP-COST-009",
    Tier.COST,
    of_each_type,
    title="Completing a response, telling its reason and showing a message take work in proportion to its size",
    why="`complete` and `error_type` run for every response, on the worker that all connections share.",
    fix="Read what decode has found, from the metadata's fields and state, instead of going through the bytes again.",
)
def describes_in_linear_time(subject: Subject, case: Case) -> None:
    metadata = subject.read(case)[1]
    told = _check_call(subject, case, "spans", lambda codec, metadata: codec.spans(metadata))
    if metadata.message_type in ANSWERS:
        told |= _check_call(subject, case, "error_type", lambda codec, response: codec.error_type(response))
        if case.request is not None:
            told |= _check_call(subject, case, "complete", lambda codec, response: codec.complete(response))
    assume(told)


@prove(
    "MP-COST-003",
    Tier.COST,
    with_headers,
    title="Reading and changing a message takes work in proportion to its keys",
    why="Headers are what a client can add most easily.",
    fix="Look keys up in a dict; go through the headers once for the whole mutation.",
)
def changes_in_linear_time(subject: Subject, case: Case) -> None:
    make = _with_keys(subject, case)
    # In this order: messages of many keys are made by adding them, and read before they are changed.
    adding = _encoding(subject, lambda size: case, _keys)
    reading = _decoding(subject, make)
    changing = _encoding(subject, make, lambda size: _keys(size, "2"))
    changing_one = _encoding(subject, make, lambda size: Mutation({"x-kit": "1"}))
    assume(check_counted(subject, "adding many keys", adding, _MANY_KEYS, _KEYS))
    assume(check_counted(subject, "decoding many keys", reading, _MANY_KEYS, _KEYS))
    check_counted(subject, "changing many keys", changing, _MANY_KEYS, _KEYS)
    check_counted(subject, "changing one of many keys", changing_one, _MANY_KEYS, _KEYS)
    check_timed(subject, "adding many keys", adding, _MANY_KEYS)
    check_timed(subject, "decoding many keys", reading, _MANY_KEYS)
    check_timed(subject, "changing many keys", changing, _MANY_KEYS)


@prove(
    "MP-COST-004",
    Tier.COST,
    few_repeated_parts,
    title="Reading a large message takes processor time in proportion to its bytes",
    why="One call can hide the work (a search, a comparison, a regular expression): it is one step of the program, and "
    "takes the time all the same.",
    fix="Pass offsets around instead of searching the rest anew, and give regular expressions possessive quantifiers.",
)
def decodes_fast_enough(subject: Subject, case: Case) -> None:
    width = case.cuts[1] - case.cuts[0]
    decoding = _decoding(subject, _with_part_repeated(subject, case))
    most = subject.frames.room(case.data, _MIB, case.direction)
    assume(check_timed(subject, "decoding", lambda size: decoding(size // width), most))


@prove(
    "MP-COST-008",
    Tier.COST,
    of_each_type,
    title="Answering a message takes work in proportion to its size, and to the text that is reported",
    why="A proxy answers in the server's place when the server is down or a limit is reached: when it is busiest.",
    fix="Write the reply in one go, and look properties up by their names.",
)
def answers_in_linear_time(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    told = False
    if metadata.expects_reply and metadata.message_type is MessageType.HEARTBEAT:
        told |= _check_call(subject, case, "heartbeat_reply", lambda codec, request: codec.heartbeat_reply(request))
    if metadata.expects_reply and type(codec).on_error is not Codec.on_error:
        reported = Error(ErrorType.UNSPECIFIED, "no host answers")
        told |= _check_call(subject, case, "on_error", lambda codec, request: codec.on_error(request, reported))

        def reporting(size: int) -> Callable[[], object] | None:
            error = Error(ErrorType.UNSPECIFIED, "x" * size)
            return _calling(subject, lambda _: case, lambda codec, request: codec.on_error(request, error))(0)

        told |= check_counted(subject, "on_error with a long text", reporting, _MIB)
        told |= check_timed(subject, "on_error with a long text", reporting, _MIB)
    assume(told)
