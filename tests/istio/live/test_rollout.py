"""The rollout's steps, as docs/istio/rollout.md has them, while calls go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_engine.awesome import CODEC, request
from live_engine.config import built_module
from live_engine.peers import Client
from live_envoy import Release
from live_istio.agent import Sidecar
from live_istio.scenario import Scenario, scenario
from mesh_files import documents
from mesh_running import calling, free_port
from patience import eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine

pytestmark = pytest.mark.live

OLD_PORT = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: old-reviews, namespace: default}
spec:
  hosts: [old-reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: PORT, name: tcp-old, protocol: TCP}]
  endpoints: [{address: 127.0.0.1, ports: {tcp-old: TARGET}}]
"""
NEXT_IP, NEXT_HOST = "127.0.0.6", "127.0.0.7"
CALLERS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: APP, namespace: default}
spec:
  workloadSelector: {labels: {app: APP}}
  egress:
  - port: {number: PORT, name: http-awesomerpc, protocol: HTTP}
    bind: BIND
    captureMode: NONE
    hosts: ["./*"]
"""
OLD_LISTENER = """
  - port: {number: PORT, name: tcp-old, protocol: TCP}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./old-reviews.default.svc.cluster.local"]
"""


@pytest.fixture(scope="module")
def mesh(istio: None, newest: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Two proxies of revision 1."""
    built_module()
    with scenario(newest, tmp_path_factory.mktemp("rollout")) as found:
        yield found


def filters(services: str, revision: str) -> str:
    return as_yaml(*envoy_filters(load_text(services), Engine.installed(), Options(revision=revision)))


def callers(app: str, port: int, host: str) -> str:
    return CALLERS.replace("APP", app).replace("PORT", str(port)).replace("BIND", host)


def _answered(port: int) -> bool:
    try:
        with Client(CODEC, port) as client:
            return not client.call(request(1)).status_code
    except (OSError, EOFError):
        return False


def test_filters_that_are_taken_back_and_applied_again_cost_the_old_port_no_call(mesh: Scenario) -> None:
    """Step 3 and what takes it back: until callers use the new port, the old one is what they call."""
    old = free_port()
    entry = OLD_PORT.replace("PORT", str(old)).replace("TARGET", str(mesh.v1.port))
    both = callers("productpage", mesh.port, "127.0.0.1").rstrip() + OLD_LISTENER.replace("PORT", str(old))
    # Istio has one Sidecar of each name: the scenario's is replaced.
    parts = [one for one in mesh.services.split("\n---\n") if "metadata: {name: productpage" not in one]
    mesh.istiod.write("10-services", documents(*parts, entry, both))
    eventually(lambda: _answered(old))
    eventually(lambda: bool(mesh.answers()))

    def changed() -> bool:
        return "libmetaprotocol" in str([one.get("active_state") for one in mesh.productpage.dump("dynamic_listeners")])

    with calling(old, 4) as calls:
        calls.wait_for(40)
        for _ in range(2):
            mesh.istiod.write("20-filters", "")
            eventually(lambda: not changed())
            calls.wait_for(40)
            mesh.istiod.write("20-filters", filters(mesh.services, "1"))
            eventually(changed)
            eventually(lambda: bool(mesh.answers()))
            calls.wait_for(40)
    assert not calls.lost
    assert not calls.reconnected


def test_a_new_revision_comes_proxy_by_proxy(mesh: Scenario, newest: Release, tmp_path: Path) -> None:
    """Filters of two revisions are there at the same time; those of the old one go when no proxy has it."""
    services = documents(mesh.services, callers("next", mesh.port, NEXT_HOST))
    mesh.istiod.write("10-services", services)
    eventually(lambda: bool(mesh.answers()))
    with calling(mesh.port, 2) as old:
        old.wait_for(20)
        mesh.istiod.write("21-filters", filters(services, "2"))
        with Sidecar(
            "next", NEXT_IP, mesh.istiod.port, newest, tmp_path / "next", mesh.authority, revision="2"
        ) as proxy:
            # The proxy of ratings has the old revision still.
            eventually(lambda: bool(mesh.answers("ratings", host=NEXT_HOST)))
            old.wait_for(20)
            with calling(mesh.port, 2, NEXT_HOST) as new:
                new.wait_for(20)
                old.end()
                mesh.istiod.write("20-filters", "")
                eventually(lambda: "libmetaprotocol" not in str(mesh.productpage.dump("dynamic_active_clusters")))
                new.wait_for(20)
            assert "libmetaprotocol" in str(proxy.dump("dynamic_listeners"))
    assert not old.lost
    assert not new.lost
    assert not old.reconnected
    assert not new.reconnected
