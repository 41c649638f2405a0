"""Clients and servers of any protocol that a codec reads, on plain sockets and threads."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from patience import PATIENCE

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, Mutation


class Client:
    """A client's connection.

    Args:
        codec: Reads what comes.
        port: To connect to.
        host: An address of this machine.
    """

    def __init__(self, codec: Codec, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self._decoder = MessageDecoder(codec, Direction.TO_CLIENT)
        self._messages: list[Metadata] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Metadata:
        """Return the next message. Raises EOFError if the connection ends."""
        while not self._messages:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the connection has ended")
            self._messages += self._decoder.feed(data)
        return self._messages.pop(0)

    def call(self, data: bytes) -> Metadata:
        self.send(data)
        return self.receive()

    def reset(self) -> None:
        """End the connection as a crash does; a mere close could be half of one."""
        reset(self.socket)

    def ended(self) -> bool:
        """Return True if the next that comes is the end of the connection."""
        try:
            self.receive()
        except (EOFError, ConnectionError):
            return True
        return False


def reset(connection: socket.socket) -> None:
    """End a connection as a crash does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def with_id(codec: Codec, message: Metadata, number: int) -> bytes:
    """Return a message that a server has received with the id that its client gave it."""
    return codec.encode(message, Mutation(), number)


def with_id_of(codec: Codec, answer: bytes, request: Metadata) -> bytes:
    """Return an answer with the id of the request."""
    return codec.encode(codec.decode(answer, Direction.TO_CLIENT), Mutation(), request.request_id)


Handler = Callable[[Metadata, "ServerConnection"], bytes | None]
"""Takes a request; returns bytes to send, None for none."""


class ServerConnection:
    """A connection that a server has accepted.

    Args:
        connection: The socket.
        number: How many came before it.
    """

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.socket = connection
        self.number = number

    def reset(self) -> None:
        """End the connection as a crash does."""
        reset(self.socket)


class Server:
    """A server; it remembers what it has received, in order.

    Args:
        codec: Reads what comes.
        handler: Answers it.
        port: To listen on; 0 is one that the kernel chooses.
        host: To listen at.
    """

    def __init__(self, codec: Codec, handler: Handler, port: int = 0, host: str = "127.0.0.1") -> None:
        self._codec = codec
        self._handler = handler
        self._listening = socket.create_server((host, port), backlog=4096)
        self.port: int = self._listening.getsockname()[1]
        self.received: list[Metadata] = []
        self.connections: list[ServerConnection] = []
        self.changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = ServerConnection(accepted, len(self.connections))
                self.connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: ServerConnection) -> None:
        decoder = MessageDecoder(self._codec, Direction.TO_SERVER)
        with suppress(OSError), connection.socket:
            while data := connection.socket.recv(1 << 20):
                for message in decoder.feed(data):
                    with self.changed:
                        self.received.append(message)
                        self.changed.notify_all()
                    if answer := self._handler(message, connection):
                        connection.socket.sendall(answer)

    def wait(self, count: int) -> list[Metadata]:
        """Return what has come, when it is so many messages."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, PATIENCE)
            return list(self.received)

    def refuse(self) -> None:
        """Take no more connections; serve those that there are."""
        # A thread that waits in accept() keeps the socket alive: wake it.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def close(self) -> None:
        self.refuse()
        for connection in self.connections:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)


@contextmanager
def serving(codec: Codec, handler: Handler, port: int = 0, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(codec, handler, port, host)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def released() -> Iterator[threading.Event]:
    """Make an event for which handlers wait; it is set when the block ends, however that is, before the server ends."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()
