"""The stream of traces that Envoy's admin interface answers a POST of /tap with."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from metaprotocol_mesh.render.tap import CONFIG_ID
from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from metaprotocol_mesh.render.pieces import Json

MAX_TRACE = 16 << 20
"""Bytes of one trace. Headers are the bulk of it, and those of a request are below 1 MiB."""

_PIECE = 64 << 10
_ANSWER_PATIENCE = 30.0  # seconds: Envoy's main thread answers, which also loads codecs
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_ATTACHED = "already exists"
_UNKNOWN = "Unknown config id"


class TapError(MetaProtocolError):
    """Envoy gives no traces, or none any more; the text says why."""


class Traces:
    """Cuts the body of the answer into traces. Sans-IO: text in, objects out.

    Envoy writes each as JSON in several lines, of which the last is a brace at the margin. Texts in it have no line
    breaks, so no text of a client ends a trace.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Json]:
        """Take the next bytes and yield the traces that they complete.

        Raises:
            TapError: They are not traces, or one is longer than `MAX_TRACE`.
        """
        begin = max(len(self._rest) - 1, 0)  # of the place where an end may be that was not there before
        self._rest += data
        while (end := self._rest.find(b"\n}", begin)) >= 0:
            text = bytes(self._rest[: end + 2])
            del self._rest[: end + 2]
            begin = 0
            yield _object(text)
        if len(self._rest) > MAX_TRACE:
            raise TapError(f"Envoy sends a trace of more than {MAX_TRACE:,} bytes")

    def end(self) -> None:
        """End the stream.

        Raises:
            TapError: It ends inside a trace.
        """
        if self._rest.strip():
            raise TapError(f"Envoy's answer ends inside a trace: {bytes(self._rest[:60])!r}")


def _object(text: bytes) -> Json:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TapError(f"Envoy sends a trace that is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise TapError(f"Envoy sends a trace that is not a JSON object: {text[:60]!r}")
    return found


@asynccontextmanager
async def tapping(admin: Path, match: Json) -> AsyncIterator[AsyncIterator[Json]]:
    """Tap a running Envoy; the tap ends with the block.

    Args:
        admin: The unix socket of its admin interface.
        match: The requests to trace, as `matching` returns it.

    Yields:
        The traces as they come. The iterator ends when Envoy ends.

    Raises:
        TapError: There is no Envoy there, it has no tap, or another capture has it.
    """
    body = json.dumps(_request(match)).encode()
    head = f"POST /tap HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    try:
        reader, writer = await asyncio.open_unix_connection(admin, limit=_PIECE)
    except OSError as error:
        raise TapError(f"there is no Envoy at {admin}: {error.strerror or error}") from error
    try:
        try:
            writer.write(head.encode() + body)
            async with asyncio.timeout(_ANSWER_PATIENCE):
                await writer.drain()
                status = await _status(reader)
                if status != 200:
                    raise TapError(_refusal(admin, status, await _text(reader)))
        except TimeoutError as error:
            raise TapError(f"Envoy at {admin} does not answer") from error
        except OSError as error:
            raise TapError(f"Envoy at {admin} ended the connection: {error.strerror or error}") from error
        yield _traces(reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _request(match: Json) -> Json:
    # Not streaming: one trace for each request, when it ends, with the times and addresses that a streamed one lacks.
    # No body: messages are none, and what Envoy says in its own answers is short.
    output = {
        "max_buffered_rx_bytes": 0,
        "max_buffered_tx_bytes": 256,
        "sinks": [{"format": "JSON_BODY_AS_STRING", "streaming_admin": {}}],
    }
    return {"config_id": CONFIG_ID, "tap_config": {"match": match, "output_config": output}}


def _refusal(admin: Path, status: int, text: str) -> str:
    if _ATTACHED in text:
        return "another capture of this mesh is running, and Envoy has one at a time"
    if _UNKNOWN in text:
        return f"Envoy at {admin} has no tap: `metaprotocol mesh run`, or `mesh render` with an admin socket, adds it"
    if status == 404:
        return (
            f"Envoy at {admin} has no tap: none of its listeners has a codec, or `metaprotocol mesh` did not render it"
        )
    return f"Envoy at {admin} refuses to capture ({status}): {text[:300].strip()}"


async def _status(reader: asyncio.StreamReader) -> int:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise TapError("what listens there does not answer as Envoy's admin interface") from error
    found = _STATUS.match(head)
    if found is None or b"transfer-encoding: chunked" not in head.lower():
        raise TapError("what listens there does not answer as Envoy's admin interface")
    return int(found[1])


async def _text(reader: asyncio.StreamReader) -> str:
    text = bytearray()
    async for piece in _pieces(reader):
        text += piece
        if len(text) > _PIECE:
            break
    return text.decode("utf-8", "replace")


async def _traces(reader: asyncio.StreamReader) -> AsyncIterator[Json]:
    traces = Traces()
    async for piece in _pieces(reader):
        for one in traces.feed(piece):
            yield one
    traces.end()


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the content of chunks as it comes, in pieces of bounded size."""
    try:
        while True:
            found = _SIZE.fullmatch(line := await reader.readline())
            if found is None:
                if not line:
                    return  # Envoy has ended
                raise TapError(f"Envoy sends no chunk: {line[:60]!r}")
            rest = int(found[1], 16)
            if not rest:
                return
            while rest:
                piece = await reader.read(min(rest, _PIECE))
                if not piece:
                    return
                rest -= len(piece)
                yield piece
            await reader.readline()  # the line break after the content
    except ValueError as error:
        raise TapError("Envoy sends no chunk: its size has no end") from error
    except OSError as error:
        raise TapError(f"Envoy ended the connection: {error.strerror or error}") from error
