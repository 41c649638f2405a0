"""Connections do not know each other."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Correlation, EncodeError, MessageDecoder, Mutation
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._cases.messages import declared, once
from metaprotocol_sdk.testing._cases.streams import pairs
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import Outcome, difference, facts, outcome
from metaprotocol_sdk.testing._search import run_machine
from metaprotocol_sdk.testing._subject import MOST_EXAMPLES
from metaprotocol_sdk.testing._violation import Violation
from metaprotocol_sdk.testing._world import replay_steps

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-CONNECTION-001",
    Tier.STREAM,
    pairs,
    title="Connections share nothing",
    why="What one client sends must not change what another one's bytes mean.",
    fix="Return a new scanner from `framing.scanner` and, if the codec keeps state, a new object from "
    "`for_connection`; no mutable default, no attribute of the class.",
)
def share_nothing(subject: Subject, case: Case) -> None:
    codec = subject.make()
    alone = outcome(subject.connection(case), [case.data], case.direction)
    other = case.having(data=case.other or b"")
    other_alone = outcome(subject.connection(other), [other.data], case.direction)
    one, two = _open(codec, case), _open(codec, other)
    decoders = [(MessageDecoder(one, case.direction), case.data), (MessageDecoder(two, case.direction), other.data)]
    found = [Outcome([], None), Outcome([], None)]
    for at in range(max(len(case.data), len(other.data))):
        for number, (decoder, data) in enumerate(decoders):
            if at < len(data) and decoder.stream_error is None:
                came = decoder.feed(data[at : at + 1])
                found[number] = Outcome([*found[number].messages, *came], decoder.stream_error)
    again = outcome(_open(codec, case), [case.data], case.direction)
    for what, expected, got in (
        ("beside another connection", alone, found[0]),
        ("beside another connection, on that one", other_alone, found[1]),
        ("on a connection after others", alone, again),
    ):
        if different := expected.differs_from(got):
            raise Violation(f"{what}: {different}")


@prove(
    "MP-CONNECTION-003",
    Tier.STREAM,
    declared,
    title="A connection does not know what was asked on another one",
    why="Each client counts its ids for itself. Two ask with the same id, and one is told about the other's request.",
    fix="Keep what the object of `for_connection` remembers in an attribute that `__init__` makes, not in a "
    "default or a class.",
)
def forgets_other_connections(subject: Subject, case: Case) -> object:
    """Decode a response with an id that was asked for on another connection, and one with an id that nobody used."""
    if case.request is None or subject.codec.correlation is not Correlation.ID:
        return NOTHING
    numbers = iter(range(subject.codec.max_request_id, 0, -1))
    asked, unused = next(numbers), next(numbers, 0)
    responses = [_renumbered(subject, case, number) for number in (asked, unused)]
    request = _renumbered(subject, Case(case.request, case.direction.opposite, before=case.before), asked)
    if request is None or None in responses:
        return NOTHING
    codec = subject.make()
    codec.for_connection().decode(request, case.direction.opposite)
    told, fresh = (facts(codec.for_connection().decode(response or b"", case.direction)) for response in responses)
    for name in ("message", "request_id"):
        del told[name], fresh[name]
    if different := difference(fresh, told):
        raise Violation(f"when its id was asked for on another connection, the response has another {different}")
    return None


def _renumbered(subject: Subject, case: Case, number: int) -> bytes | None:
    codec, metadata = subject.receive(case)
    try:
        return None if metadata is None else codec.encode(metadata, Mutation(), number)
    except EncodeError:
        return None


def _open(codec: Codec, case: Case) -> Codec:
    connection = codec.for_connection()
    for direction, data in case.before:
        connection.decode(data, direction)
    return connection


@prove(
    "MP-CONNECTION-002",
    Tier.STREAM,
    once,
    title="Whatever happens on connections, each message comes out with its last byte, and as it was sent",
    why="The other properties try one thing at a time; a proxy has thousands of connections, on which everything "
    "happens in any order.",
    fix="Replay the steps that are shown, and look at what the codec or its scanner holds on to between them.",
)
def survives_any_history(subject: Subject, case: Case) -> object:
    if case.steps:
        replay_steps(subject.make, case, in_order=subject.keeps_state)
        return None
    pool = [(sample.direction, sample.data) for sample in subject.samples if subject.receive(sample)[1] is not None]
    if subject.keeps_state:
        pool = list(islice(subject.codec.examples(), MOST_EXAMPLES))
    if not pool:
        return NOTHING
    run_machine(subject, pool)
    return None
