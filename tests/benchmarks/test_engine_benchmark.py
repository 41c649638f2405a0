"""The benchmark of the engine runs every lane, believes no wrong reply, and keeps what is added from what is total."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from live_envoy import RELEASES, NotAvailable
from patience import PATIENCE
from required import require

from benchmarks.engine.lanes import lanes
from benchmarks.engine.machine import BenchmarkFault, compile_programs, processors, run_load, start_server
from benchmarks.engine.protocols import AWESOMERPC, PROTOCOLS
from benchmarks.engine.report import added, ratio, total
from benchmarks.engine.runner import Case, Load, Result, Sample

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux for the time of processes")


def result(**lanes):
    """Make a result from the p50 of each round, by lane."""
    samples = {lane: [Sample(p50, 2 * p50, 1e6 / p50, p50) for p50 in times] for lane, times in lanes.items()}
    return Result(Case(AWESOMERPC, 20, Load("one", 1, 1)), samples)


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    measured = result(direct=[1, 1, 1], tcp_proxy=[10, 20, 30], metaprotocol=[20, 80, 30])
    assert ratio(measured, total, "metaprotocol", "tcp_proxy") == 2


def test_what_is_added_is_beside_direct_in_the_same_round():
    measured = result(direct=[10, 20], tcp_proxy=[20, 30], metaprotocol=[40, 50])
    assert ratio(measured, added, "metaprotocol", "tcp_proxy") == 3


def test_a_lane_that_was_not_measured_has_no_ratio():
    assert ratio(result(direct=[1], tcp_proxy=[2]), total, "metaprotocol", "tcp_proxy") is None


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("size", [20, 1_000, 120_000])
def test_our_codec_reads_the_messages(protocol, size):
    protocol.check(size)
    assert size < len(protocol.request(size)) < size + 300
    assert size < len(protocol.reply(size)) < size + 300


@LINUX
@pytest.mark.live
def test_a_wrong_reply_ends_the_benchmark(tmp_path):
    compile_programs(tmp_path)
    for name, message in (("request", AWESOMERPC.request(20)), ("reply", AWESOMERPC.reply(20))):
        (tmp_path / name).write_bytes(message)
    (tmp_path / "other").write_bytes(AWESOMERPC.reply(20)[:-1] + b"!")
    layout = [*AWESOMERPC.length, *AWESOMERPC.id]
    server, port = start_server(tmp_path / "server", tmp_path / "other", layout, processors()[1])
    try:
        command = [tmp_path / "load", port, tmp_path / "request", tmp_path / "reply", *layout, 1, 1, 0, 10]
        with pytest.raises(BenchmarkFault, match="a reply is not what the server sent"):
            run_load([str(part) for part in command], processors()[2], float)
    finally:
        server.communicate()


@LINUX
@pytest.mark.live
def test_every_lane_carries_every_message(tmp_path):
    try:
        RELEASES[-1].binary()
    except NotAvailable as error:
        require("envoy", str(error))
    path = tmp_path / "results.json"
    options = ["--rounds", "1", "--seconds", "0.05", "--warm", "0", "--json", path]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", *map(str, options)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = {
        (case["protocol"], lane) for case in json.loads(path.read_text("utf-8"))["cases"] for lane in case["lanes"]
    }
    assert measured == {(protocol.name, lane.name) for protocol in PROTOCOLS for lane in lanes(protocol)}
    assert "Targets" in done.stdout
