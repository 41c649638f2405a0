"""Istio's policies hold for the protocol: two proxies with certificates of their own, which istiod configures."""

from pathlib import Path

import pytest
from live_envoy import Release
from live_istio.agent import Sidecar
from live_istio.scenario import STRICT, Scenario, virtual_service
from patience import eventually

pytestmark = pytest.mark.live

POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ratings, namespace: default}
spec:
  selector: {matchLabels: {app: ratings}}
"""
BY_PROPERTY = (
    POLICY
    + """  action: DENY
  rules:
  - when: [{key: 'request.headers[user]', values: [mallory]}]
  - to: [{operation: {paths: ['/ratings/9']}}]
"""
)
BY_PRINCIPAL = (
    POLICY
    + """  action: ALLOW
  rules: [{from: [{source: {principals: ['cluster.local/ns/default/sa/ACCOUNT']}}]}]
"""
)


def test_strict_mutual_tls_lets_a_proxy_pass_and_no_client_without_one(mesh: Scenario) -> None:
    mesh.write()
    eventually(lambda: mesh.answers("ratings") == b"ratings")
    assert not mesh.takes_plain_text()


def test_permissive_mutual_tls_lets_a_client_without_a_proxy_pass(mesh: Scenario) -> None:
    mesh.write(STRICT.replace("STRICT", "PERMISSIVE").replace("name: default", "name: ratings").replace(
        "spec: {", "spec: {selector: {matchLabels: {app: ratings}}, "))  # fmt: skip
    eventually(mesh.takes_plain_text)
    eventually(lambda: mesh.answers("ratings") == b"ratings")


def test_a_policy_denies_by_property_and_by_operation(mesh: Scenario) -> None:
    mesh.write(BY_PROPERTY)
    eventually(lambda: mesh.refuses("ratings", user="mallory"))
    eventually(lambda: mesh.refuses("ratings", command=9))
    eventually(lambda: mesh.answers("ratings", user="bob") == b"ratings")


def test_a_denial_meets_the_first_call_after_a_pool_was_idle(mesh: Scenario) -> None:
    mesh.write()
    eventually(lambda: mesh.answers("ratings", user="mallory") == b"ratings")
    mesh.write(BY_PROPERTY)
    eventually(lambda: "mallory" in str([one.get("active_state") for one in mesh.server.dump("dynamic_listeners")]))

    def idle() -> bool:
        lines = [one for one in mesh.productpage.admin("/clusters").splitlines() if "ratings" in one]
        return all(one.endswith("::0") for one in lines if "::cx_active::" in one)

    eventually(idle)
    assert mesh.refuses("ratings", user="mallory")


def test_a_policy_allows_by_the_certificate_of_the_caller_s_proxy(mesh: Scenario) -> None:
    mesh.write(BY_PRINCIPAL.replace("ACCOUNT", "nobody"))
    eventually(lambda: mesh.refuses("ratings"))
    mesh.write(BY_PRINCIPAL.replace("ACCOUNT", "productpage"))
    eventually(lambda: mesh.answers("ratings") == b"ratings")


def test_headers_of_requests_and_answers_change_on_the_way_through_both_proxies(mesh: Scenario) -> None:
    changed = "{request: {set: {hop: one}, remove: [secret]}, response: {set: {served-by: mesh}}}"
    mesh.write(virtual_service("ratings", f"- headers: {changed}\n  route: [{{destination: {{host: ratings}}}}]"))

    def served() -> bool:
        found = mesh.call("ratings", secret="s", kept="k")
        return found is not None and found.properties.get("served-by") == "mesh"

    eventually(served)
    sent = mesh.ratings.received[-1].properties
    assert sent["hop"] == "one"
    assert sent["kept"] == "k"
    assert "secret" not in sent


def test_a_long_message_passes_both_proxies(mesh: Scenario) -> None:
    mesh.write()
    payload = bytes(range(256)) * 1200

    def served() -> bool:  # a call may meet a pooled connection that a change of a policy is closing
        found = mesh.call("ratings", payload)
        return found is not None and not found.status_code

    eventually(served)
    assert mesh.ratings.received[-1].message.endswith(payload)


def test_a_proxy_without_the_module_in_the_same_mesh_is_ready_and_unchanged(
    mesh: Scenario, release: Release, tmp_path: Path
) -> None:
    with Sidecar(
        "reader", "127.0.0.4", mesh.istiod.port, release, tmp_path / "reader", mesh.authority, revision=""
    ) as one:
        assert one.admin("/ready").strip() == "LIVE"
        clusters = one.dump("dynamic_active_clusters")
        names = {found["cluster"]["name"] for found in clusters}
        assert f"outbound|{mesh.port}||ratings.default.svc.cluster.local" in names
        assert not any("upstream_config" in found["cluster"] for found in clusters)
        assert "libmetaprotocol" not in str(one.dump("dynamic_listeners"))
