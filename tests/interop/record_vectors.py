"""Records tests/vectors/{bolt,dubbo,tars}/*.tar.xz and tests/vectors/awesomerpc again, through `record`.

    .venv/bin/python tests/interop/record_vectors.py [NAME...]

A NAME is that of an archive, such as dubbo-java-2.7.23, or bolt, tars or awesomerpc; without one, all are recorded.
"""

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from dubbo_frames import wait_for_frames  # noqa: E402
from patience import PATIENCE  # noqa: E402
from peers.bolt import BoltJava, BoltNode  # noqa: E402
from peers.dubbo_account import Account, call_of_another, call_of_java, complete  # noqa: E402
from peers.dubbo_clients import CLIENTS, ClientKind, OtherClient, SofaServer  # noqa: E402
from peers.dubbo_java import (  # noqa: E402
    DUBBO_2_6,
    DUBBO_2_7,
    DUBBO_3,
    DUBBO_3_2,
    VERSIONS,
    DubboVersion,
    JavaConsumer,
    JavaProvider,
)
from peers.tars import TarsJava, TarsNode  # noqa: E402
from relay import RunningRelay, running_relay  # noqa: E402

VECTORS = ROOT / "tests" / "vectors"
# A scenario records one connection to a port, and returns its account.
Scenario = Callable[[RunningRelay], Account]

ATTACHMENTS = {"x-zone": "eu-1", "Zoë": "世界 😀", "empty": "", "answer": "and back 𝄞"}
CALLS = [
    ("echo", "hello", {}),
    ("echo", "hello", ATTACHMENTS),
    ("echo", "unicode", {}),
    ("echo", "null", {}),
    ("echo", "text 0", {}),
    ("addInt", "2147483646", {}),
    ("addLong", "-2147483649", {}),
    ("addDouble", "3.14159", {}),
    ("not", "true", {}),
    ("note", "something", {"x-zone": "eu-1"}),
    ("bytes", "1024", {}),
    ("node", "object", {}),
    ("fail", "runtime", {}),
    ("fail", "own", {}),
]
EXCEPTIONS = [("fail", "checked", {}), ("fail", "checked", {"answer": "with an exception"})]
GENERIC = [("echo", "unicode", {}), ("node", "somebody", {}), ("echo", "null", {}), ("fail", "checked", {})]


class Archive:
    """A set of recorded connections.

    Args:
        name: Of the file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.tar.xz"
        self._members: list[tuple[str, bytes]] = []

    def record(
        self, name: str, port: int, scenario: Scenario, finish: Callable[[Account, Path], None] = complete
    ) -> None:
        """Record one connection, and what its programs say of it."""
        with tempfile.TemporaryDirectory() as folder:
            with running_relay(Path(folder) / "recorded", port) as relay:
                account = scenario(relay)
            # A client may try more connections than it uses.
            used = [path.name for path in sorted(relay.folder.glob("*.c2s.bin")) if path.stat().st_size]
            assert used == ["conn1.c2s.bin"], used
            finish(account, relay.folder)
            for suffix in ("c2s.bin", "s2c.bin", "chunks.json"):
                self._members.append((f"{name}.{suffix}", (relay.folder / f"conn1.{suffix}").read_bytes()))
        text = json.dumps(account, indent=1, ensure_ascii=True, sort_keys=True) + "\n"
        self._members.append((f"{name}.said.json", text.encode()))
        print(f"{self._path.name}: {name}, {len(account['calls'])} calls")

    def close(self) -> None:
        """Write the file."""
        with tarfile.open(self._path, "w:xz", preset=9) as archive:
            for name, data in self._members:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        print(f"{self._path.name}: {self._path.stat().st_size:,} bytes")


def java_scenario(
    consumer: JavaConsumer,
    provider: JavaProvider | None,
    calls: list[tuple[str, str, dict[str, str]]],
    *,
    then: Callable[[RunningRelay], None] = lambda relay: None,
    **parameters: str,
) -> Scenario:
    """Return a scenario of calls from Java, after which something else may happen on the connection."""

    def play(relay: RunningRelay) -> Account:
        account: Account = {"serialization": parameters.get("serialization", "hessian2"), "calls": []}
        with consumer.client(relay.port, **parameters) as client:
            for method, argument, attachments in calls:
                account["calls"] += call_of_java(client, provider, method, argument, attachments, parameters)
            then(relay)
        return account

    return play


def heartbeats(direction: str) -> Callable[[RunningRelay], None]:
    """Return what waits for three heartbeats that one side sends, and for the answers to them."""
    back = "s2c" if direction == "c2s" else "c2s"

    def wait(relay: RunningRelay) -> None:
        wait_for_frames(relay.folder, direction, lambda frame: frame.is_heartbeat and frame.is_request, 3)
        wait_for_frames(relay.folder, back, lambda frame: frame.is_heartbeat and not frame.is_request, 3)

    return wait


def record_java(version: DubboVersion, archive: Archive, logs: Path) -> None:
    """Record consumer and provider of one version."""
    with JavaProvider(version, logs) as provider, JavaConsumer(version, logs) as consumer:
        hessian2 = provider.ports["hessian2"]
        meet = [("meet", "6", {})] if version.has_futures else []
        archive.record("calls", hessian2, java_scenario(consumer, provider, [*CALLS, *EXCEPTIONS, *meet]))
        names = consumer.ask("values")["values"].split("\t")
        values = [("any", name, {}) for name in names if name != "text 1048576"]
        archive.record("values", hessian2, java_scenario(consumer, provider, values))
        group = {"group": "blue", "version": "1.2.3"}
        archive.record("group", hessian2, java_scenario(consumer, provider, CALLS[:4], **group))
        generic = java_scenario(consumer, provider, [*GENERIC, ("nosuch", "x", {})], generic="true")
        archive.record("generic", hessian2, generic)
        idle = java_scenario(consumer, provider, CALLS[:1], then=heartbeats("c2s"), heartbeat="500")
        archive.record("heartbeats", hessian2, idle)
        for serialization in version.serializations[1:]:
            # fastjson loses exceptions, so they are left out.
            calls = [call for call in CALLS if call[0] != "fail"]
            scenario = java_scenario(consumer, provider, calls, then=heartbeats("c2s"), heartbeat="500",
                                     serialization=serialization)  # fmt: skip
            archive.record(serialization, provider.ports[serialization], scenario)
        with JavaProvider(version, logs, ["hessian2"]) as leaving:

            def leave(relay: RunningRelay) -> None:
                leaving.terminate()
                wait_for_frames(relay.folder, "s2c", lambda frame: frame.is_readonly, 1)

            scenario = java_scenario(consumer, leaving, CALLS[:1], then=leave)
            archive.record("readonly", leaving.ports["hessian2"], scenario)
        if version is DUBBO_2_6:
            with JavaProvider(version, logs, ["hessian2"], heartbeat=500) as caring:
                scenario = java_scenario(consumer, caring, CALLS[:1], then=heartbeats("s2c"))
                archive.record("heartbeats-of-the-provider", caring.ports["hessian2"], scenario)


def record_fastjson2(version: DubboVersion, archive: Archive, logs: Path) -> None:
    """Record consumer and provider of one version in fastjson2."""
    with JavaProvider(version, logs, ["fastjson2"]) as provider, JavaConsumer(version, logs) as consumer:
        port = provider.ports["fastjson2"]

        def record(name: str, calls: list[tuple[str, str, dict[str, str]]], **parameters: str) -> None:
            scenario = java_scenario(consumer, provider, calls, serialization="fastjson2", **parameters)
            archive.record(name, port, scenario)

        record("calls", [*CALLS, *EXCEPTIONS, ("meet", "6", {})])
        record("group", CALLS[:4], group="blue", version="1.2.3")
        record("generic", [GENERIC[0], GENERIC[2], ("nosuch", "x", {})], generic="true")
        idle = java_scenario(
            consumer, provider, CALLS[:1], then=heartbeats("c2s"), heartbeat="500", serialization="fastjson2"
        )
        archive.record("heartbeats", port, idle)


def record_others(kind: ClientKind, archive: Archive, logs: Path) -> None:
    """Record a client in another language, with Java's provider."""

    def play(relay: RunningRelay) -> Account:
        calls = [*kind.calls, ("fail", ["runtime"]), ("fail", ["checked"])]
        with OtherClient(kind, relay.port, logs) as client:
            accounts = [call_of_another(client, kind, method, arguments) for method, arguments in calls]
        return {"serialization": "hessian2", "calls": accounts}

    with JavaProvider(DUBBO_2_7, logs, ["hessian2"]) as provider:
        archive.record("calls", provider.ports["hessian2"], play)


def record_sofa_server(archive: Archive, logs: Path) -> None:
    """Record the one other server, called by Java."""
    calls = [("echo", "unicode", {}), ("bytes", "16384", {}), ("addInt", "299999", ATTACHMENTS), ("fail", "own", {})]
    with SofaServer(logs) as server, JavaConsumer(DUBBO_2_7, logs) as consumer:
        archive.record("calls", server.port, java_scenario(consumer, None, calls, group="blue", version="1.2.3"))


def record_bolt(archive: Archive, logs: Path) -> None:
    """Record SOFARPC for Java and for Node, in both protocols."""
    headers = {"user": "Zoë", "rpc_trace_context.sofaTraceId": "0a0fe8ec15", "empty": ""}
    methods = [
        ("echo", "hello"),
        ("echo", "世界"),
        ("echo", "x" * 40_000),
        ("note", "oneway"),
        ("fail", "as asked for"),
    ]
    beat = [("heartbeat", "")]

    def play(client: BoltJava | BoltNode, server: BoltJava | BoltNode, calls, **how) -> Scenario:
        def scenario(relay: RunningRelay) -> Account:
            said = []
            for method, text in calls:
                outcome = client.call(relay.port, method, text, headers=headers, **how)
                call = {} if method == "heartbeat" else server.next_call()
                said.append({"method": method, "text": text, "outcome": outcome, **call})
            if how.get("idle"):
                wait_for_bytes(relay, "s2c", b"\x01\x00\x00\x00", 2)
            return {"calls": said}

        return scenario

    with (
        BoltJava(logs) as java_server,
        BoltJava(logs, heartbeat=500) as java,
        BoltNode(logs) as node,
        BoltNode(logs, "hessian2") as node_server,
        BoltNode(logs, "protobuf") as protobuf_server,
    ):
        for name, client, server, calls, how in (
            ("java-to-java", java, java_server, methods, {"idle": True}),
            ("java-to-java-protocol-2-without-crc", java, java_server, methods[:1], {"version": 1}),
            ("java-to-java-protocol-2-with-crc", java, java_server, methods[:3], {"version": 2}),
            ("java-to-node", java, node_server, methods, {}),
            ("node-to-java", node, java_server, [*methods, *beat], {}),
            ("node-to-java-protocol-2-without-crc", node, java_server, methods[:2] + beat, {"protocol": "bolt2"}),
            ("node-to-java-protocol-2-with-crc", node, java_server, [*methods, *beat],
             {"protocol": "bolt2", "version": 2, "crc": True}),
            ("node-to-node-protobuf", node, protobuf_server, [*methods[:3], methods[4], *beat], {"codec": "protobuf"}),
            ("node-to-node-protobuf-with-crc", node, protobuf_server, [*methods[:2], *beat],
             {"codec": "protobuf", "protocol": "bolt2", "version": 2, "crc": True}),
        ):  # fmt: skip
            archive.record(name, server.port, play(client, server, calls, **how), nothing)


def nothing(account: Account, folder: Path) -> None:
    """There is nothing to add to what programs say."""


def record_tars(archive: Archive, logs: Path) -> None:
    """Record Tars for Java and for Node: TARS, and both versions of TUP."""
    headers = {"user": "Zoë", "empty": ""}
    calls = [("echo", "hello"), ("echo", "世界"), ("echo", "x" * 40_000), ("missing", "no such function")]
    more = [("tars_ping", ""), ("note", "oneway")]

    def play(client: TarsJava | TarsNode, server: TarsNode, calls, **how) -> Scenario:
        def scenario(relay: RunningRelay) -> Account:
            said = []
            for method, text in calls:
                oneway = {"oneway": True} if method == "note" else {}
                outcome = client.call(relay.port, method, text, headers=headers, **how, **oneway)
                said.append({"method": method, "text": text, "outcome": outcome, **server.next_call()})
            return {"calls": said}

        return scenario

    with TarsNode(logs, "server.js") as server, TarsJava(logs) as java:
        archive.record("java-to-node", server.port, play(java, server, calls), nothing)
        for version, name in ((1, "node-to-node"), (2, "node-to-node-tup"), (3, "node-to-node-tup-simple")):
            with TarsNode(logs) as node:
                played = play(node, server, [*calls, *more] if version == 1 else calls, version=version)
                archive.record(name, server.port, played, nothing)


def wait_for_bytes(relay: RunningRelay, way: str, wanted: bytes, count: int) -> None:
    """Wait until a direction of the first connection holds some bytes so many times."""
    deadline = time.monotonic() + PATIENCE
    while (relay.folder / f"conn1.{way}.bin").read_bytes().count(wanted) < count:
        assert time.monotonic() < deadline, f"{wanted.hex()} does not come {count} times"
        time.sleep(0.05)


def record_awesomerpc() -> None:
    """Record the programs of examples/awesomerpc, and what the client prints."""
    programs, folder = ROOT / "examples" / "awesomerpc", VECTORS / "awesomerpc"
    with (
        tempfile.TemporaryDirectory() as recorded,
        subprocess.Popen([sys.executable, programs / "server.py", "0"], stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            port = int(server.stdout.readline().split()[-1])
            with running_relay(Path(recorded) / "recorded", port) as relay:
                client = [sys.executable, programs / "client.py", str(relay.port)]
                printed = subprocess.run(client, check=True, capture_output=True, text=True, timeout=60).stdout
        finally:
            server.terminate()
        folder.mkdir(exist_ok=True)
        for suffix in ("c2s.bin", "s2c.bin", "chunks.json"):
            shutil.copy(relay.folder / f"conn1.{suffix}", folder / f"example.{suffix}")
    (folder / "example.said.txt").write_text(printed, "utf-8")
    print("awesomerpc: example")


def main(names: list[str]) -> None:
    """Record the archives of these names, or all."""
    recorders: dict[str, Callable[[Archive, Path], None]] = {
        f"dubbo-java-{version.number}": lambda archive, logs, version=version: record_java(version, archive, logs)
        for version in VERSIONS
    }
    for version in (DUBBO_3_2, DUBBO_3):
        recorders[f"dubbo-java-{version.number}-fastjson2"] = lambda archive, logs, version=version: record_fastjson2(
            version, archive, logs
        )
    for kind in CLIENTS:
        recorders[f"{kind.name}-{kind.version}"] = lambda archive, logs, kind=kind: record_others(kind, archive, logs)
    recorders["sofa-rpc-node-server-2.10.0"] = record_sofa_server
    recorders |= {"bolt": record_bolt, "tars": record_tars}
    for name in names or [*recorders, "awesomerpc"]:
        if name == "awesomerpc":
            record_awesomerpc()
            continue
        if name not in recorders:
            sys.exit(f"there is no {name}; there are: {', '.join(recorders)}, awesomerpc")
        with tempfile.TemporaryDirectory() as logs:
            archive = Archive(VECTORS / (name if name in ("bolt", "tars") else "dubbo"), name)
            recorders[name](archive, Path(logs))
            archive.close()


if __name__ == "__main__":
    main(sys.argv[1:])
