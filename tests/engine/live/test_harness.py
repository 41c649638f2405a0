"""The harness of the other tests: real Envoys start, tell their ports and statistics, and no crash is overlooked."""

import os
import signal
import socket
import stat

import pytest
from live_envoy import Envoy, EnvoyFault
from live_envoy.config import bootstrap, cluster, listener, tcp_proxy
from patience import PATIENCE


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


def configuration(port):
    return bootstrap([listener("in", tcp_proxy("servers"))], [cluster("servers", port)])


def test_an_envoy_forwards_bytes_and_counts_them(start_envoy, server):
    envoy = start_envoy(configuration(server.getsockname()[1]))
    with socket.create_connection(("127.0.0.1", envoy.port("in")), PATIENCE) as client:
        client.sendall(b"hello")
        peer, _ = server.accept()
        with peer:
            peer.settimeout(PATIENCE)
            assert peer.recv(5) == b"hello"
            assert envoy.wait_for_stat("tcp.tcp.downstream_cx_rx_bytes_total", bool) == 5
    envoy.wait_for_stat("tcp.tcp.downstream_cx_active", lambda active: not active)
    assert envoy.stats("^cluster.servers.upstream_cx_total$") == {"cluster.servers.upstream_cx_total": 1}


def test_only_the_owner_may_speak_to_the_admin_interface(start_envoy):
    envoy = start_envoy(bootstrap([], []))
    assert stat.S_IMODE(envoy.admin.path.stat().st_mode) == 0o600


def test_a_configuration_that_envoy_refuses_is_told_with_its_log(release):
    envoy = Envoy(release, bootstrap([], [], nonsense=1))
    with pytest.raises(EnvoyFault, match=r"has died: exit status 1[\s\S]*such\s+field:\s+'nonsense'"):
        envoy.__enter__()


def test_an_envoy_that_has_died_fails_the_test(release):
    envoy = Envoy(release, bootstrap([], []))
    with envoy:
        os.kill(envoy.pid, signal.SIGSEGV)
        with pytest.raises(EnvoyFault, match="has died: signal SIG"):
            envoy.wait_for_log("a line that is never written")
        with pytest.raises(EnvoyFault, match="has died: signal SIG"):
            envoy.stop()
