"""`istio convert --watch` keeps a cluster in step with its MetaRouters."""

import asyncio
from types import SimpleNamespace

import pytest
from aeraki_cluster import LIMIT, AerakiCluster, router, service
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_api import Refused

from metaprotocol_mesh.istio.controller import MANAGER, NotHeld
from metaprotocol_mesh.istio.metarouters import METAROUTERS
from metaprotocol_mesh.kubernetes import Reflector

IN_STEP = (True, False)


@pytest.fixture
def cluster() -> AerakiCluster:
    return AerakiCluster()


def subset(cluster: AerakiCluster, name: str = "reviews") -> str:
    """Return the subset that a VirtualService routes to."""
    (rule,) = cluster.one("VirtualService", name)["spec"]["http"]
    (route,) = rule["route"]
    return str(route["destination"]["subset"])


def test_a_metarouter_becomes_a_virtual_service(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.put(service("reviews", "http-awesomerpc"))
    assert cluster.sync() == IN_STEP
    found = cluster.one("VirtualService")
    assert found["spec"]["hosts"] == ["reviews.default.svc.cluster.local"]
    assert found["metadata"]["labels"]["metaprotocol.io/converted-from"] == "MetaRouter"
    assert found["metadata"]["annotations"]["metaprotocol.io/metarouter"] == "default/reviews"
    assert [(one["manager"], one["operation"]) for one in found["metadata"]["managedFields"]] == [(MANAGER, "Apply")]
    assert cluster.condition("Converted")[:2] == ("True", "Converted")
    assert cluster.condition("Applied") == ("True", "Applied", "VirtualService default/reviews")
    assert cluster.condition("PortNamed")[0] == "True"


def test_a_changed_metarouter_changes_it(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    cluster.put(router(subset="v2", exportTo=["."]))
    assert cluster.sync() == IN_STEP
    assert subset(cluster) == "v2"
    cluster.put(router(subset="v2"))
    cluster.sync()
    assert "exportTo" not in cluster.one("VirtualService")["spec"]


def test_a_deleted_metarouter_deletes_it(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.put(router("ratings"))
    cluster.sync()
    cluster.delete("MetaRouter", "reviews")
    assert cluster.sync() == IN_STEP
    assert [one["metadata"]["name"] for one in cluster.all("VirtualService")] == ["ratings"]


def test_a_metarouter_without_routes_any_more_deletes_it(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    cluster.put(router(routes=None))
    cluster.sync()
    assert cluster.all("VirtualService") == []


def test_nothing_is_written_when_nothing_changed(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    before = cluster.server.storage.list(cluster._kind("MetaRouter"))[0]
    assert cluster.sync() == IN_STEP
    assert cluster.sync(everything=True) == IN_STEP
    assert cluster.server.storage.list(cluster._kind("MetaRouter"))[0] == before


def test_what_somebody_deletes_comes_back(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    cluster.delete("VirtualService", "reviews")
    cluster.sync()
    assert subset(cluster) == "v1"


def test_a_virtual_service_of_others_is_not_touched(cluster: AerakiCluster) -> None:
    theirs = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "default"},
        "spec": {"hosts": ["elsewhere"]},
    }
    before = cluster.put(theirs)
    cluster.put(router())
    assert cluster.sync() == (False, False)
    assert cluster.one("VirtualService") == before
    status, reason, message = cluster.condition("Applied")
    assert (status, reason) == ("False", "NotOurs")
    assert "hand it over with the label metaprotocol.io/converted-from=MetaRouter" in message
    cluster.delete("MetaRouter", "reviews")
    cluster.sync()
    assert cluster.one("VirtualService") == before


def test_a_virtual_service_is_handed_over_with_the_label(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    before = cluster.one("VirtualService")
    before["metadata"]["labels"] = {}
    cluster.put(before)
    assert cluster.sync() == (False, False)
    before["metadata"]["labels"] = {"metaprotocol.io/converted-from": "MetaRouter"}
    cluster.put(before)
    assert cluster.sync() == IN_STEP


def edited(cluster: AerakiCluster, name: str = "reviews") -> None:
    """Change a VirtualService as `kubectl edit` does."""
    found = cluster.one("VirtualService", name)
    found["spec"]["http"][0]["route"][0]["destination"]["subset"] = "v9"
    cluster.put(found, "kubectl-edit")


def test_a_field_that_somebody_has_changed_is_theirs_and_told(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    edited(cluster)
    assert cluster.sync() == (False, False)
    assert subset(cluster) == "v9"
    status, reason, message = cluster.condition("Applied")
    assert (status, reason) == ("False", "Conflict")
    assert '.spec.http: conflict with "kubectl-edit"' in message
    assert "--force-conflicts" in message


def test_with_force_it_is_taken_back() -> None:
    cluster = AerakiCluster(force=True)
    cluster.put(router())
    cluster.sync()
    edited(cluster)
    assert cluster.sync() == IN_STEP
    assert subset(cluster) == "v1"


def test_what_others_add_stays(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    found = cluster.one("VirtualService")
    found["metadata"]["labels"]["team"] = "a"
    cluster.put(found)
    cluster.put(router(subset="v2"))
    assert cluster.sync() == IN_STEP
    assert subset(cluster) == "v2"
    assert cluster.one("VirtualService")["metadata"]["labels"]["team"] == "a"


def test_limits_become_an_envoy_filter_for_each_revision() -> None:
    cluster = AerakiCluster("1", "2")
    cluster.put(router(localRateLimit=LIMIT))
    cluster.put(service("reviews", "http-awesomerpc"))
    assert cluster.sync() == IN_STEP
    assert [one["metadata"]["name"] for one in cluster.all("EnvoyFilter")] == [
        "metaprotocol-limits-reviews-1",
        "metaprotocol-limits-reviews-2",
    ]
    cluster.put(router())
    cluster.sync()
    assert cluster.all("EnvoyFilter") == []


def test_envoy_filters_of_render_stay(cluster: AerakiCluster) -> None:
    labels = {"app.kubernetes.io/managed-by": "metaprotocol", "metaprotocol.io/revision": "1"}
    rendered = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "metaprotocol-1", "namespace": "istio-system", "labels": labels},
        "spec": {},
    }
    before = cluster.put(rendered)
    cluster.sync()
    assert cluster.all("EnvoyFilter") == [before]


def test_limits_without_a_service_are_told_and_the_routes_hold(cluster: AerakiCluster) -> None:
    cluster.put(router(localRateLimit=LIMIT))
    assert cluster.sync() == (False, False)
    assert subset(cluster) == "v1"
    assert cluster.condition("Converted")[:2] == ("False", "PartlyConverted")
    assert cluster.condition("Applied")[0] == "True"
    cluster.put(service("reviews", "http-awesomerpc"))
    assert cluster.sync() == IN_STEP
    assert cluster.condition("Converted")[0] == "True"


def test_a_metarouter_that_cannot_be_read_keeps_its_last_virtual_service(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.sync()
    cluster.put(router(subset="v2", rutes=[]))
    assert cluster.sync() == (False, False)
    assert subset(cluster) == "v1"
    status, reason, message = cluster.condition("Converted")
    assert (status, reason) == ("False", "Invalid")
    assert message == "spec.rutes: there is no key 'rutes' here; did you mean 'routes'?"
    assert cluster.condition("Applied")[0] == "Unknown"


@pytest.mark.parametrize("spec", [{"hosts": [5]}, {"hosts": {}}, {"routes": "x"}, {"routes": [None]}, {"hosts": []}])
def test_a_wrong_metarouter_does_not_hinder_the_others(cluster: AerakiCluster, spec) -> None:
    cluster.put(router(**spec))
    cluster.put(router("ratings"))
    assert cluster.sync() == (False, False)
    assert subset(cluster, "ratings") == "v1"
    assert cluster.condition("Converted")[1] == "Invalid"


def test_a_port_that_istio_takes_for_tcp_is_told(cluster: AerakiCluster) -> None:
    cluster.put(router())
    cluster.put(service("reviews", "tcp-metaprotocol-old"))
    cluster.put(
        {
            "apiVersion": "metaprotocol.aeraki.io/v1alpha1",
            "kind": "ApplicationProtocol",
            "metadata": {"name": "old", "namespace": "default"},
            "spec": {"protocol": "old", "codec": "aeraki.meta_protocol.codec.dubbo"},
        }
    )
    assert cluster.sync() == IN_STEP
    status, _, message = cluster.condition("PortNamed")
    assert status == "False"
    assert message.endswith("add a port with the name http-dubbo")
    cluster.put(service("reviews", "tcp-metaprotocol-old", "http-dubbo"))
    cluster.sync()
    assert cluster.condition("PortNamed")[0] == "True"


def test_conditions_of_others_stay(cluster: AerakiCluster) -> None:
    cluster.put(router())
    theirs = {"type": "Reconciled", "status": "True"}
    kind = cluster._kind("MetaRouter")
    cluster.server.storage.merge(kind, "default", "reviews", {"status": {"conditions": [theirs]}}, "x", sub="status")
    cluster.sync()
    conditions = cluster.one("MetaRouter")["status"]["conditions"]
    assert [one["type"] for one in conditions] == ["Reconciled", "Converted", "PortNamed", "Applied"]
    assert conditions[1]["observedGeneration"] == 1


def test_an_event_tells_of_each_change_once(cluster: AerakiCluster) -> None:
    cluster.put(router(localRateLimit=LIMIT))
    cluster.sync()
    cluster.sync()
    events = [(one["type"], one["reason"]) for one in cluster.all("Event")]
    assert events == [("Warning", "PartlyConverted"), ("Normal", "Applied")]
    (first, *_) = cluster.all("Event")
    assert first["regarding"]["uid"] == cluster.one("MetaRouter")["metadata"]["uid"]
    cluster.put(router())
    cluster.sync()
    assert [one["reason"] for one in cluster.all("Event")][2:] == ["Converted"]


def test_without_the_permission_for_status_and_events_it_goes_on_and_says_so_once(cluster: AerakiCluster) -> None:
    cluster.server.forbidden |= {("patch", "metarouters/status"), ("create", "events")}
    cluster.put(router())
    assert cluster.sync() == IN_STEP
    cluster.put(router(subset="v2"))
    assert cluster.sync() == IN_STEP
    assert subset(cluster) == "v2"
    cluster.sync(everything=True)
    assert [one.partition(":")[0] for one in cluster.reports if "not written" in one] == [
        "Events are not written",
        "conditions are not written",
    ]


def test_a_refused_object_is_told_and_not_sent_again_at_once(cluster: AerakiCluster) -> None:
    cluster.server.storage.admission = lambda content: "no" if content["kind"] == "VirtualService" else ""
    cluster.put(router())
    assert cluster.sync() == (False, False)
    assert cluster.condition("Applied")[1] == "Refused"
    assert "denied the request: no" in cluster.condition("Applied")[2]


def test_a_missing_permission_is_told_and_tried_again(cluster: AerakiCluster) -> None:
    cluster.server.forbidden.add(("patch", "virtualservices"))
    cluster.put(router())
    assert cluster.sync() == (False, True)
    assert cluster.condition("Applied")[1] == "Forbidden"
    cluster.server.forbidden.clear()
    assert cluster.sync() == IN_STEP


def test_of_two_metarouters_the_older_has_the_name() -> None:
    cluster = AerakiCluster("1", "b-1")
    for name in ("a", "a-b"):
        cluster.put(router(name, routes=None, localRateLimit=LIMIT))
        cluster.put(service(name, "http-awesomerpc"))
    assert cluster.sync() == (False, False)
    assert cluster.condition("Converted", "a")[0] == "True"
    status, reason, message = cluster.condition("Converted", "a-b")
    assert (status, reason) == ("False", "NameTaken")
    assert message.startswith("EnvoyFilter default/metaprotocol-limits-a-b-1 is that of MetaRouter default/a")


def test_a_metarouter_has_no_say_in_the_proxies_of_another_namespace(cluster: AerakiCluster) -> None:
    host = "reviews.default.svc.cluster.local"
    cluster.put(router(namespace="other", hosts=[host], localRateLimit=LIMIT))
    cluster.put(service("reviews", "http-awesomerpc"))
    assert cluster.sync() == (False, False)
    assert cluster.all("EnvoyFilter") == []
    assert cluster.condition("Converted", namespace="other")[2].endswith("not for Service default/reviews")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("hosts", "routes", "localRateLimit", "ports", "selector", "protocol", "codec")
SPEC = JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON))


@given(
    st.lists(st.tuples(st.sampled_from(["MetaRouter", "ApplicationProtocol", "Service", "ServiceEntry"]), SPEC, JSON))
)
@settings(max_examples=25)
def test_no_object_ends_it(objects) -> None:
    cluster = AerakiCluster()
    cluster.put(router("good", localRateLimit=LIMIT))
    for kind, spec, status in objects:
        content = {**router(), "kind": kind, "spec": spec}
        if kind != "MetaRouter":
            content["apiVersion"] = {"Service": "v1", "ServiceEntry": "networking.istio.io/v1"}.get(
                kind, content["apiVersion"]
            )
        cluster.put(content)
        patch = {"status": {"conditions": status}}
        cluster.server.storage.merge(cluster._kind(kind), "default", "reviews", patch, "x", sub="status")
    cluster.sync()
    assert subset(cluster, "good") == "v1"


def test_labels_by_which_helm_and_argo_know_their_own_are_not_copied(cluster: AerakiCluster) -> None:
    content = router()
    content["metadata"]["labels"] = {"argocd.argoproj.io/instance": "shop", "istio.io/rev": "canary"}
    content["metadata"]["annotations"] = {"meta.helm.sh/release-name": "shop"}
    cluster.put(content)
    cluster.sync()
    metadata = cluster.one("VirtualService")["metadata"]
    assert "argocd.argoproj.io/instance" not in metadata["labels"]
    assert metadata["labels"]["istio.io/rev"] == "canary"
    assert "meta.helm.sh/release-name" not in metadata["annotations"]


def test_without_the_lease_nothing_is_written(cluster: AerakiCluster) -> None:
    cluster.controller._may_write = lambda: False
    cluster.put(router())
    with pytest.raises(NotHeld):
        cluster.sync()
    assert cluster.all("VirtualService") == []


@pytest.mark.parametrize("change", ["delete", "apply"])
def test_what_changed_meanwhile_is_neither_overwritten_nor_deleted(cluster: AerakiCluster, change: str) -> None:
    cluster.put(router())
    cluster.sync()
    real = cluster.controller._may_write

    def first_somebody_takes_the_label_away() -> bool:
        cluster.controller._may_write = real
        found = cluster.one("VirtualService")
        del found["metadata"]["labels"]["metaprotocol.io/converted-from"]
        cluster.put(found)
        return True

    if change == "delete":
        cluster.delete("MetaRouter", "reviews")
    else:
        cluster.put(router(subset="v2"))
    cluster.controller._may_write = first_somebody_takes_the_label_away
    _, again = cluster.sync()
    assert again
    assert cluster.sync() == (change == "delete", False)
    assert subset(cluster) == "v1"
    assert {one["reason"] for one in cluster.all("Event")} <= {"Converted", "Applied", "NotOurs"}


def test_an_answer_that_comes_after_later_news_is_left_out() -> None:
    store = Reflector(None, METAROUTERS, "", lambda: None, lambda *_: None)  # type: ignore[arg-type]
    store.expect(("default", "reviews"))
    news = [("OPEN", {}), ("DELETED", {**router(), "metadata": {**router()["metadata"], "resourceVersion": "3"}})]

    async def watch(*_):
        for one in news:
            yield one

    store._api = SimpleNamespace(watch=watch)  # type: ignore[assignment]
    asyncio.run(store._follow())
    store.keep(router())
    assert store.objects == {}
    store.expect(("default", "reviews"))
    store.keep(router())
    assert store.objects == {("default", "reviews"): router()}


NAMES = st.sampled_from(["a", "b", "c"])
FAULTS = st.lists(st.sampled_from([409, 500, 403, 429, 404]), max_size=4)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("router"), NAMES, st.sampled_from(["v1", "v2"])),
        st.tuples(st.just("no router"), NAMES),
        st.tuples(st.just("edit"), NAMES),
        st.tuples(st.just("no service"), NAMES),
        st.tuples(st.just("sync"), FAULTS),
    ),
    max_size=12,
)


@given(CHANGES)
@settings(max_examples=60)
def test_whatever_happened_it_ends_as_the_metarouters_say(changes) -> None:
    cluster = AerakiCluster(force=True)
    wanted: dict[str, str] = {}
    for what, *rest in changes:
        match what, *rest:
            case "router", name, to:
                cluster.put(router(name, to))
                wanted[name] = to
            case "no router", name if name in wanted:
                cluster.delete("MetaRouter", name)
                del wanted[name]
            case "edit", name if cluster.has("VirtualService", name):
                edited(cluster, name)
            case "no service", name if cluster.has("VirtualService", name):
                cluster.delete("VirtualService", name)
            case "sync", codes:
                cluster.api.faults = [Refused(code, "Fault", "a fault", name="x") for code in codes]
                cluster.sync()
                cluster.api.faults = []
    assert cluster.sync() == IN_STEP
    assert {
        one["metadata"]["name"]: subset(cluster, one["metadata"]["name"]) for one in cluster.all("VirtualService")
    } == (wanted)
    assert cluster.sync(everything=True) == IN_STEP
    assert all(cluster.condition("Applied", name)[0] == "True" for name in wanted)
