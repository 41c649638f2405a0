"""tRPC-Go, and the connections in tests/vectors/trpc: `PYTHONPATH=tests/support python -m peers.trpc` records them."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.cache import ROOT, installed, run, tool
from peers.rpc import Library, record

SERVICE = "trpc.test.helloworld.Greeter"
CALLER = "trpc.test.caller.service"
_SOURCE = ROOT / "tests" / "interop" / "trpc" / "go"


def _prepare() -> Sequence[str | Path]:
    def install(folder: Path) -> None:
        run([tool("go"), "build", "-o", folder / "peer", "."], _SOURCE)

    return [installed("trpc-go", sorted(_SOURCE.iterdir()), install) / "peer"]


_VERSION = re.search(r"trpc-go/trpc-go v(\S+)", (_SOURCE / "go.mod").read_text("utf-8"))
GO = Library("tRPC-Go", _VERSION[1], _prepare)

META = {"user": "jason", "größe": "Zoë 世界", "empty": ""}
_UNARY: list[dict[str, Any]] = [
    {"do": "call", "name": "SayHello", "msg": "Ada"},
    {"do": "call", "name": "SayHello", "msg": "Zoë 世界", "meta": META},
    {"do": "call", "name": "SayHi", "msg": "business", "meta": {"user": "jason"}},
    {"do": "call", "name": "SayHi", "msg": "framework"},
    {"do": "call", "name": "Missing", "msg": "Ada"},
    {"do": "call", "name": "SayHi", "msg": "file", "attachment": "twelve bytes"},
    {"do": "call", "name": "SayHi", "msg": "long " * 300},
]
_TALK = {"do": "open", "name": "Talk", "meta": META}
_RECEIVE = {"do": "receive"}
_BIG = [{"do": "send", "msg": "big", "repeat": 6_000}, _RECEIVE]

RECORDED: dict[str, list[dict[str, Any]]] = {
    "go-unary": _UNARY,
    "go-oneway": [{"do": "call", "name": "SayHello", "msg": "once", "oneway": True, "meta": {"user": "jason"}}],
    "go-multiplexed": [{**each, "multiplex": True} for each in _UNARY[:3]],
    "go-bidirectional": [_TALK, *_BIG * 3, {"do": "close"}, _RECEIVE],
    "go-server-stream": [{"do": "open", "name": "Count"}, {"do": "send", "msg": "a b c"}, *[_RECEIVE] * 4],
    "go-client-stream": [
        {"do": "open", "name": "Collect"},
        *[{"do": "send", "msg": "abc"}] * 3,
        {"do": "close"},
        *[_RECEIVE] * 2,
    ],
    "go-stream-business": [_TALK, {"do": "send", "msg": "business"}, _RECEIVE],
    "go-stream-framework": [_TALK, {"do": "send", "msg": "framework"}, _RECEIVE],
    "go-stream-refused": [{"do": "open", "name": "Missing"}],
}
"""What the client of each connection is told to do."""


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECORDED:
        record(GO, RECORDED[chosen], ROOT / "tests" / "vectors" / "trpc", chosen)
