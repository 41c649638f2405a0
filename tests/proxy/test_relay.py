"""A relay between real sockets."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
from sockets import client_of, close, connected, echo, free_address, serving, until

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Address, Relay, Rules
from metaprotocol_sdk import Direction, Error, ErrorType, Mutation

CODEC = AwesomeRpcCodec()
REQUEST, RESPONSE = 0, 1
CALL = CODEC.build(REQUEST, 1, 7)
BAD_BYTES = b"GET / HTTP/1.1\r\n"


def failure(request_id: int, status: int, text: str) -> bytes:
    return CODEC.build(RESPONSE, request_id, 7, status, payload=text.encode())


def test_without_a_codec_any_bytes_pass_both_ways() -> None:
    async def scenario() -> None:
        async with serving(echo) as server, connected(Relay(server)) as client:
            assert await client.ask(BAD_BYTES, 16) == BAD_BYTES

    asyncio.run(scenario())


def test_with_a_codec_messages_are_changed() -> None:
    async def scenario() -> None:
        rules = Rules(request=Mutation(tag="gray"))
        async with serving(echo) as server, connected(Relay(server, codec=CODEC, rules=rules)) as client:
            changed = CODEC.build(REQUEST, 1, 7, headers={"tag": "gray"})
            assert await client.ask(CALL, len(changed)) == changed

    asyncio.run(scenario())


def test_a_rule_to_reply_needs_no_server() -> None:
    async def scenario() -> None:
        rules = Rules(reply=Error(ErrorType.TIMEOUT, "too late"))
        async with connected(Relay(free_address(), codec=CODEC, rules=rules)) as client:
            refused = failure(1, 4, "too late")
            assert await client.ask(CALL, len(refused)) == refused

    asyncio.run(scenario())


def test_the_client_is_told_that_the_server_cannot_be_reached() -> None:
    async def scenario() -> None:
        complaints: list[str] = []
        address = free_address()
        async with connected(Relay(address, codec=CODEC, report=complaints.append)) as client:
            refused = failure(1, 2, f"the server {address} cannot be reached (Connection refused)")
            answer = await client.ask(CALL, len(refused))
        assert answer[18:].startswith(f"the server {address} cannot be reached (".encode())
        assert complaints == [f"conn1: {answer[18:].decode()}"]

    asyncio.run(scenario())


def test_without_a_codec_a_server_that_cannot_be_reached_ends_the_connection() -> None:
    async def scenario() -> None:
        async with connected(Relay(free_address())) as client:
            assert await client.rest() == b""

    asyncio.run(scenario())


def test_the_client_is_told_that_the_server_has_gone() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async def scenario() -> None:
        async with serving(leave) as server:
            relay = Relay(server, codec=CODEC)
            async with connected(relay) as client:
                client.writer.write(CALL)
                assert await client.rest() == failure(1, 255, "no answer: the server closed the connection")
        assert (relay.stats().answered, relay.stats().failed) == (1, 1)

    asyncio.run(scenario())


def test_the_client_is_told_that_the_server_sent_bad_bytes() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(BAD_BYTES)
        await reader.read()

    async def scenario() -> None:
        complaints: list[str] = []
        async with (
            serving(nonsense) as server,
            connected(Relay(server, codec=CODEC, report=complaints.append)) as client,
        ):
            client.writer.write(CALL)
            answer = await client.rest()
        assert answer.startswith(CODEC.build(RESPONSE, 1, 7, 6)[:8])
        fault = "the server sent bytes that cannot be decoded: these bytes look like HTTP/1: the message begins with 47"
        assert fault.encode() in answer
        assert complaints[0].startswith(f"conn1: {fault}")

    asyncio.run(scenario())


def test_requests_before_bad_bytes_are_answered_before_the_connection_ends() -> None:
    asked = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(CALL))
        await asked.wait()
        writer.write(CODEC.build(RESPONSE, 1, 7))
        await reader.read()

    async def scenario() -> None:
        complaints: list[str] = []
        async with (
            serving(answer_late) as server,
            connected(Relay(server, codec=CODEC, report=complaints.append)) as client,
        ):
            client.writer.write(CALL + BAD_BYTES)
            await until(lambda: bool(complaints))
            asked.set()
            assert await client.rest() == CODEC.build(RESPONSE, 1, 7)

    asyncio.run(scenario())


def test_a_side_that_does_not_read_stops_the_side_that_writes() -> None:
    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        async with serving(never_read) as server, Relay(server) as relay:
            (address,) = await relay.listen(Address("127.0.0.1", 0))
            with socket.create_connection((address.host, address.port)) as client:
                client.setblocking(False)
                sent, idle = 0, 0
                while idle < 20 and sent < 256 * 1024 * 1024:
                    try:
                        sent += client.send(bytes(65536))
                        idle = 0
                    except BlockingIOError:
                        idle += 1
                    await asyncio.sleep(0.005 if idle else 0)
                # What the system's buffers hold, and no more.
                assert sent < 64 * 1024 * 1024
                assert relay.stats().size[Direction.TO_SERVER] <= sent

    asyncio.run(scenario())


def test_stopping_ends_open_connections_and_answers_pending_requests() -> None:
    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        async with serving(never_answer) as server:
            relay = Relay(server, codec=CODEC)
            async with AsyncExitStack() as stack:
                async with relay:
                    client = await stack.enter_async_context(client_of(relay))
                    client.writer.write(CALL)
                    await until(lambda: bool(relay.stats().count(Direction.TO_SERVER)))
                assert await client.rest() == failure(1, 255, "no answer: the relay was stopped")
            assert (relay.accepted, relay.open_connections) == (1, 0)

    asyncio.run(scenario())


def test_connections_that_have_ended_are_counted() -> None:
    async def scenario() -> None:
        async with serving(echo) as server, Relay(server, codec=CODEC) as relay:
            (address,) = await relay.listen(Address("127.0.0.1", 0))
            for _ in range(3):
                reader, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(CALL)
                await reader.readexactly(len(CALL))
                await close(writer)
            await until(lambda: not relay.open_connections)
            assert (relay.accepted, relay.stats().count(Direction.TO_SERVER)) == (3, 3)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"rules": Rules(request=Mutation(a="b"))}, "rules need a codec"),
        ({"codec": CODEC, "upstream": None}, "needs an upstream, or an error to reply"),
    ],
)
def test_contradicting_arguments_are_refused(arguments: dict[str, object], complaint: str) -> None:
    async def scenario() -> None:
        Relay(**{"upstream": Address("127.0.0.1", 1), **arguments})

    with pytest.raises(ValueError, match=complaint):
        asyncio.run(scenario())
