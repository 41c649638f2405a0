"""A running server, and what a client says when it has made its calls."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from peers.processes import PATIENCE, PeerProcess
from peers.register import count_calls
from peers.thrift.compiled import CppThrift, GoThrift, JavaThrift
from peers.thrift.library import Library
from peers.thrift.scripted import NodeThrift, PythonThrift, Thriftpy2
from peers.thrift.stacks import Stack

LIBRARIES: dict[str, Library] = {
    library.key: library
    for library in (PythonThrift(), Thriftpy2(), NodeThrift(), GoThrift(), JavaThrift(), CppThrift())
}


class Server(PeerProcess):
    """A server of a library, which stops with its `with` block.

    Args:
        library: The library's key.
        stack: What it speaks.
        log: The file for what it prints to standard error.
    """

    def __init__(self, library: str, stack: Stack, log: Path) -> None:
        self.library = LIBRARIES[library]
        folder = self.library.folder()
        command = [*self.library.command(folder, "server"), *stack.arguments]
        super().__init__(command, log, folder, self.library.environment(folder))
        self.port = 0
        """Where it listens, at 127.0.0.1."""

    def __enter__(self) -> Self:
        try:
            self.port = self.report()["listening"]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.terminate()
        self.stop()


@frozen
class Message:
    """A message as a client's own library named it when it wrote or read it.

    Args:
        method: With the service before a colon, where the connection is multiplexed.
        type: 1 call, 2 reply, 3 exception, 4 oneway.
        seqid: The sequence id.
    """

    method: str
    type: int
    seqid: int


@frozen
class Said:
    """What a client said.

    Args:
        sent: The messages that it wrote.
        received: The messages that it read.
        outcomes: What came of its calls, by their names: `outcome` and what goes with it.
    """

    sent: list[Message]
    received: list[Message]
    outcomes: dict[str, dict[str, Any]]


def run_client(library: str, port: int, stack: Stack, calls: Sequence[str]) -> Said:
    """Make calls one after the other, and return what the client said.

    Args:
        library: The library's key.
        port: Of the server, or of a relay before it.
        stack: What it speaks.
        calls: Their names, which the programs know.

    Raises:
        AssertionError: It did not come to its end.
    """
    peer = LIBRARIES[library]
    folder = peer.folder()
    command = [*peer.command(folder, "client"), str(port), *stack.arguments, *calls]
    environment = {**os.environ, **peer.environment(folder)}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=PATIENCE)
    assert done.returncode == 0, f"the client of {peer.name} failed: {done.stderr.decode(errors='replace')[-2000:]}"
    said = Said([], [], {})
    for line in done.stdout.splitlines():
        report = json.loads(line)
        way = report.pop("message", None)
        if way is None:
            said.outcomes[report.pop("call")] = report
        else:
            {"sent": said.sent, "received": said.received}[way].append(Message(**report))
    assert list(said.outcomes) == list(calls), f"the client of {peer.name} did not make all its calls"
    count_calls(peer.name, peer.version, "client", len(calls))
    return said
