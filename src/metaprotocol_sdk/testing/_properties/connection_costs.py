"""A connection costs work in proportion to what comes on it, and little memory for what is there."""

from __future__ import annotations

import time
from functools import cache, partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Correlation, Direction, MessageDecoder, MessageType, Metadata, Mutation, ProtocolError
from metaprotocol_sdk.testing._case import Violation, assume, assumed
from metaprotocol_sdk.testing._growth import check_counted, check_timed, doublings
from metaprotocol_sdk.testing._outcome import decoded
from metaprotocol_sdk.testing._properties.complexity import whole_messages
from metaprotocol_sdk.testing._property import Tier, prove, source
from metaprotocol_sdk.testing._work import kept_by, peak_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk import Codec
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_BYTES = 4_096  # that come one by one
_LINES = 200_000  # that a few thousand pieces may take in the decoder itself
_PIECE = 64
_OUTSTANDING = 16_384  # requests
_MIB = 1 << 20
_TIMES = 16
_CONSTANT = 64 << 10  # bytes that do not count, for messages that cannot be large
_FIRST, _MORE = 1_200, 400
_BYTES_EACH = 40
_ENOUGH = 0.5  # seconds


@source()
def answered(subject: Subject) -> Iterable[Case]:
    """A valid answer with its request."""
    yield from [case for case in subject.samples if case.request is not None][:1]


def _feeding(subject: Subject, case: Case, pieces: list[bytes]) -> Callable[[], object]:
    def feed() -> None:
        decoder = MessageDecoder(subject.connection(case), case.direction)
        for piece in pieces:
            decoder.feed(piece)
            if decoder.stream_error is not None:
                return  # a property of its own finds that it fails when it is cut

    return feed


@prove(
    "MP-COST-001",
    Tier.COST,
    whole_messages,
    title="A message that comes byte by byte costs the scanner the same for each byte",
    why="A client that sends slowly must not make the proxy search all that it has sent again with every byte.",
    fix="Remember how far the search has come.",
)
def scans_in_linear_time(subject: Subject, case: Case) -> None:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, len(case.data) + size, case.direction)
        if data is None:
            return None
        pieces = [data[at : at + 1] for at in range(len(data) - 1)]  # all but the last: nothing is decoded
        return _feeding(subject, case, pieces)

    most = subject.frames.room(case.data, 4 * _BYTES, case.direction)
    assume(check_counted(subject, "scanning", work, most, _BYTES, _LINES))


@prove(
    "MP-COST-005",
    Tier.COST,
    whole_messages,
    title="A large message that comes in small pieces takes processor time in proportion to its bytes",
    why="Pieces of a hundred bytes are usual on a slow line; joining them anew each time copies gigabytes.",
    fix="Keep at most the tail that can still be part of what is searched.",
)
def scans_fast_enough(subject: Subject, case: Case) -> None:
    def work(size: int) -> Callable[[], object] | None:
        data = subject.frames.grown(case.data, size, case.direction)
        if data is None or len(data) < size:
            return None
        return _feeding(subject, case, [data[at : at + _PIECE] for at in range(0, len(data) - _PIECE, _PIECE)])

    most = len(case.data) + subject.frames.room(case.data, _MIB, case.direction)
    assume(check_timed(subject, f"scanning pieces of {_PIECE} bytes", work, most))


@prove(
    "MP-COST-006",
    Tier.COST,
    whole_messages,
    title="Decoding a large message allocates a small multiple of it",
    why="What a message becomes in memory, times the connections, is what the machine needs.",
    fix="Skip what rules do not need, instead of building it.",
)
def allocates_in_proportion(subject: Subject, case: Case) -> None:
    most = len(case.data) + subject.frames.room(case.data, _MIB - len(case.data), case.direction)
    for size in doublings(most, most):
        data = assumed(subject.frames.grown(case.data, size, case.direction))
        larger = case.having(data=data)
        codec = subject.connection(case)
        started = time.thread_time()
        allowed = _TIMES * len(data) + _CONSTANT
        with subject.limit():
            peak = peak_of(partial(_decode, codec, larger))
        if peak > allowed:
            peak = peak_of(partial(_decode, codec, larger))  # the first time a module may be imported
        if peak > allowed:
            raise Violation(f"a message of {len(data):,} bytes made decode allocate {peak:,}")
        if time.thread_time() - started > _ENOUGH:
            break  # a larger one may take minutes, which other properties find


def _decode(codec: Codec, case: Case) -> Metadata | None:
    try:
        return codec.decode(case.data, case.direction)
    except ProtocolError:
        return None


@prove(
    "MP-COST-007",
    Tier.COST,
    whole_messages,
    title="Nothing is kept of messages that are gone",
    why="A cache keyed by what peers send grows until the process is killed, and the peer decides when.",
    fix="Keep nothing on the codec or in the module; bound what must be cached.",
)
def keeps_nothing(subject: Subject, case: Case) -> None:
    codec = subject.make()
    assume(not subject.keeps_state)
    assume(_variants(subject, case) > 1)
    kept = kept_by(
        lambda: _pass_through(codec, subject, case, range(_FIRST)),
        lambda: _pass_through(codec, subject, case, range(_FIRST, _FIRST + _MORE)),
    )
    if kept > _BYTES_EACH * _MORE:
        raise Violation(f"after {_MORE:,} different messages {kept:,} bytes more are in use than before")


def _variants(subject: Subject, case: Case) -> int:
    return len({_variant(subject.make(), case, number) for number in range(3)})


def _pass_through(codec: Codec, subject: Subject, case: Case, numbers: range) -> None:
    for number in numbers:
        data = _variant(codec, case, number)
        metadata = _decode(codec, case.having(data=data))
        if metadata is not None:
            codec.encode(metadata, Mutation())


def _variant(codec: Codec, case: Case, number: int) -> bytes:
    """Return the message with an id and a value of its own, as far as the codec can write them."""
    metadata = _decode(codec, case)
    if metadata is None:
        return case.data
    key = Mutation({"x-kit": f"value {number}"})
    for mutation, request_id in ((key, number), (key, None), (Mutation(), number)):
        try:
            return codec.encode(metadata, mutation, request_id)
        except Exception:  # noqa: BLE001, S112 - what it may raise is for a property of its own
            continue
    return case.data


@prove(
    "MP-COST-010",
    Tier.COST,
    answered,
    title="A message takes the same work however many requests of its connection wait for their answers",
    why="A client that pipelines ten thousand requests would make each of its messages cost ten thousand steps.",
    fix="Keep what waits in a dict by id, or in a deque if answers come in order; search neither.",
)
def pairs_in_linear_time(subject: Subject, case: Case) -> None:
    assume(subject.keeps_state)  # else a message does not know of others
    assume(subject.codec.correlation is not Correlation.SERIAL)  # one at a time
    most = min(_OUTSTANDING, subject.codec.max_request_id) if _are_numbered(subject) else _OUTSTANDING
    orders = [("in order", 1)]
    if _are_numbered(subject) and not subject.codec.ordered_replies:
        orders.append(("the last first", -1))
    for order, step in orders:
        work = _pipelining(subject, case, step)
        assume(work(1))
        what = f"decoding requests and then their answers, {order},"
        check_counted(subject, what, work, most)
        check_timed(subject, what, work, most)


def _are_numbered(subject: Subject) -> bool:
    return subject.codec.correlation is Correlation.ID


def _pipelining(subject: Subject, case: Case, step: int) -> Callable[[int], Callable[[], object] | None]:
    """Return the work of so many requests, and of their answers in an order, on one connection."""
    numbers = _free_ids(subject)
    codec, answer = subject.read(case)
    question = assumed(answer.request)
    assume(question.message_type is MessageType.REQUEST)

    @cache
    def exchange(number: int | None) -> tuple[bytes, bytes] | None:
        try:
            written = [codec.encode(metadata, Mutation(), number) for metadata in (question, answer)]
        except Exception:  # noqa: BLE001 - as in `_variant`
            return None
        return written[0], written[1]

    def work(size: int) -> Callable[[], object] | None:
        found = [exchange(number) for number in numbers[:size]] if _are_numbered(subject) else [exchange(None)] * size
        if None in found or len(found) < size:
            return None
        pairs = [pair for pair in found if pair is not None]
        connection = subject.connection(case)

        def pipeline() -> None:
            for sent, _ in pairs:
                decoded(connection, sent, Direction.TO_SERVER)
            for _, received in pairs[::step]:
                decoded(connection, received, Direction.TO_CLIENT)

        return pipeline

    return work


def _free_ids(subject: Subject) -> list[int]:
    last = min(2 * _OUTSTANDING, subject.codec.max_request_id)
    return [number for number in range(1, last + 1) if number not in subject.codec.reserved_ids]
