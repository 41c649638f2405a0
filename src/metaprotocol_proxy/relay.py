"""A relay between clients and one server: it records, and with a codec it reads, changes and answers messages."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

from metaprotocol_proxy.address import Address
from metaprotocol_proxy.connection import Connection
from metaprotocol_proxy.listening import listen
from metaprotocol_proxy.recording import RecordingError
from metaprotocol_proxy.rules import Rules
from metaprotocol_proxy.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from metaprotocol_proxy.recording import Recorder
    from metaprotocol_proxy.streams import Reader
    from metaprotocol_sdk import Codec

_LAST_READS = 3
"""Turns of the event loop in which what has arrived when the relay is stopped is read and sent on."""


class Relay:
    """Accepts connections and relays each to the server. An asynchronous context manager: inside it, it serves.

    Every chunk that is read is sent on before the next one is read, so a side that does not read slows down the other
    one, and a connection holds a bounded number of bytes: a few chunks, and with a codec one message a direction.

    Args:
        upstream: The server; None where `rules.reply` answers everything.
        codec: What reads the messages; None relays bytes.
        rules: What to change, or to answer; needs a codec.
        recorder: Where connections are recorded; None records nothing.
        report: Called with one sentence for each thing that went wrong.

    Raises:
        ValueError: There is neither an upstream nor a reply, or there are rules without a codec.
    """

    def __init__(
        self,
        upstream: Address | None,
        *,
        codec: Codec | None = None,
        rules: Rules | None = None,
        recorder: Recorder | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        rules = Rules() if rules is None else rules
        if codec is None and rules != Rules():
            raise ValueError("rules need a codec")
        if upstream is None and rules.reply is None:
            raise ValueError("a relay needs an upstream, or an error to reply")
        self.upstream = upstream
        self.codec = codec
        self.rules = rules
        self.recorder = recorder
        self.report = report or (lambda text: None)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._ended = Tally()
        self._accepted = 0
        self._stopping = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises `RecordingError` when connections can be recorded no longer; the relay has no use then."""

    async def listen(self, address: Address) -> list[Address]:
        """Begin to accept connections; return the addresses that are listened on.

        Args:
            address: Where to listen; port 0 takes a free one.

        Raises:
            OSError: The address cannot be listened on.
        """
        self._servers = await listen(self._accept, address, self.refuse)
        return [Address(*socket.getsockname()[:2]) for server in self._servers for socket in server.sockets]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping = True
        for server in self._servers:
            server.close()
        for _ in range(_LAST_READS):
            await asyncio.sleep(0)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        if self.failed.done():
            self.failed.exception()  # asked or not: it was reported

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def accepted(self) -> int:
        """How many connections were accepted in all."""
        return self._accepted

    def tally(self) -> Tally:
        """Return the counts of all connections, open and ended."""
        total = Tally()
        total.add(self._ended)
        for connection in self._connections.values():
            total.add(connection.tally)
        return total

    def refuse(self) -> None:
        """Count a connection that is closed since there is no file descriptor left for it; told once."""
        if not self._ended.refused:
            self.report("connections are refused: no file descriptor is left for them; `ulimit -n` allows more")
        self._ended.refused += 1

    async def _accept(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        if self._stopping:  # it was on its way in when the relay stopped
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served in a task")
        self._accepted += 1
        try:
            self._connections[task] = connection = Connection(self, self._accepted, reader, writer)
            # Cancelled when the relay stops; a cancelled handler would be reported as a failure.
            with contextlib.suppress(asyncio.CancelledError):
                await connection.serve()
        except RecordingError as error:
            writer.transport.abort()
            if not self.failed.done():
                self.failed.set_exception(error)
        finally:
            if (ended := self._connections.pop(task, None)) is not None:
                self._ended.add(ended.tally)
