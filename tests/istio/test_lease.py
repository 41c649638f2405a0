"""Of several instances the one that holds the Lease works."""

import asyncio

import pytest
from aeraki_cluster import KINDS
from kubernetes_api import ApiServer
from kubernetes_api.local import LocalApi

from metaprotocol_mesh.kubernetes import Lease
from metaprotocol_mesh.kubernetes.lease import DEADLINE, DURATION, LEASES

LEASES_KIND = next(one for one in KINDS if one.plural == LEASES.plural)


class Clock:
    """A clock that the test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Instances:
    """Two instances, and the server that they ask."""

    def __init__(self) -> None:
        self.server, self.clock = ApiServer(KINDS), Clock()
        self.told: list[tuple[str, bool]] = []
        self.errors: list[str] = []
        self.a, self.b = self._instance("a"), self._instance("b")

    def _instance(self, name: str) -> Lease:
        return Lease(
            LocalApi(self.server, name),  # type: ignore[arg-type]
            "default",
            "work",
            name,
            lambda held: self.told.append((name, held)),
            lambda _, error: self.errors.append(str(error)) if error else None,
            self.clock,
        )

    def attempt(self, *instances: Lease) -> list[bool]:
        """Let instances try, one after the other; return who may work then."""
        for one in instances:
            asyncio.run(one.attempt())
        return [self.a.held, self.b.held]

    @property
    def spec(self):
        (found,) = self.server.storage.list(LEASES_KIND)[1]
        return found["spec"]


@pytest.fixture
def instances() -> Instances:
    return Instances()


def test_the_first_has_it_and_renews_it(instances: Instances) -> None:
    assert instances.attempt(instances.a, instances.b) == [True, False]
    for _ in range(10):
        instances.clock.now += DEADLINE - 1
        assert instances.attempt(instances.a, instances.b) == [True, False]
    assert instances.told == [("a", True)]
    assert (instances.spec["holderIdentity"], instances.spec["leaseTransitions"]) == ("a", 0)
    assert instances.b.holder == "a"


def test_the_other_takes_it_when_it_is_not_renewed(instances: Instances) -> None:
    instances.attempt(instances.a, instances.b)
    instances.clock.now += DURATION - 1
    assert instances.attempt(instances.b) == [False, False]
    instances.clock.now += 1
    assert instances.attempt(instances.b) == [False, True]
    assert (instances.spec["holderIdentity"], instances.spec["leaseTransitions"]) == ("b", 1)
    assert instances.attempt(instances.a) == [False, True]
    assert instances.told == [("a", True), ("b", True), ("a", False)]


def test_the_holder_stops_before_the_other_begins(instances: Instances) -> None:
    instances.attempt(instances.a, instances.b)
    instances.server.forbidden |= {("get", "leases")}
    instances.clock.now += DEADLINE - 0.1
    assert instances.attempt(instances.a) == [True, False]
    instances.clock.now += 0.2
    assert not instances.a.held
    instances.attempt(instances.a)
    assert instances.told == [("a", True), ("a", False)]
    assert "cannot get leases.coordination.k8s.io" in instances.errors[0]


def test_a_released_lease_is_free_at_once(instances: Instances) -> None:
    instances.attempt(instances.a, instances.b)
    asyncio.run(instances.a.release())
    assert instances.attempt(instances.b) == [False, True]


def test_of_two_that_take_it_at_once_one_has_it(instances: Instances) -> None:
    instances.attempt(instances.a)
    asyncio.run(instances.a.release())
    storage = instances.server.storage
    real = storage.replace

    def first_the_other(kind, content, manager, **options):
        storage.replace = real
        (found,) = storage.list(kind)[1]
        real(kind, {**found, "spec": {**found["spec"], "holderIdentity": "a"}}, "a")
        return real(kind, content, manager, **options)

    storage.replace = first_the_other
    assert instances.attempt(instances.b) == [False, False]
    assert instances.spec["holderIdentity"] == "a"
    assert not instances.errors


def test_the_time_in_the_lease_decides_nothing(instances: Instances) -> None:
    instances.attempt(instances.a)
    (found,) = instances.server.storage.list(LEASES_KIND)[1]
    found["spec"]["renewTime"] = "1970-01-01T00:00:00.000000Z"
    instances.server.storage.replace(LEASES_KIND, found, "a")
    assert instances.attempt(instances.b) == [True, False]
