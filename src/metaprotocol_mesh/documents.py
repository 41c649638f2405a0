"""YAML as a tree whose every node knows its line and column.

PyYAML parses; the tree is made here, with a stack of our own, so that depth, size and aliases are bounded. Plain
scalars have the types that Kubernetes gives them (YAML 1.1 as in sigs.k8s.io/yaml: `on` is true, `1:30` is text).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from attrs import define, field, frozen

from metaprotocol_mesh.places import ConfigurationError, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of one file. etcd, where a cluster keeps them, takes 1.5 MiB for one object."""
MAX_DEPTH = 64
MAX_NODES = 500_000
"""Nodes of one file after its aliases were followed."""

_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAGS = "tag:yaml.org,2002:"

Plain: TypeAlias = "str | int | float | bool | None"


@frozen(eq=False)
class Scalar:
    """A value. `quoted` is True if quotes or a block style made it text."""

    line: int
    column: int
    value: Plain
    text: str
    quoted: bool
    size: int = 1


@define(eq=False)
class Sequence:
    """A list of nodes. `size` counts the nodes inside, also those that aliases repeat."""

    line: int
    column: int
    items: list[Node] = field(factory=list)
    size: int = 1


@define(eq=False)
class Mapping:
    """Nodes by key, in their order, and where the keys are."""

    line: int
    column: int
    items: dict[str, Node] = field(factory=dict)
    keys: dict[str, Scalar] = field(factory=dict)
    merged: set[str] = field(factory=set)
    size: int = 1


Node: TypeAlias = "Scalar | Sequence | Mapping"


@frozen(eq=False)
class Document:
    """One document of a file."""

    source: str
    root: Node


class _Open:
    """A collection that is being read, and the key whose value comes next."""

    def __init__(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.node, self.anchor = node, anchor
        self.key: Scalar | None = None


def parse(source: str, data: bytes) -> Iterator[Document]:
    """Yield the documents of a file; empty ones are left out.

    Args:
        source: The file's name.
        data: What it holds.

    Raises:
        ConfigurationError: It is not YAML, or more than the bounds allow.
    """
    if len(data) > MAX_SIZE:
        raise _error(source, 1, 1, f"the file has {len(data):,} bytes", f"at most {MAX_SIZE:,} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise _error(source, line, column, "this is not UTF-8", "save the file as UTF-8") from None
    try:
        yield from _Builder(source).documents(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        raise _error(source, line, column, f"YAML has no character {error.character!r}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _error(source, line, column, f"this is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise _error(source, 1, 1, f"this is not YAML: {str(error).splitlines()[0]}") from None


def tree(value: Any, depth: int = 0) -> Node:
    """Return what JSON holds as nodes, which are in no line of a file.

    Args:
        value: Of `json.loads`.
        depth: Of the value inside others.

    Raises:
        ConfigurationError: It is deeper than files may be.
    """
    if depth > MAX_DEPTH:
        raise _error("", 0, 0, f"there are more than {MAX_DEPTH} levels of values inside values")
    if isinstance(value, dict):
        items = {name: tree(one, depth + 1) for name, one in value.items()}
        return Mapping(0, 0, items, {name: Scalar(0, 0, name, name, quoted=True) for name in items})
    if isinstance(value, list):
        return Sequence(0, 0, [tree(one, depth + 1) for one in value])
    return Scalar(0, 0, value, str(value), isinstance(value, str))


class _Builder:
    def __init__(self, source: str) -> None:
        self._source = source
        self._anchors: dict[str, Node] = {}
        self._unfinished: set[str] = set()
        self._stack: list[_Open] = []
        self._nodes = 0
        self._root: Node | None = None

    def documents(self, text: str) -> Iterator[Document]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(text, Loader=loader):
            mark = event.start_mark
            line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            match event:
                case yaml.DocumentStartEvent():
                    self._anchors, self._root = {}, None
                case yaml.ScalarEvent():
                    self._add(self._scalar(event, line, column), event.anchor)
                case yaml.AliasEvent():
                    self._alias(event.anchor or "", line, column)
                case yaml.SequenceStartEvent():
                    self._open(Sequence(line, column), event.anchor)
                case yaml.MappingStartEvent():
                    self._open(Mapping(line, column), event.anchor)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    done = self._stack.pop()
                    if done.anchor is not None:
                        self._unfinished.discard(done.anchor)
                    self._add(done.node, done.anchor)
                case yaml.DocumentEndEvent():
                    root = self._root
                    if root is not None and not (isinstance(root, Scalar) and root.value is None):
                        yield Document(self._source, root)

    def _open(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._wrong(node, f"there are more than {MAX_DEPTH} levels of values inside values")
        if anchor is not None:
            self._unfinished.add(anchor)
        self._stack.append(_Open(node, anchor))

    def _alias(self, anchor: str, line: int, column: int) -> None:
        if anchor in self._unfinished:
            raise _error(self._source, line, column, f"the alias *{anchor} stands for what it is inside of")
        if anchor not in self._anchors:
            raise _error(self._source, line, column, f"there is no anchor &{anchor} before this alias")
        self._add(self._anchors[anchor], None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._nodes += 1
        if self._nodes > MAX_NODES or node.size > MAX_NODES:
            raise self._wrong(node, f"the file has more than {MAX_NODES:,} values, those of its aliases included")
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.node.size += node.size
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node)
        else:
            key, parent.key = parent.key, None
            self._set(parent.node, key, node)

    def _key(self, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            raise self._wrong(node, "a key must be a text, not a list or a mapping")
        if not isinstance(node.value, str):
            raise self._wrong(node, f"a key must be a text, and {node.text!r} is none", f'write "{node.text}"')
        return node

    def _set(self, mapping: Mapping, key: Scalar, node: Node) -> None:
        if key.text == "<<" and not key.quoted:
            self._merge(mapping, key, node)
            return
        if key.text in mapping.items and key.text not in mapping.merged:
            first = mapping.keys[key.text]
            raise self._wrong(key, f"the key {key.text!r} is there twice", f"it is in line {first.line}, too")
        mapping.merged.discard(key.text)
        mapping.items[key.text], mapping.keys[key.text] = node, key

    def _merge(self, mapping: Mapping, key: Scalar, node: Node) -> None:
        for one in node.items if isinstance(node, Sequence) else [node]:
            if not isinstance(one, Mapping):
                raise self._wrong(key, "`<<` takes a mapping, or a list of them")
            for name, value in one.items.items():
                if name not in mapping.items:
                    mapping.items[name], mapping.keys[name] = value, one.keys[name]
                    mapping.merged.add(name)
                    self._nodes += 1

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> Scalar:
        text, tag = event.value, event.tag
        plain = event.style is None or event.style == ""
        if tag in {f"{_TAGS}str", "!"}:
            plain = False
        elif tag is not None and tag not in {f"{_TAGS}{kind}" for kind in ("int", "float", "bool", "null")}:
            raise _error(self._source, line, column, f"there is no type {tag[:60]!r} here", "leave it out")
        elif tag is not None:
            plain = True
        return Scalar(line, column, plain_value(text) if plain else text, text, not plain)

    def _wrong(self, node: Node, text: str, hint: str = "") -> ConfigurationError:
        return _error(self._source, node.line, node.column, text, hint)


def plain_value(text: str) -> Plain:
    """Return the value of a scalar without quotes, as Kubernetes reads it."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if len(text) <= 40:  # longer ones are nothing that a field takes
        if _INTEGER.fullmatch(text):
            return _integer(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "").lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    try:
        value = int(digits, 8 if octal else 0)
    except ValueError:
        return text
    return -value if text[0] == "-" else value


def _error(source: str, line: int, column: int, text: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(Place(source, line, column), text, hint)])
