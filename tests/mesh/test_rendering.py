"""The configuration of Envoy that the files become."""

import json
import stat
from pathlib import Path

import pytest
from mesh_files import (
    ABSENT,
    LISTENER,
    RICH,
    ROUTES,
    SERVICE,
    cluster,
    first_route,
    manager,
    problems,
    rendered,
    routes,
    settings_of,
)

from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.load import load
from metaprotocol_mesh.render import render, watchdogs
from metaprotocol_mesh.render.engine import codec_filter_of
from metaprotocol_mesh.resolve import resolve

NAME = "outbound|9080||reviews.default.svc.cluster.local"
TO = "route: [{destination: {host: reviews}}]"


def envoy_filter(patch: str) -> str:
    """Return an EnvoyFilter with a patch, as YAML in one line."""
    head = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a}\n"
    return f"{head}spec: {{configPatches: [{patch}]}}\n"


def filters(listener) -> list[str]:
    return [one["name"] for one in manager(listener)["http_filters"]]


def test_the_listener_has_the_codec_before_the_connection_manager() -> None:
    (listener,) = rendered(SERVICE, ROUTES, LISTENER).listeners
    assert listener["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 19080}}
    codec, hcm = listener["filter_chains"][0]["filters"]
    assert codec["typed_config"]["filter_name"] == "codec"
    assert settings_of(listener)["codec"] == "awesomerpc"
    assert hcm["typed_config"]["codec_type"] == "HTTP2"
    assert filters(listener)[0] == "metaprotocol.admission"
    assert filters(listener)[-1] == "envoy.filters.http.router"


def test_the_connection_manager_takes_all_headers_that_the_codec_filter_lets_pass() -> None:
    (listener,) = rendered(SERVICE, ROUTES, LISTENER).listeners
    found = settings_of(listener)
    assert manager(listener)["common_http_protocol_options"]["max_headers_count"] > int(found["max_headers"])
    assert manager(listener)["max_request_headers_kb"] * 1024 > int(found["max_headers_size"])


def test_a_condition_on_a_property_is_one_on_its_header() -> None:
    route = first_route(SERVICE, ROUTES, LISTENER)
    assert route["match"] == {"prefix": "/", "headers": [{"name": "user", "string_match": {"exact": "jason"}}]}
    assert route["route"]["cluster"] == "outbound|9080|v2|reviews.default.svc.cluster.local"


def test_the_defaults_of_routes_are_those_of_istiod() -> None:
    action = first_route(SERVICE, ROUTES, LISTENER)["route"]
    assert action["timeout"] == "0s"
    assert action["retry_policy"]["num_retries"] == 2
    assert action["retry_policy"]["retry_on"].startswith("connect-failure,refused-stream")
    assert action["retry_policy"]["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"


def test_the_defaults_of_clusters_are_those_of_istiod() -> None:
    found = cluster(NAME, SERVICE, ROUTES, LISTENER)
    assert (found["connect_timeout"], found["lb_policy"]) == ("10s", "LEAST_REQUEST")
    assert found["circuit_breakers"]["thresholds"] == [
        {
            "max_connections": 4294967295,
            "max_pending_requests": 4294967295,
            "max_requests": 4294967295,
            "max_retries": 4294967295,
            "track_remaining": True,
        }
    ]
    assert found["upstream_config"]["name"] == "envoy.upstreams.http.dynamic_modules"
    assert "outlier_detection" not in found


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("timeout: 1500ms", ("route", "timeout"), "1.5s"),
        ("retries: {attempts: 0}", ("route", "retry_policy"), None),
        ("retries: {attempts: 3, retryOn: '503,reset'}", ("route", "retry_policy", "retriable_status_codes"), [503]),
        (
            "retries: {attempts: 3, retryOn: '503,reset'}",
            ("route", "retry_policy", "retry_on"),
            "reset,retriable-status-codes",
        ),
        (
            "retries: {attempts: 1, retryIgnorePreviousHosts: false}",
            ("route", "retry_policy", "retry_host_predicate"),
            None,
        ),
        ("rewrite: {uri: /b}", ("route", "prefix_rewrite"), "/b"),
        ("rewrite: {authority: b}", ("route", "host_rewrite_literal"), "b"),
        ("headers: {request: {set: {':authority': b}}}", ("route", "host_rewrite_literal"), "b"),
        ("headers: {request: {remove: [a]}}", ("request_headers_to_remove",), ["a"]),
        (
            "headers: {response: {add: {a: b}}}",
            ("response_headers_to_add",),
            [
                {
                    "header": {"key": "a", "value": "b"},
                    "append_action": "APPEND_IF_EXISTS_OR_ADD",
                    "keep_empty_value": True,
                }
            ],
        ),
        (
            "fault: {abort: {httpStatus: 503, percentage: {value: 0.1}}}",
            ("typed_per_filter_config", "envoy.filters.http.fault", "abort"),
            {"http_status": 503, "percentage": {"numerator": 1000, "denominator": "MILLION"}},
        ),
        (
            "fault: {delay: {fixedDelay: 2s}}",
            ("typed_per_filter_config", "envoy.filters.http.fault", "delay", "percentage", "numerator"),
            0,
        ),
        (
            "mirror: {host: reviews}",
            ("route", "request_mirror_policies"),
            [
                {
                    "cluster": NAME,
                    "runtime_fraction": {"default_value": {"numerator": 1_000_000, "denominator": "MILLION"}},
                    "trace_sampled": False,
                }
            ],
        ),
    ],
)
def test_the_parts_of_a_rule(rule: str, path: tuple[str, ...], value: object) -> None:
    found = first_route(SERVICE, routes(f"- {TO}\n  {rule}"), LISTENER)
    for key in path[:-1]:
        found = found[key]
    assert found.get(path[-1]) == value


@pytest.mark.parametrize(
    ("condition", "match"),
    [
        ("uri: {exact: /a/b}", {"path": "/a/b"}),
        ("uri: {prefix: /a}, ignoreUriCase: true", {"prefix": "/a", "case_sensitive": False}),
        ("uri: {regex: '/a.*'}", {"safe_regex": {"regex": "/a.*"}}),
        ("headers: {a: {}}", {"prefix": "/", "headers": [{"name": "a", "present_match": True}]}),
        ("headers: {A: {prefix: b}}", {"prefix": "/", "headers": [{"name": "a", "string_match": {"prefix": "b"}}]}),
        ("headers: {a: {regex: '*'}}", {"prefix": "/", "headers": [{"name": "a", "present_match": True}]}),
        (
            "withoutHeaders: {a: {exact: b}}",
            {
                "prefix": "/",
                "headers": [
                    {
                        "name": "a",
                        "string_match": {"exact": "b"},
                        "treat_missing_header_as_empty": True,
                        "invert_match": True,
                    }
                ],
            },
        ),
        ("method: {exact: POST}", {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]}),
    ],
)
def test_the_conditions_of_a_rule(condition: str, match: object) -> None:
    assert first_route(SERVICE, routes(f"- match: [{{{condition}}}]\n  {TO}"), LISTENER)["match"] == match


def with_policy(policy: str) -> str:
    return SERVICE.replace("  subsets:", f"  trafficPolicy: {policy}\n  subsets:")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "{loadBalancer: {consistentHash: {httpHeaderName: User}}}",
            {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": "1024"}},
        ),
        ("{loadBalancer: {consistentHash: {useSourceIp: true, maglev: {}}}}", {"lb_policy": "MAGLEV"}),
        ("{loadBalancer: {simple: ROUND_ROBIN}}", {"lb_policy": "ROUND_ROBIN"}),
        ("{connectionPool: {tcp: {connectTimeout: 30ms}}}", {"connect_timeout": "0.03s"}),
        (
            "{outlierDetection: {consecutive5xxErrors: 5, interval: 1s}}",
            {
                "outlier_detection": {
                    "enforcing_success_rate": 0,
                    "consecutive_5xx": 5,
                    "enforcing_consecutive_5xx": 100,
                    "interval": "1s",
                },
                "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
            },
        ),
    ],
)  # fmt: skip
def test_the_parts_of_a_policy(policy: str, expected: dict[str, object]) -> None:
    found = cluster(NAME, with_policy(policy), LISTENER)
    assert {key: found[key] for key in expected} == expected


def test_what_is_hashed_is_in_the_route() -> None:
    policy = "{loadBalancer: {consistentHash: {httpHeaderName: User}}}"
    action = first_route(with_policy(policy), LISTENER)["route"]
    assert action["hash_policy"] == [{"header": {"header_name": "user"}}]
    assert "retry_host_predicate" not in action["retry_policy"]


def test_a_limit_on_requests_is_one_on_connections() -> None:
    found = cluster(
        NAME, with_policy("{connectionPool: {http: {http2MaxRequests: 7}, tcp: {maxConnections: 9}}}"), LISTENER
    )
    assert found["circuit_breakers"]["thresholds"][0]["max_connections"] == 7


def test_idle_connections_end_before_servers_end_them() -> None:
    options = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions"
    assert cluster(NAME, SERVICE, LISTENER)["typed_extension_protocol_options"][options]["idle_timeout"] == "60s"
    shorter = cluster(NAME, with_policy("{connectionPool: {tcp: {idleTimeout: 5s}}}"), LISTENER)
    assert shorter["typed_extension_protocol_options"][options]["idle_timeout"] == "5s"


def test_rules_of_policies_are_in_the_routes_so_that_they_reach_living_connections() -> None:
    mesh = resolve(load([RICH]), labels={"app": "here"})
    inbound = next(one for one in render(mesh, ABSENT).listeners if one["name"] == "127.0.0.1_19081")
    rules = manager(inbound)["route_config"]["typed_per_filter_config"]
    assert rules["envoy.filters.http.rbac.deny"]["rbac"]["rules"]["action"] == "DENY"
    assert "ns[default]-policy[some]-rule[0]" in rules["envoy.filters.http.rbac.allow"]["rbac"]["rules"]["policies"]
    names = filters(inbound)
    assert names.index("envoy.filters.http.rbac.deny") < names.index("envoy.filters.http.rbac.allow")


def test_incomplete_messages_are_refused_where_rules_must_not_fail_open() -> None:
    mesh = resolve(load([RICH]), labels={"app": "here"})
    for listener in render(mesh, ABSENT).listeners:
        assert settings_of(listener)["incomplete"] == "refuse"
    (outbound,) = rendered(SERVICE, LISTENER).listeners
    assert settings_of(outbound)["incomplete"] == "pass"


@pytest.mark.parametrize(
    ("kind", "value", "treatment"),
    [
        ("CLUSTER", "{connect_timeout: 1s}", "pass"),
        ("VIRTUAL_HOST", "{retry_policy: {num_retries: 1}}", "refuse"),
        ("HTTP_FILTER", "{name: lua}", "refuse"),
    ],
)
def test_a_patch_of_servers_judges_no_message(kind: str, value: str, treatment: str) -> None:
    operation = "ADD" if kind == "HTTP_FILTER" else "MERGE"
    patch = envoy_filter(f"{{applyTo: {kind}, patch: {{operation: {operation}, value: {value}}}}}")
    (outbound,) = rendered(SERVICE, LISTENER, patch).listeners
    assert settings_of(outbound)["incomplete"] == treatment


def test_the_files_that_envoy_watches(tmp_path: Path) -> None:
    folder = tmp_path / "envoy"
    first = rendered(SERVICE, ROUTES, LISTENER).files(folder)
    assert sorted(write_files(folder, first)) == sorted(first)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    bootstrap = json.loads((folder / "bootstrap.json").read_text())
    assert bootstrap["admin"] == {"address": {"pipe": {"path": str(folder / "admin.sock"), "mode": 0o600}}}
    assert bootstrap["dynamic_resources"]["lds_config"]["path_config_source"]["path"] == str(folder / "listeners.json")
    assert write_files(folder, first) == []


def test_an_envoy_that_hangs_for_a_minute_ends() -> None:
    """tests/engine/live/test_bad_codecs.py watches it with less."""
    found = rendered(SERVICE, ROUTES, LISTENER).bootstrap()["watchdogs"]
    assert found == watchdogs()
    assert {one["kill_timeout"] for one in found.values()} == {"60s"}


def test_a_changed_route_changes_the_file_of_routes_alone(tmp_path: Path) -> None:
    write_files(tmp_path, rendered(SERVICE, ROUTES, LISTENER).files(tmp_path))
    changed = rendered(SERVICE, ROUTES.replace("jason", "mary"), LISTENER).files(tmp_path)
    assert write_files(tmp_path, changed) == ["routes.127.0.0.1_19080.json"]


def test_a_changed_endpoint_changes_its_files_alone(tmp_path: Path) -> None:
    write_files(tmp_path, rendered(SERVICE, ROUTES, LISTENER).files(tmp_path))
    changed = rendered(SERVICE.replace("21101", "21109"), ROUTES, LISTENER).files(tmp_path)
    assert [name.split("~7c~")[2] for name in write_files(tmp_path, changed)] == ["v1", ""]


def test_a_patch_that_changes_nothing_is_told() -> None:
    change = "{operation: MERGE, value: {connect_timeout: 1s}}"
    patch = envoy_filter(f"{{applyTo: CLUSTER, match: {{cluster: {{service: nobody}}}}, patch: {change}}}")
    (problem,) = problems(SERVICE, LISTENER, patch)
    assert "this patch of EnvoyFilter default/a changes nothing: no CLUSTER fits its `match`" in str(problem)
    assert problem.place.line
    assert not problems(SERVICE, LISTENER, patch.replace("nobody", "reviews.default.svc.cluster.local"))


@pytest.mark.parametrize(
    ("kind", "operation", "value"),
    [
        ("HTTP_FILTER", "INSERT_BEFORE", "{typed_config: {}}"),
        ("HTTP_FILTER", "ADD", "{name: 5}"),
        ("HTTP_FILTER", "REPLACE", "{disabled: true}"),
        ("NETWORK_FILTER", "MERGE", "{typed_config: null}"),
        ("NETWORK_FILTER", "MERGE", "{typed_config: {http_filters: [lua]}}"),
        ("NETWORK_FILTER", "MERGE", "{typed_config: {routeConfig: 1}}"),
        ("LISTENER", "MERGE", "{name: other}"),
        ("LISTENER", "MERGE", "{filterChains: [{}]}"),
        ("LISTENER", "MERGE", "{filter_chains: [{filters: [{}]}]}"),
        ("ROUTE_CONFIGURATION", "MERGE", "{virtualHosts: [x]}"),
        ("VIRTUAL_HOST", "MERGE", "{routes: {}}"),
        ("HTTP_ROUTE", "MERGE", "{name: [a]}"),
        ("CLUSTER", "MERGE", "{name: other}"),
        ("CLUSTER", "MERGE", "{load_assignment: 1}"),
    ],
)
def test_a_patch_that_breaks_what_is_rendered_is_told(kind: str, operation: str, value: str) -> None:
    subfilter = "filterChain: {filter: {name: x, subFilter: {name: envoy.filters.http.fault}}}"
    match = f"match: {{listener: {{{subfilter}}}}}, " if operation == "REPLACE" else ""
    patch = envoy_filter(f"{{applyTo: {kind}, {match}patch: {{operation: {operation}, value: {value}}}}}")
    (problem,) = problems(SERVICE, ROUTES, LISTENER, patch)
    assert f"this patch of EnvoyFilter default/a leaves no {kind} that Envoy could read" in str(problem)
    assert problem.place.path == "spec.configPatches[0].patch.value"
    assert problem.place.line


def test_the_attributes_of_a_meta_router_are_properties() -> None:
    router = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: r}
spec:
  hosts: [reviews.default.svc.cluster.local]
  routes:
  - match: {attributes: {Host: {exact: "50%"}, method: {prefix: say}}}
    route: [{destination: {host: reviews.default.svc.cluster.local, subset: v1}}]
    requestMutation: [{key: Date, value: "a b%"}]
"""
    route = first_route(SERVICE, router, LISTENER)
    assert route["match"]["headers"] == [
        {"name": "x-property-host", "string_match": {"exact": "50%25"}},
        {"name": "method", "string_match": {"prefix": "say"}},
    ]
    assert route["request_headers_to_add"][0]["header"] == {"key": "x-property-date", "value": "a b%%25"}


HERE = {"app": "here", "topology.istio.io/locality": "eu.a.1"}
PLACES = {"eu/a/1": "v1", "eu/a/2": "v2", "eu/b/1": "v3", "us/a/1": "v4", "asia/a/1": "v5", "": "v6"}


def places(policy: str, labels: dict[str, str] = HERE) -> dict[str, object]:
    """Return the priority or the weight of the servers of a service with some localities, by version."""
    servers = "".join(
        f"  - {{address: 127.0.0.{number}, labels: {{version: {version}}}, locality: {place or chr(39) * 2}}}\n"
        for number, (place, version) in enumerate(PLACES.items(), 1)
    )
    service = SERVICE.partition("  endpoints:\n")[0] + "  endpoints:\n" + servers
    rule = with_policy(policy).partition("---\n")[2]
    found = next(one for one in rendered(service, rule, LISTENER, labels=labels).clusters if one["name"] == NAME)
    versions = {f"127.0.0.{number}": version for number, version in enumerate(PLACES.values(), 1)}
    return {
        versions[one["endpoint"]["address"]["socket_address"]["address"]]: group.get(
            "load_balancing_weight", group.get("priority", 0)
        )
        for group in found["load_assignment"]["endpoints"]
        for one in group["lb_endpoints"]
    }


@pytest.mark.parametrize(
    ("setting", "labels", "expected"),
    [
        ("{}", HERE, {"v1": 0, "v2": 1, "v3": 2, "v4": 3, "v5": 3, "v6": 3}),
        ("{}", {"istio-locality": "eu.a.2"}, {"v1": 1, "v2": 0, "v3": 2, "v4": 3, "v5": 3, "v6": 3}),
        ("{}", {"istio-locality": "us/z"}, {"v1": 1, "v2": 1, "v3": 1, "v4": 0, "v5": 1, "v6": 1}),
        ("{}", {"app": "here"}, dict.fromkeys(PLACES.values(), 0)),
        ("{enabled: false}", HERE, dict.fromkeys(PLACES.values(), 0)),
        ("{failover: [{from: eu, to: us}]}", HERE, {"v1": 0, "v2": 1, "v3": 2, "v4": 3, "v5": 4, "v6": 4}),
        (
            "{failover: [{from: eu, to: us}, {from: eu, to: asia}]}",
            HERE,
            {"v1": 0, "v2": 1, "v3": 2, "v4": 3, "v5": 4, "v6": 4},
        ),
        ("{failoverPriority: [version=v4]}", HERE, {"v4": 0, "v1": 1, "v2": 1, "v3": 1, "v5": 1, "v6": 1}),
        (
            "{failoverPriority: [version, app]}",
            {"version": "v4"},
            {"v4": 0} | dict.fromkeys(["v1", "v2", "v3", "v5", "v6"], 1),
        ),
        ("{failoverPriority: [version=v4]}", {}, dict.fromkeys(PLACES.values(), 0)),
        (
            "{failoverPriority: [version=v5], failover: [{from: eu, to: us}]}",
            HERE,
            {"v5": 0, "v1": 1, "v2": 2, "v3": 3, "v4": 4, "v6": 5},
        ),
    ],
)
def test_servers_have_priorities_by_place_and_label(
    setting: str, labels: dict[str, str], expected: dict[str, int]
) -> None:
    """As istiod gives them, without gaps."""
    policy = f"{{outlierDetection: {{}}, loadBalancer: {{localityLbSetting: {setting}}}}}"
    assert places(policy, labels) == expected
    assert set(places(policy.replace("outlierDetection: {}, ", ""), labels).values()) == {0}


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ('{"eu/*": 60, us/a/1: 40}', {"v1": 20, "v2": 20, "v3": 20, "v4": 40}),
        ('{"eu/a/*": 70, "eu/*": 30}', {"v1": 35, "v2": 35, "v3": 30}),
        ("{us: 100}", {"v4": 100}),
    ],
)
def test_localities_of_one_pattern_share_its_weight(to: str, expected: dict[str, int]) -> None:
    setting = f"{{distribute: [{{from: asia, to: {{eu: 100}}}}, {{from: eu/a/1, to: {to}}}]}}"
    assert places(f"{{loadBalancer: {{localityLbSetting: {setting}}}}}") == expected


def test_a_budget_of_retries() -> None:
    found = cluster(NAME, with_policy("{retryBudget: {percent: 12.5}}"), LISTENER)
    budget = found["circuit_breakers"]["thresholds"][0]["retry_budget"]
    assert budget == {"budget_percent": {"value": 12.5}, "min_retry_concurrency": 3}


@pytest.mark.parametrize("operation", ["INSERT_FIRST", "INSERT_BEFORE"])
def test_a_network_filter_is_put_before_the_codec(operation: str) -> None:
    patch = envoy_filter(
        f"{{applyTo: NETWORK_FILTER, patch: {{operation: {operation}, value: {{name: limit, typed_config: {{}}}}}}}}"
    )
    (listener,) = rendered(SERVICE, LISTENER, patch).listeners
    names = [one["name"] for one in listener["filter_chains"][0]["filters"]]
    assert names == ["limit", "metaprotocol", "envoy.filters.network.http_connection_manager"]
    assert codec_filter_of(listener)["typed_config"]["filter_name"] == "codec"
