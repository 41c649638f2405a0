"""`mesh render` makes of a configuration what istiod makes of it, but for a list of named differences.

Both configurations are compared as Envoy's JSON, after what is named below was taken away.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_envoy import RELEASES, NotAvailable
from live_istio import ControlPlane
from live_istio.agent import Sidecar
from live_istio.certificates import Authority
from mesh_files import RICH, documents, manager, rendered
from mesh_running import free_port
from patience import eventually
from required import require

from metaprotocol_mesh.render.pieces import Json

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
BOOKINFO = ROOT / "examples" / "bookinfo"
SIDECAR = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: caller, namespace: default}
spec:
  workloadSelector: {labels: {app: caller}}
  egress:
  - port: {number: 9080, name: http-awesomerpc, protocol: HTTP}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./*"]
"""


def _bookinfo() -> str:
    files = [BOOKINFO / name for name in ("services.yaml", "reviews.yaml", "ratings.yaml")]
    return documents(*[one.read_text() for one in files], SIDECAR)


def _rich() -> str:
    """Return the services, routes and policies of the configuration that has nearly every field."""
    kinds = ("ServiceEntry", "DestinationRule", "VirtualService")
    objects = yaml.safe_load_all(RICH.read_text())
    kept = [one for one in objects if one["kind"] in kinds and one["metadata"]["name"] != "outside"]
    return documents(yaml.safe_dump_all(kept), SIDECAR)


@pytest.fixture(scope="module", params=[_bookinfo, _rich], ids=["bookinfo", "rich"])
def both(
    istio: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Json], dict[str, Json]]:
    """Clusters, and virtual hosts with "host" before their name, by name: istiod's and ours."""
    try:
        RELEASES[-1].binary()
    except NotAvailable as error:
        require("envoy", str(error))
    folder = tmp_path_factory.mktemp("same")
    port = str(free_port())
    text = request.param().replace("9080", port)
    istiod = ControlPlane(folder / "istiod")
    istiod.write("mesh", text)
    authority = Authority(folder / "authority")
    with ExitStack() as stack:
        stack.enter_context(istiod)
        proxy = Sidecar("caller", "127.0.0.2", istiod.port, RELEASES[-1], folder / "proxy", authority, revision="")
        stack.enter_context(proxy)
        theirs: dict[str, Json] = {}

        def dumped() -> bool:
            for one in proxy.dump("dynamic_active_clusters"):
                theirs[one["cluster"]["name"]] = one["cluster"]
            for one in proxy.dump("dynamic_route_configs"):
                if one["route_config"]["name"] == port:
                    theirs.update({f"host {each['name']}": each for each in one["route_config"]["virtual_hosts"]})
            return any(name.startswith("host") for name in theirs)

        eventually(dumped)
    found = rendered(text, labels={"app": "caller"}, namespace="default")
    (listener,) = found.listeners
    ours = {one["name"]: one for one in found.clusters}
    ours |= {f"host {one['name']}": one for one in manager(listener)["route_config"]["virtual_hosts"]}
    return theirs, ours


NAMED = {
    # What istiod notes about itself:
    "alt_stat_name": "a name for statistics",
    "decorator": "a name for traces",
    "metadata": "the objects that it comes from",
    # What is the same in another place:
    "eds_cluster_config": "endpoints come by EDS",
    "load_assignment": "endpoints are in the cluster, or in a file",
    "type": "as above",
    "locality_weighted_lb_config": "ours is there when a locality has a weight; istiod weighs localities with failover",
    "transport_socket": "certificates are files here",
    "transport_socket_matches": "the mesh's own mTLS",
    # What the bridge needs:
    "upstream_config": "the bridge",
    "typed_extension_protocol_options": "the bridge, and when idle connections end",
    "track_remaining": "`mesh status` shows it",
    "stat_prefix": "the same",
    # What says nothing to the protocol, or says the default:
    "domains": "istiod ignores an authority's port, and we list it; ours has the annotation's names",
    "max_grpc_timeout": "the protocol is not gRPC",
    "disable_shadow_host_suffix_append": "the authority is not in the message",
    "trace_sampled": "there are no traces on a laptop",
    "dns_jitter": "there are few proxies on a laptop",
    "dns_lookup_family": "istiod knows the addresses of the pod",
    "typed_dns_resolver_config": "Envoy's default but for a limit",
    "keep_empty_value": "a property may be empty",
    "@type": "the reader of the dump leaves it out or not",
    # What we do on purpose:
    "retry_host_predicate": "with a hash in any destination, further attempts stay with its server",
}
"""Keys that are not compared, and why."""


def compared(value: Any) -> Any:
    """Return a part of a configuration without what is named, and with one spelling of what has several."""
    if isinstance(value, list):
        return [compared(one) for one in value]
    if not isinstance(value, dict):
        return _duration(value)
    found = {name: compared(one) for name, one in value.items() if name not in NAMED}
    if "max_connections" in found:  # a request in flight has a connection of its own
        found["max_connections"] = min(found["max_connections"], found["max_requests"])
    if "numerator" in found:
        size = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}[found.pop("denominator", "HUNDRED")]
        found["numerator"] /= size
    if "headers" in found and "name" not in found:
        found["headers"].sort(key=lambda one: one["name"])
    if found.get("append_action") == "APPEND_IF_EXISTS_OR_ADD" or found.get("lb_policy") == "ROUND_ROBIN":
        found = {name: one for name, one in found.items() if one not in ("APPEND_IF_EXISTS_OR_ADD", "ROUND_ROBIN")}
    if found.get("case_sensitive") is True:
        del found["case_sensitive"]
    if "header_name" in found:
        found["header_name"] = found["header_name"].lower()
    return found


def _duration(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("s") and value[:-1].replace(".", "", 1).isdigit():
        return f"{float(value[:-1])} seconds"
    return value


def test_clusters_are_those_of_istiod(both: tuple[dict[str, Json], dict[str, Json]]) -> None:
    theirs, ours = both
    names = {name for name in ours if name.startswith("outbound|") and name in theirs}
    assert {name for name in theirs if name.startswith("outbound|")} == names
    for name in sorted(names):
        expected = compared(theirs[name])
        expected.setdefault("common_lb_config", {})
        found = compared(ours[name])
        for one in (expected, found):  # 0 has two spellings
            panic = one["common_lb_config"].get("healthy_panic_threshold", {"value": 50})
            one["common_lb_config"]["healthy_panic_threshold"] = panic.get("value", 0)
        assert found == expected, name


def test_routes_are_those_of_istiod(both: tuple[dict[str, Json], dict[str, Json]]) -> None:
    theirs, ours = both
    names = {name for name in ours if name.startswith("host ")}
    assert names == {name for name in theirs if name.startswith("host ")} - {"host allow_any"}
    for name in sorted(names):
        found, expected = compared(ours[name]), compared(theirs[name])
        for one in found["routes"]:
            if one["name"].startswith("http["):
                del one["name"]  # of rules that have none, for `mesh status`
        assert found == expected, name
