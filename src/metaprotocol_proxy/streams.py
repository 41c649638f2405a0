"""Connections whose last bytes are not lost, and whose other side cannot vanish unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from metaprotocol_proxy.address import Address

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import SupportsIndex

CHUNK_SIZE = 64 * 1024
"""Bytes that are read at once, at most."""

# Seconds of silence before the first probe (macOS has another name for it), seconds between two, and how many probes
# without an answer end the connection.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}


class Reader(asyncio.StreamReader):
    """Gives out what came before a reset, then ends; asyncio's own reader drops what was not read yet."""

    failure: Exception | None = None
    """What ended the stream; None if it has not ended, or the other side closed it."""

    _cut = False

    def set_exception(self, exc: Exception) -> None:
        """End the stream behind what has arrived."""
        self.failure = exc
        self.feed_eof()

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Add what has arrived."""
        if not self._cut:
            super().feed_data(data)

    async def rest(self) -> bytes:
        """End the stream here; return what has arrived and was not read. This does not wait for anything."""
        self._cut = True
        self.feed_eof()
        return await self.read()


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system reset the connection when the machine at the other side has not answered for two minutes."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is reset already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if (option := getattr(socket, name, None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def peer_of(writer: asyncio.StreamWriter) -> str:
    """Return the address of the other side; empty if it is gone already."""
    name = writer.get_extra_info("peername")
    return str(Address(*name[:2])) if name else ""


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
