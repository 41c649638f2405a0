"""Any YAML gives a configuration or an error with a place; nothing else."""

from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mesh_files import ABSENT
from mesh_fuzz import VALUES, changed_objects

from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.explain import explain
from metaprotocol_mesh.load import load_text, read
from metaprotocol_mesh.model import KINDS
from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.render import render
from metaprotocol_mesh.resolve import resolve


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


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(changed_objects())
def test_a_good_configuration_with_some_values_changed(objects: list[Any]) -> None:
    use(yaml.safe_dump_all(objects))
