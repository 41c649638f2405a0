"""Clients that come and go. Every reply is held against its request."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from attrs import Factory, define

from benchmarks.soak.protocol import CODEC, HEARTBEAT, ONEWAY, REQUEST, Deed, message
from metaprotocol_sdk import Direction, MessageDecoder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from metaprotocol_sdk import Metadata

PATIENCE = 60.0


class WrongReply(Exception):
    """A reply is not the one to its request, or did not come."""


@define
class Tally:
    """The counts of the clients' calls and connections.

    Args:
        deeds: What requests ask for, by name.
    """

    deeds: Mapping[str, Deed]
    calls: dict[str, int] = Factory(lambda tally: dict.fromkeys(tally.deeds, 0), takes_self=True)
    connections: int = 0
    left: int = 0
    oneways: int = 0
    heartbeats: int = 0
    junk: int = 0

    @property
    def all_calls(self) -> int:
        """The number of calls that were answered as they must be."""
        return sum(self.calls.values())


@define
class _Call:
    name: str
    deed: Deed
    key: str
    payload: bytes

    @classmethod
    def drawn(cls, key: str, deeds: Mapping[str, Deed]) -> _Call:
        (name,) = random.choices(tuple(deeds), [deed.weight for deed in deeds.values()])
        size = random.choice((0, 20, 20, 20, 1_000, 1_000, 100_000)) if name in {"echo", "change", "retry"} else 20
        return cls(name, deeds[name], key, random.randbytes(size))

    def request(self, number: int) -> bytes:
        # A name of its own now and then, so that nothing that remembers names can grow with them unseen.
        headers = {"do": self.name, "key": self.key, f"x-{random.getrandbits(16)}": "value"}
        return message(REQUEST, number, headers, self.payload)

    def check(self, reply: Metadata) -> None:
        wanted = self.deed.status
        if reply.status_code != wanted:
            text = reply.message[reply.header_size :][:200]
            raise WrongReply(f"{self.name} was answered with status {reply.status_code}, not {wanted}: {text!r}")
        if wanted:
            return
        if reply.message[reply.header_size :] != self.payload or reply.properties["key"] != self.key:
            raise WrongReply(f"the answer to {self.name} belongs to another request")
        changed = (reply.properties.get("tint"), reply.properties.get("shade"))
        if changed != (("blue", "dark") if self.name == "change" else (None, None)):
            raise WrongReply(f"{self.name} came back with {changed}")


class Client:
    """One connection after the other, until it is told to stop.

    Args:
        port: Of Envoy.
        tally: Where it counts.
        name: Begins the keys of its requests.
    """

    def __init__(self, port: int, tally: Tally, name: str) -> None:
        self._port = port
        self._tally = tally
        self._name = name
        self._number = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Open connections and use them.

        Raises:
            WrongReply: Something is wrong.
        """
        ways: list[Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]]
        ways = [self._talk, self._leave, self._drip, self._junk, self._mix]
        while not stop.is_set():
            self._tally.connections += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
            (way,) = random.choices(ways, (60, 15, 5, 5, 15))
            try:
                await way(reader, writer)
            finally:
                writer.close()

    def _call(self) -> tuple[int, _Call]:
        self._number = (self._number + 1) % 2**31
        return self._number, _Call.drawn(f"{self._name}-{self._number}", self._tally.deeds)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send many requests at once, several times."""
        for _ in range(random.randint(1, 5)):
            calls = dict(self._call() for _ in range(random.choice((1, 1, 5, 20))))
            for number, call in calls.items():
                writer.write(call.request(number))
            await self._answers(reader, calls)
        if random.random() < 0.3:
            writer.write_eof()
            if await asyncio.wait_for(reader.read(), PATIENCE):
                raise WrongReply("a client that had all its answers got another")

    async def _leave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Go in the middle of it."""
        for _ in range(random.randint(1, 20)):
            number, call = self._call()
            writer.write(call.request(number))
        writer.write(message(REQUEST, 1, {"do": "echo"}, b"never whole")[:-3])
        await asyncio.sleep(random.random() / 20)
        self._tally.left += 1
        if random.random() < 0.5:
            writer.transport.abort()

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a request in pieces."""
        number, call = self._call()
        data = call.request(number)
        for at in range(0, min(len(data), 200), 10):
            writer.write(data[at : at + 10])
            await asyncio.sleep(0)
        writer.write(data[200:])
        await self._answers(reader, {number: call})

    async def _junk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a request, and bytes that are none."""
        number, call = self._call()
        writer.write(call.request(number) + b"\xff" + random.randbytes(100))
        await self._answers(reader, {number: call})
        if await asyncio.wait_for(reader.read(), PATIENCE):
            raise WrongReply("bytes that are no request were answered")
        self._tally.junk += 1

    async def _mix(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send oneways and heartbeats between requests."""
        calls = {}
        for _ in range(random.randint(1, 5)):
            number, call = self._call()
            calls[number] = call
            writer.write(message(ONEWAY, 0, {"do": "echo", "key": "oneway"}, b"nobody answers"))
            writer.write(call.request(number))
            self._tally.oneways += 1
        beat, _ = self._call()
        writer.write(message(HEARTBEAT, beat, {}))
        self._tally.heartbeats += 1
        await self._answers(reader, calls, {beat})

    async def _answers(
        self, reader: asyncio.StreamReader, calls: dict[int, _Call], beats: Collection[int] = ()
    ) -> None:
        waiting, beating = dict(calls), set(beats)
        decoder = MessageDecoder(CODEC, Direction.TO_CLIENT)
        while waiting or beating:
            data = await asyncio.wait_for(reader.read(1 << 20), PATIENCE)
            if not data:
                names = [call.name for call in waiting.values()]
                raise WrongReply(f"the connection ended before the answers to {names}, {len(beating)} heartbeats")
            for reply in decoder.feed(data):
                number = reply.request_id or 0
                if number in beating:
                    beating.discard(number)
                elif number in waiting:
                    call = waiting.pop(number)
                    call.check(reply)
                    self._tally.calls[call.name] += 1
                else:
                    raise WrongReply(f"a reply to {number}, which nobody asked")
        if decoder.buffered or decoder.stream_error is not None:
            raise WrongReply("bytes after the last answer")
