"""A relay between clients and one server. It records, and with a codec it reads, changes and answers messages."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

from metaprotocol_proxy.address import Address
from metaprotocol_proxy.handler import ConnectionHandler
from metaprotocol_proxy.proxy_connection import Rules
from metaprotocol_proxy.recording import RecordingError
from metaprotocol_proxy.sockets import listen, peer_of
from metaprotocol_proxy.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from metaprotocol_proxy.recording import Recorder
    from metaprotocol_proxy.sockets import Reader
    from metaprotocol_sdk import Codec

_LAST_READS = 3
"""Turns of the event loop for reading bytes that have arrived when the relay is stopped."""


class Relay:
    """Accepts connections and relays each to the server. Use it as an asynchronous context manager.

    Each chunk is sent on before the next one is read. So a side that does not read slows the other side down, and a
    connection holds a bounded number of bytes: a few chunks, and with a codec one message in each direction.

    Args:
        upstream: The server; may be None if `rules.reply` answers every request.
        codec: The codec that reads the messages; None relays bytes.
        rules: The changes and answers to make; they need a codec.
        recorder: The folder for recordings; None records nothing.
        report: Called with one sentence for each failure.

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
        if upstream is None and not rules.answer_all:
            raise ValueError("a relay needs an upstream, or an error to reply")
        self.codec = codec
        self._upstream = upstream
        self._rules = rules
        self._recorder = recorder
        self._report = report or (lambda text: None)
        self._servers: list[asyncio.Server] = []
        self._handlers: dict[asyncio.Task[None], ConnectionHandler] = {}
        self._ended = Stats()
        self._accepted = 0
        self._stopping = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises `RecordingError` when connections cannot be recorded any more; stop the relay then."""

    async def listen(self, address: Address) -> list[Address]:
        """Begin to accept connections; return the addresses that are listened on.

        Args:
            address: The address to listen on; port 0 takes a free one.

        Raises:
            OSError: The address cannot be listened on.
        """
        self._servers = await listen(self._serve, address, self._count_refused)
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
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        if self.failed.done():
            self.failed.exception()  # mark it as retrieved, or asyncio logs it

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._handlers)

    @property
    def accepted(self) -> int:
        """The number of all connections that were accepted."""
        return self._accepted

    def stats(self) -> Stats:
        """Return the sums of the counters of all connections, open and ended."""
        total = Stats()
        total.add(self._ended)
        for handler in self._handlers.values():
            total.add(handler.stats)
        return total

    def _count_refused(self) -> None:
        """Count a connection for which no file descriptor is left. Only the first one is reported."""
        if not self._ended.refused:
            self._report("connections are refused: no file descriptor is left for them; `ulimit -n` allows more")
        self._ended.refused += 1

    async def _serve(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        if self._stopping:  # it arrived while the relay was being stopped
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection must be served in a task")
        self._accepted += 1
        name = f"conn{self._accepted}"
        try:
            self._handlers[task] = handler = ConnectionHandler(
                reader,
                writer,
                upstream=self._upstream,
                codec=self.codec,
                rules=self._rules,
                recording=self._recorder.connection(peer_of(writer)) if self._recorder else None,
                report=lambda text: self._report(f"{name}: {text}"),
                on_refused=self._count_refused,
            )
            # The relay cancels it to stop; asyncio would log a cancelled handler as a failure.
            with contextlib.suppress(asyncio.CancelledError):
                await handler.serve()
        except RecordingError as error:
            writer.transport.abort()
            if not self.failed.done():
                self.failed.set_exception(error)
        finally:
            if (ended := self._handlers.pop(task, None)) is not None:
                self._ended.add(ended.stats)
