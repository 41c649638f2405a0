"""Servers and clients of AwesomeRPC on asyncio. A call names its service; its answer is JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Error, ErrorType, MessageDecoder, MessageType, Metadata, ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json = dict[str, Any]
Answer = Callable[[Mapping[str, str]], Awaitable[Json]]
"""Takes the properties of a call, and returns what is answered."""

HOST = "127.0.0.1"
GET = 1
_REQUEST, _RESPONSE = 0, 1
_CODEC = AwesomeRpcCodec()


class CallError(Exception):
    """A call was answered with an error of the protocol.

    Args:
        status: The protocol's number of it.
        text: What the answer says.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} (status {status})")
        self.status = status
        self.text = text


@asynccontextmanager
async def serving(answer: Answer, port: int = 0) -> AsyncIterator[int]:
    """Run a server, and return its port.

    Args:
        answer: Answers the calls; several of a connection at the same time.
        port: 0 for one that is free.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def reply(request: Metadata, writer: asyncio.StreamWriter) -> None:
        try:
            found = await answer(request.properties)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client waits for an answer
            data = _CODEC.on_error(request, Error(ErrorType.UNSPECIFIED, f"{type(error).__name__}: {error}"))
        else:
            data = _CODEC.build(_RESPONSE, request.request_id, GET, payload=json.dumps(found).encode())
        writer.write(data)

    def start(request: Metadata, writer: asyncio.StreamWriter) -> None:
        if request.error is not None:
            writer.write(_CODEC.on_error(request, Error(ErrorType.BAD_REQUEST, str(request.error))))
        elif request.message_type is MessageType.HEARTBEAT and request.expects_reply:
            writer.write(_CODEC.heartbeat_reply(request))
        elif request.message_type is MessageType.REQUEST:
            task = asyncio.create_task(reply(request, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = MessageDecoder(_CODEC.for_connection(), Direction.TO_SERVER)
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        with suppress(ConnectionError, ProtocolError, asyncio.CancelledError):
            while data := await reader.read(65536):
                for request in decoder.feed(data):
                    start(request, writer)
                if decoder.stream_error is not None:
                    raise decoder.stream_error
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, HOST, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        running = list(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()


class Client:
    """Calls a server, or a mesh, over one connection, which is opened again if it was closed.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._port = port
        self._ids = itertools.count(1)
        self._lock = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Metadata]] = {}

    async def call(self, service: str, headers: Mapping[str, str] = {}) -> Json:
        """Call a service, and return what it answers.

        Args:
            service: Its name.
            headers: Sent with the call.

        Raises:
            CallError: The answer is an error.
            OSError: There is no connection, or it was lost before the answer.
        """
        async with self._lock:
            writer = self._writer or await self._connect()
        number = next(self._ids)
        found: asyncio.Future[Metadata] = asyncio.get_running_loop().create_future()
        self._waiting[number] = found
        try:
            writer.write(_CODEC.build(_REQUEST, number, GET, headers={"service": service, **headers}))
            reply = await found
        finally:
            self._waiting.pop(number, None)
        body = reply.message[reply.header_size :]
        if reply.message_type is MessageType.EXCEPTION:
            text = body.decode("utf-8", "replace").partition(" (request ")[0]  # its id is for logs
            raise CallError(reply.status_code or 0, text)
        parsed: Json = json.loads(body)
        return parsed

    async def close(self) -> None:
        """Close the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _connect(self) -> asyncio.StreamWriter:
        reader, self._writer = await asyncio.open_connection(HOST, self._port)
        self.connections += 1
        self._reading = asyncio.create_task(self._read(reader, self._writer))
        return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = MessageDecoder(_CODEC.for_connection(), Direction.TO_CLIENT)
        try:
            with suppress(ConnectionError):
                while decoder.stream_error is None and (data := await reader.read(65536)):
                    for reply in decoder.feed(data):
                        waiting = self._waiting.get(reply.request_id)
                        if waiting is not None and not waiting.done():
                            waiting.set_result(reply)
        finally:
            self._writer = None
            writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError("the connection was closed before the answer came"))
