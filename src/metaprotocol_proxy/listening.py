"""Accepts connections, also when there is no descriptor left for one."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from metaprotocol_proxy.descriptors import NONE_LEFT
from metaprotocol_proxy.streams import Reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from metaprotocol_proxy.address import Address

_BACKLOG = 100
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class _ListeningSocket(socket.socket):
    """Refuses the connections that there is no descriptor for.

    They would wait in its queue for ever, and asyncio would log each attempt to accept one. A descriptor that is kept
    in reserve lets it accept such a connection, to close it.
    """

    def __init__(self, listening: socket.socket, refused: Callable[[], None]) -> None:
        super().__init__(fileno=listening.detach())
        self._refused = refused
        self._reserve = os.open(os.devnull, os.O_RDONLY)

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in NONE_LEFT:
                raise
        os.close(self._reserve)
        try:
            super().accept()[0].close()
        finally:
            self._reserve = os.open(os.devnull, os.O_RDONLY)
        self._refused()
        raise BlockingIOError  # the event loop comes back for the next one

    def close(self) -> None:
        if self.fileno() >= 0:
            os.close(self._reserve)
        super().close()


async def listen(
    accept: Callable[[Reader, asyncio.StreamWriter], Awaitable[None]], address: Address, refused: Callable[[], None]
) -> list[asyncio.Server]:
    """Begin to accept connections; return a server for each address of the host.

    Args:
        accept: Called with each one, in a task of its own.
        address: Where to listen; port 0 takes a free one.
        refused: Called when one was closed because the process, or the system, has no file descriptor left.

    Raises:
        OSError: The address cannot be listened on.
    """
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(Reader(loop=loop), accept, loop=loop)  # type: ignore[arg-type]

    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    servers: list[asyncio.Server] = []
    absent: OSError | None = None
    try:
        for family, name in dict.fromkeys((family, name) for family, *_, name in found):
            try:
                listening = socket.create_server(name, family=family)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                absent = error  # such as ::1, which `localhost` names, on a machine without IPv6
                continue
            accepting = _ListeningSocket(listening, refused)
            # asyncio accepts as many at once as its backlog holds: they would take the descriptors that are needed to
            # connect to the server.
            servers.append(await loop.create_server(protocol, sock=accepting, backlog=1))
            accepting.listen(_BACKLOG)
    except OSError:
        for server in servers:
            server.close()
        raise
    if absent is not None and not servers:
        raise absent
    return servers
