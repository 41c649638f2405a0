"""The route that a request takes, and why the ones before it do not match."""

from pathlib import Path

import pytest
from mesh_files import LISTENER, ROUTES, SERVICE, mesh_of, routes

from metaprotocol_mesh import check
from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.explain import explain

TO = "route: [{destination: {host: reviews}}]"


def asked(*texts: str, operation: str = "", **properties: str):
    mesh = mesh_of(*texts)
    (listener,) = mesh.listeners
    return explain(mesh, listener, properties, operation)


def test_the_route_and_its_weights() -> None:
    found = asked(SERVICE, ROUTES, LISTENER, user="jason")
    assert found.rule is not None
    assert found.rule.title == "VirtualService default/reviews, http[0]"
    assert [(one.cluster.subset, one.share) for one in found.rule.targets] == [("v2", 100)]


def test_why_the_routes_before_it_do_not_match() -> None:
    assert [step.reasons for step in asked(SERVICE, ROUTES, LISTENER, User="mary").steps] == [
        ("user is 'jason', and the request has 'mary'",), (),
    ]  # fmt: skip
    assert asked(SERVICE, ROUTES, LISTENER).steps[0].reasons == ("user is 'jason', and the request has no user",)


@pytest.mark.parametrize(
    ("condition", "operation", "properties", "matches"),
    [
        ("uri: {exact: /a/b}", "a/b", {}, True),
        ("uri: {exact: /A/b}, ignoreUriCase: true", "a/B", {}, True),
        ("uri: {prefix: /a/}", "b/a", {}, False),
        ("uri: {regex: '/a/(b|c)'}", "a/c", {}, True),
        ("uri: {regex: '/a/'}", "a/c", {}, False),
        ("uri: {exact: /a/~2E~2E/b}", "a/../b", {}, True),
        ("headers: {x-property-host: {exact: h}}", "", {"Host": "h"}, True),
        ("headers: {a: {prefix: x}}", "", {"A": "xy"}, True),
        ("headers: {a: {regex: 'x.'}}", "", {"a": "xyz"}, False),
        ("headers: {a: {}}", "", {"a": ""}, True),
        ("headers: {a: {}}", "", {}, False),
        ("withoutHeaders: {a: {}}", "", {"a": "1"}, False),
        ("withoutHeaders: {a: {exact: '1'}}", "", {"a": "2"}, True),
        ("withoutHeaders: {a: {exact: '1'}}", "", {}, True),
        ("method: {exact: GET}", "", {}, False),
        ("authority: {prefix: reviews.}", "", {}, True),
        ("scheme: {exact: http}", "", {}, True),
    ],
)
def test_conditions(condition: str, operation: str, properties: dict[str, str], matches: bool) -> None:
    found = asked(SERVICE, routes(f"- match: [{{{condition}}}]\n  {TO}"), LISTENER, operation=operation, **properties)
    assert (found.rule is not None) is matches
    assert found.steps[0].matches is matches


def test_a_service_that_no_file_names_has_no_route() -> None:
    shared = LISTENER.replace('["./reviews.default.svc.cluster.local"]', '["./*"]')
    assert asked(SERVICE, shared, service="reviews").rule is not None
    assert asked(SERVICE, shared, service="ratings").host is None
    assert asked(SERVICE, shared).host is None


def warned(*texts: str) -> list[str]:
    return [one.text for one in warnings(mesh_of(*texts)) if "descriptors" not in one.text]


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        (f"- match: [{{headers: {{host: {{exact: a}}}}}}]\n  {TO}", "no property becomes the header 'host'"),
        (f"- match: [{{headers: {{a: {{exact: 5%}}}}}}]\n  {TO}", "no property has the value '5%'"),
        (f"- match: [{{uri: {{exact: '/a b'}}}}]\n  {TO}", "no operation has the path '/a b'"),
        (f"- match: [{{method: {{exact: GET}}}}]\n  {TO}", "it never matches: the method of every message is POST"),
        (f"- {TO}\n- {TO}", "VirtualService default/reviews, http[1] is never reached"),
        (f"- {TO}\n  fault: {{delay: {{fixedDelay: 1s}}}}", "without a percentage, no request meets this fault"),
    ],
)
def test_what_is_likely_wrong_is_told(rule: str, warning: str) -> None:
    (found,) = warned(SERVICE, routes(rule), LISTENER)
    assert warning in found


THRIFT = [text.replace("awesomerpc", "thrift") for text in (SERVICE, LISTENER)]
CHANGE = "headers: {request: {set: {lane: stable}}}"
LETS_PASS = "{name: here, namespace: default, annotations: {metaprotocol.io/unsupported-mutation: pass}}"


def test_a_change_that_only_some_messages_can_carry_is_told() -> None:
    (found,) = warned(THRIFT[0], routes(f"- {TO}\n  {CHANGE}"), THRIFT[1])
    assert found.startswith("not all messages of thrift can carry this: only a message in THeader has keys")


@pytest.mark.parametrize(
    "rule",
    [
        f"- match: [{{headers: {{tenant: {{exact: a}}}}}}]\n  {TO}\n  {CHANGE}",  # only THeader has such a key
        f"- {TO}\n  headers: {{request: {{set: {{method: ping}}, remove: [lane]}}}}",
        f"- {TO}\n  headers: {{request: {{set: {{x-envoy-retry-on: reset}}}}}}",
    ],
)
def test_a_change_that_all_messages_can_carry_is_not_told(rule: str) -> None:
    assert warned(THRIFT[0], routes(rule), THRIFT[1]) == []


def test_a_change_that_may_be_left_out_is_not_told() -> None:
    passing = THRIFT[1].replace("{name: here, namespace: default}", LETS_PASS)
    assert warned(THRIFT[0], routes(f"- {TO}\n  {CHANGE}"), passing) == []


def test_a_subset_without_servers_is_told() -> None:
    assert warned(SERVICE.replace("{version: v2}}]", "{version: v3}}]"), ROUTES, LISTENER) == [
        "no endpoint of reviews.default.svc.cluster.local has the labels of its subset v2: version=v3"
    ]


def test_the_smallest_set_of_files_has_no_warning() -> None:
    assert warned(SERVICE, ROUTES, LISTENER) == []


@pytest.mark.parametrize(
    ("setting", "outliers", "labels", "warning"),
    [
        ("failover: [{from: eu, to: us}]", "{maxEjectionPercent: 50}", {"app": "here"}, "the proxy has no locality"),
        ("distribute: [{from: eu, to: {us: 100}}]", "", {"app": "here"}, "the proxy has no locality"),
        ("failoverPriority: [version=v2]", "{maxEjectionPercent: 50}", {}, "the proxy has no labels"),
        ("failoverPriority: [version=v2]", "", {"app": "here"}, "nothing fails over without `outlierDetection`"),
        ("failover: [{from: eu, to: us}]", "", {"istio-locality": "eu"}, "nothing fails over without"),
        ("failover: [{from: eu, to: us}]", "{maxEjectionPercent: 50}", {"istio-locality": "eu"}, ""),
        ("failoverPriority: [version=v2], enabled: false", "", {}, ""),
    ],
)
def test_a_setting_of_localities_without_an_effect_is_told(
    setting: str, outliers: str, labels: dict[str, str], warning: str
) -> None:
    detection = f", outlierDetection: {outliers}" if outliers else ""
    policy = f"{{loadBalancer: {{localityLbSetting: {{{setting}}}}}{detection}}}"
    service = SERVICE.replace("  subsets:", f"  trafficPolicy: {policy}\n  subsets:")
    found = [str(one) for one in warnings(mesh_of(service, LISTENER, labels=labels))]
    assert len(found) == bool(warning)
    assert warning in "".join(found)


@pytest.mark.parametrize(
    ("most", "warning"),
    [
        ("", "of 2 servers none is ever ejected: at most 10 %"),
        (", maxEjectionPercent: 49", "at most 49 %"),
        (", maxEjectionPercent: 50", ""),
    ],
)
def test_an_outlier_detection_that_ejects_nobody_is_told(most: str, warning: str) -> None:
    policy = f"{{outlierDetection: {{consecutive5xxErrors: 5{most}}}}}"
    service = SERVICE.replace("  subsets:", f"  trafficPolicy: {policy}\n  subsets:")
    found = [str(one) for one in warnings(mesh_of(service, LISTENER))]
    assert len(found) == bool(warning)
    assert warning in "".join(found)
    assert not warning or "`maxEjectionPercent: 50` lets one be" in found[0]


EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.http"


@pytest.mark.parametrize(
    ("kind", "config", "reads"),
    [
        ("lua.v3.Lua", "default_source_code: {inline_string: 'x = handle:body():length()'}", True),
        ("lua.v3.Lua", "default_source_code: {inline_string: 'handle:headers():get(\"body\")'}", False),
        ("ext_authz.v3.ExtAuthz", "withRequestBody: {maxRequestBytes: 1000}", True),
        ("ext_authz.v3.ExtAuthz", "failure_mode_allow: true", False),
        ("ext_proc.v3.ExternalProcessor", "processing_mode: {request_body_mode: BUFFERED}", True),
        ("buffer.v3.Buffer", "max_request_bytes: 1000", True),
    ],
)
def test_a_filter_that_reads_bodies_is_told(kind: str, config: str, *, reads: bool) -> None:
    value = f"{{name: one, typed_config: {{'@type': {EXTENSIONS}.{kind}, {config}}}}}"
    patch = f"{{applyTo: HTTP_FILTER, patch: {{operation: ADD, value: {value}}}}}"
    head = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: default}\n"
    found = warned(SERVICE, LISTENER, f"{head}spec: {{configPatches: [{patch}]}}")
    assert len(found) == reads
    assert not reads or "no message becomes one" in found[0]


def test_more_files_than_linux_lets_envoy_watch_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of listeners and clusters, one of routes, and three of endpoints."""
    most = tmp_path / "max_user_instances"
    monkeypatch.setattr(check, "_INSTANCES", most)
    most.write_text("6\n")
    assert not warnings(mesh_of(SERVICE, LISTENER))
    most.write_text("5\n")
    (problem,) = warnings(mesh_of(SERVICE, LISTENER))
    assert "Envoy watches 6 files here" in str(problem)
    assert "sysctl fs.inotify.max_user_instances=16" in str(problem)
