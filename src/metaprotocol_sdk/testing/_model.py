"""A model of some connections that one codec serves, and a search for a history of them that goes wrong."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from attrs import Factory, define
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from metaprotocol_sdk import Codec, Direction, IncompleteMessage, MessageDecoder, Metadata, Mutation
from metaprotocol_sdk.testing._case import Case, Violation
from metaprotocol_sdk.testing._hypothesis import run_machine
from metaprotocol_sdk.testing._outcome import difference, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaprotocol_sdk.testing._subject import Subject

    Message = tuple[Direction, bytes]
    Step = tuple[str, int, int]

_CONNECTIONS = 2


@define
class _Way:
    """One direction of one connection."""

    decoder: MessageDecoder
    sent: bytearray = Factory(bytearray)
    delivered: int = 0
    expected: list[Metadata] = Factory(list)  # the messages that were sent, in order
    ends: list[int] = Factory(list)  # their ends in `sent`
    received: list[Metadata] = Factory(list)


@define
class _Connection:
    codec: Codec
    ways: dict[Direction, _Way]
    said: int = 0  # messages, in both directions


class Model:
    """Connections that one codec object serves, and a network that delivers when it likes.

    Args:
        make: Makes the codec.
        pool: The messages that may be sent, by number.
        in_order: True if a connection must send them in the order of the pool, because the codec keeps state.
    """

    def __init__(self, make: Callable[[], Codec], pool: Sequence[Message], *, in_order: bool) -> None:
        self._make = make
        self._pool = pool
        self._in_order = in_order
        self.steps: list[Step] = []
        codec = make()
        self._connections = [self._connection(codec.for_connection()) for _ in range(_CONNECTIONS)]

    def _connection(self, codec: Codec) -> _Connection:
        return _Connection(codec, {way: _Way(MessageDecoder(codec, way)) for way in Direction})

    @property
    def case(self) -> Case:
        """The history so far, as a case."""
        used = sorted({number for name, _, number in self.steps if name == "send"})
        numbers = {number: place for place, number in enumerate(used)}
        steps = [(name, at, numbers[number] if name == "send" else number) for name, at, number in self.steps]
        return Case(before=tuple(self._pool[number] for number in used), steps=tuple(steps))

    def next_message(self, connection: int, number: int) -> int:
        """Return the number of the message that a connection sends next: the given one, or the next in order."""
        return self._connections[connection].said % len(self._pool) if self._in_order else number

    def pending(self, connection: int, way: Direction) -> int:
        """Return the number of bytes that wait in the network."""
        there = self._connections[connection].ways[way]
        return len(there.sent) - there.delivered

    @property
    def waiting(self) -> list[tuple[int, Direction]]:
        """The connections and directions of which bytes wait in the network."""
        every = itertools.product(range(_CONNECTIONS), Direction)
        return [(connection, way) for connection, way in every if self.pending(connection, way)]

    def awaited(self, connection: int, number: int) -> int:
        """Return the number of bytes from the other peer that must have come before a message is sent.

        The meaning of a message depends on those before it if the codec keeps state, also on those of the other
        direction: the peer has read them.
        """
        return self.pending(connection, self._pool[number][0].opposite) if self._in_order else 0

    def step(self, name: str, connection: int, number: int) -> None:
        """Do one thing: "send", "to_server", "to_client", "forward" or "end".

        Raises:
            Violation: The messages that came out are not those that must.
        """
        self.steps.append((name, connection, number))
        there = self._connections[connection]
        if name == "send":
            self._send(there, number)
        elif name == "forward":
            self._forward(there)
        elif name == "end":
            self._end(there)
        else:
            self._deliver(there.ways[Direction(name)], number)

    def _send(self, there: _Connection, number: int) -> None:
        way, data = self._pool[number]
        # The expected metadata is that of a connection of its own which has had the same messages.
        alone = self._make().for_connection()
        if self._in_order:
            for earlier_way, earlier in self._pool[:number]:
                alone.decode(earlier, earlier_way)
        direction = there.ways[way]
        direction.expected.append(alone.decode(data, way))
        direction.sent += data
        direction.ends.append(len(direction.sent))
        there.said += 1

    def _deliver(self, way: _Way, size: int) -> None:
        piece = bytes(way.sent[way.delivered : way.delivered + size])
        way.delivered += len(piece)
        came = way.decoder.feed(piece)
        if (error := way.decoder.stream_error) is not None:
            raise Violation(f"good messages ended with {type(error).__name__}: {error}")
        way.received += came
        due = sum(end <= way.delivered for end in way.ends)
        if len(way.received) != due:
            raise Violation(f"{due} messages have been delivered, and {len(way.received)} came out")
        for number in range(due - len(came), due):
            if different := difference(facts(way.expected[number]), facts(way.received[number])):
                raise Violation(f"message {number} of this direction has another {different}")

    def _forward(self, there: _Connection) -> None:
        for way in there.ways.values():
            for metadata in way.received[-2:]:
                if there.codec.encode(metadata, Mutation()) != metadata.message:
                    raise Violation("a message that was received earlier is not forwarded as it came")

    def _end(self, there: _Connection) -> None:
        for way in there.ways.values():
            inside = way.delivered not in (0, *way.ends)
            try:
                way.decoder.eof()
            except IncompleteMessage:
                if not inside:
                    raise Violation("the stream ended between two messages, and that was an error") from None
            else:
                if inside:
                    raise Violation("the stream ended inside a message, and that was not an error")
        # The connection is opened again; nothing of the old one must show.
        fresh = self._connection(self._make().for_connection())
        there.codec, there.ways, there.said = fresh.codec, fresh.ways, 0


def replay_steps(make: Callable[[], Codec], case: Case, *, in_order: bool) -> None:
    """Take the steps of a case again.

    Raises:
        Violation: The messages that came out are not those that must.
    """
    model = Model(make, case.before, in_order=in_order)
    for step in case.steps:
        model.step(*step)


def _machine(subject: Subject, pool: list[tuple[Direction, bytes]]) -> type[RuleBasedStateMachine]:
    """Return a state machine whose violations carry the history that leads to them.

    Args:
        subject: The codec under test.
        pool: The messages that peers may send, at least one.
    """
    connections = st.integers(0, _CONNECTIONS - 1)

    class Connections(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model(subject.make, pool, in_order=subject.keeps_state)

        def _step(self, name: str, connection: int, number: int) -> None:
            try:
                with subject.limit():
                    self.model.step(name, connection, number)
            except Violation as violation:
                violation.case = self.model.case
                raise

        @rule(connection=connections, number=st.integers(0, len(pool) - 1))
        def peer_sends(self, connection: int, number: int) -> None:
            number = self.model.next_message(connection, number)
            if awaited := self.model.awaited(connection, number):
                self._step(pool[number][0].opposite.value, connection, awaited)
            self._step("send", connection, number)

        @precondition(lambda self: self.model.waiting)
        @rule(data=st.data())
        def network_delivers(self, data: st.DataObject) -> None:
            connection, way = data.draw(st.sampled_from(self.model.waiting))
            size = data.draw(st.integers(1, self.model.pending(connection, way)))
            self._step(way.value, connection, size)

        @rule(connection=connections)
        def proxy_forwards_again(self, connection: int) -> None:
            self._step("forward", connection, 0)

        @rule(connection=connections)
        def connection_ends(self, connection: int) -> None:
            self._step("end", connection, 0)

    return Connections


def search_histories(subject: Subject, pool: list[tuple[Direction, bytes]], name: str) -> None:
    """Look for a history of connections that goes wrong, and shorten it.

    Args:
        subject: The codec under test.
        pool: The messages that peers may send, at least one.
        name: The name of this search.

    Raises:
        Violation: The messages that came out are not those that must; this is the shortest history that was found.
    """
    run_machine(_machine(subject, pool), subject.effort.examples, name)
