"""The test API server keeps owners of fields as Kubernetes does."""

import pytest
from kubernetes_api import ApiServer, Kind, Refused

KIND = Kind("test.io", "things", "Thing", status=True)


def thing(**spec):
    return {"apiVersion": "test.io/v1", "kind": "Thing", "metadata": {"name": "one"}, "spec": spec}


@pytest.fixture
def server() -> ApiServer:
    return ApiServer([KIND])


def apply(server: ApiServer, manager: str, *, force: bool = False, **spec):
    return server.storage.apply(KIND, "", "one", thing(**spec), manager, force=force)["spec"]


def test_managers_own_what_they_apply(server: ApiServer) -> None:
    apply(server, "a", x=1, y={"z": 1})
    assert apply(server, "b", w=[1]) == {"x": 1, "y": {"z": 1}, "w": [1]}
    found = server.storage.get(KIND, "", "one")["metadata"]["managedFields"]
    assert [(one["manager"], one["fieldsV1"]) for one in found] == [
        ("a", {"f:spec": {"f:x": {}, "f:y": {"f:z": {}}}}),
        ("b", {"f:spec": {"f:w": {}}}),
    ]


def test_what_a_manager_no_longer_applies_goes_unless_another_owns_it(server: ApiServer) -> None:
    apply(server, "a", x=1, y={"z": 1})
    apply(server, "b", x=1)
    assert apply(server, "a") == {"x": 1}


def test_another_value_is_a_conflict_and_the_same_is_shared(server: ApiServer) -> None:
    apply(server, "a", x=1)
    assert apply(server, "b", x=1) == {"x": 1}
    with pytest.raises(Refused) as error:
        apply(server, "c", x=2)
    assert error.value.code == 409
    assert error.value.status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{one}"', "field": ".spec.x"} for one in "ab"
    ]


def test_force_takes_a_field(server: ApiServer) -> None:
    apply(server, "a", x=1)
    assert apply(server, "b", x=2, force=True) == {"x": 2}
    with pytest.raises(Refused):
        apply(server, "a", x=1)


def test_an_update_takes_what_it_changes(server: ApiServer) -> None:
    apply(server, "a", x=1, y=1)
    server.put(thing(x=2, y=1), "things", "edit")
    with pytest.raises(Refused, match=r'conflict with "edit": \.spec\.x'):
        apply(server, "a", x=1, y=1)
    assert apply(server, "a", x=2, y=3) == {"x": 2, "y": 3}


def test_an_apply_that_changes_nothing_is_no_new_version(server: ApiServer) -> None:
    apply(server, "a", x=1)
    before = server.storage.get(KIND, "", "one")
    apply(server, "a", x=1)
    assert server.storage.get(KIND, "", "one") == before


def test_an_apply_with_an_old_version_is_refused(server: ApiServer) -> None:
    first = server.put(thing(x=1), "things")
    server.put(thing(x=2), "things")
    old = thing(x=3)
    old["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    with pytest.raises(Refused, match="the object has been modified"):
        server.storage.apply(KIND, "", "one", old, "a")


def test_the_status_is_changed_by_its_subresource_only(server: ApiServer) -> None:
    server.put({**thing(x=1), "status": {"a": 1}}, "things")
    assert "status" not in server.storage.get(KIND, "", "one")
    server.storage.merge(KIND, "", "one", {"status": {"a": 1}, "spec": {"x": 2}}, "a", sub="status")
    server.put(thing(x=1), "things")
    found = server.storage.get(KIND, "", "one")
    assert (found["status"], found["spec"], found["metadata"]["generation"]) == ({"a": 1}, {"x": 1}, 1)
