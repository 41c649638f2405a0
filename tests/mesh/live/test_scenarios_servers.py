"""Aeraki's scenarios of servers that fail. Hashing is in test_balancing.py, idle timeouts in test_connections.py."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from mesh_files import routes
from mesh_protocols import PROTOCOLS, THRIFT, Caller, Protocol, ThriftLibrary
from mesh_scenarios import service, to
from thrift.Thrift import TApplicationException

pytestmark = pytest.mark.live

CLUSTER = "cluster.outbound|9080|v1|reviews.default.svc.cluster.local"


@pytest.fixture
def three(protocol: Protocol) -> Iterator[dict[str, int]]:
    """The ports of three servers, by the name that each answers with."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(protocol.serving(name)).port for name in "abc"}


@pytest.fixture
def dead() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as bound:  # and it does not listen
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


OUTLIERS = (
    "{loadBalancer: {simple: ROUND_ROBIN}, "
    "outlierDetection: {consecutive5xxErrors: 5, interval: 300s, baseEjectionTime: 900s, maxEjectionPercent: 100}}"
)


def failures(client: ThriftLibrary, count: int) -> list[str]:
    """Make some calls, and return the texts of those that ended with a TApplicationException."""
    found = []
    for _ in range(count):
        try:
            client.call("hello")
        except TApplicationException as error:
            found.append(error.message)
    return found


@pytest.mark.parametrize("protocol", [THRIFT], ids=str)
def test_a_dead_server_is_ejected_after_five_errors(
    start_mesh, protocol: Protocol, three: dict[str, int], dead: int
) -> None:
    """A25: without retries a client of Thrift's own library sees 5 TApplicationExceptions, and then none."""
    ports = [three["a"], three["b"], dead]
    once = routes(f"- {{route: [{to('v1')}], retries: {{attempts: 0}}}}")
    mesh = start_mesh(service(protocol, {"v1": ports}, OUTLIERS), once)
    with ThriftLibrary(mesh.port, in_header=False) as client:
        errors = failures(client, 15)
        assert len(errors) == 5
        assert all("connection_failure" in error for error in errors)
        mesh.envoy.wait_for_stat(f"{CLUSTER}.outlier_detection.ejections_active", lambda count: count == 1)
        assert failures(client, 30) == []
    assert mesh.envoy.stat(f"{CLUSTER}.upstream_cx_connect_fail") == 5


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_no_client_sees_a_dead_server_with_the_default_retries(
    start_mesh, protocol: Protocol, three: dict[str, int], dead: int
) -> None:
    """A25: as in Istio, a failed connection is tried again elsewhere; the errors still count."""
    ports = [three["a"], three["b"], dead]
    mesh = start_mesh(service(protocol, {"v1": ports}, OUTLIERS), routes(f"- route: [{to('v1')}]"))
    with Caller(protocol, mesh.port) as client:
        assert {client.text() for _ in range(30)} == {"a", "b"}  # of which 5 at least tried the dead one first
    mesh.envoy.wait_for_stat(f"{CLUSTER}.outlier_detection.ejections_active", lambda count: count == 1)
