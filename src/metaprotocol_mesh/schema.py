"""A JSON schema of the configuration, for editors, and a table of its fields, for the docs; both from the model."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from metaprotocol_mesh.model import KINDS, Duration, Item, ObjectMeta, yaml_name
from metaprotocol_mesh.structure import fields_of, hints

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> Json:
    """Return the JSON schema (draft 2020-12) of one object."""
    definitions: Json = {}
    kinds = []
    for kind, (spec, versions) in KINDS.items():
        kinds.append(
            {
                "properties": {
                    "apiVersion": {"enum": list(versions)},
                    "kind": {"const": kind},
                    "metadata": _reference(ObjectMeta, definitions),
                    "spec": _reference(spec, definitions),
                    "status": True,
                },
                "required": ["apiVersion", "kind", "metadata", "spec"],
                "additionalProperties": False,
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of metaprotocol mesh",
        "type": "object",
        "properties": {"kind": {"enum": list(KINDS)}},
        "required": ["kind"],
        "oneOf": kinds,
        "$defs": definitions,
    }


def table(spec: type[Item]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a kind, those inside included: the keys that lead there, and what it becomes."""
    yield from _rows(spec, "", {})


def _rows(cls: type[Item], path: str, shown: dict[Any, str]) -> Iterator[tuple[str, str]]:
    for name, field in fields_of(cls).items():
        kind, suffix = _inner(hints(cls)[field.name])
        below = f"{path}.{name}" if path else name
        becomes = field.metadata["becomes"]
        if not (isinstance(kind, type) and issubclass(kind, Item)):
            yield below + suffix, becomes
        elif kind in shown:
            yield below + suffix, f"{becomes}; its fields as in `{shown[kind]}`"
        else:
            shown[kind] = below + suffix
            yield below + suffix, becomes
            yield from _rows(kind, below + suffix, shown)


def _inner(kind: Any) -> tuple[Any, str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _inner(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return _inner(arguments[0])[0], "[]"
    if origin is Mapping:
        return _inner(arguments[1])[0], ".*"
    return kind, ""


def _reference(cls: type[Item], definitions: Json) -> Json:
    name = cls.__name__
    if name not in definitions:
        definitions[name] = {}
        properties = {}
        required = []
        for key, field in fields_of(cls).items():
            one = _type(hints(cls)[field.name], definitions, field.metadata)
            if "$ref" not in one:
                one["description"] = field.metadata["becomes"]
            properties[key] = one
            if _is_required(field):
                required.append(key)
        definitions[name] = {
            "type": "object",
            "description": (cls.__doc__ or "").splitlines()[0],
            "properties": properties | dict.fromkeys(sorted(cls.IGNORED), True),
            "additionalProperties": False,
        }
        if required:
            definitions[name]["required"] = required
        groups = [
            {"not": {"required": [yaml_name(one), yaml_name(other)]}}
            for group in cls.ONE_OF
            for n, one in enumerate(group)
            for other in group[n + 1 :]
        ]
        if groups:
            definitions[name]["allOf"] = groups
    return {"$ref": f"#/$defs/{name}"}


def _is_required(field: Any) -> bool:
    from attrs import NOTHING

    return field.default is NOTHING


def _type(kind: Any, definitions: Json, limits: Mapping[str, Any]) -> Json:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _type(next(one for one in arguments if one is not type(None)), definitions, limits)
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        found = {"type": "array", "items": _type(arguments[0], definitions, limits)}
        return {**found, "minItems": limits["at_least"]} if limits.get("at_least") else found
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _type(arguments[1], definitions, {})}
    if kind is Any:
        return {}
    if kind is Duration:
        return {"type": "string", "pattern": r"^(?:[0-9.]+(?:ns|us|µs|ms|s|m|h))+$"}
    if issubclass(kind, Item):
        return _reference(kind, definitions)
    found = {"type": _SCALARS[kind]}
    for name in ("minimum", "maximum"):
        if limits.get(name) is not None:
            found[name] = limits[name]
    if limits.get("pattern"):
        found["pattern"] = f"^(?:{limits['pattern']})$"
    return found
