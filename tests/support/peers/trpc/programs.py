"""A server and a client of each library: `serve`, and `client PORT`, which takes commands."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.cache import ROOT, installed, run, tool
from peers.processes import PeerProcess
from peers.register import count_calls

_GO = ROOT / "tests" / "interop" / "trpc" / "go"
NAME = "tRPC-Go"
VERSION = re.search(r"trpc-go/trpc-go v(\S+)", (_GO / "go.mod").read_text("utf-8"))[1]
SERVICE = "trpc.test.helloworld.Greeter"
CALLER = "trpc.test.caller.service"


def go_command(role: str, *arguments: str) -> Sequence[str | Path]:
    """Return how to run the program of tRPC-Go, which is compiled if it is not there."""

    def install(folder: Path) -> None:
        run([tool("go"), "build", "-o", folder / "peer", "."], _GO)

    return [installed("trpc-go", sorted(_GO.iterdir()), install) / "peer", role, *arguments]


class Server(PeerProcess):
    """A running server.

    Args:
        folder: For its log.
        command: How to run it.
    """

    def __init__(self, folder: Path, command: Sequence[str | Path] | None = None) -> None:
        super().__init__(command or go_command("serve"), folder / "server.log", folder)
        self.port = 0
        """The port of 127.0.0.1 on which it listens."""

    def ready(self, first: dict[str, Any]) -> None:
        """Take the port."""
        self.port = first["listening"]

    def report(self) -> dict[str, Any]:
        """Return the next that it says: what it was called with, or what it heard in a stream."""
        found = super().report()
        count_calls(NAME, VERSION, "server", "called" in found)
        return found


class Client(PeerProcess):
    """A running client.

    Args:
        port: Of the server, or of what stands before it.
        folder: For its log.
        command: How to run it.
    """

    def __init__(self, port: int, folder: Path, command: Sequence[str | Path] | None = None) -> None:
        super().__init__(command or go_command("client", str(port)), folder / "client.log", folder)

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """Give a command and return the answer.

        Args:
            do: "call", or of the stream that it has: "open", "send", "receive", "close".
            words: `name` of the method, `msg`, `meta` and others; main.go has them.
        """
        self.send(json.dumps({"do": do, **words}))
        answer = self.report()
        count_calls(NAME, VERSION, "client")
        return answer
