"""Bytes after the end of a protocol: they are passed on as they come."""

import asyncio

import pytest
from sockets import connected, echo, serving
from toy_rpc import Toy

from metaprotocol_proxy import FailedPending, FeedResult, ProxyConnection, Relay, Rules
from metaprotocol_sdk import Correlation, Direction, Error, ErrorType, Framing, Limits, Mutation, Scanner

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
UPGRADE = bytes.fromhex("07 00 03 746c73")
TLS = bytes.fromhex("16 03 01 00 c8")


class _UntilUpgrade(Scanner):
    """The messages of a toy codec up to the event `tls`; then other bytes."""

    def __init__(self, limits: Limits) -> None:
        self._messages = Toy.framing.scanner(TO_SERVER, limits)
        self._message = b""

    def scan(self, data: bytes, start: int) -> int:
        if self._message == UPGRADE:
            return Scanner.OPAQUE
        end = self._messages.scan(data, start)
        self.needed = self._messages.needed
        self._message = data[start:end] if end >= 0 else b""
        return end


class _Upgrading(Framing):
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _UntilUpgrade(limits)


class Upgrading(Toy):
    name = "upgrading"
    framing = _Upgrading()
    correlation = Correlation.FIFO


RULES = Rules(request=Mutation(body="61"), response=Mutation(body="62"))


@pytest.mark.parametrize("direction", Direction)
def test_they_are_never_changed(direction: Direction) -> None:
    proxy = ProxyConnection(Upgrading(), RULES)
    message = bytes.fromhex("04 01 00")
    assert proxy.feed(UPGRADE + TLS, direction) == FeedResult(UPGRADE + TLS, b"")
    assert proxy.feed(message, direction) == FeedResult(message, b"")
    assert (proxy.stats.opaque, proxy.stats.count(direction)) == ({direction: 8}, 1)
    assert (proxy.stats.size[direction], proxy.stats.ok) == (14, True)


def test_messages_of_the_other_direction_are_still_changed() -> None:
    proxy = ProxyConnection(Upgrading(), RULES)
    proxy.feed(UPGRADE + TLS, TO_CLIENT)
    assert proxy.feed(bytes.fromhex("04 01 00"), TO_SERVER).forward.hex() == "04010161"


def test_a_reply_of_the_relay_does_not_follow_them() -> None:
    proxy = ProxyConnection(Upgrading())
    proxy.feed(bytes.fromhex("01 01 00  01 02 01 ff"), TO_SERVER)
    assert proxy.feed(UPGRADE + TLS, TO_CLIENT) == FeedResult(UPGRADE + TLS, b"")
    assert proxy.feed(bytes.fromhex("01 03 01 ff"), TO_SERVER) == FeedResult(bytes.fromhex("01 03 01 ff"), b"")
    assert (proxy.pending, proxy.stats.unreadable) == (0, 2)
    assert proxy.fail_pending(Error(ErrorType.TIMEOUT)) == FailedPending()


def test_they_end_a_connection_that_a_rule_replies_to() -> None:
    proxy = ProxyConnection(Upgrading(), Rules(reply=Error(ErrorType.TIMEOUT)))
    assert proxy.feed(UPGRADE, TO_SERVER) == FeedResult(b"", b"")
    assert not proxy.must_close
    proxy.feed(TLS, TO_SERVER)
    assert proxy.must_close


def test_a_direction_may_end_within_them() -> None:
    proxy = ProxyConnection(Upgrading())
    proxy.feed(UPGRADE + TLS, TO_SERVER)
    proxy.eof(TO_SERVER)


def test_the_relay_passes_them_both_ways_and_counts_them() -> None:
    async def scenario() -> None:
        async with serving(echo) as server:
            relay = Relay(server, codec=Upgrading(), rules=Rules(request=Mutation(body="61")))
            async with connected(relay) as client:
                call = bytes.fromhex("04 01 00")
                assert await client.ask(call, 4) == bytes.fromhex("04 01 01 61")
                assert await client.ask(UPGRADE + call + TLS, 14) == UPGRADE + call + TLS
                assert await client.ask(bytes(300_000), 300_000) == bytes(300_000)
        assert relay.stats().opaque == {TO_SERVER: 300_008, TO_CLIENT: 300_008}
        assert relay.stats().ok

    asyncio.run(scenario())
