"""Names, defaults and references, as Istio has them."""

import pytest
from mesh_files import LISTENER, ROUTES, SERVICE, mesh_of, problems, routes

from metaprotocol_mesh.codec_names import CodecNames

SIDECAR = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  egress:
  - port: {number: 19080, name: http-awesomerpc, protocol: HTTP}
    hosts: ["./*"]
"""
RATINGS = SERVICE.partition("---")[0].replace("reviews", "ratings")


def clusters(mesh) -> list[str]:
    return [target.cluster.name for rule in mesh.listeners[0].hosts[0].rules for target in rule.targets]


def test_the_smallest_set_of_files() -> None:
    mesh = mesh_of(SERVICE, ROUTES, LISTENER)
    (listener,) = mesh.listeners
    assert (listener.name, listener.codec, listener.direction) == ("127.0.0.1_19080", "awesomerpc", "outbound")
    assert listener.authority == "reviews.default.svc.cluster.local:9080"
    assert clusters(mesh) == [f"outbound|9080|{v}|reviews.default.svc.cluster.local" for v in ("v2", "v1")]


def test_short_names_are_those_of_the_namespace() -> None:
    short = ROUTES.replace("reviews.default.svc.cluster.local", "reviews")
    assert clusters(mesh_of(SERVICE, short, LISTENER)) == clusters(mesh_of(SERVICE, ROUTES, LISTENER))


def test_a_service_without_rules_gets_everything() -> None:
    assert clusters(mesh_of(SERVICE, LISTENER)) == ["outbound|9080||reviews.default.svc.cluster.local"]


def test_a_shared_listener_takes_the_service_from_a_property() -> None:
    mesh = mesh_of(SERVICE, RATINGS, SIDECAR)
    (listener,) = mesh.listeners
    assert listener.authority_property == "service"
    assert {host.name for host in listener.hosts} == {
        f"{n}.default.svc.cluster.local:9080" for n in ("reviews", "ratings")
    }
    assert "reviews" in listener.hosts[0].domains


def test_an_annotation_names_another_property() -> None:
    annotated = SIDECAR.replace(
        "namespace: default}", "namespace: default, annotations: {metaprotocol.io/authority-property: callee}}"
    )
    assert mesh_of(SERVICE, RATINGS, annotated).listeners[0].authority_property == "callee"


def test_an_annotation_gives_a_service_more_names() -> None:
    named = SERVICE.replace(
        "name: reviews, namespace: default}",
        "name: reviews, namespace: default, annotations: {metaprotocol.io/names: 'com.a.B, com.a.C'}}",
        1,
    )
    assert {"com.a.B", "com.a.C"} <= set(mesh_of(named, SIDECAR).listeners[0].hosts[0].domains)


def test_destinations_with_the_weight_0_are_left_out() -> None:
    weighted = routes(
        "- route:\n  - {destination: {host: reviews, subset: v1}, weight: 0}\n"
        "  - {destination: {host: reviews, subset: v2}, weight: 3}\n  - {destination: {host: reviews}, weight: 1}"
    )
    (rule,) = mesh_of(SERVICE, weighted, LISTENER).listeners[0].hosts[0].rules
    assert [(target.cluster.subset, target.share) for target in rule.targets] == [("v2", 75), ("", 25)]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("sourceLabels: {app: here}", True),
        ("sourceLabels: {app: there}", False),
        ("sourceNamespace: other", False),
        ("gateways: [mesh]", True),
        ("gateways: [door]", False),
        ("port: 9080", True),
        ("port: 9081", False),
    ],
)
def test_rules_for_other_proxies_are_left_out(condition: str, kept: bool) -> None:
    rule = routes(
        f"- match: [{{{condition}}}]\n  route: [{{destination: {{host: reviews, subset: v2}}}}]\n"
        "- route: [{destination: {host: reviews}}]"
    )
    assert len(clusters(mesh_of(SERVICE, rule, LISTENER))) == 1 + kept


def test_the_parts_of_a_policy_come_from_the_most_special_level() -> None:
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    connectionPool: {tcp: {maxConnections: 1}}
    portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}]
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}}}}
"""
    found = mesh_of(SERVICE.partition("---")[0], rule, LISTENER).clusters
    policies = {one.subset: one.policy for one in found.values()}
    assert [policies[name].load_balancer.simple for name in ("", "v1")] == ["ROUND_ROBIN", "ROUND_ROBIN"]
    assert [policies[name].connection_pool.tcp.max_connections for name in ("", "v1")] == [1, 2]


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (
            [SERVICE, replaced(ROUTES, "subset: v2", "subset: v3"), LISTENER],
            "reviews.default.svc.cluster.local has no subset 'v3'; there is: v1, v2",
        ),
        (
            [SERVICE, replaced(ROUTES, "destination: {host: reviews", "destination: {host: review"), LISTENER],
            "there is no service review.default.svc.cluster.local; did you mean 'reviews.default.svc.cluster.local'?",
        ),
        (
            [SERVICE, ROUTES, replaced(LISTENER, "./reviews", "./ratings")],
            "there is no service ratings.default.svc.cluster.local in the namespace default",
        ),
        ([SERVICE, replaced(LISTENER, "http-awesomerpc", "http-awesomrpc")], "did you mean http-awesomerpc?"),
        (
            [
                replaced(SERVICE, "name: http-awesomerpc", "name: tcp-awesomerpc").replace("{http-", "{tcp-"),
                ROUTES,
                LISTENER,
            ],
            "the port 'tcp-awesomerpc' is one of connection mode, which is not built yet; did you mean",
        ),
        (
            [SERVICE, ROUTES, replaced(ROUTES, "name: reviews", "name: other"), LISTENER],
            "VirtualService default/reviews routes reviews.default.svc.cluster.local, too; which one holds",
        ),
        (
            [SERVICE, SERVICE.partition("---")[0].replace("name: reviews", "name: other"), LISTENER],
            "another ServiceEntry has the host reviews.default.svc.cluster.local",
        ),
        (
            [SERVICE, LISTENER, LISTENER.replace("name: here", "name: there")],
            "there are 2 Sidecars in the namespace default: here, there; choose one by its labels: --labels app=...",
        ),
        (
            [
                SERVICE,
                replaced(LISTENER, "namespace: default}", "namespace: default, annotations: {metaprotocol.io/x: a}}"),
            ],
            "there is no setting 'metaprotocol.io/x'",
        ),
        (
            [
                SERVICE,
                replaced(
                    LISTENER, "namespace: default}", "namespace: default, annotations: {metaprotocol.io/max-held: x}}"
                ),
            ],
            "max_held must be a whole number, not 'x'",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(texts: list[str], problem: str) -> None:
    found = [str(one) for one in problems(*texts)]
    assert any(problem in one for one in found), found
    assert all(one.place.line for one in problems(*texts))


DENY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: default}
spec: {action: DENY, rules: [{to: [{operation: {paths: ["/admin/*"]}}]}]}
"""


def test_a_policy_that_selects_no_listener_is_an_error() -> None:
    (problem,) = problems(SERVICE, LISTENER, DENY)
    assert (
        "selects no listener: it applies to Sidecar.ingress and Gateway, and there is no such listener" in problem.text
    )
    ingress = LISTENER.replace(
        "  egress:",
        "  ingress: [{port: {number: 1, name: http-awesomerpc}, defaultEndpoint: '127.0.0.1:2'}]\n  egress:",
    )
    assert not problems(SERVICE, ingress, DENY)
    (problem,) = problems(SERVICE, ingress, DENY.replace("spec: {", "spec: {selector: {matchLabels: {app: there}}, "))
    assert "the proxy's labels are app=here" in problem.text


def test_strict_mtls_needs_certificates() -> None:
    strict = (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: STRICT}}"
    )
    ingress = LISTENER.replace(
        "  egress:",
        "  ingress: [{port: {number: 1, name: http-awesomerpc}, defaultEndpoint: '127.0.0.1:2'}]\n  egress:",
    )
    (problem,) = problems(SERVICE, ingress, strict)
    assert "asks for mTLS" in problem.text


def test_the_longest_codec_in_the_name_of_a_port_wins() -> None:
    codecs = CodecNames({"my", "my-protocol", "dubbo"}, {"old": "dubbo"})
    assert codecs.of_port("http-my-protocol-x") == "my-protocol"
    assert codecs.of_port("tcp-metaprotocol-my-protocol") == "my-protocol"
    assert codecs.of_port("tcp-metaprotocol-old") == "dubbo"
    assert codecs.of_port("tcp-metaprotocol") == codecs.of_port("tcp-dubbo") == ""


@pytest.mark.parametrize(
    ("metadata", "spec", "why"),
    [
        ("namespace: default", "", "it applies to Sidecar.ingress, and there is no such listener"),
        ("namespace: other", "", "it is in the namespace other, and the proxy in default"),
        ("namespace: default", "selector: {matchLabels: {app: x}}, ", "the proxy's labels are app=here"),
    ],
)
def test_mtls_that_no_listener_asks_for_is_an_error(metadata: str, spec: str, why: str) -> None:
    strict = f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: a, {metadata}}}
spec: {{{spec}mtls: {{mode: STRICT}}}}
"""
    (problem,) = problems(SERVICE, LISTENER, strict)
    assert problem.text.endswith(f"/a selects no listener: {why}")
    assert not problems(SERVICE, LISTENER, strict.replace("STRICT", "PERMISSIVE"))


def test_rules_and_limits_of_a_service_that_is_not_there_are_an_error() -> None:
    limit = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: a, namespace: default}
spec: {hosts: [revews], localRateLimit: {tokenBucket: {maxTokens: 5, tokensPerFill: 5, fillInterval: 60s}}}
"""
    (problem,) = problems(SERVICE, LISTENER, limit)
    assert problem.text == "there is no service revews.default.svc.cluster.local"
    assert problem.hint == "did you mean 'reviews.default.svc.cluster.local'?"
    (problem,) = problems(SERVICE, LISTENER, ROUTES.replace("hosts: [reviews", "hosts: [revews"))
    assert problem.place.path == "spec.hosts"


def test_a_name_that_istio_knows_is_not_a_slip_of_a_codecs():
    assert "did you mean" not in CodecNames({"trpc"}).hint("grpc-web")
    assert CodecNames({"trpc"}).hint("http-trcp") == "did you mean http-trpc?"
