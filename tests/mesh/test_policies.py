"""AuthorizationPolicy as rules of Envoy's RBAC."""

import pytest
from mesh_files import LISTENER, SERVICE, manager, mesh_of, problems, rendered

from metaprotocol_mesh.check import warnings

INGRESS = LISTENER.replace(
    "  egress:",
    "  ingress: [{port: {number: 19081, name: http-awesomerpc}, defaultEndpoint: '127.0.0.1:2'}]\n  egress:",
)
HEAD = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: NAME, namespace: default}
spec: """


def policy(spec: str, name: str = "a") -> str:
    return HEAD.replace("NAME", name) + spec


def rules(*policies: str):
    inbound, _ = rendered(SERVICE, INGRESS, *policies).listeners
    return manager(inbound)["route_config"].get("typed_per_filter_config", {})


def first(spec: str):
    found = rules(policy(spec))["envoy.filters.http.rbac.allow"]["rbac"]["rules"]["policies"]
    return found["ns[default]-policy[a]-rule[0]"]


def test_an_allow_policy_without_rules_allows_nothing() -> None:
    found = rules(policy("{}"))
    assert found["envoy.filters.http.rbac.allow"]["rbac"]["rules"] == {"action": "ALLOW", "policies": {}}


def test_a_rule_without_conditions_is_for_everything() -> None:
    assert first("{rules: [{}]}") == {"permissions": [{"any": True}], "principals": [{"any": True}]}


def test_deny_and_audit_share_a_filter() -> None:
    deny, audit = policy("{action: DENY, rules: [{}]}"), policy("{action: AUDIT, rules: [{}]}", "b")
    found = rules(deny, audit)["envoy.filters.http.rbac.deny"]["rbac"]
    assert (found["rules"]["action"], found["shadow_rules"]["action"]) == ("DENY", "LOG")


@pytest.mark.parametrize(
    ("source", "principal"),
    [
        ("principals: [a/ns/b/sa/c]", {"authenticated": {"principal_name": {"exact": "spiffe://a/ns/b/sa/c"}}}),
        ("principals: [a/*]", {"authenticated": {"principal_name": {"prefix": "spiffe://a/"}}}),
        ("principals: ['*/c']", {"authenticated": {"principal_name": {"suffix": "/c"}}}),
        ("principals: ['*']", {"authenticated": {"principal_name": {"safe_regex": {"regex": ".+"}}}}),
        ("namespaces: [b]", {"authenticated": {"principal_name": {"safe_regex": {"regex": ".*/ns/b/.*"}}}}),
        ("ipBlocks: [10.1.2.3/8]", {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}),
        ("remoteIpBlocks: ['::1']", {"remote_ip": {"address_prefix": "::1", "prefix_len": 128}}),
    ],
)
def test_sources(source: str, principal: object) -> None:
    found = first(f"{{rules: [{{from: [{{source: {{{source}}}}}]}}]}}")["principals"]
    assert found == [{"and_ids": {"ids": [{"or_ids": {"ids": [principal]}}]}}]


@pytest.mark.parametrize(
    ("operation", "permission"),
    [
        ("paths: [/a/b]", {"url_path": {"path": {"exact": "/a/b"}}}),
        ("paths: ['/a/*']", {"url_path": {"path": {"prefix": "/a/"}}}),
        ("ports: ['80']", {"destination_port": 80}),
        ("hosts: [A]", {"header": {"name": ":authority", "string_match": {"exact": "A", "ignore_case": True}}}),
    ],
)
def test_operations(operation: str, permission: object) -> None:
    found = first(f"{{rules: [{{to: [{{operation: {{{operation}}}}}]}}]}}")["permissions"]
    assert found == [{"and_rules": {"rules": [{"or_rules": {"rules": [permission]}}]}}]


def test_what_must_not_be_is_negated() -> None:
    found = first("{rules: [{to: [{operation: {notPaths: [/a]}}]}]}")["permissions"]
    rule = {"or_rules": {"rules": [{"url_path": {"path": {"exact": "/a"}}}]}}
    assert found == [{"and_rules": {"rules": [{"not_rule": rule}]}}]


def test_a_condition_on_a_property() -> None:
    found = first("{rules: [{when: [{key: 'request.headers[User]', values: [a, 'b*']}]}]}")["principals"]
    values = [{"string_match": {"exact": "a"}}, {"string_match": {"prefix": "b"}}]
    headers = [{"header": {"name": "user", **value}} for value in values]
    assert found == [{"and_ids": {"ids": [{"or_ids": {"ids": headers}}]}}]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("from: [{source: {ipBlocks: [x]}}]", "'x' is not an IP address or a block"),
        ("when: [{key: destination.port, values: [x]}]", "'x' is not a port"),
        ("when: [{key: source.color, values: [x]}]", "this must be of the form"),
        ("when: [{key: source.ip}]", "a condition needs `values` or `notValues`"),
    ],
)
def test_what_is_wrong_has_its_place(rule: str, problem: str) -> None:
    (found,) = problems(SERVICE, INGRESS, policy(f"{{rules: [{{{rule}}}]}}"))
    assert problem in found.text
    assert found.place.line


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        ("to: [{operation: {methods: [GET, PUT]}}]", "it never matches: the method of every message is POST"),
        ("to: [{operation: {notMethods: ['P*']}}]", "it never matches: the method of every message is POST"),
        (
            "to: [{operation: {paths: ['/a b']}}]",
            "no operation has the path '/a b'; the operation 'a b' has '/a~20b'",
        ),
        ("to: [{operation: {notPaths: [a]}}]", "no operation has the path 'a'; the operation 'a' has '/a'"),
        ("when: [{key: 'request.headers[Host]', values: [a]}]", "no property becomes the header 'Host'"),
        ("when: [{key: 'request.headers[user]', notValues: ['5%']}]", "no property has the value '5%'"),
    ],
)
def test_a_condition_that_no_message_meets_is_told(rule: str, warning: str) -> None:
    mesh = mesh_of(SERVICE, INGRESS, policy(f"{{action: DENY, rules: [{{{rule}}}]}}"))
    (found,) = [str(one) for one in warnings(mesh) if "descriptors" not in one.text]
    assert warning in found


def test_conditions_that_messages_can_meet_are_not_told() -> None:
    rule = "to: [{operation: {methods: ['*'], notMethods: [GET], paths: [/a, '/b c*', '*%']}}]"
    rule += (
        ", when: [{key: 'request.headers[X-Property-Host]', values: [a, '*%']}, {key: source.ip, values: [10.1.2.3]}]"
    )
    mesh = mesh_of(SERVICE, INGRESS, policy(f"{{rules: [{{{rule}}}]}}"))
    assert [str(one) for one in warnings(mesh) if "descriptors" not in one.text] == []
