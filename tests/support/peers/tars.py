"""Tars for Java and for Node: the programs of tests/interop/tars."""

from pathlib import Path

from peers.programs import JavaPeer, NodePeer


class TarsJava(JavaPeer):
    """A running Client.java."""

    name, version = "Tars Java", "1.7.2"

    def __init__(self, folder: Path) -> None:
        super().__init__("tars", "org.example.interop.tars.Client", folder)


class TarsNode(NodePeer):
    """A running client.js or server.js. One client speaks one version."""

    name, version = "@tars/rpc", "2.0.15"

    def __init__(self, folder: Path, script: str = "client.js") -> None:
        super().__init__("tars", folder, script)
