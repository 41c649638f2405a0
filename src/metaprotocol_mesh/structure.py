"""Reads a tree of YAML as a class of the model. Every fault is collected, with its place."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping as MappingType
from typing import TYPE_CHECKING, Any

import attrs

from metaprotocol_mesh.documents import Mapping, Node, Scalar, Sequence
from metaprotocol_mesh.model.base import Duration, Item, yaml_name
from metaprotocol_mesh.places import Place, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable


_BAD: Any = object()
"""Stands for a value that could not be read; its problem is noted."""

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


_known: dict[Any, tuple[dict[str, Any], dict[str, attrs.Attribute[Any]]]] = {}


def hints(cls: type[Item]) -> dict[str, Any]:
    """Return the types of a class's attributes."""
    return _knowledge(cls)[0]


def fields_of(cls: type[Item]) -> dict[str, attrs.Attribute[Any]]:
    """Return the fields of a class by the keys of the file."""
    return _knowledge(cls)[1]


def _knowledge(cls: type[Item]) -> tuple[dict[str, Any], dict[str, attrs.Attribute[Any]]]:
    if cls not in _known:
        fields = {yaml_name(one.name): one for one in attrs.fields(cls) if one.metadata}
        _known[cls] = typing.get_type_hints(cls), fields
    return _known[cls]


class Reader:
    """Reads nodes of one file.

    Args:
        source: The file's name.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.problems: list[Problem] = []

    def read(self, node: Node, cls: type[Item], path: str) -> Any:
        """Return an object of a class; None if there are problems, which are in `problems` then.

        Args:
            node: What to read.
            cls: The class.
            path: The keys that lead to the node.
        """
        before = len(self.problems)
        value = self._item(node, cls, path)
        return None if len(self.problems) > before else value

    def note(self, node: Node, path: str, text: str, hint: str = "") -> Any:
        """Note a problem."""
        self.problems.append(Problem(self.place(node, path), text, hint))
        return _BAD

    def place(self, node: Node, path: str) -> Place:
        """Return where a node is."""
        keys = {k: (v.line, v.column) for k, v in node.items.items()} if isinstance(node, Mapping) else {}
        return Place(self._source, node.line, node.column, path, keys)

    def _value(self, node: Node, kind: Any, path: str, limits: MappingType[str, Any]) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self._value(node, next(one for one in arguments if one is not type(None)), path, limits)
        if origin is typing.Literal:
            return self._literal(node, arguments, path)
        if origin is tuple:
            return self._list(node, arguments[0], path, limits)
        if origin is MappingType:
            return self._map(node, arguments[1], path)
        if kind is Any:
            return plain(node)
        if kind is Duration:
            return self._duration(node, path)
        if isinstance(kind, type) and issubclass(kind, Item):
            return self._item(node, kind, path)
        return self._scalar(node, kind, path, limits)

    def _item(self, node: Node, cls: type[Item], path: str) -> Any:
        if isinstance(node, Scalar) and node.value is None:
            node = Mapping(node.line, node.column)  # `match:` with nothing after it
        if not isinstance(node, Mapping):
            return self.note(node, path, f"this must be a mapping, not {_name(node)}")
        before = len(self.problems)
        fields = fields_of(cls)
        types_ = hints(cls)
        values: dict[str, Any] = {"at": self.place(node, path)}
        for name, child in node.items.items():
            below = f"{path}.{name}" if path else name
            field = fields.get(name)
            if field is None:
                self._unknown(node.keys[name], name, cls, below)
            elif not (isinstance(child, Scalar) and child.value is None and not issubclass_item(types_[field.name])):
                value = self._value(child, types_[field.name], below, field.metadata)
                if value is not _BAD:
                    values[field.name] = value
        for name, field in fields.items():
            if field.default is attrs.NOTHING and field.name not in values and len(self.problems) == before:
                self.note(node, path, f"the key {name!r} is missing", field.metadata["becomes"])
        if len(self.problems) > before:
            return _BAD
        for group in cls.ONE_OF:
            found = [name for name in group if name in values]
            if len(found) > 1:
                both = " and ".join(yaml_name(name) for name in found)
                return self.note(node.items[yaml_name(found[1])], path, f"only one of {both} may be set")
        item = cls(**values)
        for name, text in item.faults():
            self.note(node.items.get(name, node), f"{path}.{name}" if name else path, text)
        return item if len(self.problems) == before else _BAD

    def _unknown(self, node: Scalar, name: str, cls: type[Item], path: str) -> None:
        if name in cls.IGNORED:
            return
        if name in cls.UNSUPPORTED:
            self.note(node, path, f"{name!r} is not supported", cls.UNSUPPORTED[name])
        else:
            self.note(node, path, f"there is no key {name[:80]!r} here", did_you_mean(name, fields_of(cls)))

    def _list(self, node: Node, kind: Any, path: str, limits: MappingType[str, Any]) -> Any:
        if not isinstance(node, Sequence):
            return self.note(node, path, f"this must be a list, not {_name(node)}", "begin each entry with `- `")
        if len(node.items) < limits.get("at_least", 0):
            return self.note(node, path, "this list must not be empty")
        values = [self._value(one, kind, f"{path}[{n}]", limits) for n, one in enumerate(node.items)]
        return _BAD if _BAD in values else tuple(values)

    def _map(self, node: Node, kind: Any, path: str) -> Any:
        if not isinstance(node, Mapping):
            return self.note(node, path, f"this must be a mapping, not {_name(node)}")
        values = {name: self._value(one, kind, f"{path}.{name}", {}) for name, one in node.items.items()}
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _literal(self, node: Node, words: tuple[str, ...], path: str) -> Any:
        if isinstance(node, Scalar) and node.text in words:
            return node.text
        found = repr(node.text[:80]) if isinstance(node, Scalar) else _name(node)
        return self.note(node, path, f"this must be one of {', '.join(words)}, not {found}")

    def _duration(self, node: Node, path: str) -> Any:
        found = Duration.parse(node.text) if isinstance(node, Scalar) else None
        if found is None:
            shown = repr(node.text[:80]) if isinstance(node, Scalar) else _name(node)
            return self.note(node, path, f"this must be a duration, not {shown}", "such as 250ms, 1.5s or 1m")
        return found

    def _scalar(self, node: Node, kind: type, path: str, limits: MappingType[str, Any]) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        if kind is float and type(value) is int:
            value = float(value) if abs(value) < 2**53 else None
        if not isinstance(node, Scalar) or type(value) is not kind:
            hint = f'write "{node.text}"' if kind is str and isinstance(node, Scalar) else ""
            return self.note(node, path, f"this must be {_KINDS[kind]}, not {_name(node)}", hint)
        for name, wrong in _BOUNDS.items():
            bound = limits.get(name)
            if bound is not None and wrong(value, bound):
                text = {"minimum": "at least", "maximum": "at most", "pattern": "of the form"}[name]
                return self.note(node, path, f"this must be {text} {bound}, not {node.text[:80]!r}")
        return value


_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, bound: value < bound,
    "maximum": lambda value, bound: value > bound,
    "pattern": lambda value, bound: not re.fullmatch(bound, value),
}


def plain(node: Node) -> Any:
    """Return what a node says as Python's own dictionaries, lists and scalars."""
    if isinstance(node, Mapping):
        return {name: plain(one) for name, one in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(one) for one in node.items]
    return node.value


def written(item: Item) -> dict[str, Any]:
    """Return an object of the model as a file would have it: the keys that do not say what is so without them.

    Args:
        item: Of a class of the model.
    """
    found = {}
    for key, field in fields_of(type(item)).items():
        value = getattr(item, field.name)
        factory = getattr(field.default, "factory", None)
        default = factory() if factory is not None else field.default
        if value != default:
            found[key] = _written(value)
    return found


def _written(value: Any) -> Any:
    if isinstance(value, Item):
        return written(value)
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, tuple):
        return [_written(one) for one in value]
    if isinstance(value, MappingType):
        return {name: _written(one) for name, one in value.items()}
    return value


def issubclass_item(kind: Any) -> bool:
    """Return True if a type, or one of its alternatives, is a class of the model: nothing at all is an empty one."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(issubclass_item(one) for one in typing.get_args(kind))
    return isinstance(kind, type) and issubclass(kind, Item)


def _name(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.value is None else f"{node.text[:80]!r}"
