"""Clients and servers with plain sockets, for a relay in the same process."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from attrs import define
from patience import PATIENCE

from metaprotocol_proxy import Address, Relay

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@define
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, data: bytes, size: int) -> bytes:
        """Send bytes, and return the next `size` bytes that are received."""
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)

    async def rest(self) -> bytes:
        """Return the bytes that are received until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Address]:
    """Run a server; its connections end with the context."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            with suppress(asyncio.CancelledError):  # it is ending already
                await close(writer)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await server.wait_closed()


@asynccontextmanager
async def client_of(relay: Relay) -> AsyncIterator[Client]:
    """Let a relay listen, and connect a client to it."""
    (address,) = await relay.listen(Address("127.0.0.1", 0))
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield Client(reader, writer)
    finally:
        await close(writer)


@asynccontextmanager
async def connected(relay: Relay) -> AsyncIterator[Client]:
    """Run a relay and connect a client to it. The client is closed before the relay is stopped."""
    async with relay:
        async with client_of(relay) as client:
            yield client
        await until(lambda: not relay.open_connections)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the other side does."""
    writer.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1)
    writer.transport.abort()
    await asyncio.sleep(0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, as the system does when a process dies with unread bytes."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.005)


def free_address() -> Address:
    """Return an address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])
