"""One client's connection through a relay, and the one to the server that belongs to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from metaprotocol_proxy.address import reason_of
from metaprotocol_proxy.closing import close, finish, half_close
from metaprotocol_proxy.descriptors import NONE_LEFT
from metaprotocol_proxy.ending import Ending
from metaprotocol_proxy.exchange import Exchange, Passage, bug_in
from metaprotocol_proxy.streams import CHUNK_SIZE, Reader, connect, keep_alive, peer_of
from metaprotocol_proxy.tally import Tally
from metaprotocol_sdk import Direction, Error, ErrorType, ProtocolError

if TYPE_CHECKING:
    from metaprotocol_proxy.relay import Relay

GRACE = 5.0
"""Seconds that a server has to answer what it was asked, once its client cannot be followed any more."""

CONNECT_TIME = 5.0
"""Seconds that a server has to accept a connection."""


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
        self._exchange: Exchange | None = None
        self._bytes = Tally()
        self._recording = relay.recorder.connection(peer_of(writer)) if relay.recorder else None
        # Directions whose end was not seen yet, and those whose receiver was told of the end.
        self._flowing = {Direction.TO_SERVER}
        self._finished: set[Direction] = set()
        self._settled = asyncio.Event()
        self._ending = Ending(relay.codec, self._report)
        self._unreachable = False
        keep_alive(writer)

    @property
    def tally(self) -> Tally:
        """What came through it."""
        return self._bytes if self._exchange is None else self._exchange.tally

    @property
    def _waiting(self) -> int:
        return 0 if self._exchange is None else self._exchange.waiting

    async def serve(self) -> None:
        """Relay until both sides are done, or one is gone.

        Raises:
            RecordingError: The connection cannot be recorded.
        """
        try:
            if self._begin() and await self._connect():
                if Direction.TO_CLIENT in self._readers:
                    await self._relay_both_ways()
                elif self._exchange is not None:
                    await self._pump(Direction.TO_SERVER)
            await self._finish()
        except asyncio.CancelledError:
            await self._take_rest()
            raise
        finally:
            await self._close()

    def _begin(self) -> bool:
        """Give the connection its own codec; return whether it can be used."""
        codec = self._relay.codec
        if codec is None:
            return True
        try:
            self._exchange = Exchange(codec, self._relay.rules, self._report)
        except Exception as error:  # noqa: BLE001 - whatever a codec may raise
            self._fail(f"{bug_in(codec, error)} when the connection began")
            return False
        return True

    async def _connect(self) -> bool:
        """Connect to the server, if there is one; return whether the client can be served, if only by errors."""
        upstream = self._relay.upstream
        if upstream is None or self._relay.rules.reply is not None:
            return True
        try:
            async with asyncio.timeout(CONNECT_TIME):
                reader, writer = await connect(upstream)
        except OSError as error:
            if error.errno in NONE_LEFT:
                self._relay.refuse()
                self._ending.because("it was refused: no file descriptor is left")
                return False
            reason = reason_of(error) or f"no answer within {CONNECT_TIME:g} seconds"  # a TimeoutError says nothing
            self._fail(f"the server {upstream} cannot be reached ({reason})")
            self._unreachable = True
            if self._exchange is not None:
                self._exchange.reply = Error(ErrorType.NO_HEALTHY_UPSTREAM, self._ending.reason)
            return True
        keep_alive(writer)
        self._readers[Direction.TO_CLIENT] = reader
        self._writers[Direction.TO_SERVER] = writer
        self._flowing.add(Direction.TO_CLIENT)
        return True

    async def _relay_both_ways(self) -> None:
        to_server = asyncio.create_task(self._pump(Direction.TO_SERVER))
        to_client = asyncio.create_task(self._pump(Direction.TO_CLIENT))
        try:
            await asyncio.wait({to_server, to_client}, return_when=asyncio.FIRST_COMPLETED)
            if to_client.done():
                if to_client.result():
                    await to_server
            elif to_server.result():
                await to_client
            elif self._waiting and not self._ending.client_gone:
                await self._settle(to_client)
        finally:
            for task in (to_server, to_client):
                task.cancel()
            for result in await asyncio.gather(to_server, to_client, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    async def _settle(self, to_client: asyncio.Task[bool]) -> None:
        """Let the server answer the good requests that came before bad bytes."""
        settled = asyncio.create_task(self._settled.wait())
        await asyncio.wait({settled, to_client}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()

    async def _pump(self, direction: Direction) -> bool:
        """Relay one direction to its end; return whether the other one goes on."""
        other_goes_on = await self._carry(direction)
        self._flowing.discard(direction)
        return other_goes_on

    async def _carry(self, direction: Direction) -> bool:
        reader = self._readers[direction]
        receiver = direction.opposite
        try:
            while data := await reader.read(CHUNK_SIZE):
                passage = self._take(data, direction)
                receiver = direction.opposite
                if passage.forward:
                    await self._drain(direction)
                receiver = direction
                if passage.back:
                    await self._drain(direction.opposite)
                if passage.broken is not None:
                    self._ending.breaks(direction, passage.broken)
                    return False
                if self._unreachable and passage.back:
                    return False  # a client that connects again finds a server that is back
                if Direction.TO_CLIENT in self._finished and (passage.back or self._waiting):
                    return False  # nobody can answer any more
            if reader.failure is not None:
                return self._lose(direction, direction, reader.failure)
            if self._exchange is not None:
                self._exchange.eof(direction)
        except OSError as error:
            return self._lose(direction, receiver, error)
        except ProtocolError as error:
            self.tally.broken = 1
            self._ending.breaks(direction, error)
            return False
        self._ending.close(direction)
        if direction is Direction.TO_CLIENT:
            self._abandon()
        if (forward := self._writers.get(direction)) is not None:
            half_close(forward)  # the sender has said all, and may still read
            self._finished.add(direction)
        return True

    def _take(self, data: bytes, direction: Direction) -> Passage:
        """Record bytes, and write what becomes of them."""
        if self._recording is not None:
            self._recording.add(direction, data)
        passage = self._feed(data, direction)
        self._write(direction, passage.forward)
        self._write(direction.opposite, passage.back)
        return passage

    def _write(self, direction: Direction, data: bytes) -> None:
        writer = self._writers.get(direction)
        if writer is not None and data and direction not in self._finished:
            writer.write(data)

    async def _drain(self, direction: Direction) -> None:
        writer = self._writers.get(direction)
        if writer is not None and direction not in self._finished:
            await writer.drain()

    async def _take_rest(self) -> None:
        """Take what had arrived when the relay was stopped, and was not read since the other side is slow."""
        for direction in Direction:
            if direction in self._flowing and (data := await self._readers[direction].rest()):
                passage = self._take(data, direction)
                if passage.broken is not None:
                    self._ending.breaks(direction, passage.broken)

    def _lose(self, direction: Direction, lost: Direction, error: Exception) -> bool:
        """Note that the sender of `lost` is gone; return whether the direction other than this one goes on."""
        self._ending.reset(lost, error)
        # What the server sent before it went away still reaches the client.
        return direction is Direction.TO_SERVER and lost is Direction.TO_CLIENT

    def _feed(self, data: bytes, direction: Direction) -> Passage:
        if self._exchange is None:
            self._bytes.size[direction] += len(data)
            return Passage(data, b"")
        passage = self._exchange.feed(data, direction)
        if self._waiting:
            self._settled.clear()
        else:
            self._settled.set()
        return passage

    def _fail(self, reason: str) -> None:
        self._ending.fail(reason)
        self.tally.broken = 1

    async def _finish(self) -> None:
        self._flowing.clear()
        self._abandon()
        if not self._ending.client_gone:
            client = self._readers[Direction.TO_SERVER], self._writers[Direction.TO_CLIENT]
            await finish(*client, GRACE if self._ending.client_broke else None)

    async def _close(self) -> None:
        self._ending.because("the relay was stopped")
        self._abandon()
        try:
            await close(self._writers.values())
        finally:
            if self._recording is not None:
                self._recording.close(self._ending.reason, None if self._exchange is None else self._exchange.tally)

    def _abandon(self) -> None:
        """Tell the client that its waiting requests will not be answered."""
        client = self._writers[Direction.TO_CLIENT]
        if self._exchange is None or self._ending.client_gone or client.is_closing():
            return
        before, ending = self.tally.answered, self._ending
        try:
            replies = self._exchange.abandon(Error(ending.lost, f"no answer: {ending.reason}"))
        except Exception as error:  # noqa: BLE001 - whatever a codec may raise
            self._fail(f"{bug_in(self._exchange.codec, error)} when the requests that wait were to be answered")
            return
        number = self.tally.answered - before
        if Direction.TO_CLIENT in self._finished:
            self.tally.answered = before
        elif replies:
            client.write(replies)
        if ending.server_left and number:
            self.tally.broken = 1
            self._report(f"{ending.reason} and left {number:,} of the client's requests without an answer")

    def _report(self, text: str) -> None:
        self._relay.report(f"{self._name}: {text}")
