"""A codec takes little memory for a message, and none when the message is gone."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from metaprotocol_sdk import Metadata, Mutation, ProtocolError
from metaprotocol_sdk.testing._case import Violation, assume, assumed
from metaprotocol_sdk.testing._growth import doublings
from metaprotocol_sdk.testing._properties.complexity import whole_messages
from metaprotocol_sdk.testing._property import Tier, prove
from metaprotocol_sdk.testing._work import kept_by, peak_of

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_MIB = 1 << 20
_TIMES = 16
_CONSTANT = 64 << 10  # bytes that do not count, for messages that cannot be large
_FIRST, _MORE = 1_200, 400
_BYTES_EACH = 40
_ENOUGH = 0.5  # seconds


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
