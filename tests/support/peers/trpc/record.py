"""Records the connections in tests/vectors/trpc again: `PYTHONPATH=tests/support python -m peers.trpc.record`.

A relay without a codec lies between client and server. What both say goes beside the bytes: our decoder has no part in
it.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from relay import running_relay

from peers.cache import ROOT
from peers.trpc.programs import NAME, VERSION, Client, Server

VECTORS = ROOT / "tests" / "vectors" / "trpc"
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


def _record(name: str, commands: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Server(folder) as server, running_relay(folder / "recorded", server.port) as relay:
            with Client(relay.port, folder) as client:
                answers = [client.ask(**each) for each in commands]
                if any(each.get("oneway") for each in commands):
                    server.report()  # nothing else says that it has arrived
            relay.wait_for_ends(1)
        # A client may open a connection that it does not use.
        [used] = [path for path in (folder / "recorded").glob("*.c2s.bin") if path.stat().st_size]
        for kind in ("c2s.bin", "s2c.bin", "chunks.json"):
            shutil.copyfile(used.with_name(used.name.replace("c2s.bin", kind)), VECTORS / f"{name}.{kind}")
    lines = ",\n".join(f"  {json.dumps([*each])}" for each in zip(commands, answers, strict=True))
    text = f'{{\n"peers": {json.dumps(f"{NAME} {VERSION}")},\n"asked": [\n{lines}\n]\n}}\n'
    (VECTORS / f"{name}.said.json").write_text(text, "utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECORDED:
        _record(chosen, RECORDED[chosen])
