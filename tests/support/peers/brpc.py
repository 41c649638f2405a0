"""brpc-java, and the connections in tests/vectors/brpc.

`PYTHONPATH=tests/support python -m peers.brpc` records them again.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.cache import ROOT, installed
from peers.maven import compile_java, copy_dependencies, java
from peers.rpc import Library, record

SERVICE = "example.EchoService"
_SOURCE = ROOT / "tests" / "interop" / "brpc" / "java"


def _prepare() -> Sequence[str | Path]:
    def install(folder: Path) -> None:
        copy_dependencies(_SOURCE / "pom.xml", [], folder / "jars")
        compile_java([_SOURCE / "Peer.java"], folder / "jars", folder / "classes")

    folder = installed("brpc-java", sorted(_SOURCE.iterdir()), install)
    # Its proxies are classes that cglib defines in Java's own package.
    quick = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
    return [java(), *quick, "-cp", f"{folder / 'jars'}/*:{folder / 'classes'}", "Peer"]


_VERSION = re.search(r"<artifactId>brpc-java</artifactId>\s*<version>(.*?)<", (_SOURCE / "pom.xml").read_text("utf-8"))
JAVA = Library("brpc-java", _VERSION[1], _prepare)

RECORDED: dict[str, list[dict[str, Any]]] = {
    "java-calls": [
        {"msg": "Ada"},
        {"msg": "Zoë 世界", "log_id": 77},
        {"msg": "file", "attachment": "twelve bytes"},
        {"msg": "fail"},
        {"msg": "long " * 300},
    ],
    "java-gzip": [{"msg": "zip " * 100, "gzip": True}, {"msg": "file", "gzip": True, "attachment": "not zipped"}],
}
"""What the client of each connection is told to do."""


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RECORDED:
        record(JAVA, RECORDED[chosen], ROOT / "tests" / "vectors" / "brpc", chosen)
