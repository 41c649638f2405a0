"""Configuration of a mesh, right and changed at random."""

import copy
from typing import Any

import yaml
from hypothesis import strategies as st
from mesh_files import RICH

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


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        found.append((value, key))
        found += places(inside)
    return found


@st.composite
def changed_objects(draw: st.DrawFn, objects: list[Any] = OBJECTS) -> list[Any]:
    """Good objects with one to three values removed, replaced, copied or renamed."""
    objects = copy.deepcopy(
        draw(st.lists(st.sampled_from(objects), min_size=1, unique_by=id)) if draw(st.booleans()) else objects
    )
    for _ in range(draw(st.integers(1, 3))):
        spots = places(objects)
        if not spots:
            break
        parent, key = spots[draw(st.integers(0, len(spots) - 1))]
        match draw(st.sampled_from(["remove", "replace", "copy", "rename"])):
            case "remove":
                del parent[key]
            case "replace":
                parent[key] = draw(VALUES)
            case "copy":
                other, name = spots[draw(st.integers(0, len(spots) - 1))]
                parent[key] = (
                    copy.deepcopy(other[name])
                    if name in other or (isinstance(other, list) and len(other) > name)
                    else None
                )
            case _:
                if isinstance(parent, dict):
                    parent[draw(st.sampled_from(WORDS))] = parent.pop(key)
    return objects
