"""A server that does what a request asks for, well or badly."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.soak.protocol import CODEC, RESPONSE, message
from metaprotocol_sdk import Direction, MessageDecoder

if TYPE_CHECKING:
    from metaprotocol_sdk import Metadata

LATE = 1.0  # seconds, longer than the route waits


class Server:
    """Serves connections in an event loop."""

    def __init__(self) -> None:
        self.oneways = 0
        self._failed_once: set[str] = set()  # keys of requests whose first attempt has failed
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=4096)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """End when all connections have."""
        self._server.close()
        await asyncio.gather(*self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
        with suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                for request in decoder.feed(data):
                    if not request.expects_reply:
                        self.oneways += 1
                    elif not await self._answer(request, writer):
                        return
                await writer.drain()
        writer.close()

    async def _answer(self, request: Metadata, writer: asyncio.StreamWriter) -> bool:
        """Do what is asked for; return False if the connection is gone."""
        properties = request.properties
        what = properties["do"]
        headers = {name: value for name, value in properties.items() if name in {"key", "tint"}}
        payload = request.message[request.header_size :]
        reply = message(RESPONSE, request.request_id or 0, headers, payload)
        if what == "retry" and properties["key"] not in self._failed_once:
            self._failed_once.add(properties["key"])
            what = "reset"
        elif what == "retry":
            self._failed_once.discard(properties["key"])
        if what == "reset":
            writer.transport.abort()
            return False
        if what == "half":
            writer.write(reply[: len(reply) // 2])
            writer.close()
            return False
        if what == "garbage":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + reply)
            return True
        if what == "late":
            await asyncio.sleep(LATE)
        writer.write(reply)
        return True
