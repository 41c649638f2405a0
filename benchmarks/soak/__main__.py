"""The command line: `python -m benchmarks.soak`, with tests/support on the path, as `make soak` has it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from live_envoy import Envoy, EnvoyFault, NotAvailable

from benchmarks.envoy_option import envoy_option
from benchmarks.soak.clients import Client, Tally, WrongReply
from benchmarks.soak.governed import GOVERNED, governed, use_up_the_limit
from benchmarks.soak.protocol import DEEDS, configuration
from benchmarks.soak.server import Server
from benchmarks.soak.watch import IN_FLIGHT, Moment, growth, is_flat, look

if TYPE_CHECKING:
    from live_envoy import Release


async def _soak(release: Release, seconds: float, clients: int, *, all_on: bool) -> tuple[Tally, list[Moment]]:
    server, tally = Server(), Tally(GOVERNED if all_on else DEEDS)
    moments: list[Moment] = []
    port = await server.start()
    with ExitStack() as stack:
        config = configuration(port)
        if all_on:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
            config, seen = stack.enter_context(governed(port, folder))
        envoy = stack.enter_context(Envoy(release, config, workers=2))
        try:
            if all_on:
                await asyncio.to_thread(use_up_the_limit, envoy.port("in"))
            await _traffic(envoy, tally, seconds, clients, moments)
        except WrongReply as error:
            counts = await asyncio.to_thread(envoy.stats, "metaprotocol")
            counted = "\n".join(f"{name}: {value}" for name, value in counts.items() if value)
            raise WrongReply(f"{error}\n{counted}\n{envoy.tail()}") from error
        if all_on:
            lines = sum(1 for _ in (folder / "calls.json").open("rb"))
            click.echo(
                f"{seen.asked:,} requests were asked about, {seen.spans:,} reports of spans, {lines:,} lines of log"
            )
    await server.stop()
    return tally, moments


async def _traffic(envoy: Envoy, tally: Tally, seconds: float, clients: int, moments: list[Moment]) -> None:
    stop = asyncio.Event()
    begin = time.monotonic()
    interval = max(0.5, seconds / 60)
    running = [asyncio.create_task(Client(envoy.port("in"), tally, f"c{i}").run(stop)) for i in range(clients)]
    while time.monotonic() - begin < seconds:
        done, _ = await asyncio.wait(running, timeout=interval, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a client ends by itself only if something is wrong
        moments.append(await asyncio.to_thread(look, envoy, time.monotonic() - begin, tally.all_calls))
        _show(moments[-1])
    stop.set()
    await asyncio.gather(*running)
    # Requests of clients that left early end when the server answers or the route's timeout passes.
    for name in (IN_FLIGHT, "http.http.downstream_cx_active"):
        await asyncio.to_thread(envoy.wait_for_stat, name, lambda value: not value)


def _show(moment: Moment) -> None:
    click.echo(
        f"{moment.at:7.1f} s  {moment.calls:10,} calls  {moment.resident / 2**20:7.1f} MiB  "
        f"{moment.descriptors:5} descriptors  {moment.in_flight:5} in flight"
    )


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True)
@click.option("--clients", type=click.IntRange(1), default=48, show_default=True, help="At the same time.")
@click.option("--governed", "all_on", is_flag=True, help="With all of governance: policies, limits, faults, traces.")
@envoy_option
def main(*, minutes: float, clients: int, all_on: bool, release: Release) -> None:
    """Send mixed traffic through one Envoy, with clients that come and go, and watch its memory.

    Requests are echoed, changed, retried, reset, answered half, with garbage, late and not at all. Clients leave in the
    middle and send junk. Every reply is held against its request. In the end nothing may be in flight, and the memory
    must be what it was when Envoy was warm.
    """
    try:
        tally, moments = asyncio.run(_soak(release, minutes * 60, clients, all_on=all_on))
    except (WrongReply, EnvoyFault, NotAvailable) as error:
        raise click.ClickException(str(error)) from error
    before, after = growth(moments)
    click.echo(f"{tally.connections:,} connections, of which {tally.left:,} left early and {tally.junk:,} sent junk")
    click.echo(", ".join(f"{count:,} {name}" for name, count in tally.calls.items()))
    click.echo(f"{tally.oneways:,} oneways, {tally.heartbeats:,} heartbeats; no wrong reply")
    click.echo(f"memory in the second quarter {before / 2**20:.1f} MiB, in the last {after / 2**20:.1f} MiB")
    if not is_flat(moments):
        click.echo("the memory grows", err=True)
        sys.exit(1)


main()
