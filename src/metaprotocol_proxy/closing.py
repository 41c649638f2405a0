"""How a connection is closed so that its other side loses nothing that was sent to it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from metaprotocol_proxy.streams import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Collection

CLOSE_TIME = 1.0
"""Seconds that the other side has to take what was written to it."""


def half_close(writer: asyncio.StreamWriter) -> None:
    """Say that no more comes; the other side may still send."""
    with contextlib.suppress(OSError):  # it is gone
        writer.write_eof()


async def finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float | None) -> None:
    """Let the other side read to the end what was written to it, and learn that no more comes.

    Args:
        reader: What it still sends, which is of no use any more.
        writer: What it reads.
        patience: Seconds that it may take to read; None for as long as it needs.
    """
    discarding = asyncio.create_task(_discard(reader))
    try:
        async with asyncio.timeout(patience):
            writer.transport.set_write_buffer_limits(0)
            await writer.drain()
        half_close(writer)
        # A connection that is closed with unread bytes is reset, and then what was sent may be lost.
        await asyncio.wait({discarding}, timeout=CLOSE_TIME)
    except OSError:
        pass  # it does not read, or is gone
    finally:
        discarding.cancel()


async def close(writers: Collection[asyncio.StreamWriter]) -> None:
    """Close connections; what was written goes out, unless the other side does not read."""
    try:
        for writer in writers:
            writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    finally:
        for writer in writers:
            writer.transport.abort()


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK_SIZE):
        pass
