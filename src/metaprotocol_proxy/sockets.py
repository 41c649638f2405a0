"""Opens and accepts connections. Their readers keep the bytes that came before a reset."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from metaprotocol_proxy.address import Address
from metaprotocol_proxy.descriptors import OUT_OF_DESCRIPTORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import SupportsIndex

CHUNK_SIZE = 64 * 1024
"""The most bytes that one read returns."""

# Seconds of silence before the first probe (macOS has another name for it), seconds between probes, and the number of
# unanswered probes that end the connection.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}

_BACKLOG = 100
_ADDRESS_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Reader(asyncio.StreamReader):
    """Returns the bytes that came before a reset, then ends. asyncio's own reader drops them."""

    failure: Exception | None = None
    """The error that ended the stream; None if the stream goes on or the other side closed it."""

    _cut = False

    def set_exception(self, exc: Exception) -> None:
        """End the stream after the bytes that have arrived."""
        self.failure = exc
        self.feed_eof()

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Add bytes that have arrived."""
        if not self._cut:
            super().feed_data(data)

    async def drain(self) -> bytes:
        """End the stream, and return without waiting the bytes that have arrived and were not read."""
        self._cut = True
        self.feed_eof()
        return await self.read()


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the system end the connection when the other machine has not answered its probes for two minutes."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is reset already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if (option := getattr(socket, name, None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def peer_of(writer: asyncio.StreamWriter) -> str:
    """Return the address of the other side; "" if it is gone already."""
    name = writer.get_extra_info("peername")
    return str(Address(*name[:2])) if name else ""


async def connect(address: Address) -> tuple[Reader, asyncio.StreamWriter]:
    """Connect to a server.

    Args:
        address: The server's address.

    Raises:
        OSError: The server cannot be reached.
    """
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, address.host, address.port)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def listen(
    on_accepted: Callable[[Reader, asyncio.StreamWriter], Awaitable[None]],
    address: Address,
    on_refused: Callable[[], None],
) -> list[asyncio.Server]:
    """Begin to accept connections; return one server for each address of the host.

    Args:
        on_accepted: Called with each connection, in a task of its own.
        address: The address to listen on; port 0 takes a free one.
        on_refused: Called when a connection was closed because no file descriptor was left.

    Raises:
        OSError: The address cannot be listened on.
    """
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Reader(loop=loop), on_accepted, loop=loop)  # type: ignore[arg-type]

    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    servers: list[asyncio.Server] = []
    missing: OSError | None = None
    try:
        for family, name in dict.fromkeys((family, name) for family, *_, name in found):
            try:
                listening = socket.create_server(name, family=family)
            except OSError as error:
                if error.errno not in _ADDRESS_MISSING:
                    raise
                missing = error  # `localhost` resolves to ::1 even on a machine without IPv6
                continue
            accepting = _ListeningSocket(listening, on_refused)
            # asyncio accepts up to `backlog` connections in one step. More than one would take the descriptors that
            # are needed to connect to the server.
            servers.append(await loop.create_server(protocol, sock=accepting, backlog=1))
            accepting.listen(_BACKLOG)
    except OSError:
        for server in servers:
            server.close()
        raise
    if missing is not None and not servers:
        raise missing
    return servers


class _ListeningSocket(socket.socket):
    """Closes connections for which no descriptor is left.

    Otherwise they would stay in the queue, and asyncio would log every attempt to accept one. A reserved descriptor is
    given up for a moment to accept such a connection and close it.
    """

    def __init__(self, listening: socket.socket, on_refused: Callable[[], None]) -> None:
        super().__init__(fileno=listening.detach())
        self._on_refused = on_refused
        self._reserve = os.open(os.devnull, os.O_RDONLY)

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in OUT_OF_DESCRIPTORS:
                raise
        os.close(self._reserve)
        try:
            super().accept()[0].close()
        finally:
            self._reserve = os.open(os.devnull, os.O_RDONLY)
        self._on_refused()
        raise BlockingIOError  # the event loop comes back for the next one

    def close(self) -> None:
        if self.fileno() >= 0:
            os.close(self._reserve)
        super().close()
