"""Directions that end one after the other."""

import asyncio

import pytest
from patience import PATIENCE
from sockets import connected, reset, serving, until

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Relay
from metaprotocol_sdk import Direction

CODEC = AwesomeRpcCodec()
REQUEST, ONEWAY = 0, 2


def test_a_client_that_has_half_closed_still_gets_its_response() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())

    async def scenario() -> None:
        async with serving(answer_at_the_end) as server, connected(Relay(server)) as client:
            client.writer.write(b"question")
            client.writer.write_eof()
            assert await client.rest() == b"QUESTION"

    asyncio.run(scenario())


@pytest.mark.parametrize("codec", [None, CODEC])
def test_a_server_that_has_half_closed_still_gets_bytes_of_the_client(codec: AwesomeRpcCodec | None) -> None:
    greeting, received = CODEC.build(ONEWAY, 1, 7), []

    async def greet_and_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.write_eof()
        received.append(await reader.read())

    async def scenario() -> None:
        async with serving(greet_and_listen) as server:
            relay = Relay(server, codec=codec)
            async with connected(relay) as client:
                assert await client.rest() == greeting
                for number, request_id in enumerate((2, 3), 1):
                    client.writer.write(CODEC.build(ONEWAY, request_id, 7))
                    size = number * len(greeting)
                    await until(lambda size=size: relay.stats().size[Direction.TO_SERVER] == size)
                client.writer.write_eof()
                await until(lambda: bool(received))
        assert received == [CODEC.build(ONEWAY, 2, 7) + CODEC.build(ONEWAY, 3, 7)]

    asyncio.run(scenario())


def test_a_request_to_a_server_that_has_half_closed_ends_the_connection() -> None:
    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await reader.read()

    async def scenario() -> None:
        complaints: list[str] = []
        async with serving(listen_only) as server:
            relay = Relay(server, codec=CODEC, report=complaints.append)
            async with connected(relay) as client:
                assert await client.rest() == b""
                client.writer.write(CODEC.build(REQUEST, 2, 7))
                await until(lambda: not relay.open_connections)
        text = "the server closed the connection and left 1 of the client's requests without an answer"
        assert complaints == [f"conn1: {text}"]
        assert (relay.stats().answered, relay.stats().ok) == (0, False)

    asyncio.run(scenario())


def test_a_client_that_ends_inside_a_message_is_reported() -> None:
    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        complaints: list[str] = []
        async with serving(listen_only) as server:
            relay = Relay(server, codec=CODEC, report=complaints.append)
            async with connected(relay) as client:
                client.writer.write(CODEC.build(REQUEST, 1, 7)[:5])
                client.writer.write_eof()
                assert await client.rest() == b""
        (told,) = complaints
        assert told.startswith("conn1: the client sent bytes that cannot be decoded: the stream ended")
        assert not relay.stats().ok

    asyncio.run(scenario())


@pytest.mark.parametrize("codec", [None, CODEC])
def test_a_client_that_goes_on_after_its_server_has_gone_is_disconnected(
    codec: AwesomeRpcCodec | None,
) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async def scenario() -> None:
        async with serving(leave) as server:
            relay = Relay(server, codec=codec)
            async with connected(relay) as client:
                assert await client.rest() == b""
                while relay.open_connections:
                    client.writer.write(CODEC.build(ONEWAY, 2, 7))
                    await asyncio.sleep(0.01)
            assert relay.stats().ok

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_client_may_half_close_after_its_server_has_half_closed_and_reset() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await reader.read(1)
        reset(writer)
        left.set()

    left = asyncio.Event()

    async def scenario() -> None:
        complaints: list[str] = []
        async with serving(leave) as server:
            relay = Relay(server, report=complaints.append)
            async with connected(relay) as client:
                assert await client.rest() == b""
                client.writer.write(b"?")
                await left.wait()
                client.writer.write_eof()
                await until(lambda: not relay.open_connections)
        assert (complaints, relay.stats().ok) == ([], True)

    asyncio.run(scenario())
