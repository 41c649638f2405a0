"""Dubbo clients in other languages, and the one other server: installed from npm, PyPI and the Go proxy."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from peers.cache import ROOT, installed, run, tool
from peers.processes import PeerProcess
from peers.register import count_calls

_PROGRAMS = ROOT / "tests" / "interop" / "dubbo"
_ASTRAL = ("echo", ["😀 and 𝄞"])
_LONG = ("echo", ["x" * 40_000])
_LIST = ("list", [["a", "世界", "c"]])
_NULL = ("echo", [None])

# A command to run to which a port is added, and what it needs in its environment.
Command = tuple[list[str | Path], dict[str, str]]


def _node(script: str, *arguments: str) -> Command:
    package, lock = _PROGRAMS / "node" / "package.json", _PROGRAMS / "node" / "package-lock.json"

    def install(folder: Path) -> None:
        shutil.copy(package, folder)
        shutil.copy(lock, folder)
        run([tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    node = tool("node")
    folder = installed("dubbo-node", [package, lock], install)
    return [node, _PROGRAMS / "node" / script, *arguments], {"NODE_PATH": str(folder / "node_modules")}


def _python(distribution: str, package: str) -> Command:
    requirements = _PROGRAMS / "python" / f"{distribution}.txt"

    def install(folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
        pip = [sys.executable, "-m", "pip", "--python", folder / "venv"]
        run([*pip, "install", "--quiet", "--disable-pip-version-check", "-r", requirements], folder)

    folder = installed(distribution, [requirements, sys.version], install)
    return [folder / "venv" / "bin" / "python", _PROGRAMS / "python" / "client.py", package], {}


def _go() -> Command:
    source = _PROGRAMS / "go"

    def install(folder: Path) -> None:
        run([tool("go"), "build", "-o", folder / "client", "."], source)

    return [installed("dubbo-go", sorted(source.iterdir()), install) / "client"], {}


@frozen
class ClientKind:
    """A client that is not Java's.

    Args:
        name: Of the package.
        version: Of the package.
        prepare: Installs it and returns how to run it.
        reads_attachments: Whether its protocol version gets it the attachments of responses.
        more_calls: What it can do beyond what all can: method, arguments.
    """

    name: str
    version: str
    prepare: Callable[[], Command]
    reads_attachments: bool = False
    more_calls: tuple[tuple[str, list[Any]], ...] = ()

    @property
    def calls(self) -> list[tuple[str, list[Any]]]:
        """The calls that it can make: method and arguments."""
        return [
            ("echo", ["hello"]),
            ("echo", ["Zoë 世界"]),
            ("echo", [""]),
            ("addInt", [300_000, -1]),
            *self.more_calls,
        ]


# The packages for Python cannot send what is not in their list: astral characters, texts of several chunks, null.
CLIENTS = (
    ClientKind(
        "dubbo2.js", "2.3.9", lambda: _node("dubbojs.js", "dubbo2.js"), True, (_ASTRAL, _LONG, _LIST, _NULL)
    ),
    ClientKind(
        "apache-dubbo-js", "3.0.0-rc6", lambda: _node("dubbojs.js", "apache-dubbo-js"), True,
        (_ASTRAL, _LONG, _LIST, _NULL),
    ),
    ClientKind(
        "sofa-rpc-node", "2.10.0", lambda: _node("sofa_client.js"), more_calls=(_ASTRAL, _LONG, _LIST, _NULL)
    ),
    ClientKind("dubbo-go", "3.3.1", _go, True, (_ASTRAL, _LONG, _LIST)),
    ClientKind("python3-dubbo", "0.0.8", lambda: _python("python3-dubbo", "dubbo")),
    ClientKind("dubbo-ssl-python", "0.9.6", lambda: _python("dubbo-ssl-python", "dubbo_ssl")),
    ClientKind("ke-python-dubbo", "1.0.0", lambda: _python("ke-python-dubbo", "dubbo"), more_calls=(_LIST,)),
)  # fmt: skip


class OtherClient(PeerProcess):
    """A running client.

    Args:
        kind: Which.
        port: Of the provider, or of a relay before it.
        folder: For its log.
    """

    def __init__(self, kind: ClientKind, port: int, folder: Path) -> None:
        command, environment = kind.prepare()
        super().__init__([*command, str(port)], folder / f"{kind.name}.log", folder, environment)
        self._kind = kind

    def call(self, method: str, arguments: list[Any]) -> dict[str, Any]:
        """Call, and return `value` or `error`, as its interface gave it."""
        self.send(json.dumps({"method": method, "arguments": arguments}))
        outcome = self.report()
        count_calls(self._kind.name, self._kind.version, "client")
        return outcome


class SofaServer(PeerProcess):
    """A running server of sofa-rpc-node, as group "blue" and version "1.2.3".

    Args:
        folder: For its log.
    """

    def __init__(self, folder: Path) -> None:
        command, environment = _node("sofa_server.js")
        super().__init__(command, folder / "sofa-server.log", folder, environment)
        self.port = 0
        """The port on which it listens."""

    def ready(self, first: dict[str, Any]) -> None:
        """Take the port."""
        self.port = first["listening"]

    def next_call(self) -> dict[str, Any]:
        """Return what it was called with next: `called`, the method, and `attachments`."""
        call = self.report()
        count_calls("sofa-rpc-node", "2.10.0", "server")
        return call
