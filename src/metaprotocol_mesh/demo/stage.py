"""Starts the services of BookInfo and the mesh, from the files of the example."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.demo.files import copy_files, ports_in
from metaprotocol_mesh.demo.rpc import HOST
from metaprotocol_mesh.demo.services import Service, running
from metaprotocol_mesh.running import MeshRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


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
    with socket.socket() as reserved:
        # Bound and not listening, it keeps the port from others; Envoy's listeners share it by the same option.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((HOST, 0))
        port = reserved.getsockname()[1]
        services = {key: Service(*key, port) for key in written}
        async with running(list(services.values())) as ports:
            changed = {listener: port} | {written[key]: ports[one] for key, one in services.items()}
            copy_files(files, folder, changed)
            async with _meshed(folder) as mesh:
                yield Stage(folder, mesh, port, services, ports)


@asynccontextmanager
async def _meshed(folder: Path) -> AsyncIterator[MeshRun]:
    """Start Envoy, and end it, without keeping the services from their work."""
    mesh = MeshRun([folder], name="bookinfo")
    await asyncio.to_thread(mesh.__enter__)
    try:
        yield mesh
    finally:
        await asyncio.to_thread(mesh.__exit__, None, None, None)
