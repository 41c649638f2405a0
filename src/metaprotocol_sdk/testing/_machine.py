"""A random history of some connections, found and shortened by hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing._violation import Violation
from metaprotocol_sdk.testing._world import CONNECTIONS, World

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._subject import Subject

_connections = st.integers(0, CONNECTIONS - 1)


def machine(subject: Subject, pool: list[tuple[Direction, bytes]]) -> type[RuleBasedStateMachine]:
    """Return a state machine whose failures are violations with the history that leads to them.

    Args:
        subject: The codec under test.
        pool: The messages that peers may send, at least one.
    """

    class Connections(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.world = World(subject.make, pool, in_order=subject.keeps_state)

        def _step(self, name: str, connection: int, number: int) -> None:
            try:
                with subject.limit():
                    self.world.step(name, connection, number)
            except Violation as violation:
                violation.case = self.world.case
                raise

        @rule(connection=_connections, number=st.integers(0, len(pool) - 1))
        def peer_sends(self, connection: int, number: int) -> None:
            self._step("send", connection, self.world.next_message(connection, number))

        @rule(connection=_connections, way=st.sampled_from(list(Direction)), data=st.data())
        def network_delivers(self, connection: int, way: Direction, data: st.DataObject) -> None:
            waiting = self.world.pending(connection, way)
            if waiting:
                self._step(way.value, connection, data.draw(st.integers(1, waiting)))

        @rule(connection=_connections)
        def proxy_forwards_again(self, connection: int) -> None:
            self._step("forward", connection, 0)

        @rule(connection=_connections)
        def connection_ends(self, connection: int) -> None:
            self._step("end", connection, 0)

    return Connections
