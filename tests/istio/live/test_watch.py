"""`istio convert --watch` with an API server over HTTP: watches that end, errors, two instances, and the end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from aeraki_cluster import KINDS, LIMIT, router, service
from click.testing import CliRunner, Result
from convert_program import Cluster, Program
from kubernetes_api import Refused, Request, forbidden
from patience import eventually

from metaprotocol_cli import main

pytestmark = pytest.mark.live

METAROUTER = KINDS[0]
MANIFEST = Path(__file__).parents[3] / "deploy" / "convert" / "convert.yaml"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def _followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Program]]:
    with Cluster(tmp_path_factory.mktemp("watch")) as cluster, cluster.program() as program:
        program.says("holding the Lease")
        yield cluster, program


@pytest.fixture
def followed(_followed: tuple[Cluster, Program]) -> Iterator[tuple[Cluster, Program]]:
    """A cluster and the program that follows it, which many tests share."""
    cluster, program = _followed
    eventually(lambda: not cluster.has_any("VirtualService"))
    del program.lines[:], cluster.requests[:]
    try:
        yield cluster, program
    finally:
        cluster.faults.clear()
        cluster.clear("MetaRouter")
        cluster.clear("VirtualService")


def change(cluster: Cluster, subset: str) -> None:
    """Change a MetaRouter, and wait until its VirtualService is the same."""
    cluster.make(router(subset=subset))
    eventually(lambda: cluster.subset() == subset)


def test_changes_are_followed(followed: tuple[Cluster, Program]) -> None:
    cluster, program = followed
    change(cluster, "v1")
    change(cluster, "v2")
    cluster.clear("MetaRouter")
    eventually(lambda: not cluster.subset())
    program.says("VirtualService default/reviews created")
    program.says("VirtualService default/reviews deleted")
    assert cluster.lists() == len(cluster.watches()) == 0


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_watch_that_ends_goes_on_after_the_last_bookmark(followed: tuple[Cluster, Program], abruptly: bool) -> None:
    cluster, _ = followed
    change(cluster, "v1")
    version = cluster.storage.list(METAROUTER)[0]
    cluster.storage.bookmark()
    cluster.storage.end_watches(abruptly=abruptly)
    eventually(lambda: bool(cluster.watches("services")))
    # There never was an event of a Service: its version is that of a bookmark.
    assert cluster.watches("services")[0] >= version
    change(cluster, "v2")
    assert cluster.lists() == cluster.lists("services") == 0


def test_after_410_everything_is_listed_and_what_was_deleted_meanwhile_goes(followed: tuple[Cluster, Program]) -> None:
    cluster, program = followed
    cluster.make(router("first"))
    change(cluster, "v1")
    eventually(lambda: cluster.subset("first") == "v1")
    away = Refused(503, "ServiceUnavailable", "the server is away")
    cluster.faults.append(lambda request: away if request.verb == "watch" else None)
    cluster.storage.end_watches(abruptly=True)
    program.says("the server is away")
    cluster.storage.delete(METAROUTER, "default", "first")
    cluster.make(router(subset="v2"))
    cluster.storage.compact()
    cluster.faults.clear()
    eventually(lambda: not cluster.subset("first") and cluster.subset() == "v2")
    assert cluster.lists() == 1
    program.says("the API server answers again")


def test_what_changes_before_it_is_applied_is_read_again(followed: tuple[Cluster, Program]) -> None:
    cluster, _ = followed
    change(cluster, "v1")
    once(cluster, "patch", lambda labels: labels.update(team="a"))
    before = patches(cluster)
    change(cluster, "v2")
    assert patches(cluster) >= before + 2  # the first is refused


def patches(cluster: Cluster) -> int:
    """Return how often a VirtualService was to be applied."""
    return sum((one.verb, one.resource) == ("patch", "virtualservices") for one in [*cluster.requests])


def test_what_is_taken_over_before_it_is_deleted_stays(followed: tuple[Cluster, Program]) -> None:
    cluster, _ = followed
    change(cluster, "v1")
    once(cluster, "delete", lambda labels: labels.pop("metaprotocol.io/converted-from"))
    cluster.storage.delete(METAROUTER, "default", "reviews")
    eventually(lambda: not cluster.faults)
    cluster.make(router("ratings"))
    eventually(lambda: cluster.subset("ratings") == "v1")
    assert cluster.subset() == "v1"


def once(cluster: Cluster, verb: str, relabel: Callable[[dict[str, str]], object]) -> None:
    """Let somebody change the labels of reviews just before a request."""

    def fault(request: Request) -> None:
        if (request.verb, request.resource, request.name) == (verb, "virtualservices", "reviews"):
            cluster.faults.clear()
            found = cluster.find("VirtualService")
            assert found is not None
            relabel(found["metadata"]["labels"])
            cluster.make(found)

    cluster.faults.append(fault)


def test_errors_of_the_server_are_tried_again(followed: tuple[Cluster, Program]) -> None:
    cluster, _ = followed
    change(cluster, "v1")
    failed: list[str] = []

    def fault(request) -> Refused | None:
        if request.verb == "patch" and len(failed) < 3:
            failed.append(request.resource)
            return Refused(500, "InternalError", "etcd is away")
        return None

    cluster.faults.append(fault)
    change(cluster, "v2")
    assert len(failed) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_frees_the_lease(cluster: Cluster, number: signal.Signals) -> None:
    with cluster.program() as program:
        program.says("holding the Lease")
        program.signal(number)
        assert program.ends() == 0
    assert program.lines[-1] == "stopped"
    lease = cluster.find("Lease", "metaprotocol-convert")
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ""


def test_of_two_instances_one_writes_and_the_other_takes_over(cluster: Cluster) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(cluster.program())
        first.says("holding the Lease default/metaprotocol-convert")
        second = stack.enter_context(cluster.program())
        second.says("watching all namespaces")
        change(cluster, "v1")
        assert not any("holding" in one or "created" in one for one in second.lines)
        first.signal(signal.SIGTERM)
        assert first.ends() == 0
        change(cluster, "v2")
        second.says("holding the Lease")
        second.says("VirtualService default/reviews changed")


def test_one_namespace_needs_permissions_there_only(cluster: Cluster) -> None:
    def fault(request) -> Refused | None:
        return None if request.namespace == "shop" else Refused(403, "Forbidden", "only in shop")

    cluster.faults.append(fault)
    cluster.make(router(namespace="shop"))
    cluster.make(router())
    with cluster.program("--namespace", "shop", "--lease", "shop/mine") as program:
        eventually(lambda: cluster.find("VirtualService", namespace="shop") is not None)
        program.says("watching shop")
    assert cluster.find("VirtualService") is None
    assert cluster.find("Lease", "mine", "shop") is not None


def run(cluster: Cluster, *options: str) -> Result:
    """Run the command in this process, until it ends by itself."""
    found = CliRunner().invoke(main, ["istio", "convert", "--watch", *options], env={"KUBECONFIG": str(cluster.file)})
    assert isinstance(found.exception, SystemExit | None)
    return found


def test_once_ends_when_all_is_done(cluster: Cluster) -> None:
    cluster.make(router())
    assert run(cluster, "--once").exit_code == 0
    assert cluster.subset() == "v1"
    assert cluster.find("Lease", "metaprotocol-convert") is None
    cluster.make(router("ratings", rutes=[]))
    found = run(cluster, "--once")
    assert found.exit_code == 1
    assert found.stderr == (
        "MetaRouter default/ratings: spec.rutes: there is no key 'rutes' here; did you mean 'routes'?\n"
    )


def wrong_token(cluster: Cluster) -> None:
    cluster.token = "another"


def no_permission(cluster: Cluster) -> None:
    cluster.forbidden.add(("list", "metarouters"))


def no_kind(cluster: Cluster) -> None:
    cluster.forget_kind("metaprotocol.aeraki.io", "metarouters")


def no_kubernetes(cluster: Cluster) -> None:
    cluster.faults.append(lambda request: Refused(404, "NotFound", "this is a web server"))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (wrong_token, "Unauthorized; the credentials are not accepted: does `kubectl auth whoami` work"),
        (no_permission, "give the account the permission, for example with a ClusterRole for metarouters."),
        (no_kind, "does not know metarouters.metaprotocol.aeraki.io in metaprotocol.aeraki.io/v1alpha1: install its"),
        (no_kubernetes, "this is a web server"),
    ],
)
def test_what_is_wrong_at_the_start_is_told_with_what_to_do(cluster: Cluster, wrong, text: str) -> None:
    wrong(cluster)
    found = run(cluster)
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: cannot list ")
    assert text in found.stderr


def test_a_server_that_is_gone_is_told_and_followed_again(followed: tuple[Cluster, Program]) -> None:
    cluster, program = followed
    gone = Refused(0, "", "")
    cluster.faults.append(lambda request: gone)  # no HTTP
    cluster.storage.end_watches(abruptly=True)
    program.says("does not answer")
    cluster.faults.clear()
    program.says("the API server answers again")
    change(cluster, "v2")


def granted() -> set[tuple[str, str, str, str]]:
    """Return namespace ("" for all), group, resource and verb of all that the manifest permits."""
    return {
        (one["metadata"].get("namespace", ""), group, resource, verb)
        for one in yaml.safe_load_all(MANIFEST.read_text())
        if one["kind"] in ("Role", "ClusterRole")
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_permissions_of_the_deployment_are_those_that_are_needed(cluster: Cluster) -> None:
    used, permitted = set(), granted()

    def fault(request: Request) -> Refused | None:
        wanted = {(one, request.kind.group, request.resource, request.verb) for one in ("", request.namespace)}
        used.update(wanted & permitted)
        return None if wanted & permitted else forbidden(request)

    cluster.faults.append(fault)
    cluster.make(router(localRateLimit=LIMIT))
    cluster.make(service("reviews", "http-awesomerpc"))
    with cluster.program("--lease", "metaprotocol/metaprotocol-convert") as program:
        eventually(lambda: cluster.find("EnvoyFilter", "metaprotocol-limits-reviews-1") is not None)
        change(cluster, "v2")
        eventually(lambda: cluster.find("EnvoyFilter", "metaprotocol-limits-reviews-1") is None)
        cluster.storage.delete(METAROUTER, "default", "reviews")
        eventually(lambda: not cluster.subset())
        program.signal(signal.SIGTERM)
        assert program.ends() == 0
    assert not any("forbidden" in one for one in program.lines)
    assert used == permitted
