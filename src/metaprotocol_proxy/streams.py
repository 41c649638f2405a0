"""Connections whose last bytes are not lost when the other side resets them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from metaprotocol_proxy.address import Address


class Reader(asyncio.StreamReader):
    """Gives out what came before a reset, then ends; asyncio's own reader drops what was not read yet."""

    failure: Exception | None = None
    """What ended the stream; None if it has not ended, or the other side closed it."""

    def set_exception(self, exc: Exception) -> None:
        """End the stream behind what has arrived."""
        self.failure = exc
        self.feed_eof()


async def connect(address: Address) -> tuple[Reader, asyncio.StreamWriter]:
    """Connect to a server.

    Args:
        address: Where it listens.

    Raises:
        OSError: It cannot be reached.
    """
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, address.host, address.port)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def listen(accept: Callable[[Reader, asyncio.StreamWriter], Awaitable[None]], address: Address) -> asyncio.Server:
    """Begin to accept connections.

    Args:
        accept: Called with each one, in a task of its own.
        address: Where to listen; port 0 takes a free one.

    Raises:
        OSError: The address cannot be listened on.
    """
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Reader(loop=loop), accept, loop=loop)  # type: ignore[arg-type]

    return await loop.create_server(protocol, address.host, address.port)
