"""Runs rounds: in each of them all lanes of a table take turns, in an order that is drawn anew."""

from __future__ import annotations

import random
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import Factory, define, field, frozen
from live_envoy import Envoy

from benchmarks.engine.lanes import DIRECT, Lane, lanes
from benchmarks.engine.machine import compile_programs, pin, processor_time, processors, run_load, start_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from live_envoy import Release

    from benchmarks.engine.protocols import Protocol

SIZES = (20, 1_000, 120_000)


@frozen
class Load:
    """The number of requests that are under way at a time.

    Args:
        name: The name in tables.
        connections: The number of the client's connections.
        depth: The number of requests that wait on each.
    """

    name: str
    connections: int
    depth: int


def loads(protocol: Protocol, size: int) -> tuple[Load, Load]:
    """Return the loads of a protocol and a size: one request at a time, and many."""
    connections, depth = (4, 4) if size > 10_000 else (16, 8)
    if protocol.name == "thrift":  # thrift_proxy answers the requests of a connection one after the other
        connections, depth = connections * depth, 1
    return Load("one", 1, 1), Load("loaded", connections, depth)


@frozen
class Case:
    """A table: what all its lanes have in common.

    Args:
        protocol: The protocol of the requests.
        size: Bytes of the payload of a request and of its reply.
        load: The number of requests that are under way.
    """

    protocol: Protocol
    size: int
    load: Load

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.protocol.name} {self.size:,} B, {self.load.name}"


@frozen
class Sample:
    """The measurements of one lane in one round.

    Args:
        p50: Microseconds of the median request, from client to server and back.
        p99: Microseconds that 99 of 100 requests did not exceed.
        rate: Requests a second.
        processor: Microseconds of processor time of the process between client and server, for each request.
    """

    p50: float
    p99: float
    rate: float
    processor: float


@define
class Result:
    """The measurements of a case: by lane, a sample for each round."""

    case: Case
    samples: dict[str, list[Sample]] = Factory(dict)


@define
class Bench:
    """The servers and Envoys that run, each from when it is first needed to the end of the `with` block.

    Args:
        release: Of Envoy.
        warm: Seconds before a measurement.
        seconds: Of a measurement.
    """

    release: Release
    warm: float
    seconds: float
    _stack: ExitStack = field(factory=ExitStack, init=False)
    _folder: Path = field(factory=Path, init=False)
    _servers: dict[str, int] = field(factory=dict, init=False)
    _ways: dict[tuple[str, str, int], tuple[int, int | None]] = field(factory=dict, init=False)

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-engine-")))
        compile_programs(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def measure(self, case: Case, lane: Lane) -> Sample:
        """Measure one lane once.

        Raises:
            BenchmarkFault: A reply was wrong, or did not come.
        """
        port, pid = self._way(case, lane)
        _, _, processor = processors()
        protocol, load = case.protocol, case.load
        command = [
            *(str(self._folder / "load"), str(port)),
            *(str(self._message(protocol, case.size, kind)) for kind in ("request", "reply")),
            *map(str, (*protocol.length, *protocol.id, load.connections, load.depth, self.warm, self.seconds)),
        ]
        measured, used = run_load(command, processor, lambda: 0.0 if pid is None else processor_time(pid))
        rate = measured["requests"] / measured["seconds"]
        return Sample(measured["p50"], measured["p99"], rate, used * 1e6 / measured["requests"])

    def _way(self, case: Case, lane: Lane) -> tuple[int, int | None]:
        """Return where a lane listens, and the process id of its Envoy."""
        key = (case.protocol.name, lane.name, case.size)
        if key not in self._ways:
            server = self._server(case.protocol, case.size)
            if lane.config is None:
                self._ways[key] = (server, None)
            else:
                envoy = self._stack.enter_context(Envoy(self.release, lane.config(server)))
                pin(envoy.pid, processors()[0])
                self._ways[key] = (envoy.port("in"), envoy.pid)
        return self._ways[key]

    def _server(self, protocol: Protocol, size: int) -> int:
        key = f"{protocol.name}-{size}"
        if key not in self._servers:
            reply = self._message(protocol, size, "reply")
            layout = (*protocol.length, *protocol.id)
            server, port = start_server(self._folder / "server", reply, layout, processors()[1])
            self._stack.callback(_end, server)
            self._servers[key] = port
        return self._servers[key]

    def _message(self, protocol: Protocol, size: int, kind: str) -> Path:
        path = self._folder / f"{protocol.name}-{size}.{kind}"
        if not path.exists():
            protocol.check(size)
            path.write_bytes((protocol.request if kind == "request" else protocol.reply)(size))
        return path


def _end(server: subprocess.Popen[str]) -> None:
    server.communicate()


def run(
    bench: Bench, cases: Iterable[Case], wanted: set[str], rounds: int, step: Callable[[str], None]
) -> list[Result]:
    """Measure all lanes of all cases in each of some rounds.

    Args:
        bench: Runs what is needed.
        cases: The tables.
        wanted: Names of lanes; direct and all others if there is none.
        rounds: How many.
        step: Called before each measurement with what comes.
    """
    results = [Result(case) for case in cases]
    for number in range(rounds):
        # The lanes of a case come one after the other, so that what is compared was measured in the same minute.
        for result in random.sample(results, len(results)):
            case = result.case
            all_lanes = [lane for lane in lanes(case.protocol) if not wanted or lane.name in {DIRECT, *wanted}]
            for lane in random.sample(all_lanes, len(all_lanes)):
                step(f"round {number + 1}: {case.name}, {lane.name}")
                result.samples.setdefault(lane.name, []).append(bench.measure(case, lane))
    return results
