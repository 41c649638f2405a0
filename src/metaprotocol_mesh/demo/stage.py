"""Starts the services of BookInfo and the mesh, from the files of the example."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.demo.files import copy_files, ports_in
from metaprotocol_mesh.demo.rpc import HOST
from metaprotocol_mesh.demo.services import Service, running
from metaprotocol_mesh.running import MeshRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

_PORTS = range(20000, 32000)


@frozen
class Stage:
    """BookInfo, running.

    Args:
        folder: Its files, with the ports that it has.
        mesh: Envoy.
        port: Of Envoy's listener.
        services: By name and version.
        ports: Of the services.
    """

    folder: Path
    mesh: MeshRun
    port: int
    services: Mapping[tuple[str, str], Service]
    ports: Mapping[Service, int]


@asynccontextmanager
async def staged(files: Path, folder: Path) -> AsyncIterator[Stage]:
    """Start BookInfo on ports that are free.

    Args:
        files: The example's, or changed ones.
        folder: Gets a copy of them, with these ports.

    Raises:
        ConfigurationError: The files cannot be used.
        MetaProtocolError: Envoy does not start.
    """
    listener, written = ports_in(files)
    port = _free_port()
    services = {key: Service(*key, port) for key in written}
    async with running(list(services.values())) as ports:
        changed = {listener: port} | {written[key]: ports[one] for key, one in services.items()}
        copy_files(files, folder, changed)
        async with _meshed(folder) as mesh:
            yield Stage(folder, mesh, port, services, ports)


def _free_port() -> int:
    """Return a port on which nothing listens.

    It is below those that the kernel gives to connections, one of which would soon have it on a busy machine.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as tried, suppress(OSError):
            tried.bind((HOST, port))
            return port
    raise OSError(errno.EADDRINUSE, f"no port from {_PORTS[0]} to {_PORTS[-1]} is free")


@asynccontextmanager
async def _meshed(folder: Path) -> AsyncIterator[MeshRun]:
    """Start Envoy, and end it, without keeping the services from their work."""
    mesh = MeshRun([folder], name="bookinfo")
    starting = asyncio.create_task(asyncio.to_thread(mesh.__enter__))
    try:
        yield await asyncio.shield(starting)
    finally:
        # Also if this was cancelled while it started: a thread goes on.
        await asyncio.wait([starting])
        if starting.exception() is None:
            await asyncio.to_thread(mesh.__exit__, None, None, None)
