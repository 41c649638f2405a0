"""Real Envoys take what is rendered, and do what the files say."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from live_engine.awesome import CODEC, body, request
from live_engine.config import built_module
from live_engine.peers import Client
from mesh_files import LISTENER, RICH, ROUTES, SERVICE, anywhere, documents, mesh_of
from mesh_files import rendered as rendered_for
from mesh_fuzz import OBJECTS, changed_objects
from patience import PATIENCE

from metaprotocol_mesh.check import validate
from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.load import load, load_text
from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.render import Rendered, render
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.resolve import resolve
from metaprotocol_sdk import Metadata, Status


@pytest.fixture(autouse=True, scope="module")
def _module() -> None:
    built_module()


def call_until(client: Client, user: str, changed: Callable[[Metadata], bool]) -> None:
    """Call one after the other, on a connection that lives, until an answer shows a change."""
    end = time.monotonic() + PATIENCE
    number = 2
    while not changed(client.call(request(number, {"user": user}))):
        assert time.monotonic() < end, "the change never comes"
        number += 1


def failed(answer: Metadata) -> bool:
    return answer.status is Status.ERROR


def rendered(*texts: str) -> Rendered:
    return rendered_for(*texts, engine=Engine.installed())


def services(v1: Any, v2: Any) -> str:
    return SERVICE.replace("21101", str(v1.port)).replace("21102", str(v2.port))


def test_envoy_takes_regular_expressions_as_long_as_in_a_cluster(release) -> None:
    routes = ROUTES.replace("exact: jason", "regex: 'a{1000}'")
    validate(mesh_of(SERVICE, routes, LISTENER), Engine.installed(), release.binary())


def test_envoy_takes_nearly_every_field(release) -> None:
    validate(resolve(load([RICH])), Engine.installed(), release.binary())


@pytest.mark.live
@pytest.mark.parametrize("number", range(len(list(yaml.safe_load_all(RICH.read_text())))))
def test_envoy_takes_the_configuration_without_one_of_its_objects(release, number: int) -> None:
    objects = list(yaml.safe_load_all(RICH.read_text()))
    del objects[number]
    try:
        mesh = resolve(load_text(yaml.safe_dump_all(objects)))
        render(mesh)
    except ConfigurationError:
        return  # others refer to it
    validate(mesh, Engine.installed(), release.binary())


def test_what_envoy_refuses_is_told(release) -> None:
    patch = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: a}
spec: {configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {no_such_field: 1}}}]}
"""
    good = patch.replace("name: a}", "name: b}").replace("no_such_field: 1", "dns_lookup_family: V4_ONLY")
    mesh = mesh_of(SERVICE, LISTENER, good, patch)
    with pytest.raises(
        ConfigurationError, match=r"Envoy refuses the rendered configuration: .*no_such_field"
    ) as caught:
        validate(mesh, Engine.installed(), release.binary())
    (problem,) = caught.value.problems
    assert problem.place == mesh.patches[1].spec.at


def test_the_smallest_set_of_files_works(start_envoy, v1, v2) -> None:
    envoy = start_envoy(anywhere(rendered(services(v1, v2), ROUTES, LISTENER)).bootstrap())
    with Client(CODEC, envoy.port("127.0.0.1_19080")) as client:
        assert body(client.call(request(1, {"user": "jason"}))) == b"v2"
        assert body(client.call(request(2, {"user": "mary"}))) == b"v1"
        assert body(client.call(request(3, {}))) == b"v1"


def test_a_changed_route_reaches_a_living_connection(start_envoy, tmp_path: Path, v1, v2) -> None:
    def write(user: str) -> dict[str, Any]:
        files = anywhere(rendered(services(v1, v2), ROUTES.replace("jason", user), LISTENER)).files(tmp_path)
        write_files(tmp_path, files)
        return files["bootstrap.json"]

    envoy = start_envoy(write("jason"))
    with Client(CODEC, envoy.port("127.0.0.1_19080")) as client:
        assert body(client.call(request(1, {"user": "mary"}))) == b"v1"
        write("mary")
        call_until(client, "mary", lambda answer: body(answer) != b"v1")
        assert body(client.call(request(1, {"user": "jason"}))) == b"v1"


INGRESS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  ingress: [{port: {number: 19081, name: http-awesomerpc}, defaultEndpoint: "127.0.0.1:PORT"}]
"""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: default}
spec: {action: DENY, rules: [{when: [{key: "request.headers[user]", values: [USER]}]}]}
"""


@pytest.mark.live
def test_a_changed_policy_reaches_a_living_connection(start_envoy, tmp_path: Path, v1) -> None:
    def write(user: str) -> dict[str, Any]:
        ingress = INGRESS.replace("PORT", str(v1.port))
        files = anywhere(rendered(ingress, POLICY.replace("USER", user))).files(tmp_path)
        write_files(tmp_path, files)
        return files["bootstrap.json"]

    envoy = start_envoy(write("jason"))
    with Client(CODEC, envoy.port("127.0.0.1_19081")) as client:
        assert failed(client.call(request(1, {"user": "jason"})))
        assert body(client.call(request(2, {"user": "mary"}))) == b"v1"
        write("mary")
        call_until(client, "mary", failed)
        assert body(client.call(request(1, {"user": "jason"}))) == b"v1"


@pytest.mark.live
def test_the_service_comes_from_a_property(start_envoy, v1, v2) -> None:
    other = SERVICE.partition("---")[0].replace("reviews", "ratings")
    shared = LISTENER.replace('["./reviews.default.svc.cluster.local"]', '["./*"]')
    texts = [SERVICE.replace("21101", str(v1.port)).replace("21102", str(v1.port))]
    texts.append(other.replace("21101", str(v2.port)).replace("21102", str(v2.port)))
    envoy = start_envoy(anywhere(rendered(*texts, shared)).bootstrap())
    with Client(CODEC, envoy.port("127.0.0.1_19080")) as client:
        assert body(client.call(request(1, {"service": "reviews"}))) == b"v1"
        assert body(client.call(request(2, {"service": "ratings.default"}))) == b"v2"
        assert failed(client.call(request(3, {"service": "details"})))
        assert failed(client.call(request(4, {"user": "jason"})))


@pytest.mark.live
def test_explain_says_what_envoy_does(start_envoy, v1, v2) -> None:
    from metaprotocol_mesh.explain import explain

    conditions = [
        "{headers: {a: {regex: 'x.'}}}",
        "{headers: {a: {prefix: q}}}",
        "{withoutHeaders: {a: {}}}",
        "{uri: {prefix: /s/}}",
    ]
    rules = "".join(
        f"  - match: [{one}]\n    route: [{{destination: {{host: reviews, subset: v2}}}}]\n" for one in conditions
    )
    text = ROUTES.replace("  http:\n", f"  http:\n{rules}")
    mesh = mesh_of(services(v1, v2), text, LISTENER)
    envoy = start_envoy(anywhere(render(mesh)).bootstrap())
    with Client(CODEC, envoy.port("127.0.0.1_19080")) as client:
        for number, properties in enumerate(
            [
                {},
                {"a": "xy"},
                {"a": "xyz"},
                {"a": "qx"},
                {"a": "1", "service": "s"},
                {"a": "1", "user": "jason"},
                {"a": ""},
            ]
        ):
            answer = client.call(request(number, properties))
            operation = f"{properties['service']}/7" if "service" in properties else "7"
            found = explain(mesh, mesh.listeners[0], properties, operation)
            assert found.rule is not None
            assert body(answer).decode() == found.rule.targets[0].cluster.subset, properties


def test_documents_may_be_json(release) -> None:
    objects = [json.dumps(one) for one in yaml.safe_load_all(documents(SERVICE, ROUTES, LISTENER))]
    assert render(resolve(load_text("\n---\n".join(objects)))) == rendered(SERVICE, ROUTES, LISTENER)


@pytest.mark.live
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(objects=changed_objects([one for one in OBJECTS if one["kind"] != "EnvoyFilter"]))
def test_envoy_takes_what_is_rendered_of_a_changed_configuration(release, objects: list[Any]) -> None:
    """An EnvoyFilter is left out: its values are Envoy's own to refuse."""
    try:
        mesh = resolve(load_text(yaml.safe_dump_all(objects)))
        render(mesh)
    except ConfigurationError:
        assume(False)
    validate(mesh, Engine.installed(), release.binary())
