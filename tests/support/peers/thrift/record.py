"""Records the connections in tests/vectors/thrift again: `PYTHONPATH=tests/support python -m peers.thrift.record`.

A relay without a codec lies between client and server. What the client's own library says of the messages goes beside
their bytes: our decoder has no part in it.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict
from relay import running_relay

from peers.cache import ROOT
from peers.thrift.clients import Said, run_client
from peers.thrift.library import compiler_version
from peers.thrift.programs import LIBRARIES, Server
from peers.thrift.stacks import CHANGING, Combination, Stack

VECTORS = ROOT / "tests" / "vectors" / "thrift"

_ALL = ("ping", "greet", "mirror", "nested", "refuse", "fail", "notify", "notifications")
_PIPELINED = ("greet", "pipeline")
_MULTIPLEXED = ("greet", "museum", "refuse", "fail")

RECORDED: dict[Combination, Sequence[str]] = {
    Combination(Stack("binary", "buffered"), "java", "node"): _ALL,
    Combination(Stack("binary", "framed"), "go", "cpp"): _ALL,
    Combination(Stack("compact", "buffered"), "cpp", "python"): _ALL,
    Combination(Stack("compact", "framed"), "python", "java"): _ALL,
    Combination(Stack("json", "buffered"), "node", "java"): _ALL,
    Combination(Stack("json", "framed"), "go", "python"): _ALL,
    Combination(Stack("binary", "header"), "python", "node"): (*_ALL, "headers"),
    Combination(Stack("compact", "header"), "cpp", "go"): (*_ALL, "headers"),
    Combination(Stack("compact", "header"), "go", "cpp"): (*_ALL, "headers"),
    CHANGING[0]: _ALL,
    Combination(Stack("binary", "header+zlib"), "python", "go"): (*_ALL, "headers"),
    Combination(Stack("compact", "header+zlib"), "go", "python"): (*_ALL, "pipeline", "headers"),
    Combination(Stack("binary", "buffered", "nonstrict"), "thriftpy2", "cpp"): _ALL,
    Combination(Stack("binary", "framed", "nonstrict"), "node", "thriftpy2"): _ALL,
    Combination(Stack("binary", "framed", "multiplexed"), "java", "thriftpy2"): _MULTIPLEXED,
    Combination(Stack("compact", "header", "multiplexed"), "go", "python"): _MULTIPLEXED,
    Combination(Stack("compact", "framed"), "node", "go"): _PIPELINED,
    Combination(Stack("binary", "buffered"), "go", "thriftpy2"): _PIPELINED,
}


def _name(combination: Combination, calls: Sequence[str]) -> str:
    return str(combination) + ("-pipelined" if calls is _PIPELINED else "")


def _record(combination: Combination, calls: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (
            Server(combination.server, combination.server_stack, folder / "server.log") as server,
            running_relay(folder / "recorded", server.port) as relay,
        ):
            said = run_client(combination.client, relay.port, combination.stack, calls)
        name = _name(combination, calls)
        for kind in ("c2s.bin", "s2c.bin", "chunks.json"):
            shutil.copyfile(folder / "recorded" / f"conn1.{kind}", VECTORS / f"{name}.{kind}")
        (VECTORS / f"{name}.said.json").write_text(_account(combination, said), "utf-8")


def _account(combination: Combination, said: Said) -> str:
    """Return who was there, and what the client said, a line for a message and for a call."""
    peers = {"compiler": compiler_version()}
    for role, key in (("client", combination.client), ("server", combination.server)):
        peers[role] = f"{LIBRARIES[key].name} {LIBRARIES[key].version}"
    parts = [f"{json.dumps(name)}: {json.dumps(text)}" for name, text in peers.items()]
    for way, messages in (("sent", said.sent), ("received", said.received)):
        lines = ",\n  ".join(json.dumps(list(asdict(message).values())) for message in messages)
        parts.append(f'"{way}": [\n  {lines}\n]')
    lines = ",\n  ".join(f"{json.dumps(call)}: {json.dumps(outcome)}" for call, outcome in said.outcomes.items())
    parts.append(f'"outcomes": {{\n  {lines}\n}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(wanted: Sequence[str]) -> None:
    """Record the connections with these names, or all."""
    VECTORS.mkdir(exist_ok=True)
    for combination, calls in RECORDED.items():
        if not wanted or _name(combination, calls) in wanted:
            _record(combination, calls)


if __name__ == "__main__":
    main(sys.argv[1:])
