"""Codecs that raise exceptions that they must not raise."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from sockets import connected, echo, serving

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import Recorder, Relay

CALL = AwesomeRpcCodec().build(0, 1, 7)
PLACE = rf"{re.escape(__file__)}, line \d+"


class NoConnection(AwesomeRpcCodec):
    name = "no-connection"

    def for_connection(self):
        raise KeyError("state")


class NoDecoding(AwesomeRpcCodec):
    name = "no-decoding"

    def decode(self, message, direction):
        raise IndexError("no such byte")


class NoErrors(AwesomeRpcCodec):
    name = "no-errors"

    def on_error(self, request, error):
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("codec", "raised", "when"),
    [
        (NoConnection(), ("KeyError", "'state'"), "when the connection began"),
        (NoDecoding(), ("IndexError", "no such byte"), "on bytes from the client; the connection ends"),
    ],
)
def test_an_exception_of_the_codec_is_reported_and_ends_the_connection(
    codec: AwesomeRpcCodec, raised: tuple[str, str], when: str, tmp_path: Path
) -> None:
    complaints: list[str] = []

    async def scenario() -> bool:
        async with serving(echo) as server:
            relay = Relay(server, codec=codec, recorder=recorder, report=complaints.append)
            async with connected(relay) as client:
                client.writer.write(CALL)
                assert await client.rest() == b""
        return relay.stats().ok

    with Recorder(tmp_path, {}) as recorder:
        assert not asyncio.run(scenario())
    (told,) = complaints
    kind, text = raised
    assert re.fullmatch(
        rf"conn1: the codec {codec.name} raised {kind}, a bug in it \({text}; {PLACE}\) {when}",
        told,
    )
    ended = json.loads((tmp_path / "manifest.jsonl").read_text("utf-8"))["ended"]
    assert told.startswith(f"conn1: {ended}")


def test_an_exception_of_on_error_is_reported_when_the_server_has_left() -> None:
    complaints: list[str] = []

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(CALL))

    async def scenario() -> bool:
        async with serving(leave) as server:
            relay = Relay(server, codec=NoErrors(), report=complaints.append)
            async with connected(relay) as client:
                client.writer.write(CALL)
                assert await client.rest() == b""
        return relay.stats().ok

    assert not asyncio.run(scenario())
    (told,) = complaints
    when = "when pending requests were to be answered"
    assert re.fullmatch(rf"conn1: the codec no-errors raised ValueError, a bug in it \(no text; {PLACE}\) {when}", told)
