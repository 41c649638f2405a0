"""One client's connection through a relay, and the one to the server that belongs to it."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from typing import TYPE_CHECKING

from metaprotocol_proxy.address import Address, reason_of
from metaprotocol_proxy.exchange import Exchange, Passage
from metaprotocol_proxy.streams import Reader, connect
from metaprotocol_proxy.tally import Tally
from metaprotocol_sdk import Direction, Error, ErrorType, MetaProtocolError, ProtocolError

if TYPE_CHECKING:
    from metaprotocol_proxy.relay import Relay

CHUNK_SIZE = 64 * 1024
"""Bytes that are read at once, at most."""

GRACE = 5.0
"""Seconds that a server has to answer what it was asked, once its client cannot be followed any more."""

CONNECT_TIME = 5.0
"""Seconds that a server has to accept a connection."""

_CLOSE_TIME = 1.0
_SENDERS = {Direction.TO_SERVER: "client", Direction.TO_CLIENT: "server"}


class Connection:
    """One connection; made by a `Relay`.

    Args:
        relay: What it belongs to.
        number: Its number, from 1.
        reader: What the client sends.
        writer: What is sent to the client.

    Raises:
        RecordingError: The files of its recording cannot be made.
    """

    def __init__(self, relay: Relay, number: int, reader: Reader, writer: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._name = f"conn{number}"
        self._readers = {Direction.TO_SERVER: reader}
        self._writers = {Direction.TO_CLIENT: writer}
        self._exchange = Exchange(relay.codec, relay.rules, self._report) if relay.codec else None
        self._bytes = Tally()
        self._recording = relay.recorder.connection(_peer(writer)) if relay.recorder else None
        self._settled = asyncio.Event()
        self._ended = ""
        self._client_gone = False
        self._client_broke = False
        self._unreachable = False
        self._server_gone = False
        self._lost = ErrorType.UPSTREAM_RESET

    @property
    def tally(self) -> Tally:
        """What came through it."""
        return self._bytes if self._exchange is None else self._exchange.tally

    async def serve(self) -> None:
        """Relay until one side is done.

        Raises:
            RecordingError: The connection cannot be recorded.
        """
        try:
            await self._connect()
            if Direction.TO_CLIENT in self._readers:
                await self._relay_both_ways()
            elif self._exchange is not None:
                await self._pump(Direction.TO_SERVER)
            await self._finish()
        finally:
            await self._close()

    async def _connect(self) -> None:
        upstream = self._relay.upstream
        if upstream is None or self._relay.rules.reply is not None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIME):
                reader, writer = await connect(upstream)
        except OSError as error:
            reason = reason_of(error) or f"no answer within {CONNECT_TIME:g} seconds"  # a TimeoutError says nothing
            self._end(f"the server {upstream} cannot be reached ({reason})")
            self._report(self._ended)
            self.tally.broken = 1
            self._unreachable = True
            if self._exchange is not None:
                self._exchange.reply = Error(ErrorType.NO_HEALTHY_UPSTREAM, self._ended)
            return
        self._readers[Direction.TO_CLIENT] = reader
        self._writers[Direction.TO_SERVER] = writer

    async def _relay_both_ways(self) -> None:
        to_server = asyncio.create_task(self._pump(Direction.TO_SERVER))
        to_client = asyncio.create_task(self._pump(Direction.TO_CLIENT))
        try:
            await asyncio.wait({to_server, to_client}, return_when=asyncio.FIRST_COMPLETED)
            if to_client.done():
                to_client.result()  # nothing more can be answered, whatever the client still sends
            elif to_server.result():
                await to_client
            elif self._exchange is not None and self._exchange.waiting and not self._client_gone:
                await self._settle(to_client)
        finally:
            for task in (to_server, to_client):
                task.cancel()
            await asyncio.gather(to_server, to_client, return_exceptions=True)

    async def _settle(self, to_client: asyncio.Task[bool]) -> None:
        """Let the server answer the good requests that came before bad bytes."""
        settled = asyncio.create_task(self._settled.wait())
        await asyncio.wait({settled, to_client}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()

    async def _pump(self, direction: Direction) -> bool:
        """Relay one direction to its end; return whether the other one goes on."""
        reader = self._readers[direction]
        forward = self._writers.get(direction)
        back = self._writers.get(direction.opposite)
        receiver = direction.opposite
        try:
            while data := await reader.read(CHUNK_SIZE):
                if self._recording is not None:
                    self._recording.add(direction, data)
                passage = self._feed(data, direction)
                receiver = direction.opposite
                await _send(forward, passage.forward)
                receiver = direction
                await _send(back, passage.back)
                if passage.broken is not None:
                    self._break(direction, passage.broken)
                    return False
                if self._unreachable and passage.back:
                    return False  # a client that connects again finds a server that is back
            if reader.failure is not None:
                return self._lose(direction, direction, reader.failure)
            if self._exchange is not None:
                self._exchange.eof(direction)
        except OSError as error:
            return self._lose(direction, receiver, error)
        except ProtocolError as error:
            self.tally.broken = 1
            self._break(direction, error)
            return False
        self._leave(direction, f"the {_SENDERS[direction]} closed the connection")
        if forward is not None and direction is Direction.TO_SERVER:
            forward.write_eof()  # the client has said all, and may still read
        return True

    def _lose(self, direction: Direction, lost: Direction, error: Exception) -> bool:
        """Note that the sender of `lost` reset its connection; return whether the other direction goes on."""
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        self._leave(lost, f"the {_SENDERS[lost]} reset the connection ({reason})")
        if lost is Direction.TO_SERVER:
            self._client_gone = True
        # What the server sent before it went away still reaches the client.
        return direction is Direction.TO_SERVER and lost is Direction.TO_CLIENT

    def _leave(self, direction: Direction, how: str) -> None:
        if direction is Direction.TO_CLIENT and not self._ended:
            self._server_gone = True
        self._end(how)

    def _feed(self, data: bytes, direction: Direction) -> Passage:
        if self._exchange is None:
            self._bytes.size[direction] += len(data)
            return Passage(data, b"")
        passage = self._exchange.feed(data, direction)
        if self._exchange.waiting:
            self._settled.clear()
        else:
            self._settled.set()
        return passage

    def _end(self, how: str) -> None:
        self._ended = self._ended or how

    def _break(self, direction: Direction, error: Exception) -> None:
        if direction is Direction.TO_CLIENT:
            self._lost = ErrorType.BAD_RESPONSE
        else:
            self._client_broke = True
        if isinstance(error, MetaProtocolError):
            what = f"the {_SENDERS[direction]} sent what cannot be followed: {error}"
        else:
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = (
                f"the codec raised {type(error).__name__}, a bug in it, on what the {_SENDERS[direction]} sent: "
                f"{error} ({place.filename}, line {place.lineno})"
            )
        self._end(what)
        self._report(f"{what}; the connection ends")

    async def _finish(self) -> None:
        """Let the client read to the end what was written to it, and learn that no more comes."""
        self._abandon()
        if self._client_gone:
            return
        client = self._writers[Direction.TO_CLIENT]
        discarding = asyncio.create_task(self._discard())
        try:
            async with asyncio.timeout(GRACE if self._client_broke else None):
                client.transport.set_write_buffer_limits(0)
                await client.drain()
            client.write_eof()
            # A connection that is closed with unread bytes is reset, and then a client may lose what it was sent.
            await asyncio.wait({discarding}, timeout=_CLOSE_TIME)
        except OSError:
            pass  # it does not read, or is gone
        finally:
            discarding.cancel()

    async def _discard(self) -> None:
        while await self._readers[Direction.TO_SERVER].read(CHUNK_SIZE):
            pass

    async def _close(self) -> None:
        self._end("the relay was stopped")
        self._abandon()
        try:
            for writer in self._writers.values():
                writer.close()
            # What was written goes out, unless the other side does not read.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIME):
                    closed = (writer.wait_closed() for writer in self._writers.values())
                    await asyncio.gather(*closed, return_exceptions=True)
        finally:
            for writer in self._writers.values():
                writer.transport.abort()
            if self._recording is not None:
                self._recording.close(self._ended, None if self._exchange is None else self._exchange.tally)

    def _abandon(self) -> None:
        """Tell the client that its waiting requests will not be answered."""
        client = self._writers[Direction.TO_CLIENT]
        if self._exchange is None or self._client_gone or client.is_closing():
            return
        before = self.tally.answered
        try:
            replies = self._exchange.abandon(Error(self._lost, f"no answer: {self._ended}"))
        except Exception as error:  # noqa: BLE001 - whatever a codec may raise
            self._report(f"the requests that wait cannot be answered: {type(error).__name__}: {error}")
            return
        if replies:
            client.write(replies)
        if self._server_gone and (number := self.tally.answered - before):
            self.tally.broken = 1
            self._report(f"{self._ended} and left {number:,} of the client's requests without an answer")

    def _report(self, text: str) -> None:
        self._relay.report(f"{self._name}: {text}")


def _peer(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return str(Address(*name[:2])) if name else ""


async def _send(writer: asyncio.StreamWriter | None, data: bytes) -> None:
    if writer is not None and data:
        writer.write(data)
        await writer.drain()
