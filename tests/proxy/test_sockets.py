"""The sockets of a relay."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
from patience import PATIENCE
from sockets import close, connected, echo, serving

from metaprotocol_proxy import Address, Relay
from metaprotocol_proxy.sockets import keep_alive


def test_both_connections_use_keep_alive(monkeypatch) -> None:
    asked = []

    def note(writer: asyncio.StreamWriter) -> None:
        keep_alive(writer)
        asked.append(writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0)

    monkeypatch.setattr("metaprotocol_proxy.handler.keep_alive", note)

    async def scenario() -> None:
        async with serving(echo) as server, connected(Relay(server)) as client:
            assert await client.ask(b"?", 1) == b"?"
        assert asked == [True, True]

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_every_address_of_a_host_is_listened_on(host: str) -> None:
    async def scenario() -> None:
        async with serving(echo) as server, AsyncExitStack() as stack:
            relay = await stack.enter_async_context(Relay(server))
            addresses = await relay.listen(Address(host, 0))
            assert addresses
            for address in addresses:
                reader, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(b"?")
                assert await asyncio.wait_for(reader.read(1), PATIENCE) == b"?"
                await close(writer)

    asyncio.run(scenario())


def test_a_port_in_use_is_an_error() -> None:
    async def scenario() -> None:
        async with serving(echo) as server, Relay(server) as relay:
            with pytest.raises(OSError, match="in use"):
                await relay.listen(server)

    asyncio.run(scenario())
