"""MetaRouters of a cluster route the calls of its proxies, as `istio convert --watch` keeps VirtualServices in step."""

import json
import threading
from collections.abc import Iterator

import pytest
from aeraki_cluster import router
from convert_program import Program
from live_engine.config import built_module
from live_envoy import RELEASES, NotAvailable, Release
from live_istio.scenario import Scenario, scenario
from patience import eventually
from required import require

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def release() -> Release:
    """The newest Envoy: what is written for istiod does not depend on it."""
    try:
        RELEASES[-1].binary()
    except NotAvailable as error:
        require("envoy", str(error))
    return RELEASES[-1]


@pytest.fixture(scope="module")
def cluster(istio: None, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A mesh whose configuration is in the API server, and the program that watches it."""
    built_module()
    folder = tmp_path_factory.mktemp("watch")
    with scenario(release, folder, in_cluster=True) as found:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(found.istiod.cluster.kubeconfig))
        with Program(kubeconfig) as program:
            program.says("holding the Lease")
            yield found


def put(cluster: Scenario, subset: str, **spec) -> None:
    cluster.istiod.cluster.put(router("reviews", subset, **spec), "metarouters")


def test_calls_follow_the_metarouter_and_none_is_lost(cluster: Scenario) -> None:
    put(cluster, "v1")
    eventually(lambda: [cluster.answers() for _ in range(8)] == [b"v1"] * 8)
    answers: list[bytes] = []
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            answers.append(cluster.answers())

    caller = threading.Thread(target=call)
    caller.start()
    try:
        for subset in ("v2", "v1", "v2"):
            put(cluster, subset)
            eventually(lambda: answers[-1:] == [subset.encode()])  # noqa: B023 - it ends before the next
    finally:
        ended.set()
        caller.join()
    assert {*answers} == {b"v1", b"v2"}


def test_a_condition_on_a_property_is_one_on_a_header(cluster: Scenario) -> None:
    host = "reviews.default.svc.cluster.local"

    def to(subset: str) -> list[dict]:
        return [{"destination": {"host": host, "subset": subset}}]

    match = {"attributes": {"user": {"exact": "jason"}}}
    put(cluster, "", routes=[{"match": match, "route": to("v2")}, {"route": to("v1")}])
    eventually(lambda: (cluster.answers(user="jason"), cluster.answers(user="amy")) == (b"v2", b"v1"))


def test_without_the_metarouter_the_calls_go_anywhere(cluster: Scenario) -> None:
    put(cluster, "v1")
    eventually(lambda: [cluster.answers() for _ in range(8)] == [b"v1"] * 8)
    server = cluster.istiod.cluster
    server.storage.delete(server.kind("metaprotocol.aeraki.io", "metarouters"), "default", "reviews")
    eventually(lambda: b"v2" in {cluster.answers() for _ in range(8)})
    assert not [
        one
        for one in server.storage.list(server.kind("networking.istio.io", "virtualservices"))[1]
        if one["metadata"]["name"] == "reviews"
    ]
