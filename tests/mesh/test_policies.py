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


DECIDER = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: decider, namespace: default}
spec:
  hosts: [decider.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}, {number: 9000, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.1}]
"""
OPERATOR = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec: {meshConfig: {extensionProviders: [PROVIDERS]}}
"""


def provider(kind: str, fields: str = "", name: str = "decider", service: str = "decider.default.svc.cluster.local"):
    port = 9000 if kind == "envoyExtAuthzGrpc" else 8000
    return f"{{name: {name}, {kind}: {{service: {service}, port: {port}{fields}}}}}"


def operator(*providers: str) -> str:
    return OPERATOR.replace("PROVIDERS", ", ".join(providers))


CUSTOM = policy("{action: CUSTOM, provider: {name: decider}, rules: [{to: [{operation: {paths: [/reviews/*]}}]}]}")


def filters_with(*texts: str):
    inbound, outbound = rendered(SERVICE, INGRESS, DECIDER, *texts).listeners
    names = [[one["name"] for one in manager(listener)["http_filters"]] for listener in (inbound, outbound)]
    assert not any("authz" in name or "rbac" in name for name in names[1])
    asking = next(one for one in manager(inbound)["http_filters"] if one["name"] == "envoy.filters.http.ext_authz")
    return names[0], asking["typed_config"], manager(inbound)["route_config"]["typed_per_filter_config"]


def test_a_service_is_asked_before_denials_about_requests_that_a_rule_is_for() -> None:
    names, asking, rules = filters_with(CUSTOM, operator(provider("envoyExtAuthzHttp", ", timeout: 2s")))
    where = names.index("envoy.filters.http.rbac.custom")
    assert names[where + 1 : where + 4] == [
        "envoy.filters.http.ext_authz",
        "envoy.filters.http.rbac.deny",
        "envoy.filters.http.rbac.allow",
    ]
    assert list(rules) == ["envoy.filters.http.rbac.custom"]
    found = rules["envoy.filters.http.rbac.custom"]["rbac"]
    assert list(found["shadow_rules"]["policies"]) == ["ns[default]-policy[a]-rule[0]"]
    assert asking["http_service"]["server_uri"]["timeout"] == "2s"
    assert asking["failure_mode_allow"] is False


def test_a_service_is_asked_by_grpc() -> None:
    _, asking, _ = filters_with(CUSTOM, operator(provider("envoyExtAuthzGrpc", ", failOpen: true")))
    assert asking["grpc_service"]["envoy_grpc"]["cluster_name"] == "outbound|9000||decider.default.svc.cluster.local"
    assert asking["failure_mode_allow"] is True


GRPC = operator(provider("envoyExtAuthzGrpc"), provider("envoyExtAuthzGrpc", name="other"))
OTHER = policy("{action: CUSTOM, provider: {name: other}, rules: [{}]}", "b")


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ([CUSTOM, DECIDER], "no IstioOperator has a provider 'decider' with envoyExtAuthzGrpc or envoyExtAuthzHttp"),
        ([CUSTOM, DECIDER, operator("{name: decider}")], "a provider needs one of envoyExtAuthzGrpc, "),
        ([CUSTOM, GRPC], "no ServiceEntry has the service decider.default.svc.cluster.local with the port 9000"),
        ([CUSTOM, OTHER, DECIDER, GRPC], "another policy asks 'decider': a proxy asks one service"),
        (
            [CUSTOM, operator(provider("envoyExtAuthzHttp", service="reviews").replace("8000", "9080"))],
            "the port 9080 of reviews speaks awesomerpc, and not HTTP",
        ),
        (
            [CUSTOM, DECIDER, operator(provider("envoyExtAuthzHttp", ", includeRequestBodyInCheck: {}"))],
            "'includeRequestBodyInCheck' is not supported",
        ),
        ([policy("{action: CUSTOM, rules: [{}]}")], "CUSTOM needs a `provider`"),
        ([policy("{action: DENY, provider: {name: decider}, rules: [{}]}")], "only CUSTOM asks a service"),
    ],
)
def test_a_service_that_cannot_be_asked_is_an_error(texts: list[str], text: str) -> None:
    (problem,) = problems(SERVICE, INGRESS, *texts)
    assert text in problem.text


def tokens(keys: str) -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens, namespace: default}}
spec: {{jwtRules: [{{issuer: i, {keys}}}]}}
"""


LOGIN = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: login, namespace: default}
spec: {hosts: [login.example], resolution: DNS, ports: [{number: 443, name: https, protocol: HTTPS}]}
"""
KEYS = tokens("jwksUri: 'https://login.example/keys'")


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ([tokens("audiences: [a]")], "the keys are missing: write `jwks` or `jwksUri`"),
        ([tokens("""jwks: '{"keys": []}', jwksUri: 'http://a/b'""")], "only one of jwks and jwksUri may be set"),
        ([tokens("jwksUri: login.example")], "this is not a URL"),
        ([tokens("jwksUri: 'https://[/keys'")], "this is not a URL"),
        ([tokens("jwksUri: 'https://login.example:70000/'")], "this is not a URL"),
        ([KEYS], "no ServiceEntry has the host login.example with the port 443"),
        ([tokens("jwksUri: 'http://login.example/keys'"), LOGIN], "has the host login.example with the port 80"),
        ([KEYS, LOGIN], "connections to login.example have no TLS, and the URL is of https"),
        ([tokens("jwksUri: 'http://reviews:9080/keys'")], "speaks awesomerpc, and not HTTP"),
    ],
)
def test_keys_of_tokens_are_here_or_at_a_service(texts: list[str], text: str) -> None:
    (problem,) = problems(SERVICE, INGRESS, *texts)
    assert text in problem.text
