"""Runs a relay until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import click

from metaprotocol_proxy import Relay, reason_of

if TYPE_CHECKING:
    from metaprotocol_cli.record.report import Report
    from metaprotocol_proxy import Address, Recorder, Rules
    from metaprotocol_sdk import Codec


async def run(
    listen: Address, upstream: Address | None, codec: Codec | None, rules: Rules, recorder: Recorder, report: Report
) -> bool:
    """Relay until SIGINT, SIGTERM or SIGHUP; return True if nothing failed.

    Args:
        listen: The address that clients connect to.
        upstream: The server; None if the rules answer every request.
        codec: The codec that reads the messages; None relays bytes.
        rules: The changes and answers to make.
        recorder: The folder for recordings.
        report: The printer of progress and problems.

    Raises:
        RecordingError: The recording cannot be written.
        click.UsageError: The address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # on Windows, Ctrl-C cancels this function
            if name != "SIGHUP" or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup keeps it running
                loop.add_signal_handler(getattr(signal, name), stop.set)

    def tell(text: str) -> None:
        with contextlib.suppress(OSError):  # the reader is gone, as after `| head`; the recording goes on
            report.problem(text)

    relay = Relay(upstream, codec=codec, rules=rules, recorder=recorder, report=tell)
    async with relay:
        try:
            addresses = await relay.listen(listen)
        except OSError as error:
            raise click.UsageError(f"{listen} cannot be listened on: {reason_of(error)}") from error
        if not rules.answer_all and upstream in addresses:
            raise click.UsageError(f"the relay itself listens on {upstream}: it cannot be its own upstream")
        report.listening(addresses, None if rules.answer_all else upstream)
        relay.failed.add_done_callback(lambda failed: stop.set())
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), report.interval)
            report.progress(relay)
    report.summary(relay)
    if relay.failed.done():
        relay.failed.result()
    return relay.stats().ok
