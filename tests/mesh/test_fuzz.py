"""Any YAML gives a configuration or an error with a place; nothing else."""

import copy
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mesh_files import ABSENT, RICH

from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.explain import explain
from metaprotocol_mesh.load import load_text, read
from metaprotocol_mesh.model import KINDS
from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.render import render
from metaprotocol_mesh.resolve import resolve
from metaprotocol_mesh.schema import schema

OBJECTS: list[Any] = list(yaml.safe_load_all(RICH.read_text()))
WORDS = sorted({word for definition in schema()["$defs"].values() for word in definition["properties"]})
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(
            ["1s", "0s", "*", "", "a.b", "reviews", "%", "(", "127.0.0.1", "http-awesomerpc", "./*", "\x7f", "é"]
        ),
    ),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=6), inside, max_size=4)
    ),
    max_leaves=12,
)


def use(text: str) -> None:
    """Use a configuration as far as it goes. An error must have a place for each problem."""
    try:
        mesh = resolve(load_text(text, "fuzz.yaml"))
        rendered = render(mesh, ABSENT)
        rendered.bootstrap()
        for listener in mesh.listeners:
            explain(mesh, listener, {"user": "jason"}, "a/b")
        warnings(mesh)
    except ConfigurationError as error:
        check(error)


def check(error: ConfigurationError) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.place.source == "fuzz.yaml", problem
        assert problem.place.line > 0, problem


@given(st.binary(max_size=200))
@example(b"? a")
@example(b"%YAML 9.9\n---\na")
@example(b"&a [*a]")
@example(b"!!binary aaa")
@example(b"<<: 1")
@example(b"a: !!int x")
def test_any_bytes(data: bytes) -> None:
    _, problems = read("fuzz.yaml", data)
    assert all(problem.place.line > 0 for problem in problems)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%?,\n \t<~1.", max_size=60))
def test_any_text_of_yaml_s_own_characters(text: str) -> None:
    _, problems = read("fuzz.yaml", text.encode())
    assert all(problem.place.line > 0 for problem in problems)


@given(st.sampled_from(sorted(KINDS)), VALUES, VALUES)
def test_any_value_as_any_kind(kind: str, metadata: object, spec: object) -> None:
    use(yaml.safe_dump({"apiVersion": KINDS[kind][1][0], "kind": kind, "metadata": metadata, "spec": spec}))


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        found.append((value, key))
        found += places(inside)
    return found


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_configuration_with_some_values_changed(data: st.DataObject) -> None:
    objects = copy.deepcopy(
        data.draw(st.lists(st.sampled_from(OBJECTS), min_size=1, unique_by=id)) if data.draw(st.booleans()) else OBJECTS
    )
    for _ in range(data.draw(st.integers(1, 3))):
        spots = places(objects)
        if not spots:
            break
        parent, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        match data.draw(st.sampled_from(["remove", "replace", "copy", "rename"])):
            case "remove":
                del parent[key]
            case "replace":
                parent[key] = data.draw(VALUES)
            case "copy":
                other, name = spots[data.draw(st.integers(0, len(spots) - 1))]
                parent[key] = (
                    copy.deepcopy(other[name])
                    if name in other or (isinstance(other, list) and len(other) > name)
                    else None
                )
            case _:
                if isinstance(parent, dict):
                    parent[data.draw(st.sampled_from(WORDS))] = parent.pop(key)
    use(yaml.safe_dump_all(objects))
