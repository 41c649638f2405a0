"""The problems that `istio check` reports."""

import json

import pytest
from click.testing import CliRunner
from mesh_files import ABSENT, LISTENER, PODS, ROUTES, SERVICE, documents, rendered
from mesh_files import routes as rules

from metaprotocol_cli import main
from metaprotocol_mesh.istio.check import Others, check
from metaprotocol_mesh.istio.filters import Options
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.places import ConfigurationError

POD = """
apiVersion: v1
kind: Pod
metadata: {name: ratings-1, namespace: shop, labels: {app: ratings}}
spec:
  initContainers:
  - name: istio-proxy
    image: docker.io/istio/proxyv2:1.31.0
    env: [{name: ISTIO_META_METAPROTOCOL, value: "1"}]
  containers: [{name: app}]
"""


def told(*texts: str) -> list[str]:
    result = CliRunner().invoke(main, ["istio", "check", "--json", "-"], input=documents(*texts))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["problems"]
    assert {one["severity"] for one in found} <= {"warning"}
    return [f"{one['message']}; {one['hint']}" for one in found]


def with_tls(mode: str) -> str:
    return SERVICE.replace("  subsets:", f"  trafficPolicy: {{tls: {{mode: {mode}}}}}\n  subsets:")


def test_a_sound_cluster_has_no_warning() -> None:
    assert told(SERVICE, ROUTES, PODS, POD) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PODS.replace("name: http-awesomerpc", "name: tcp-metaprotocol-awesomerpc"), "for TCP"),
        (SERVICE.replace("name: ratings", "name: x") + "---" + PODS.replace("http-awesomerpc", "awesomerpc"),
         "name it http-awesomerpc"),
        (SERVICE.replace("protocol: HTTP", "protocol: TCP"), "for TCP, whatever its name; write `protocol: HTTP`"),
        (PODS.replace("spec:", "spec:\n  clusterIP: None"), "is headless"),
        (PODS + "---" + POD.replace("ISTIO_META_METAPROTOCOL", "OTHER"), "does not say that it has the module"),
        (PODS + "---" + POD.replace('value: "1"', 'value: "2"'), "has the revision '2'"),
        (PODS + "---" + POD.replace("1.31.0", "1.30.2"), "is of Istio 1.30, which has no dynamic modules"),
        (PODS + "---" + POD.replace("name: istio-proxy", "name: other"), "has no proxy"),
        (PODS + "---\napiVersion: v1\nkind: Namespace\n"
         "metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n", "is in ambient mode"),
        (PODS + "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\n",
         "write a VirtualService"),
        (PODS + "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: w}\n"
         "spec: {gatewayClassName: istio-waypoint}\n", "is a waypoint"),
        (SERVICE.replace("  subsets:", "  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}\n  subsets:"),
         "write `tcp: {maxConnections: 7}`"),
        (with_tls("DISABLE"), "the calls are plain text"),
        (with_tls("SIMPLE"), "with SIMPLE the codec finds no messages"),
        (SERVICE + "---" + rules("- route: [{destination: {host: reviews}}]\n  delegate: {name: a}"),
         "the rest of this VirtualService was not checked"),
        (SERVICE + "---" + rules("- match: [{method: {exact: GET}}]\n  route: [{destination: {host: reviews}}]"),
         "the method of every message is POST"),
    ],
)  # fmt: skip
def test_what_will_not_work_is_told(text: str, said: str) -> None:
    assert any(said in one for one in told(text)), told(text)


def test_the_mutual_tls_that_istio_has_anyway_may_be_written() -> None:
    assert told(with_tls("ISTIO_MUTUAL")) == []
    result = CliRunner().invoke(main, ["istio", "render", "-"], input=with_tls("ISTIO_MUTUAL"))
    assert result.exit_code == 0
    with pytest.raises(ConfigurationError, match="ISTIO_MUTUAL needs the certificates of istiod"):
        rendered(with_tls("ISTIO_MUTUAL"), ROUTES, LISTENER)


def test_what_others_have_in_the_cluster_is_not_judged() -> None:
    """Their rules and gateways may have what this mesh does not support, as istiod does."""
    others = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: other}
spec: {hosts: [other.example.com], tcp: [{route: [{destination: {host: other.example.com}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: other, namespace: other}
spec: {host: other.example.com, trafficPolicy: {tls: {mode: SIMPLE, credentialName: other}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: other, namespace: other}
spec:
  selector: {app: other}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: a}}]
"""
    assert told(SERVICE, others) == []


def test_a_gateway_of_the_protocol_that_cannot_be_read_is_an_error() -> None:
    gateway = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {app: edge}
  servers: [{port: {number: 80, name: http-awesomerpc, protocol: HTTP}, hosts: ["*"], unknown: 1}]
"""
    result = CliRunner().invoke(main, ["istio", "check", "-"], input=documents(SERVICE, gateway))
    assert result.exit_code == 1
    assert "there is no key 'unknown' here" in result.output


def test_a_sidecar_for_a_whole_namespace_is_told() -> None:
    sidecar = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: default}
spec:
  egress: [{port: {number: 9080, name: http-awesomerpc}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./*"]}]
"""
    assert any("has no workloadSelector" in one for one in told(SERVICE, sidecar))


def test_a_host_that_is_not_there_is_an_error() -> None:
    text = documents(SERVICE, rules("- route: [{destination: {host: reviewz}}]"))
    with pytest.raises(ConfigurationError, match="there is no service reviewz"):
        check(load_text(text), Others(), ABSENT, Options())


def test_warnings_can_fail_the_command() -> None:
    arguments = ["istio", "check", "--strict", "-"]
    assert CliRunner().invoke(main, arguments, input=documents(PODS, POD)).exit_code == 0
    wrong = documents(PODS, POD.replace("ISTIO_META_METAPROTOCOL", "OTHER"))
    result = CliRunner().invoke(main, arguments, input=wrong)
    assert result.exit_code == 1
    assert "1 warning" in result.stdout
