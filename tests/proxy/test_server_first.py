"""Protocols in which the server speaks first."""

import asyncio
import json
from pathlib import Path

import pytest
from sockets import connected, free_address, serving
from toy_rpc import Toy, build

from metaprotocol_proxy import Address, FailedPending, ProxyConnection, Recorder, Relay, Rules
from metaprotocol_sdk import Direction, Error, ErrorType

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
GREETING = bytes.fromhex("07 00 02 6869")


class Greeting(Toy):
    name = "greeting"
    server_first = True

    def refuse(self, error: Error) -> bytes:
        return build(0x03, 0, error.type.encode())


class Faulty(Toy):
    name = "faulty"
    server_first = True

    def refuse(self, error: Error) -> bytes:
        raise KeyError("no text")


def test_a_client_whose_server_cannot_be_reached_is_refused() -> None:
    async def scenario() -> None:
        relay = Relay(free_address(), codec=Greeting())
        async with connected(relay) as client:
            assert await client.rest() == bytes.fromhex("03 00 13") + b"no_healthy_upstream"
        assert relay.stats().failed == 1

    asyncio.run(scenario())


def test_a_client_is_refused_by_a_rule_to_reply(tmp_path: Path) -> None:
    async def scenario() -> None:
        relay = Relay(None, codec=Greeting(), rules=Rules(reply=Error(ErrorType.OVER_LIMIT)), recorder=recorder)
        async with connected(relay) as client:
            assert await client.rest() == bytes.fromhex("03 00 0a") + b"over_limit"
        assert relay.stats().ok

    with Recorder(tmp_path, {}) as recorder:
        asyncio.run(scenario())
    assert json.loads((tmp_path / "manifest.jsonl").read_text("utf-8"))["ended"] == "the client was refused"


def test_a_client_is_refused_when_the_server_leaves_without_a_greeting() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async def scenario() -> None:
        complaints: list[str] = []
        async with serving(leave) as server:
            relay = Relay(server, codec=Greeting(), report=complaints.append)
            async with connected(relay) as client:
                assert await client.rest() == bytes.fromhex("03 00 0e") + b"upstream_reset"
        assert complaints == ["conn1: the server closed the connection and had not greeted the client"]
        assert relay.stats().failed == 1

    asyncio.run(scenario())


def test_a_client_that_was_greeted_is_not_refused() -> None:
    proxy = ProxyConnection(Greeting())
    assert proxy.feed(GREETING, TO_CLIENT).forward == GREETING
    assert proxy.fail_pending(Error(ErrorType.TIMEOUT)) == FailedPending()


def test_a_client_is_refused_once() -> None:
    proxy = ProxyConnection(Greeting())
    assert proxy.fail_pending(Error(ErrorType.TIMEOUT)).refused
    assert proxy.fail_pending(Error(ErrorType.TIMEOUT)) == FailedPending()
    assert proxy.must_close


@pytest.mark.parametrize("upstream", [None, free_address()])
def test_an_exception_of_refuse_is_reported(upstream: Address | None) -> None:
    async def scenario() -> None:
        complaints: list[str] = []
        rules = Rules() if upstream else Rules(reply=Error(ErrorType.TIMEOUT))
        relay = Relay(upstream, codec=Faulty(), rules=rules, report=complaints.append)
        async with connected(relay) as client:
            assert await client.rest() == b""
        assert "the codec faulty raised KeyError, a bug in it ('no text'; " in complaints[-1]
        assert relay.stats().failed == 1

    asyncio.run(scenario())
