"""Connections share nothing, and threads may share the codec."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from metaprotocol_sdk import Codec, Correlation, EncodeError, MessageDecoder, Mutation, ProtocolError
from metaprotocol_sdk.testing._case import Case, Violation, assume, assumed
from metaprotocol_sdk.testing._model import replay_steps, search_histories
from metaprotocol_sdk.testing._outcome import Outcome, difference, facts, outcome
from metaprotocol_sdk.testing._properties.messages import declared, once
from metaprotocol_sdk.testing._properties.streams import pairs
from metaprotocol_sdk.testing._property import Tier, prove
from metaprotocol_sdk.testing._subject import MOST_EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from metaprotocol_sdk import Direction
    from metaprotocol_sdk.testing._subject import Subject

_MOST_SWITCHES = 120
# Seconds for the other thread, which may wait for a lock that this one holds. At first longer than a loaded machine
# keeps a thread waiting; once a codec was seen to lock, its other cases need not wait as long.
_PATIENCE, _BRIEF = 2.0, 0.2


@prove(
    "MP-THREAD-001",
    Tier.MESSAGE,
    pairs,
    title="Threads may use one codec object at the same time",
    why="One codec serves all connections of a process. What a call keeps on the codec, the call of another thread "
    "overwrites, and one client gets what belongs to another. It happens once in a million calls.",
    fix="Keep everything in local variables and in the `Metadata`; move what a connection must remember to the "
    "object that `for_connection` returns.",
)
def is_shared(subject: Subject, case: Case) -> None:
    """At each line of the work on one message, another thread does all of its work on another message."""
    assume(not subject.keeps_state)
    other = assumed(case.other)
    alone = _work(subject.make(), case.data, case.direction)
    codec = subject.make()
    with _Rival(lambda: _work(codec, other, case.direction), _BRIEF if subject.locks else _PATIENCE) as rival:
        together = rival.interrupt(lambda: _work(codec, case.data, case.direction))
    subject.locks |= rival.is_locked_out
    if alone != together:
        raise Violation(
            f"while another thread worked on `other`, the message became {_briefly(together)}, not {_briefly(alone)}"
        )


def _work(codec: Codec, data: bytes, direction: Direction) -> list[object]:
    """Decode a message and encode it unchanged, with a key and with an id, as a proxy does."""
    try:
        metadata = codec.decode(data, direction)
    except ProtocolError as error:
        return [repr(error)]
    results: list[object] = [facts(metadata), codec.encode(metadata, Mutation())]
    for mutation, number in ((Mutation({"x-kit": "1"}), None), (Mutation(), 1)):
        try:
            results.append(codec.encode(metadata, mutation, number))
        except EncodeError as error:
            results.append(type(error).__name__)
    return results


def _briefly(results: list[object]) -> str:
    text = repr(results)
    return text if len(text) < 160 else f"{text[:160]}…"


class _Rival:
    """Another thread, which does its work whenever this one has run a line of the codec."""

    def __init__(self, work: Callable[[], object], patience: float) -> None:
        self.is_locked_out = False
        self._work = work
        self._patience = patience
        self._turn = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._ended = False
        self._switches = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name="metaprotocol-rival")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended = True
        self._turn.release()
        self._thread.join(self._patience)

    def interrupt(self, action: Callable[[], list[object]]) -> list[object]:
        """Run an action in this thread and let the other one work at each of its lines."""
        previous = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return action()
        finally:
            sys.settrace(previous)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        # The SDK's lines are not the codec's, and nothing in them is shared.
        return None if frame.f_globals.get("__name__", "").startswith("metaprotocol_sdk.") else self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and self._switches < _MOST_SWITCHES and not self._ended:
            self._switches += 1
            self._turn.release()
            if not self._done.acquire(timeout=self._patience):
                # It waits for something that this thread holds: the codec takes care of itself.
                self._ended = self.is_locked_out = True
        return self._line

    def _run(self) -> None:
        while True:
            self._turn.acquire()
            if self._ended:
                return
            with suppress(Exception):  # what goes wrong shows in the other thread's results
                self._work()
            self._done.release()


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
    # Byte by byte in turn, so that each connection has an incomplete message while the other one works.
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
def forgets_other_connections(subject: Subject, case: Case) -> None:
    """Decode a response with an id that was asked for on another connection, and one with an id that nobody used."""
    question = assumed(case.request)
    assume(subject.codec.correlation is Correlation.ID)
    numbers = iter(range(subject.codec.max_request_id, 0, -1))
    asked, unused = next(numbers), next(numbers, 0)
    responses = [assumed(_renumbered(subject, case, number)) for number in (asked, unused)]
    request = assumed(_renumbered(subject, Case(question, case.direction.opposite, before=case.before), asked))
    codec = subject.make()
    codec.for_connection().decode(request, case.direction.opposite)
    told, fresh = (facts(codec.for_connection().decode(response, case.direction)) for response in responses)
    for name in ("message", "request_id"):
        del told[name], fresh[name]
    if different := difference(fresh, told):
        raise Violation(f"when its id was asked for on another connection, the response has another {different}")


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
def survives_any_history(subject: Subject, case: Case) -> None:
    if case.steps:
        replay_steps(subject.make, case, in_order=subject.keeps_state)
        return
    pool = [(sample.direction, sample.data) for sample in subject.samples if subject.receive(sample)[1] is not None]
    if subject.keeps_state:
        pool = list(islice(subject.codec.examples(), MOST_EXAMPLES))
    assume(pool)
    search_histories(subject, pool, survives_any_history.id)
