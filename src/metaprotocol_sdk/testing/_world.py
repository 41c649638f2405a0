"""Some connections that one codec serves, and what must come out of them: the model of the stateful properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

from metaprotocol_sdk import Codec, Direction, IncompleteMessage, MessageDecoder, Metadata, Mutation
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._outcome import difference, facts
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Message = tuple[Direction, bytes]
    Step = tuple[str, int, int]

CONNECTIONS = 2


@define
class _Way:
    """One direction of one connection."""

    decoder: MessageDecoder
    sent: bytearray = Factory(bytearray)
    delivered: int = 0
    expected: list[Metadata] = Factory(list)  # of what was sent, in order
    ends: list[int] = Factory(list)  # where these messages end in what was sent
    received: list[Metadata] = Factory(list)


@define
class _Connection:
    codec: Codec
    ways: dict[Direction, _Way]
    said: int = 0


class World:
    """Connections that one codec object serves, and a network that delivers when it likes.

    Args:
        make: Makes the codec.
        pool: The messages that may be sent, by number.
        in_order: Whether a connection must send them in the order of the pool, because the codec keeps state.
    """

    def __init__(self, make: Callable[[], Codec], pool: Sequence[Message], *, in_order: bool) -> None:
        self._make = make
        self._pool = pool
        self._in_order = in_order
        self.steps: list[Step] = []
        codec = make()
        self._connections = [self._connection(codec.for_connection()) for _ in range(CONNECTIONS)]

    def _connection(self, codec: Codec) -> _Connection:
        return _Connection(codec, {way: _Way(MessageDecoder(codec, way)) for way in Direction})

    @property
    def case(self) -> Case:
        """What has happened so far, as a case."""
        used = sorted({number for name, _, number in self.steps if name == "send"})
        numbers = {number: place for place, number in enumerate(used)}
        steps = [(name, at, numbers[number] if name == "send" else number) for name, at, number in self.steps]
        return Case(before=tuple(self._pool[number] for number in used), steps=tuple(steps))

    def next_message(self, connection: int, number: int) -> int:
        """Return which message a connection sends if it is asked for one."""
        return self._connections[connection].said % len(self._pool) if self._in_order else number

    def pending(self, connection: int, way: Direction) -> int:
        """Return how many bytes wait in the network."""
        there = self._connections[connection].ways[way]
        return len(there.sent) - there.delivered

    def step(self, name: str, connection: int, number: int) -> None:
        """Do one thing: "send", "to_server", "to_client", "forward" or "end".

        Raises:
            Violation: What came of it is not what must.
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
        # What a connection of its own makes of the message, after all that was said on this one.
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
        if way.decoder.stream_error is not None:
            raise Violation(
                f"good messages ended with {type(way.decoder.stream_error).__name__}: {way.decoder.stream_error}"
            )
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
                    raise Violation("the stream ended inside a message, and that was no error")
        # The connection is opened again; what the old one left behind must not show.
        fresh = self._connection(self._make().for_connection())
        there.codec, there.ways, there.said = fresh.codec, fresh.ways, 0


def replay_steps(make: Callable[[], Codec], case: Case, *, in_order: bool) -> None:
    """Do again what a case says has happened.

    Raises:
        Violation: As then.
    """
    world = World(make, case.before, in_order=in_order)
    for step in case.steps:
        world.step(*step)
