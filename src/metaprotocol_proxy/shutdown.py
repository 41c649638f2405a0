"""The end of a relayed connection: its reason, and a shutdown that loses no bytes."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from typing import TYPE_CHECKING

from metaprotocol_proxy.address import reason_of
from metaprotocol_proxy.sockets import CHUNK_SIZE
from metaprotocol_sdk import Codec, Direction, ErrorType, MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

CLOSE_TIMEOUT = 1.0
"""Seconds for the other side to take the last bytes."""

_SENDERS = {Direction.TO_SERVER: "client", Direction.TO_CLIENT: "server"}


class CloseReason:
    """The reason why a connection ends. The first one that is given stays.

    Args:
        codec: The codec that reads the messages; None if nothing reads them.
        report: Called with one sentence for each failure.
    """

    def __init__(self, codec: Codec | None, report: Callable[[str], None]) -> None:
        self._codec = codec
        self._report = report
        self.text = ""
        """The reason as a sentence; "" while the connection goes on."""
        self.client_gone = False
        """True if the client can no longer be sent anything."""
        self.client_failed = False
        """True if the client sent bytes that are not the protocol's, so nothing it sends later can be read."""
        self.server_left = False
        """True if the server ended the connection."""
        self.error_type = ErrorType.UPSTREAM_RESET
        """The error type that pending requests are answered with."""

    def set(self, text: str) -> None:
        """Set the reason, unless there is one already."""
        self.text = self.text or text

    def fail(self, text: str) -> None:
        """Set the reason, and report it as a failure."""
        self.set(text)
        self._report(text)

    def closed_by(self, sender: Direction) -> None:
        """Note that the sender of this direction closed it."""
        self._left(sender, f"the {_SENDERS[sender]} closed the connection")

    def reset_by(self, sender: Direction, error: Exception) -> None:
        """Note that the sender of this direction is gone."""
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        self._left(sender, f"the {_SENDERS[sender]} reset the connection ({reason})")
        if sender is Direction.TO_SERVER:
            self.client_gone = True

    def stream_failed(self, sender: Direction, error: Exception) -> None:
        """Note and report that the bytes of this direction cannot be decoded any further."""
        if sender is Direction.TO_CLIENT:
            self.error_type = ErrorType.BAD_RESPONSE
        else:
            self.client_failed = True
        if self._codec is None or isinstance(error, MetaProtocolError):
            text = f"the {_SENDERS[sender]} sent bytes that cannot be decoded: {error}"
        else:
            text = f"{describe_bug(self._codec, error)} on bytes from the {_SENDERS[sender]}"
        self.set(text)
        self._report(f"{text}; the connection ends")

    def _left(self, sender: Direction, text: str) -> None:
        if sender is Direction.TO_CLIENT and not self.text:
            self.server_left = True
        self.set(text)


def describe_bug(codec: Codec, error: Exception) -> str:
    """Return a sentence that names an exception that a codec must not raise, with its file and line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename}, line {place.lineno}"
    return f"the codec {codec.name} raised {type(error).__name__}, a bug in it ({error}; {where})"


def half_close(writer: asyncio.StreamWriter) -> None:
    """End this side's half of a connection; the other side may still send."""
    with contextlib.suppress(OSError):  # it is gone
        writer.write_eof()


async def flush(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float | None) -> None:
    """Let the other side read all that was written to it, then half-close.

    Args:
        reader: The bytes that the other side still sends, which are discarded.
        writer: The connection to flush.
        seconds: The time for the other side to read; None for no limit.
    """
    discarding = asyncio.create_task(_discard(reader))
    try:
        async with asyncio.timeout(seconds):
            writer.transport.set_write_buffer_limits(0)
            await writer.drain()
        half_close(writer)
        # The system resets a connection that is closed with unread bytes, and then the sent ones may be lost.
        await asyncio.wait({discarding}, timeout=CLOSE_TIMEOUT)
    except OSError:
        pass  # it does not read, or is gone
    finally:
        discarding.cancel()


async def close(writers: Collection[asyncio.StreamWriter]) -> None:
    """Close connections. Written bytes are sent, unless the other side does not read them in time."""
    try:
        for writer in writers:
            writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    finally:
        for writer in writers:
            writer.transport.abort()


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK_SIZE):
        pass
