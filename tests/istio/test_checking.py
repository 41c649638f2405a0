"""The problems that `istio check` reports."""

import json

import pytest
from click.testing import CliRunner
from mesh_files import ABSENT, PODS, ROUTES, SERVICE, documents
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
        (SERVICE + "---" + rules("- match: [{method: {exact: GET}}]\n  route: [{destination: {host: reviews}}]"),
         "the method of every message is POST"),
    ],
)  # fmt: skip
def test_what_will_not_work_is_told(text: str, said: str) -> None:
    assert any(said in one for one in told(text)), told(text)


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
