"""The end of a relayed connection, and the bytes that both sides still get."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from patience import PATIENCE
from sockets import connected, free_address, reset, serving, until

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Address, Recorder, Relay, Rules
from metaprotocol_proxy.handler import ConnectionHandler
from metaprotocol_proxy.shutdown import CloseReason
from metaprotocol_proxy.sockets import Reader
from metaprotocol_sdk import Direction, Error, ErrorType

CODEC = AwesomeRpcCodec()
CALL = CODEC.build(0, 1, 7)


@asynccontextmanager
async def leaving_server(monkeypatch) -> AsyncIterator[tuple[Address, list[int]]]:
    """Run a server that sends until the relay holds bytes that its client does not read, and then leaves.

    Yield its address, and a list that gets the number of bytes that it has sent once the relay knows that it has left.
    """
    drain, closed_by, held, total, sent = ConnectionHandler._drain, CloseReason.closed_by, [0], 0, []

    async def note(self: ConnectionHandler, direction: Direction) -> None:
        await drain(self, direction)
        if direction is Direction.TO_CLIENT:
            held.append(self._writers[direction].transport.get_write_buffer_size())

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal total
        await reader.read(1)
        while not held[-1]:
            count = len(held)
            writer.write(bytes(8192))
            total += 8192
            await until(lambda count=count: len(held) > count)

    def note_end(self: CloseReason, sender: Direction) -> None:
        closed_by(self, sender)
        if sender is Direction.TO_CLIENT:
            sent.append(total)

    monkeypatch.setattr(ConnectionHandler, "_drain", note)
    monkeypatch.setattr(CloseReason, "closed_by", note_end)
    async with serving(handler) as address:
        yield address, sent


@asynccontextmanager
async def stalled_client(relay: Relay) -> AsyncIterator[socket.socket]:
    """Connect a client that sends a byte and does not read."""
    (address,) = await relay.listen(Address("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, (address.host, address.port))
        await loop.sock_sendall(client, b"?")
        yield client


def test_a_slow_client_gets_all_bytes_of_a_server_that_has_left(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.shutdown.CLOSE_TIMEOUT", 0.01)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with leaving_server(monkeypatch) as (server, sent), Relay(server) as relay:
            async with stalled_client(relay) as client:
                await until(lambda: bool(sent))
                await asyncio.sleep(0.1)  # ten times the timeout, in which the relay must not give up
                received = 0
                while data := await asyncio.wait_for(loop.sock_recv(client, 65536), PATIENCE):
                    received += len(data)
            assert [received] == sent

    asyncio.run(scenario())


def test_a_recording_is_complete_when_the_relay_stops_while_a_connection_ends(monkeypatch, tmp_path: Path) -> None:
    async def scenario() -> int:
        async with leaving_server(monkeypatch) as (server, sent):
            with Recorder(tmp_path, {}) as recorder:
                relay = Relay(server, recorder=recorder)
                async with relay, stalled_client(relay):
                    await until(lambda: bool(sent))
            return sent[0]

    size = asyncio.run(scenario())
    line = json.loads((tmp_path / "manifest.jsonl").read_text("utf-8"))
    assert (line["ended"], line["files"]["s2c"]["size"]) == ("the server closed the connection", size)
    rows = json.loads((tmp_path / "conn1.chunks.json").read_text("utf-8"))
    assert sum(row[2] for row in rows if row[0] == "s2c") == size


def test_bytes_before_a_reset_can_still_be_read() -> None:
    async def scenario() -> None:
        reader = Reader()
        reader.feed_data(b"the last words")
        failure = ConnectionResetError()
        reader.set_exception(failure)
        assert [await reader.read(100), await reader.read(100)] == [b"the last words", b""]
        assert reader.failure is failure

    asyncio.run(scenario())


def test_the_client_is_told_that_the_server_reset_the_connection() -> None:
    async def answer_once_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2 * len(CALL))
        writer.write(CODEC.build(1, 1, 7))
        await until(lambda: relays[0].stats().count(Direction.TO_CLIENT) == 1)
        reset(writer)

    relays: list[Relay] = []

    async def scenario() -> None:
        complaints: list[str] = []
        async with serving(answer_once_and_reset) as server:
            relay = Relay(server, codec=CODEC, report=complaints.append)
            relays.append(relay)
            async with connected(relay) as client:
                client.writer.write(CALL + CODEC.build(0, 2, 7))
                answers = await client.rest()
        lost = "the server reset the connection (Connection reset by peer)"
        assert answers == CODEC.build(1, 1, 7) + CODEC.build(1, 2, 7, 255, payload=f"no answer: {lost}".encode())
        assert complaints == [f"conn1: {lost} and left 1 of the client's requests without an answer"]
        assert not relay.stats().ok

    asyncio.run(scenario())


def test_a_server_that_leaves_after_its_last_response_is_not_a_failure() -> None:
    async def answer_and_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(CALL))
        writer.write(CODEC.build(1, 1, 7))

    async def scenario() -> None:
        async with serving(answer_and_leave) as server:
            relay = Relay(server, codec=CODEC)
            async with connected(relay) as client:
                client.writer.write(CALL)
                assert await client.rest() == CODEC.build(1, 1, 7)
        assert relay.stats().ok

    asyncio.run(scenario())


def test_a_client_that_is_gone_is_not_answered() -> None:
    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        async with serving(never_answer) as server:
            relay = Relay(server, codec=CODEC)
            async with connected(relay) as client:
                client.writer.write(CALL)
                await until(lambda: relay.stats().count(Direction.TO_SERVER) == 1)
                reset(client.writer)
        assert (relay.stats().answered, relay.stats().ok) == (0, True)

    asyncio.run(scenario())


def test_a_response_arrives_although_many_bytes_follow_the_bad_ones() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(CALL))
        writer.write(CODEC.build(1, 1, 7))
        await reader.read()

    async def scenario() -> None:
        async with serving(answer) as server, connected(Relay(server, codec=CODEC)) as client:
            client.writer.write(CALL + b"G" * 1_000_000)
            assert await client.rest() == CODEC.build(1, 1, 7)

    asyncio.run(scenario())


def test_a_connection_without_a_server_ends_after_the_error_reply() -> None:
    async def scenario() -> None:
        async with connected(Relay(free_address(), codec=CODEC)) as client:
            client.writer.write(CALL)
            assert (await client.rest())[:8] == CODEC.build(1, 1, 7, 2)[:8]

    asyncio.run(scenario())


def test_a_server_that_does_not_accept_in_time_cannot_be_reached(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.handler.CONNECT_TIMEOUT", 0.05)

    async def never_connect(address: Address) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("metaprotocol_proxy.handler.connect", never_connect)

    async def scenario() -> None:
        address = free_address()
        async with connected(Relay(address, codec=CODEC)) as client:
            client.writer.write(CALL)
            text = f"the server {address} cannot be reached (no answer within 0.05 seconds)"
            assert await client.rest() == CODEC.build(1, 1, 7, 2, payload=text.encode())

    asyncio.run(scenario())


# Not 2: there asyncio itself, in Python 3.11, fails to begin a connection of a server that is closed.
@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5])
def test_stopping_ends_a_connection_that_is_just_being_accepted(steps: int) -> None:
    async def scenario() -> None:
        relay = Relay(None, codec=CODEC, rules=Rules(reply=Error(ErrorType.OVER_LIMIT)))
        async with relay:
            (address,) = await relay.listen(Address("127.0.0.1", 0))
            client = socket.create_connection((address.host, address.port))
            for _ in range(steps):
                await asyncio.sleep(0)
        with client:
            for _ in range(10):
                assert relay.open_connections == 0
                await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
