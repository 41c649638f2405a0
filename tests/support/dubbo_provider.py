"""Asks a Java provider in raw bytes whom it calls, and reads out of properties whom a mesh would route to.

The provider offers one interface in no group and in group blue, each without a version and as version 1.2.3.
"""

import socket
from collections.abc import Callable, Container

from dubbo_frames import frames
from peers.dubbo_java import SERVICE, JavaProvider

from metaprotocol_sdk import Metadata

Dispatched = tuple[str | None, str | None] | None
"""The group and the version of a service, or None for no service."""

PLAIN, BLUE, NEW, BLUE_NEW = (None, None), ("blue", None), (None, "1.2.3"), ("blue", "1.2.3")
NOBODY = None

_PATIENCE = 60.0  # a deadline, not a measure


class Line:
    """A connection to a provider, on which it is asked in raw bytes.

    Args:
        provider: The provider.
        serialization: That of the requests.
        last: Returns a call of `note` with the text "last", with an id of its own.
        port: The port of a proxy before it; 0 to ask it itself.
    """

    def __init__(self, provider: JavaProvider, serialization: str, last: Callable[[], bytes], *, port: int = 0) -> None:
        self._provider = provider
        self._port = port or provider.ports[serialization]
        self._last = last

    def ask(self, requests: list[bytes], silent: Container[bytes] = ()) -> list[Dispatched]:
        """Return the group and the version of the service that each request called, or None.

        Args:
            requests: Calls of `note` with their own number as the text.
            silent: Those that may remain without an answer.
        """
        reports = self._reports(requests, [request for request in requests if request not in silent])
        called = {report["called"]: (report["group"], report["version"]) for report in reports}
        return [called.get(f"note {int.from_bytes(request[4:12])}") for request in requests]

    def ask_one(self, request: bytes) -> Dispatched:
        """Return the group and the version of the service that a request called, or None."""
        for report in self._reports([request], [request]):
            return report["group"], report["version"]
        return None

    def _reports(self, requests: list[bytes], answered: list[bytes]) -> list[dict]:
        """Return the reports of the calls that come of requests, once those have an answer that must have one."""
        self._provider.forget()
        last = self._last()
        missing = {int.from_bytes(request[4:12]) for request in (*answered, last)}
        received = b""
        with socket.create_connection(("127.0.0.1", self._port), _PATIENCE) as connection:
            connection.sendall(b"".join((*requests, last)))
            while missing:
                chunk = connection.recv(1 << 16)
                assert chunk, "the provider has closed the connection"
                received += chunk
                missing -= {frame.request_id for frame in frames(received)}
        self._provider.send("done")
        reports = []
        while "mark" not in (report := self._provider.next_call()):
            reports += [report] if report["called"] != "note last" else []
        return reports


def dispatched(metadata: Metadata) -> Dispatched:
    """Return the group and the version that a mesh would route on, as the provider knows them."""
    found = metadata.properties
    if found.get("interface") != SERVICE:
        return None
    version = found.get("version")
    return found.get("group") or None, None if version in ("", "0.0.0", "*") else version
