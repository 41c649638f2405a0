"""Servers have the priorities and the weights that istiod gives them, for a proxy of the same place and labels."""

import json
from pathlib import Path

import pytest
from live_envoy import RELEASES
from live_istio import ControlPlane
from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from mesh_files import documents, rendered
from mesh_running import free_port
from patience import eventually

from metaprotocol_mesh.render.pieces import Json

pytestmark = pytest.mark.live

PLACES = ["eu/a/1", "eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "asia/a/1", ""]
LABELS = {"app": "caller", "version": "v3", "istio-locality": "eu.a.1"}
SETTINGS = {
    "default": "{}",
    "ignored": "{enabled: false}",
    "region": "{failover: [{from: eu, to: us}]}",
    "two": "{failover: [{from: eu, to: us}, {from: eu, to: asia}]}",
    "other": "{failover: [{from: us, to: eu}]}",
    "label": "{failoverPriority: [version]}",
    "value": "{failoverPriority: [version=v4]}",
    "labels": "{failoverPriority: [version=v2, app]}",
    "both": "{failoverPriority: [version=v5], failover: [{from: eu, to: us}]}",
    "shares": '{distribute: [{from: "eu/*", to: {"eu/*": 60, us/a/1: 40}}]}',
    "nested": '{distribute: [{from: eu/a/1, to: {eu/a/1: 70, "us/*": 30}}]}',
    "elsewhere": "{distribute: [{from: us, to: {eu: 100}}]}",
}


def service(name: str, setting: str, port: int, outliers: str) -> str:
    """Return a service with a server in each place, and a setting of localities."""
    servers = ""
    for number, place in enumerate(PLACES, 1):
        where = f", locality: {place}" if place else ""
        servers += f"  - {{address: 127.0.3.{number}, labels: {{version: v{number}, app: {name}}}{where}}}\n"
    host = f"{name}.default.svc.cluster.local"
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{host}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: {port}, name: http-awesomerpc, protocol: HTTP}}]
  endpoints:
{servers}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {{{outliers}loadBalancer: {{localityLbSetting: {setting}}}}}
"""


def sidecar(port: int) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: caller, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: caller}}}}
  egress:
  - port: {{number: {port}, name: http-awesomerpc, protocol: HTTP}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./*"]
"""


def order(assignment: Json, *, weighted: bool) -> dict[str, int]:
    """Return the priority of each server, or the weight of its locality."""
    return {
        one["endpoint"]["address"]["socket_address"]["address"]: int(
            group.get("load_balancing_weight", 0) if weighted else group.get("priority", 0)
        )
        for group in assignment["endpoints"]
        for one in group.get("lb_endpoints", ())
    }


@pytest.mark.parametrize("outliers", ["outlierDetection: {}, ", ""], ids=["with outlier detection", "without"])
def test_servers_have_the_order_of_istiod(istio: None, tmp_path: Path, outliers: str) -> None:
    port = free_port()
    text = documents(*(service(name, one, port, outliers) for name, one in SETTINGS.items()), sidecar(port))
    istiod = ControlPlane(tmp_path / "istiod")
    istiod.write("mesh", text)
    authority = Authority(tmp_path / "authority")
    with (
        istiod,
        Sidecar(
            "caller", "127.0.0.2", istiod.port, RELEASES[-1], tmp_path / "proxy", authority, revision="", labels=LABELS
        ) as proxy,
    ):
        theirs: dict[str, Json] = {}

        def dumped() -> bool:
            dump = json.loads(proxy.admin("/config_dump?include_eds&resource=dynamic_endpoint_configs"))
            for one in dump.get("configs", ()):
                theirs[one["endpoint_config"]["cluster_name"]] = one["endpoint_config"]
            return sum(name.startswith("outbound|") for name in theirs) >= len(SETTINGS)

        eventually(dumped)
    found = rendered(text, labels=LABELS, namespace="default").clusters
    ours = {one["name"]: one["load_assignment"] for one in found}
    for name, setting in SETTINGS.items():
        cluster = f"outbound|{port}||{name}.default.svc.cluster.local"
        weighted = "distribute" in setting and name != "elsewhere"
        assert order(ours[cluster], weighted=weighted) == order(theirs[cluster], weighted=weighted), name
