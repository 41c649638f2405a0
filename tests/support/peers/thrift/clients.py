"""Calls of a client, and what it says of them."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from patience import PATIENCE
from relay import running_relay
from thrift_recordings import Message

from peers.register import count_calls
from peers.thrift.programs import LIBRARIES, Server
from peers.thrift.stacks import Combination, Stack


@frozen
class Said:
    """The output of a client.

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


def call_through_relay(
    combination: Combination, server: Server, folder: Path, calls: Sequence[str], **changes: Any
) -> Said:
    """Make calls through a relay that reads them, and return what the client said.

    Args:
        combination: Who calls whom.
        server: That of the combination.
        folder: Where the relay records.
        calls: Their names.
        changes: What the relay changes; see `running_relay`.
    """
    with running_relay(folder, server.port, codec="thrift", **changes) as relay:
        said = run_client(combination.client, relay.port, combination.stack, calls)
    count_calls(server.library.name, server.library.version, "server", len(calls))
    return said
