"""`metaprotocol record` without descriptors or disk space."""

import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from patience import PATIENCE
from relay import RunningRelay, running_relay

from metaprotocol_cli.record import command

MEBIBYTE = 1024 * 1024


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        listening.settimeout(PATIENCE)
        yield listening


def port_of(server: socket.socket) -> int:
    return server.getsockname()[1]


def connect(relay: RunningRelay) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE)
    client.sendall(b"?")
    return client


def accept(server: socket.socket) -> socket.socket:
    accepted = server.accept()[0]
    accepted.settimeout(PATIENCE)
    return accepted


def read(peer: socket.socket, size: int) -> bytes:
    with peer.makefile("rb") as stream:
        return stream.read(size)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def is_served(relay: RunningRelay, server: socket.socket) -> bool:
    """Return whether the server gets what a new client sends; it does not if the relay refuses the connection."""
    with suppress(ConnectionError), connect(relay) as client:
        client.sendall(b"again")
        while server in select.select([client, server], [], [], PATIENCE)[0]:
            with accept(server) as peer:
                if read(peer, 6) == b"?again":
                    return True
    return False


def test_a_connection_takes_two_descriptors_and_no_more(server: socket.socket, tmp_path: Path) -> None:
    # 70 connections with five descriptors each are 350.
    with running_relay(tmp_path / "out", port_of(server), limits={"RLIMIT_NOFILE": 240}) as relay, ExitStack() as stack:
        for _ in range(70):
            stack.enter_context(connect(relay))
            assert stack.enter_context(accept(server)).recv(1) == b"?"
    assert relay.summary.splitlines()[1] == "70 connections; → 70 bytes; ← 0 bytes"
    for number in range(1, 71):
        assert (tmp_path / "out" / f"conn{number}.c2s.bin").read_bytes() == b"?"


def test_connections_without_a_descriptor_are_refused(server: socket.socket, tmp_path: Path) -> None:
    with running_relay(tmp_path / "out", port_of(server), limits={"RLIMIT_NOFILE": 30}, status=1) as relay:
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(relay)) for _ in range(40)]
            peer = stack.enter_context(accept(server))
            assert is_closed(clients[-1])
            clients[0].sendall(b"still served")
            assert read(peer, 13) == b"?still served"
        deadline = time.monotonic() + PATIENCE
        while not is_served(relay, server):  # the connections of the clients that have left end first
            assert time.monotonic() < deadline
    assert "of the connections were refused: no file descriptor was left for them" in relay.summary
    assert relay.complaints == "connections are refused: no file descriptor is left for them; `ulimit -n` allows more\n"


def test_refused_connections_do_not_wait_and_open_ones_are_recorded(tmp_path: Path) -> None:
    heartbeat = bytes.fromhex("4152 0103 0000 0004 0000 0012 0000 0000 0000")
    out = tmp_path / "out"
    with (
        running_relay(
            out, None, codec="awesomerpc", reply_error="over_limit", limits={"RLIMIT_NOFILE": 30}, status=1
        ) as relay,
        ExitStack() as stack,
    ):
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE))
            for _ in range(40)
        ]
        assert is_closed(clients[-1])
        # The files of the recording find a descriptor all the same.
        for _ in range(3):
            clients[0].sendall(heartbeat)
            assert len(read(clients[0], 18)) == 18
    assert relay.complaints.startswith("connections are refused: no file descriptor is left for them")
    assert (out / "conn1.c2s.bin").read_bytes() == 3 * heartbeat


def test_the_relay_raises_its_limit_on_descriptors(server: socket.socket, tmp_path: Path) -> None:
    with (
        running_relay(tmp_path / "out", port_of(server), limits={"RLIMIT_NOFILE": [30, 300]}) as relay,
        ExitStack() as stack,
    ):
        for _ in range(40):
            stack.enter_context(connect(relay))
            stack.enter_context(accept(server))
    assert "40 connections;" in relay.summary


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with files_of_at_most(0):
        done = CliRunner().invoke(command, ["--listen", "0", "--upstream", "1", str(folder)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"the folder {folder} cannot be used: File too large" in done.stderr.replace("\n", " ")


def test_a_full_disk_is_reported_and_ends_the_relay(server: socket.socket, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with (
        running_relay(folder, port_of(server), limits={"RLIMIT_FSIZE": MEBIBYTE}, status=1, stop=None) as relay,
        connect(relay) as client,
        accept(server) as peer,
    ):
        received = b""
        with pytest.raises(ConnectionError):  # noqa: PT012 - until the relay ends
            while True:
                client.sendall(bytes(65536))
                received += peer.recv(65536)
    assert relay.complaints == f"Error: the recording in {folder} cannot be written: File too large\n"
    saved = (folder / "conn1.c2s.bin").read_bytes()
    assert saved.startswith(received)
    assert len(saved) == MEBIBYTE
