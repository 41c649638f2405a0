"""Programs of tests/interop/NAME for Java and for Node that call and are called, by lines of JSON."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from required import require

from peers.cache import ROOT, NotInstalled, installed, run, tool
from peers.maven import compile_java, copy_dependencies, java
from peers.processes import PeerProcess
from peers.register import count_calls

INTEROP = ROOT / "tests" / "interop"


def install_java(name: str) -> Path:
    """Return the folder with the jars and the classes of a protocol. Raises NotInstalled where they cannot be had."""
    java()
    pom, sources = INTEROP / name / "java" / "pom.xml", sorted((INTEROP / name).rglob("*.java"))

    def install(folder: Path) -> None:
        copy_dependencies(pom, [], folder / "jars")
        compile_java(sources, folder / "jars", folder / "classes")

    return installed(f"{name}-java", [pom, *sources], install)


def install_node(name: str) -> Path:
    """Return the folder with the packages of a protocol. Raises NotInstalled where they cannot be had."""
    package, lock = INTEROP / name / "node" / "package.json", INTEROP / name / "node" / "package-lock.json"

    def install(folder: Path) -> None:
        shutil.copy(package, folder)
        shutil.copy(lock, folder)
        run([tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    tool("node")
    return installed(f"{name}-node", [package, lock], install)


def required(name: str) -> None:
    """Install both; without them the running test is skipped, or fails where it must not be."""
    try:
        install_java(name)
        install_node(name)
    except NotInstalled as error:
        require("interop", f"the peers of {name}: {error}")


class CallingPeer(PeerProcess):
    """A program that is a client, a server, or both; subclasses say its name and version."""

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
        """Return what it was called with next: `called`, the method, and `headers`."""
        call = self.report()
        count_calls(self.name, self.version, "server")
        return call


class JavaPeer(CallingPeer):
    """A running program for Java.

    Args:
        protocol: The folder of its sources.
        program: Its class.
        folder: For its log.
        options: For Java.
    """

    def __init__(self, protocol: str, program: str, folder: Path, options: Sequence[str] = ()) -> None:
        command = [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", *options, "-cp", "classes:jars/*", program]
        super().__init__(command, folder / f"{protocol}-java.log", install_java(protocol))


class NodePeer(CallingPeer):
    """A running program for Node.

    Args:
        protocol: The folder of its sources.
        folder: For its log.
        script: Its file, and its arguments.
    """

    def __init__(self, protocol: str, folder: Path, *script: str) -> None:
        command = [tool("node"), INTEROP / protocol / "node" / script[0], *script[1:]]
        environment = {
            "NODE_PATH": str(install_node(protocol) / "node_modules"),
            "LINES": str(INTEROP / "dubbo" / "node"),
        }
        super().__init__(command, folder / f"{protocol}-{script[0]}.log", folder, environment)
