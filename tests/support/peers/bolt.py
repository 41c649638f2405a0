"""SOFARPC for Java and for Node, which speak SOFA-Bolt: the programs of tests/interop/bolt."""

import json
import shutil
from pathlib import Path
from typing import Any

from required import require

from peers.cache import ROOT, NotInstalled, installed, run, tool
from peers.maven import compile_java, copy_dependencies, java
from peers.processes import PeerProcess
from peers.register import count_calls

JAVA_VERSION, NODE_VERSION = "5.13.2", "2.0.1"
SERVICE = "org.example.interop.Greeter:1.0"
_PROGRAMS = ROOT / "tests" / "interop" / "bolt"


def install_java() -> Path:
    """Return the folder with the jars and our classes. Raises NotInstalled where they cannot be had."""
    java()
    pom, sources = _PROGRAMS / "java" / "pom.xml", sorted(_PROGRAMS.rglob("*.java"))

    def install(folder: Path) -> None:
        copy_dependencies(pom, [], folder / "jars")
        compile_java(sources, folder / "jars", folder / "classes")

    return installed("bolt-java", [pom, *sources], install)


def install_node() -> Path:
    """Return the folder with the packages. Raises NotInstalled where they cannot be had."""
    package, lock = _PROGRAMS / "node" / "package.json", _PROGRAMS / "node" / "package-lock.json"

    def install(folder: Path) -> None:
        shutil.copy(package, folder)
        shutil.copy(lock, folder)
        run([tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    tool("node")
    return installed("bolt-node", [package, lock], install)


def required() -> None:
    """Install both; without them the running test is skipped, or fails where it must not be."""
    try:
        install_java()
        install_node()
    except NotInstalled as error:
        require("interop", f"SOFARPC: {error}")


class _BoltPeer(PeerProcess):
    name, version = "", ""

    def ready(self, first: dict[str, Any]) -> None:
        """Take the port of a server."""
        self.port = first.get("listening", 0)

    def call(self, port: int, method: str, text: str = "", **more: Any) -> dict[str, Any]:
        """Call, and return what came of it, without the calls that the own server got."""
        self.send(json.dumps({"port": port, "method": method, "text": text, **more}))
        outcome = self.report()
        while "called" in outcome:
            outcome = self.report()
        count_calls(self.name, self.version, "client")
        return outcome

    def next_call(self) -> dict[str, Any]:
        """Return what it was called with next: `called`, the method; `service` and `headers`."""
        call = self.report()
        count_calls(self.name, self.version, "server")
        return call


class BoltJava(_BoltPeer):
    """A running Peer.java, a server and a client.

    Args:
        folder: For its log.
        heartbeat: Milliseconds without traffic after which a client sends a heartbeat.
    """

    name, version = "SOFARPC Java", JAVA_VERSION

    def __init__(self, folder: Path, heartbeat: int = 15_000) -> None:
        options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Dbolt.tcp.heartbeat.interval={heartbeat}"]
        options += ["--add-opens", "java.base/java.lang=ALL-UNNAMED"]
        command = [java(), *options, "-cp", "classes:jars/*", "org.example.interop.Peer"]
        super().__init__(command, folder / "bolt-java.log", install_java())


class BoltNode(_BoltPeer):
    """A running client.js, or a server.js.

    Args:
        folder: For its log.
        serialization: Of a server; without one it is a client.
    """

    name, version = "sofa-bolt-node", NODE_VERSION

    def __init__(self, folder: Path, serialization: str = "") -> None:
        script = ["server.js", serialization] if serialization else ["client.js"]
        command = [tool("node"), _PROGRAMS / "node" / script[0], *script[1:]]
        log = folder / f"bolt-{script[0]}.log"
        environment = {
            "NODE_PATH": str(install_node() / "node_modules"),
            "LINES": str(ROOT / "tests" / "interop" / "dubbo" / "node"),
        }
        super().__init__(command, log, folder, environment)
