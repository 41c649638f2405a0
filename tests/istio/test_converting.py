"""Aeraki's objects become Istio's."""

import yaml
from click.testing import CliRunner
from mesh_files import LISTENER, RICH, SERVICE, documents, manager, rendered

from metaprotocol_cli import main
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load, load_text
from metaprotocol_mesh.model import DestinationRule, MetaRouter, ServiceEntry, VirtualService
from metaprotocol_mesh.structure import written

ROUTER = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: reviews, namespace: default, labels: {team: a}}
spec:
  hosts: [reviews.default.svc.cluster.local]
  routes:
  - name: jason
    match: {attributes: {user: {exact: jäson}, Host: {prefix: "a b"}}}
    route:
    - {destination: {host: reviews.default.svc.cluster.local, subset: v1}, weight: 20}
    - {destination: {host: reviews.default.svc.cluster.local, subset: v2}, weight: 80}
    mirror: {host: reviews.default.svc.cluster.local, subset: v2}
    mirrorPercentage: {value: 12.5}
    requestMutation: [{key: lane, value: "100%"}]
  - route: [{destination: {host: reviews.default.svc.cluster.local, subset: v1}}]
"""
LIMITS = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: limits, namespace: default}
spec:
  hosts: [details.default.svc.cluster.local]
  localRateLimit:
    tokenBucket: {maxTokens: 5, fillInterval: 60s}
    conditions: [{match: {attributes: {user: {exact: a}}}, tokenBucket: {maxTokens: 1, fillInterval: 60s}}]
"""
PODS = """
apiVersion: v1
kind: Service
metadata: {name: details}
spec:
  selector: {app: details}
  ports: [{port: 9080, name: tcp-metaprotocol-awesomerpc, targetPort: 8080}]
"""


def run(*texts: str):
    result = CliRunner().invoke(main, ["istio", "convert", "-"], input=documents(*texts))
    assert result.exit_code == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout)), result.stderr


def test_a_metarouter_and_the_virtual_service_that_it_becomes_are_the_same_routes() -> None:
    (found,), notes = run(ROUTER)
    assert not notes
    assert (found["kind"], found["metadata"]) == (
        "VirtualService",
        {"name": "reviews", "namespace": "default", "labels": {"team": "a"}},
    )
    (before,) = rendered(SERVICE, LISTENER, ROUTER).listeners
    (after,) = rendered(SERVICE, LISTENER, as_yaml(found)).listeners
    assert manager(after) == manager(before)


def test_limits_are_counted_by_the_proxies_of_the_pods() -> None:
    (found,), notes = run(LIMITS, PODS)
    assert "add a port with the name http-awesomerpc" in notes
    assert found["spec"]["workloadSelector"] == {"labels": {"app": "details"}}
    filter_, host = found["spec"]["configPatches"]
    assert filter_["match"]["listener"]["portNumber"] == 8080
    assert host["match"]["routeConfiguration"]["vhost"] == {"name": "inbound|http|9080"}
    assert "envoy.filters.http.local_ratelimit" in host["patch"]["value"]["typed_per_filter_config"]


def test_limits_without_a_service_are_told() -> None:
    found, notes = run(LIMITS)
    assert found == []
    assert "give the Service of details.default.svc.cluster.local, too" in notes


def test_an_application_protocol_has_no_equivalent() -> None:
    text = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: {name: old}
spec: {protocol: old, codec: aeraki.meta_protocol.codec.dubbo}
"""
    found, notes = run(text)
    assert found == []
    assert "name ports http-dubbo" in notes


def test_what_is_written_reads_as_it_was() -> None:
    configuration = load([RICH])
    for kind in (ServiceEntry, VirtualService, DestinationRule, MetaRouter):
        for one in configuration.of(kind):
            versions = {MetaRouter: "metaprotocol.aeraki.io/v1alpha1"}
            text = as_yaml(
                {
                    "apiVersion": versions.get(kind, "networking.istio.io/v1"),
                    "kind": one.kind,
                    "metadata": {"name": one.metadata.name},
                    "spec": written(one.spec),
                }
            )
            (again,) = load_text(text).of(kind)
            assert again.spec == one.spec
