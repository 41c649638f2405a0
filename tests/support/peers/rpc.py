"""A server and a client of a library, `serve` and `client PORT`, which takes commands; and recordings of the two."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from relay import running_relay

from peers.processes import PeerProcess
from peers.register import count_calls


@frozen
class Library:
    """A library of others, and the program that we have made with it.

    Args:
        name: Of the library.
        version: Of the library.
        prepare: Installs the program and returns how to run it; "serve", or "client" and a port, follow.
    """

    name: str
    version: str
    prepare: Callable[[], Sequence[str | Path]]


class Server(PeerProcess):
    """A running server.

    Args:
        library: The library.
        folder: For its log.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        super().__init__([*library.prepare(), "serve"], folder / "server.log", folder)
        self._library = library
        self.port = 0
        """The port of 127.0.0.1 on which it listens."""

    def ready(self, first: dict[str, Any]) -> None:
        """Take the port."""
        self.port = first["listening"]

    def report(self) -> dict[str, Any]:
        """Return the next that it says: what it was called with, or what it heard in a stream."""
        found = super().report()
        count_calls(self._library.name, self._library.version, "server", "called" in found)
        return found


class Client(PeerProcess):
    """A running client.

    Args:
        library: The library.
        port: Of the server, or of what stands before it.
        folder: For its log.
    """

    def __init__(self, library: Library, port: int, folder: Path) -> None:
        super().__init__([*library.prepare(), "client", str(port)], folder / "client.log", folder)
        self._library = library

    def ask(self, do: str = "call", **words: Any) -> dict[str, Any]:
        """Give a command and return the answer.

        Args:
            do: "call", or of the stream that it has: "open", "send", "receive", "close".
            words: What the program's source has.
        """
        self.send(json.dumps({"do": do, **words}))
        answer = self.report()
        count_calls(self._library.name, self._library.version, "client")
        return answer


def record(library: Library, commands: Sequence[dict[str, Any]], vectors: Path, name: str) -> None:
    """Record the connection of a client through a relay without a codec, and what the client said of it.

    Args:
        library: Of both ends.
        commands: What the client is told to do.
        vectors: The folder for the recording.
        name: Its name.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Server(library, folder) as server, running_relay(folder / "recorded", server.port) as relay:
            with Client(library, relay.port, folder) as client:
                answers = [client.ask(**each) for each in commands]
                if any(each.get("oneway") for each in commands):
                    server.report()  # nothing else says that it has arrived
            relay.wait_for_ends(1)
        # A client may open a connection that it does not use.
        [used] = [path for path in (folder / "recorded").glob("*.c2s.bin") if path.stat().st_size]
        for kind in ("c2s.bin", "s2c.bin", "chunks.json"):
            shutil.copyfile(used.with_name(used.name.replace("c2s.bin", kind)), vectors / f"{name}.{kind}")
    lines = ",\n".join(f"  {json.dumps([*each])}" for each in zip(commands, answers, strict=True))
    peers = json.dumps(f"{library.name} {library.version}")
    (vectors / f"{name}.said.json").write_text(f'{{\n"peers": {peers},\n"asked": [\n{lines}\n]\n}}\n', "utf-8")
