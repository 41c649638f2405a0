"""Replies after which the connection must be closed."""

import asyncio

import pytest
from sockets import connected, free_address, serving, until
from toy_rpc import Toy, ToyStreams, build

from metaprotocol_proxy import FeedResult, ProxyConnection, Relay, Rules
from metaprotocol_sdk import ClosingReply, Codec, Correlation, Direction, Error, ErrorType, Metadata

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CLOSING = bytes.fromhex("03 07 02") + b"no"


class Closing(ToyStreams):
    """Closes after each error; there is no error reply for a request with the id 09."""

    name = "closing"

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return ClosingReply() if request.request_id == 0x09 else ClosingReply(build(0x03, request.request_id, b"no"))


class ClosingInOrder(Closing):
    name = "closing-in-order"
    correlation = Correlation.FIFO


class Silent(Toy):
    name = "silent"
    on_error = Codec.on_error


def test_nothing_after_it_reaches_the_server() -> None:
    proxy = ProxyConnection(Closing())
    result = proxy.feed(bytes.fromhex("04 01 00  01 07 01 ff  04 02 00"), TO_SERVER)
    assert result == FeedResult(bytes.fromhex("04 01 00"), CLOSING)
    assert proxy.must_close
    assert proxy.feed(bytes.fromhex("04 03 00"), TO_SERVER) == FeedResult(b"", b"")


@pytest.mark.parametrize("codec", [Closing(), ClosingInOrder()])
def test_it_waits_for_the_responses_to_earlier_requests(codec: Toy) -> None:
    proxy = ProxyConnection(codec)
    result = proxy.feed(bytes.fromhex("01 01 00  01 02 00  01 07 01 ff"), TO_SERVER)
    assert (result.back, proxy.must_close, proxy.pending) == (b"", True, 2)
    assert proxy.feed(bytes.fromhex("02 01 00"), TO_CLIENT).forward.hex() == "020100"
    assert proxy.feed(bytes.fromhex("02 02 00"), TO_CLIENT).forward == bytes.fromhex("02 02 00") + CLOSING
    assert proxy.pending == 0


def test_when_the_server_is_gone_no_reply_follows_it() -> None:
    proxy = ProxyConnection(Closing())
    proxy.feed(bytes.fromhex("01 07 00  01 02 00  18 05 00"), TO_SERVER)
    failed = proxy.fail_pending(Error(ErrorType.TIMEOUT))
    assert (failed.data, failed.requests, failed.answered) == (CLOSING, 2, 1)
    assert proxy.must_close


def test_an_empty_one_closes_the_connection_without_a_reply() -> None:
    proxy = ProxyConnection(Closing())
    assert proxy.feed(bytes.fromhex("01 09 01 ff"), TO_SERVER) == FeedResult(b"", b"")
    assert (proxy.must_close, proxy.stats.answered, proxy.stats.unreadable) == (True, 0, 1)


def test_a_codec_that_cannot_build_error_replies_closes_the_connection_too() -> None:
    complaints: list[str] = []
    proxy = ProxyConnection(Silent(), Rules(reply=Error(ErrorType.TIMEOUT)), complaints.append)
    assert proxy.feed(bytes.fromhex("01 07 00"), TO_SERVER) == FeedResult(b"", b"")
    reason = "the codec silent cannot build error replies: it has no on_error"
    assert complaints == [f"the request, id 7, cannot be answered: {reason}"]
    assert (proxy.must_close, proxy.stats.answered) == (True, 0)


def test_the_relay_writes_it_and_closes_the_connection() -> None:
    received = []

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(3))
        writer.write(bytes.fromhex("02 01 00"))
        received.append(await reader.read())

    async def scenario() -> None:
        async with serving(answer_late) as server, connected(Relay(server, codec=Closing())) as client:
            client.writer.write(bytes.fromhex("01 01 00  01 07 01 ff  01 02 00"))
            assert await client.rest() == bytes.fromhex("02 01 00") + CLOSING
        assert received == [bytes.fromhex("01 01 00"), b""]

    asyncio.run(scenario())


def test_the_relay_closes_the_connection_of_a_server_that_has_left() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)

    async def scenario() -> None:
        async with serving(leave) as server:
            relay = Relay(server, codec=Closing())
            async with connected(relay) as client:
                client.writer.write(bytes.fromhex("01 07 00  01 02 00"))
                assert await client.rest() == CLOSING
                await until(lambda: not relay.open_connections)

    asyncio.run(scenario())


def test_the_relay_closes_the_connection_that_a_rule_replies_to() -> None:
    async def scenario() -> None:
        rules = Rules(reply=Error(ErrorType.OVER_LIMIT))
        async with connected(Relay(free_address(), codec=Closing(), rules=rules)) as client:
            client.writer.write(bytes.fromhex("01 07 00  01 02 00"))
            assert await client.rest() == CLOSING

    asyncio.run(scenario())
