"""The schema for editors says what the reader takes."""

import re
from typing import Any

import yaml
from mesh_files import RICH

from metaprotocol_mesh.schema import schema

SCHEMA = schema()


def faults(value: Any, wanted: Any, path: str = "") -> list[str]:
    """Return what a schema, of the words that ours uses, does not allow."""
    if wanted is True:
        return []
    if "$ref" in wanted:
        wanted = SCHEMA["$defs"][wanted["$ref"].removeprefix("#/$defs/")]
    found = []
    if "const" in wanted and value != wanted["const"]:
        found.append(f"{path} is {value!r}")
    if "enum" in wanted and value not in wanted["enum"]:
        found.append(f"{path} is {value!r}")
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if "type" in wanted and not isinstance(value, types[wanted["type"]]):
        return [*found, f"{path} is {value!r}"]
    if isinstance(value, str) and "pattern" in wanted and not re.search(wanted["pattern"], value):
        found.append(f"{path} is {value!r}")
    if isinstance(value, int) and not wanted.get("minimum", value) <= value <= wanted.get("maximum", value):
        found.append(f"{path} is {value!r}")
    if isinstance(value, list):
        for number, one in enumerate(value):
            found += faults(one, wanted.get("items", True), f"{path}[{number}]")
    if isinstance(value, dict):
        known = wanted.get("properties", {})
        found += [f"{path}.{name} is missing" for name in wanted.get("required", ()) if name not in value]
        for name, one in value.items():
            inside = known.get(name, wanted.get("additionalProperties", True))
            found += [f"{path}.{name} is not known"] if inside is False else faults(one, inside, f"{path}.{name}")
    return found


def kind_of(value: Any) -> Any:
    return next(one for one in SCHEMA["oneOf"] if one["properties"]["kind"]["const"] == value["kind"])


def test_it_allows_what_the_reader_takes() -> None:
    for one in yaml.safe_load_all(RICH.read_text()):
        assert faults(one, kind_of(one)) == []


def test_it_forbids_what_the_reader_refuses() -> None:
    one = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": {"hosts": "b", "htp": [], "http": [{"timeout": "soon", "retries": {"attempts": -1}}]},
    }
    assert faults(one, kind_of(one)) == [
        ".spec.hosts is 'b'",
        ".spec.htp is not known",
        ".spec.http[0].timeout is 'soon'",
        ".spec.http[0].retries.attempts is -1",
    ]


def test_every_reference_is_defined() -> None:
    text = str(SCHEMA)
    assert set(re.findall(r"#/\$defs/(\w+)", text)) == set(SCHEMA["$defs"])
