"""SOFARPC for Java and for Node, which speak SOFA-Bolt: the programs of tests/interop/bolt."""

from pathlib import Path

from peers.programs import JavaPeer, NodePeer

SERVICE = "org.example.interop.Greeter:1.0"


class BoltJava(JavaPeer):
    """A running Peer.java, a server and a client.

    Args:
        folder: For its log.
        heartbeat: Milliseconds without traffic after which a client sends a heartbeat.
    """

    name, version = "SOFARPC Java", "5.13.2"

    def __init__(self, folder: Path, heartbeat: int = 15_000) -> None:
        options = [f"-Dbolt.tcp.heartbeat.interval={heartbeat}", "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
        super().__init__("bolt", "org.example.interop.Peer", folder, options)


class BoltNode(NodePeer):
    """A running client.js, or a server.js.

    Args:
        folder: For its log.
        serialization: Of a server; without one it is a client.
    """

    name, version = "sofa-bolt-node", "2.0.1"

    def __init__(self, folder: Path, serialization: str = "") -> None:
        super().__init__("bolt", folder, *(["server.js", serialization] if serialization else ["client.js"]))
