"""A relay that is stopped: bytes that have arrived are not lost."""

import asyncio
import hashlib
import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sockets import client_of, serving, until

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Address, Recorder, Relay
from metaprotocol_sdk import Direction

CODEC = AwesomeRpcCodec()
CALL = CODEC.build(0, 1, 7)


def saved(folder: Path, way: str) -> bytes:
    """Return the recorded bytes of one direction, after a comparison with the manifest."""
    data = (folder / f"conn1.{way}.bin").read_bytes()
    facts = json.loads((folder / "manifest.jsonl").read_text("utf-8"))["files"][way]
    assert (facts["size"], facts["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    rows = json.loads((folder / "conn1.chunks.json").read_text("utf-8"))
    assert sum(row[2] for row in rows if row[0] == way) == len(data)
    return data


@pytest.mark.parametrize("codec", [None, CODEC])
def test_bytes_that_have_just_arrived_are_recorded_and_sent_on(codec: AwesomeRpcCodec | None, tmp_path: Path) -> None:
    received = []

    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        received.append(await reader.read())

    async def scenario() -> None:
        async with serving(listen_only) as server:
            relay = Relay(server, codec=codec, recorder=recorder)
            async with relay:
                (address,) = await relay.listen(Address("127.0.0.1", 0))
                client = socket.create_connection((address.host, address.port))
                client.sendall(CALL)
                await until(lambda: len(received) == 1)
                client.sendall(CALL)
            client.close()
            await until(lambda: len(received) == 2)

    with Recorder(tmp_path, {}) as recorder:
        asyncio.run(scenario())
    assert b"".join(received) == saved(tmp_path, "c2s") == CALL + CALL


def test_parts_of_messages_are_recorded(tmp_path: Path) -> None:
    async def answer_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(CALL))
        writer.write(CODEC.build(1, 1, 7)[:10])
        await reader.read()

    async def scenario() -> bool:
        async with serving(answer_half) as server:
            relay = Relay(server, codec=CODEC, recorder=recorder)
            async with AsyncExitStack() as stack, relay:
                client = await stack.enter_async_context(client_of(relay))
                client.writer.write(CALL + CALL[:5])
                await until(lambda: relay.stats().size == {Direction.TO_SERVER: 23, Direction.TO_CLIENT: 10})
        return relay.stats().ok

    with Recorder(tmp_path, {}) as recorder:
        assert asyncio.run(scenario())
    assert saved(tmp_path, "c2s") == CALL + CALL[:5]
    assert saved(tmp_path, "s2c") == CODEC.build(1, 1, 7)[:10]


def test_bad_bytes_that_have_just_arrived_are_reported() -> None:
    complaints: list[str] = []

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def scenario() -> bool:
        async with serving(never_read) as server:
            relay = Relay(server, codec=CODEC, report=complaints.append)
            async with AsyncExitStack() as stack, relay:
                client = await stack.enter_async_context(client_of(relay))
                client.writer.write(CODEC.build(2, 2, 7, payload=bytes(8_000_000)))
                await until(lambda: relay.stats().count(Direction.TO_SERVER) == 1)
                client.writer.write(b"GET / HTTP/1.1")
                await client.writer.drain()
        return relay.stats().ok

    assert not asyncio.run(scenario())
    assert complaints[0].startswith(
        "conn1: the client sent bytes that cannot be decoded: these bytes look like HTTP/1: the message"
    )


def test_bytes_that_a_slow_server_does_not_read_are_recorded(tmp_path: Path) -> None:
    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def scenario() -> int:
        sent = 0
        async with serving(never_read) as server:
            relay = Relay(server, recorder=recorder)
            async with relay:
                (address,) = await relay.listen(Address("127.0.0.1", 0))
                client = socket.create_connection((address.host, address.port))
                client.setblocking(False)
                idle = 0
                while idle < 20:
                    try:
                        sent += client.send(bytes(65536))
                        idle = 0
                    except BlockingIOError:
                        idle += 1
                    await asyncio.sleep(0.005)
                before = relay.stats().size[Direction.TO_SERVER]
            client.close()
        return before

    with Recorder(tmp_path, {}) as recorder:
        before = asyncio.run(scenario())
    assert len(saved(tmp_path, "c2s")) > before


def test_an_error_reply_is_sent_although_the_server_is_slow(tmp_path: Path) -> None:
    unreadable = bytes.fromhex("4152 01 00 00000005 00000013 0007 0000 0001 ff")
    large = CODEC.build(2, 2, 7, payload=bytes(8_000_000))

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async def scenario() -> None:
        async with serving(never_read) as server:
            relay = Relay(server, codec=CODEC)
            async with relay, client_of(relay) as client:
                client.writer.write(large + unreadable)
                await until(lambda: relay.stats().answered == 1)
                assert (await client.ask(b"", 18))[:8] == CODEC.build(1, 5, 7)[:8]

    asyncio.run(scenario())
