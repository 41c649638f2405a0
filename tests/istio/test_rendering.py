"""The EnvoyFilters that `istio render` makes."""

from pathlib import Path, PurePosixPath

import pytest
import yaml
from click.testing import CliRunner
from mesh_files import ABSENT, PODS, ROUTES, SERVICE, documents
from mesh_files import LISTENER as LAPTOP

from metaprotocol_cli import main
from metaprotocol_mesh.istio.filters import Options, Scope, envoy_filters
from metaprotocol_mesh.istio.output import as_kustomization, as_values, as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.render.engine import Engine

LISTENER = LAPTOP.replace("19080", "9080")
INGRESS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ratings, namespace: shop}
spec:
  workloadSelector: {labels: {app: ratings}}
  ingress:
  - port: {number: 8080, name: http-awesomerpc, protocol: HTTP}
    defaultEndpoint: 127.0.0.1:8080
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 7000, name: http-awesomerpc, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: ["*"]
  gateways: [edge]
  http: [{route: [{destination: {host: reviews, port: {number: 9080}}}]}]
"""


def filters(*texts: str, **options):
    return envoy_filters(load_text(documents(*texts), "mesh.yaml"), ABSENT, Options(**options))


def problems(*texts: str, **options) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        filters(*texts, **options)
    return [str(one) for one in caught.value.problems]


def names(found) -> list[str]:
    return [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in found]


def patches(envoy_filter, kind: str):
    return [one for one in envoy_filter["spec"]["configPatches"] if one["applyTo"] == kind]


def codec(envoy_filter, number: int = 0) -> dict[str, str]:
    """Return the settings of the codec filter that an EnvoyFilter inserts."""
    inserted = [one for one in patches(envoy_filter, "NETWORK_FILTER") if one["patch"]["operation"] != "MERGE"]
    text = inserted[number]["patch"]["value"]["typed_config"]["filter_config"]["value"]
    return dict(line.split(" = ", 1) for line in text.splitlines())


def merged(envoy_filter):
    """Return what an EnvoyFilter merges into connection managers, by the transport protocol of the filter chain."""
    return {
        one["match"]["listener"]["filterChain"].get("transportProtocol"): one["patch"]["value"]["typed_config"]
        for one in patches(envoy_filter, "NETWORK_FILTER")
        if one["patch"]["operation"] == "MERGE"
    }


def test_every_change_reaches_only_proxies_that_have_the_module_in_this_revision() -> None:
    found = filters(SERVICE, LISTENER, PODS, GATEWAY, revision="7")
    matches = [one["match"]["proxy"] for each in found for one in each["spec"]["configPatches"]]
    assert matches == [{"metadata": {"METAPROTOCOL": "7"}}] * len(matches)
    assert names(found) == [
        "istio-system/metaprotocol-outbound-7",
        "default/metaprotocol-sidecar-here-7",
        "shop/metaprotocol-inbound-ratings-7",
        "istio-system/metaprotocol-gateway-default-edge-7",
    ]


def test_outbound_listeners_of_istiod_tell_the_protocol_and_let_others_pass() -> None:
    (found,) = filters(SERVICE)
    (detecting,) = patches(found, "LISTENER_FILTER")
    assert detecting["match"]["listener"] == {
        "portNumber": 9080,
        "name": "0.0.0.0_9080",
        "listenerFilter": "envoy.filters.listener.http_inspector",
    }
    settings = codec(found)
    assert (settings["codec"], settings["authority"], settings["foreign"]) == ("awesomerpc", "$dst", "pass")
    (manager,) = merged(found).values()
    assert "codec_type" not in manager  # HTTP/1.1 of others passes
    assert manager["max_request_headers_kb"] * 1024 > int(settings["max_headers_size"])


def test_a_cluster_gets_the_bridge_and_keeps_connections_for_less_time_than_its_server() -> None:
    (found,) = filters(SERVICE)
    (cluster,) = patches(found, "CLUSTER")
    assert cluster["match"]["cluster"] == {"portNumber": 9080, "service": "reviews.default.svc.cluster.local"}
    value = cluster["patch"]["value"]
    assert value["metadata"] == {"filter_metadata": {"metaprotocol": {"bridge": "codec"}}}
    assert value["upstream_config"]["name"] == "envoy.upstreams.http.dynamic_modules"
    options = value["typed_extension_protocol_options"]
    assert options["envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions"]["idle_timeout"] == "0.8s"


def test_a_policy_of_a_subset_is_kept() -> None:
    rule = SERVICE.replace(
        "{name: v2, labels: {version: v2}}",
        "{name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 2s}}}}",
    )
    (found,) = filters(rule)
    whole, subset = patches(found, "CLUSTER")
    assert "subset" not in whole["match"]["cluster"]
    assert subset["match"]["cluster"]["subset"] == "v2"
    options = subset["patch"]["value"]["typed_extension_protocol_options"]
    assert options["envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions"]["idle_timeout"] == "2s"


def test_a_listener_of_a_sidecar_has_the_number_of_the_service_s_port() -> None:
    (problem,) = problems(SERVICE, LAPTOP)
    assert "istiod gives this listener no service: none has a codec's port 19080" in problem


def test_a_listener_of_a_sidecar_belongs_to_the_protocol() -> None:
    _, found = filters(SERVICE, ROUTES, LISTENER)
    assert found["spec"]["workloadSelector"] == {"labels": {"app": "here"}}
    assert not patches(found, "LISTENER_FILTER")
    assert codec(found)["authority"] == "reviews.default.svc.cluster.local:9080"
    assert "foreign" not in codec(found)
    (manager,) = merged(found).values()
    assert manager["codec_type"] == "HTTP2"


def test_admission_is_the_first_http_filter_and_filters_in_python_come_after_policies() -> None:
    _, found = filters(SERVICE, LISTENER, filters=[("acme:Limit", "7"), ("stamp", "")])
    first, *python = patches(found, "HTTP_FILTER")
    assert (first["patch"]["operation"], first["patch"]["value"]["name"]) == ("INSERT_FIRST", "metaprotocol.admission")
    assert [one["patch"]["operation"] for one in python] == ["INSERT_BEFORE"] * 2
    texts = [one["patch"]["value"]["typed_config"]["filter_config"]["value"] for one in python]
    assert texts == ["filter = acme:Limit\nconfig = 7", "filter = stamp\nconfig = "]
    assert python[0]["match"]["listener"]["filterChain"]["filter"]["subFilter"] == {"name": "envoy.filters.http.router"}


def test_inbound_connections_of_other_proxies_end_when_idle_and_those_of_clients_do_not() -> None:
    _, found = filters(PODS)
    managers = merged(found)
    assert managers["tls"]["common_http_protocol_options"] == {"idle_timeout": "2s"}
    assert managers[None]["codec_type"] == "HTTP2"
    assert "idle_timeout" not in managers[None]["common_http_protocol_options"]


def test_the_pods_of_a_service_get_the_codec_at_their_own_port() -> None:
    outbound, inbound = filters(PODS)
    assert codec(outbound)["authority"] == "$dst"
    assert inbound["metadata"]["namespace"] == "shop"
    assert inbound["spec"]["workloadSelector"] == {"labels": {"app": "ratings"}}
    assert {one["match"]["listener"]["portNumber"] for one in patches(inbound, "NETWORK_FILTER")} == {8080}
    (cluster,) = patches(inbound, "CLUSTER")
    assert cluster["match"]["cluster"] == {"portNumber": 8080}
    options = cluster["patch"]["value"]["typed_extension_protocol_options"]
    assert options["envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions"]["idle_timeout"] == "60s"
    assert codec(inbound)["authority"] == "ratings.shop.svc.cluster.local:9080"


def test_messages_with_missing_properties_are_refused_where_policies_hold() -> None:
    outbound, inbound = filters(PODS)
    assert (codec(outbound)["incomplete"], codec(inbound)["incomplete"]) == ("pass", "refuse")


def test_two_services_of_the_same_pods_give_them_one_filter() -> None:
    canary = PODS.replace("name: ratings", "name: ratings-canary").replace(
        "{app: ratings}", "{app: ratings, version: v2}"
    )
    assert names(filters(canary, PODS)) == [
        "istio-system/metaprotocol-outbound-1",
        "shop/metaprotocol-inbound-ratings-1",
    ]


def test_a_sidecar_that_makes_the_port_of_the_pods_goes_before_their_service() -> None:
    found = filters(PODS, INGRESS)
    assert names(found)[1:] == ["shop/metaprotocol-sidecar-ratings-1"]
    assert {one["match"]["listener"]["portNumber"] for one in patches(found[1], "NETWORK_FILTER")} == {8080}
    some = INGRESS.replace("{app: ratings}", "{app: ratings, version: v2}")
    assert "makes the listener of port 8080 for some pods of Service shop/ratings" in problems(PODS, some)[0]


def test_the_port_of_pods_must_be_a_number() -> None:
    (problem,) = problems(PODS.replace("8080", "rpc"))
    assert problem.startswith("mesh.yaml:7:59: spec.ports[0].targetPort: the number of the pods' port 'rpc'")


@pytest.mark.parametrize("port", ["name: http-awesomerpc", "name: rpc, appProtocol: http-awesomerpc",
                                  "name: awesomerpc, appProtocol: http"])  # fmt: skip
def test_name_or_application_protocol_of_a_port_names_the_codec(port: str) -> None:
    outbound, _ = filters(PODS.replace("name: http-awesomerpc", port))
    assert codec(outbound)["codec"] == "awesomerpc"


def test_a_gateway_takes_the_protocol_at_its_port() -> None:
    _, found = filters(SERVICE, GATEWAY)
    assert found["spec"]["workloadSelector"] == {"labels": {"istio": "ingressgateway"}}
    assert {one["match"]["context"] for one in found["spec"]["configPatches"]} == {"GATEWAY"}
    assert codec(found)["incomplete"] == "refuse"


def test_services_can_be_called_by_more_names() -> None:
    named = SERVICE.replace(
        "metadata: {name: reviews, namespace: default}",
        "metadata: {name: reviews, annotations: {metaprotocol.io/names: 'org.acme.Reviews',"
        " metaprotocol.io/authority-property: service}}",
        1,
    )
    (found,) = filters(named)
    (host,) = patches(found, "VIRTUAL_HOST")
    assert host["match"]["routeConfiguration"] == {"vhost": {"name": "reviews.default.svc.cluster.local:9080"}}
    assert host["patch"]["value"] == {"domains": ["org.acme.Reviews"]}
    assert (codec(found)["authority"], codec(found)["authority_property"]) == ("$dst", "service")


@pytest.mark.parametrize(
    ("named", "domains"), [("reviews, org.acme.Reviews, reviews.default", [["org.acme.Reviews"]]), ("reviews", [])]
)
def test_a_name_that_istiod_gives_to_a_service_is_not_added(named: str, domains: list[list[str]]) -> None:
    """Envoy would refuse all routes of the port."""
    metadata = f"metadata: {{name: reviews, annotations: {{metaprotocol.io/names: '{named}'}}}}"
    (found,) = filters(SERVICE.replace("metadata: {name: reviews, namespace: default}", metadata, 1))
    assert [one["patch"]["value"]["domains"] for one in patches(found, "VIRTUAL_HOST")] == domains


@pytest.mark.parametrize("name", ["org.acme.Shared", "ratings.shop"])
def test_a_name_of_two_services_of_a_port_is_an_error(name: str) -> None:
    named = "annotations: {metaprotocol.io/names: NAME}"
    first = SERVICE.replace("namespace: default}", f"{named.replace('NAME', name)}}}", 1)
    other = PODS.replace("namespace: shop}", f"namespace: shop, {named.replace('NAME', 'org.acme.Shared')}}}", 1)
    (problem,) = problems(first, other)
    assert f"'{name}' is a name of" in problem
    assert "Envoy would refuse all routes of port 9080" in problem


def test_services_with_a_port_s_number_share_a_listener_and_so_a_codec_and_settings() -> None:
    other = PODS.replace("awesomerpc", "dubbo")
    (problem,) = problems(SERVICE, other)
    assert "speaks dubbo on port 9080, and reviews.default.svc.cluster.local awesomerpc" in problem
    more = PODS.replace("namespace: shop", "namespace: shop, annotations: {metaprotocol.io/max-in-flight: '7'}")
    (problem,) = problems(SERVICE, more)
    assert "share the listener of port 9080; give both the same annotations" in problem


def test_a_scope_keeps_the_changes_in_its_proxies() -> None:
    scope = Scope("shop", {"app": "ratings"})
    found = filters(SERVICE, LISTENER, PODS, scope=scope)
    assert names(found) == ["shop/metaprotocol-outbound-1", "shop/metaprotocol-inbound-ratings-1"]
    assert {str(one["spec"]["workloadSelector"]) for one in found} == {"{'labels': {'app': 'ratings'}}"}


def test_a_configuration_without_the_protocol_is_an_error() -> None:
    (problem,) = problems(SERVICE.replace("http-awesomerpc", "http"))
    assert problem.endswith("name its port http-<codec>")


def test_a_service_is_not_for_a_laptop() -> None:
    result = CliRunner().invoke(main, ["mesh", "check", "--no-envoy", "-"], input=PODS)
    assert result.exit_code == 1
    assert "the pods of a cluster, and there is none here" in result.stderr


def test_what_is_printed_can_lie_beside_the_configuration_of_a_laptop() -> None:
    runner = CliRunner()
    files = documents(SERVICE, ROUTES, LISTENER)
    printed = runner.invoke(main, ["istio", "render", "-"], input=files)
    assert printed.exit_code == 0
    checked = runner.invoke(main, ["mesh", "check", "--no-envoy", "-"], input=documents(files, printed.stdout))
    assert checked.exit_code == 0, checked.stderr


def test_the_paths_are_those_of_the_folder_in_the_container() -> None:
    engine = Engine.below(PurePosixPath("/x"))
    found = as_yaml(*envoy_filters(load_text(SERVICE), engine, Options()))
    assert "filename: /x/packages/metaprotocol_envoy/libmetaprotocol_envoy.so" in found
    assert "libpython = /x/libpython.so" in found


def test_output_is_a_base_for_kustomize_or_values_for_helm(tmp_path: Path) -> None:
    found = filters(SERVICE, LISTENER)
    files = as_kustomization(found)
    base = yaml.safe_load(files["kustomization.yaml"])
    assert [yaml.safe_load(files[name]) for name in base["resources"]] == found
    assert yaml.safe_load(as_values(found)) == {"envoyFilters": found}
    source = tmp_path / "mesh.yaml"
    source.write_text(documents(SERVICE, LISTENER))
    output = tmp_path / "base"
    arguments = ["istio", "render", str(source), "--format", "kustomize", "--output", str(output)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert {one.name for one in output.iterdir()} == {*files, "README.md"}


@pytest.mark.parametrize(
    ("layout", "command"),
    [
        ("yaml", "kubectl apply -f {}"),
        ("kustomize", "kubectl apply -k {}"),
        ("helm", "helm upgrade --install metaprotocol deploy/chart -f {}/values.yaml"),
    ],
)
def test_the_order_of_the_rollout_comes_with_the_filters(tmp_path: Path, layout: str, command: str) -> None:
    output = tmp_path / "base"
    arguments = ["istio", "render", "-", "--revision", "7", "--format", layout]
    assert CliRunner().invoke(main, [*arguments, "--output", str(output)], input=SERVICE).exit_code == 0
    text = (output / "README.md").read_text()
    steps = [
        "ISTIO_META_METAPROTOCOL=7",
        "istio check --revision 7",
        command.format(output),
        "kubectl delete envoyfilter -A -l metaprotocol.io/revision=7",
    ]
    places = [text.index(one) for one in steps]
    assert places == sorted(places)
    if layout != "kustomize":
        shown = CliRunner().invoke(main, arguments, input=SERVICE).stdout
        assert shown.startswith("# EnvoyFilters of metaprotocol, revision 7\n#\n# 1. Image")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--labels", "app=web"], "--labels needs --namespace"),
        (["--format", "kustomize"], "--format kustomize needs --output"),
        (["--revision", "A_b"], "must be lower-case letters"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(main, ["istio", "render", "-", *arguments], input=SERVICE)
    assert result.exit_code == 2
    assert text in result.stderr
