"""Running meshes for tests: ports, codecs that change, and clients that go on while all changes."""

import itertools
import os
import random
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_engine.awesome import CODEC, body, request
from live_engine.peers import Client
from mesh_files import LISTENER, ROUTES, SERVICE, documents
from patience import PATIENCE

_OF_ISTIO = range(15_000, 15_100)
"""A proxy in a pod listens on some of them."""
_PORTS = itertools.count(random.Random(os.getpid()).randrange(10_000, 30_000))

ACME = """
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from acme.words import WORD

class AcmeCodec(AwesomeRpcCodec):
    name = "acme"

    def decode(self, message, direction):
        found = super().decode(message, direction)
        found.properties["code"] = WORD
        return found
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of running meshes; the path of a unix socket has at most 107 bytes, and pytest's folders have more."""
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Acme":
    """A codec of the project that is being worked on."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return Acme(tmp_path / "acme")


class Acme:
    """A package with AwesomeRPC, whose messages have the property `code`: a word of the code that has read them."""

    def __init__(self, folder: Path) -> None:
        self.named = {"acme": "acme.codec:AcmeCodec"}
        folder.mkdir()
        (folder / "__init__.py").touch()
        self.codec = folder / "codec.py"
        self.codec.write_text(ACME)
        self.words = folder / "words.py"
        self.write("one")

    def write(self, word: str) -> None:
        self.words.write_text(f"WORD = {word!r}\n")


def free_port() -> int:
    """Return a port that is free, and that the kernel gives to nobody who asks for any."""
    while True:
        port = next(_PORTS) % 20_000 + 10_000
        if port in _OF_ISTIO:
            continue
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


class Files:
    """A file of configuration with reviews v1 and v2.

    Args:
        path: Of it.
        servers: The ports of v1 and v2.
        codec: The protocol.
    """

    def __init__(self, path: Path, servers: tuple[int, int], codec: str = "awesomerpc") -> None:
        self.path, self._codec, self.port = path, codec, free_port()
        self._services = SERVICE.replace("21101", str(servers[0])).replace("21102", str(servers[1]))
        self.write()

    def write(self, rules: str = ROUTES, services: str | None = None, listener: str = LISTENER) -> None:
        """Write it, as editors do it: to another file that takes its name.

        Args:
            rules: The VirtualService.
            services: ServiceEntry and DestinationRule; None keeps them.
            listener: The Sidecar.
        """
        self._services = services or self._services
        listener = listener.replace("19080", str(self.port))
        text = documents(self._services, rules, listener).replace("http-awesomerpc", f"http-{self._codec}")
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)

    @property
    def services(self) -> str:
        return self._services


def weights(first: int) -> str:
    """Return rules that send so many percent to v1 and the others to v2."""
    both = f"{{destination: {{host: reviews, subset: v1}}, weight: {first}}}"
    both += f", {{destination: {{host: reviews, subset: v2}}, weight: {100 - first}}}"
    return ROUTES.partition("  - match")[0] + f"  - route: [{both}]\n"


class Calls:
    """Clients that call one after the other on connections that stay open; one that is closed opens another.

    A call whose connection is closed before its answer is made again. That is sound: such a call was served by nobody,
    and the test sees from the servers that it was so.

    Args:
        port: To call.
        count: The number of clients.
        host: To call.
    """

    def __init__(self, port: int, count: int, host: str = "127.0.0.1") -> None:
        self._port, self._host = port, host
        self._stop = False
        self.done = self.reconnected = 0
        self.answers: Counter[bytes] = Counter()
        self.lost: list[object] = []
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]

    def wait_for(self, more: int) -> None:
        """Wait until so many more calls are done."""
        with self._changed:
            goal = self.done + more
            assert self._changed.wait_for(lambda: self.done >= goal or self.lost, PATIENCE)
        assert not self.lost

    def end(self) -> None:
        """Make no more calls, and wait until the last have their answers."""
        self._stop = True
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, number: int) -> None:
        client: Client | None = None
        try:
            for call in itertools.count(number << 24):
                if self._stop:
                    break
                client = self._call(client, call)
        except Exception as error:  # noqa: BLE001 - the test fails with it
            with self._changed:
                self.lost.append(error)
                self._changed.notify_all()
        if client is not None:
            client.socket.close()

    def _call(self, client: Client | None, number: int) -> Client:
        for _ in range(3):
            try:
                client = client or Client(CODEC, self._port, self._host)
                answer = client.call(request(number, {"service": "reviews", "call": str(number)}))
                break
            except (EOFError, ConnectionError):
                if client is not None:
                    client.socket.close()
                client = None
                with self._changed:
                    self.reconnected += 1
        else:
            raise AssertionError("a new connection is closed again and again")
        with self._changed:
            self.done += 1
            self.answers[body(answer)] += 1
            if answer.status_code:
                self.lost.append(answer)
            self._changed.notify_all()
        return client


@contextmanager
def calling(port: int, count: int = 8, host: str = "127.0.0.1") -> Iterator[Calls]:
    calls = Calls(port, count, host)
    for thread in calls._threads:
        thread.start()
    try:
        yield calls
    finally:
        calls.end()
