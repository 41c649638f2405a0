"""Serves one client's connection: the two sockets of a relay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from metaprotocol_proxy.address import reason_of
from metaprotocol_proxy.descriptors import OUT_OF_DESCRIPTORS
from metaprotocol_proxy.proxy_connection import FeedResult, ProxyConnection
from metaprotocol_proxy.shutdown import CloseReason, close, describe_bug, flush, half_close
from metaprotocol_proxy.sockets import CHUNK_SIZE, Reader, connect, keep_alive
from metaprotocol_proxy.stats import Stats
from metaprotocol_sdk import Direction, Error, ErrorType, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_proxy.address import Address
    from metaprotocol_proxy.proxy_connection import Rules
    from metaprotocol_proxy.recording import Recording
    from metaprotocol_sdk import Codec

DRAIN_TIMEOUT = 5.0
"""Seconds for the server to answer pending requests after its client sent bytes that cannot be decoded."""

CONNECT_TIMEOUT = 5.0
"""Seconds for a server to accept a connection."""


class ConnectionHandler:
    """Relays one client's connection to a connection to the server that it opens.

    Args:
        reader: Bytes from the client.
        writer: Bytes to the client.
        upstream: The server; None if the rules answer every request.
        codec: The codec that reads the messages; None relays bytes.
        rules: The changes and answers to make.
        recording: The recording of this connection; None records nothing.
        report: Called with one sentence for each failure.
        on_refused: Called if no file descriptor is left for the connection to the server.
    """

    def __init__(
        self,
        reader: Reader,
        writer: asyncio.StreamWriter,
        *,
        upstream: Address | None,
        codec: Codec | None,
        rules: Rules,
        recording: Recording | None,
        report: Callable[[str], None],
        on_refused: Callable[[], None],
    ) -> None:
        self._readers = {Direction.TO_SERVER: reader}
        self._writers = {Direction.TO_CLIENT: writer}
        self._upstream = upstream
        self._codec = codec
        self._rules = rules
        self._recording = recording
        self._report = report
        self._on_refused = on_refused
        self._proxy: ProxyConnection | None = None
        self._byte_stats = Stats()
        # Directions whose end was not seen yet, and directions whose receiver was told of the end.
        self._open = {Direction.TO_SERVER}
        self._half_closed: set[Direction] = set()
        self._none_pending = asyncio.Event()
        self._close_reason = CloseReason(codec, report)
        self._unreachable = False
        keep_alive(writer)

    @property
    def stats(self) -> Stats:
        """The counters of this connection."""
        return self._byte_stats if self._proxy is None else self._proxy.stats

    @property
    def _pending(self) -> int:
        return 0 if self._proxy is None else self._proxy.pending

    @property
    def _must_close(self) -> bool:
        return self._proxy is not None and self._proxy.must_close

    async def serve(self) -> None:
        """Relay until both sides have closed, or one is gone.

        Raises:
            RecordingError: The recording cannot be written.
        """
        try:
            if self._start_codec() and await self._connect():
                if Direction.TO_CLIENT in self._readers:
                    await self._relay_both_ways()
                elif self._proxy is not None and not self._refuse(self._proxy):
                    await self._relay(Direction.TO_SERVER)
            await self._flush_client()
        except asyncio.CancelledError:
            await self._receive_rest()
            raise
        finally:
            await self._close()

    def _start_codec(self) -> bool:
        """Give the connection its own codec object; return True if that works."""
        if self._codec is None:
            return True
        try:
            self._proxy = ProxyConnection(self._codec, self._rules, self._report)
        except Exception as error:  # noqa: BLE001 - any exception of a codec ends this connection, not the relay
            self._fail(f"{describe_bug(self._codec, error)} when the connection began")
            return False
        return True

    async def _connect(self) -> bool:
        """Connect to the server, if there is one; return True if the client can be served, if only with errors."""
        upstream = self._upstream
        if upstream is None or self._rules.answer_all:
            return True
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, writer = await connect(upstream)
        except OSError as error:
            if error.errno in OUT_OF_DESCRIPTORS:
                self._on_refused()
                self._close_reason.set("it was refused: no file descriptor is left")
                return False
            reason = reason_of(error) or f"no answer within {CONNECT_TIMEOUT:g} seconds"  # a TimeoutError has no text
            self._fail(f"the server {upstream} cannot be reached ({reason})")
            self._unreachable = True
            if self._proxy is not None:
                self._proxy.reply = Error(ErrorType.NO_HEALTHY_UPSTREAM, self._close_reason.text)
            return True
        keep_alive(writer)
        self._readers[Direction.TO_CLIENT] = reader
        self._writers[Direction.TO_SERVER] = writer
        self._open.add(Direction.TO_CLIENT)
        return True

    def _refuse(self, proxy: ProxyConnection) -> bool:
        """Refuse a client that waits for the server to speak first, as there is none; return True if it does."""
        if proxy.reply is None or not proxy.codec.server_first:
            return False
        try:
            self._write(Direction.TO_CLIENT, proxy.refuse(proxy.reply))
            self._close_reason.set("the client was refused")
        except Exception as error:  # noqa: BLE001 - any exception of a codec ends this connection, not the relay
            self._fail(f"{describe_bug(proxy.codec, error)} when the client was to be refused")
        return True

    async def _relay_both_ways(self) -> None:
        to_server = asyncio.create_task(self._relay(Direction.TO_SERVER))
        to_client = asyncio.create_task(self._relay(Direction.TO_CLIENT))
        try:
            await asyncio.wait({to_server, to_client}, return_when=asyncio.FIRST_COMPLETED)
            if to_client.done():
                if to_client.result():
                    await to_server
            elif to_server.result():
                await to_client
            elif self._pending and not self._close_reason.client_gone:
                await self._drain_pending(to_client)
        finally:
            for task in (to_server, to_client):
                task.cancel()
            for result in await asyncio.gather(to_server, to_client, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    async def _drain_pending(self, to_client: asyncio.Task[bool]) -> None:
        """Let the server answer the sound requests that came before bad bytes."""
        none_pending = asyncio.create_task(self._none_pending.wait())
        await asyncio.wait({none_pending, to_client}, timeout=DRAIN_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        none_pending.cancel()

    async def _relay(self, direction: Direction) -> bool:
        """Relay one direction to its end; return True if the other one goes on."""
        other_goes_on = await self._relay_to_end(direction)
        self._open.discard(direction)
        return other_goes_on

    async def _relay_to_end(self, direction: Direction) -> bool:
        reader = self._readers[direction]
        receiver = direction.opposite
        try:
            while data := await reader.read(CHUNK_SIZE):
                result = self._receive(data, direction)
                receiver = direction.opposite
                if result.forward:
                    await self._drain(direction)
                receiver = direction
                if result.back:
                    await self._drain(direction.opposite)
                if result.error is not None:
                    self._close_reason.stream_failed(direction, result.error)
                    return False
                if direction is Direction.TO_SERVER and self._must_close:
                    self._close_reason.set("an error reply ended the connection")
                    return False
                if self._unreachable and result.back:
                    return False  # a client that connects again finds a server that is back
                if Direction.TO_CLIENT in self._half_closed and (result.back or self._pending):
                    return False  # nobody can answer any more
            if reader.failure is not None:
                return self._on_reset(direction, direction, reader.failure)
            if self._proxy is not None:
                self._proxy.eof(direction)
        except OSError as error:
            return self._on_reset(direction, receiver, error)
        except ProtocolError as error:
            self.stats.failed = 1
            self._close_reason.stream_failed(direction, error)
            return False
        self._close_reason.closed_by(direction)
        if direction is Direction.TO_CLIENT:
            self._fail_pending()
            if self._must_close:
                return False
        if (forward := self._writers.get(direction)) is not None:
            half_close(forward)  # the sender is done, and may still read
            self._half_closed.add(direction)
        return True

    def _receive(self, data: bytes, direction: Direction) -> FeedResult:
        """Record bytes, and write the bytes that they become."""
        if self._recording is not None:
            self._recording.add(direction, data)
        result = self._feed(data, direction)
        self._write(direction, result.forward)
        self._write(direction.opposite, result.back)
        return result

    def _feed(self, data: bytes, direction: Direction) -> FeedResult:
        if self._proxy is None:
            self._byte_stats.size[direction] += len(data)
            return FeedResult(data, b"")
        result = self._proxy.feed(data, direction)
        if self._pending:
            self._none_pending.clear()
        else:
            self._none_pending.set()
        return result

    def _write(self, direction: Direction, data: bytes) -> None:
        writer = self._writers.get(direction)
        if writer is not None and data and direction not in self._half_closed:
            writer.write(data)

    async def _drain(self, direction: Direction) -> None:
        writer = self._writers.get(direction)
        if writer is not None and direction not in self._half_closed:
            await writer.drain()

    async def _receive_rest(self) -> None:
        """Receive the bytes that have arrived and were not read because their receiver is slow."""
        for direction in Direction:
            if direction in self._open and (data := await self._readers[direction].drain()):
                result = self._receive(data, direction)
                if result.error is not None:
                    self._close_reason.stream_failed(direction, result.error)

    def _on_reset(self, direction: Direction, lost: Direction, error: Exception) -> bool:
        """Note that the sender of `lost` is gone; return True if the direction other than `direction` goes on."""
        self._close_reason.reset_by(lost, error)
        # The bytes that the server sent before it went away still reach the client.
        return direction is Direction.TO_SERVER and lost is Direction.TO_CLIENT

    def _fail(self, text: str) -> None:
        self._close_reason.fail(text)
        self.stats.failed = 1

    async def _flush_client(self) -> None:
        self._open.clear()
        self._fail_pending()
        if not self._close_reason.client_gone:
            client = self._readers[Direction.TO_SERVER], self._writers[Direction.TO_CLIENT]
            await flush(*client, DRAIN_TIMEOUT if self._close_reason.client_failed else None)

    async def _close(self) -> None:
        self._close_reason.set("the relay was stopped")
        self._fail_pending()
        try:
            await close(self._writers.values())
        finally:
            if self._recording is not None:
                self._recording.close(self._close_reason.text, None if self._proxy is None else self._proxy.stats)

    def _fail_pending(self) -> None:
        """Tell the client that its pending requests will not be answered."""
        client = self._writers[Direction.TO_CLIENT]
        if self._proxy is None or self._close_reason.client_gone or client.is_closing():
            return
        reason = self._close_reason
        try:
            failed = self._proxy.fail_pending(Error(reason.error_type, f"no answer: {reason.text}"))
        except Exception as error:  # noqa: BLE001 - any exception of a codec ends this connection, not the relay
            self._fail(f"{describe_bug(self._proxy.codec, error)} when pending requests were to be answered")
            return
        if failed.data and Direction.TO_CLIENT not in self._half_closed:
            client.write(failed.data)
            self.stats.answered += failed.answered
        if reason.server_left and failed.consequence:
            self.stats.failed = 1
            self._report(f"{reason.text} and {failed.consequence}")
