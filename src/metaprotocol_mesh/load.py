"""Reads files and folders of configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from attrs import frozen

from metaprotocol_mesh.documents import Document, Mapping, Node, Scalar, Sequence, parse, tree
from metaprotocol_mesh.model import KINDS, Item, Object, ObjectMeta
from metaprotocol_mesh.places import ConfigurationError, Place, Problem, did_you_mean
from metaprotocol_mesh.structure import Reader, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Spec = TypeVar("Spec", bound=Item)

RENDERED = {"app.kubernetes.io/managed-by": "metaprotocol"}
"""The labels of the EnvoyFilters that `istio render` makes."""
MAX_PROBLEMS = 100
"""Of one load; more help nobody."""
_NAMES = (".yaml", ".yml", ".json")


@frozen
class Configuration:
    """The objects of some files.

    Args:
        objects: In the order of the files.
    """

    objects: list[Object[Item]]

    def of(self, spec: type[Spec]) -> list[Object[Spec]]:
        """Return the objects of a kind.

        Args:
            spec: The class of the kind.
        """
        return [one for one in self.objects if isinstance(one.spec, spec)]  # type: ignore[misc]


Other: TypeAlias = "Callable[[Place, dict[str, Any]], None]"
"""Takes an object of a kind that is not ours, and where it is."""
Unread: TypeAlias = "Callable[[Place, dict[str, Any], list[Problem]], None]"
"""Takes an object of our kinds that cannot be read, where it is, and what is wrong with it."""


def load(
    paths: Iterable[str | Path],
    stdin: bytes | None = None,
    other: Other | None = None,
    unread: Unread | None = None,
) -> Configuration:
    """Read files, folders (their *.yaml, *.yml and *.json, by name, folders in them included) and `-`.

    Args:
        paths: Of them.
        stdin: Is read for `-`; None reads standard input.
        other: Takes the objects of other kinds; without it they are refused.
        unread: Takes objects that cannot be read; without it they are refused.

    Raises:
        ConfigurationError: A file cannot be read, or something in it; it tells of all.
    """
    objects: list[Object[Item]] = []
    problems: list[Problem] = []
    for source, data in _files(paths, problems, stdin):
        found, wrong = read(source, data, other, unread)
        objects += found
        problems += wrong
    problems += _twice(objects)
    if problems:
        raise ConfigurationError(problems[:MAX_PROBLEMS])
    return Configuration(objects)


def load_text(text: str, source: str = "-") -> Configuration:
    """Read a text.

    Args:
        text: YAML.
        source: What it is called in errors.

    Raises:
        ConfigurationError: It cannot be used.
    """
    objects, problems = read(source, text.encode("utf-8", "surrogatepass"))
    problems += _twice(objects)
    if problems:
        raise ConfigurationError(problems[:MAX_PROBLEMS])
    return Configuration(objects)


def files_of(path: Path) -> list[Path]:
    """Return the files that a path stands for: itself, or those in the folder that it names.

    Args:
        path: Of a file or a folder.

    Raises:
        OSError: The folder, or one in it, cannot be read.
    """
    if not path.is_dir():
        return [path]

    def fail(error: OSError) -> NoReturn:
        raise error

    found = []
    for folder, inside, names in os.walk(path, onerror=fail):
        inside[:] = [name for name in inside if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".") and Path(name).suffix in _NAMES]
    # Who reads a link that leads nowhere tells of it. Pipes and the like are not files.
    return sorted(one for one in found if one.is_file() or (one.is_symlink() and not one.exists()))


def read(
    source: str, data: bytes, other: Other | None = None, unread: Unread | None = None
) -> tuple[list[Object[Item]], list[Problem]]:
    """Return the objects of a file, and what is wrong with it.

    Args:
        source: The file's name.
        data: What it holds.
        other: As of `load`.
        unread: As of `load`.
    """
    objects: list[Object[Item]] = []
    reader = Reader(source)
    try:
        for document in parse(source, data):
            for node, path in _items(document):
                before = len(reader.problems)
                found = _object(reader, node, path, other)
                if found is not None:
                    objects.append(found)
                elif unread is not None and len(reader.problems) > before and isinstance(node, Mapping):
                    unread(reader.place(node, path), plain(node), reader.problems[before:])
                    del reader.problems[before:]
            if len(reader.problems) > MAX_PROBLEMS:
                break
    except ConfigurationError as error:
        reader.problems += error.problems
    return objects, reader.problems


def read_json(source: str, content: dict[str, Any]) -> tuple[Object[Item] | None, list[Problem]]:
    """Return an object of the API server, and what is wrong with it. Its places have keys and no lines.

    Args:
        source: What it is called in errors.
        content: It, as `json.loads` returned it.
    """
    reader = Reader(source)
    try:
        found = _object(reader, tree(content), "", None)
    except ConfigurationError as error:
        return None, list(error.problems)
    return (None if reader.problems else found), reader.problems[:MAX_PROBLEMS]


def _items(document: Document) -> Iterator[tuple[Node, str]]:
    """Yield the objects of a document: itself, or those of a List, which `kubectl get` prints."""
    root = document.root
    if isinstance(root, Mapping):
        kind, items = root.items.get("kind"), root.items.get("items")
        if isinstance(kind, Scalar) and kind.value == "List" and isinstance(items, Sequence):
            for number, one in enumerate(items.items):
                yield one, f"items[{number}]"
            return
    yield root, ""


def _object(reader: Reader, node: Node, path: str, other: Other | None) -> Object[Item] | None:
    if not isinstance(node, Mapping):
        reader.note(node, path, "this is not an object", "an object has the keys apiVersion, kind, metadata and spec")
        return None
    kind = _text(reader, node, "kind", path)
    version = _text(reader, node, "apiVersion", path)
    if kind is None or version is None:
        return None
    if other is not None and not _is_ours(kind, version):
        other(reader.place(node, path), plain(node))
        return None
    if kind not in KINDS:
        known = did_you_mean(kind, KINDS)
        reader.note(node.items["kind"], _below(path, "kind"), f"the kind {kind[:80]!r} is not supported", known)
        return None
    spec, versions = KINDS[kind]
    if version not in versions:
        hint = f"{kind} is known as {', '.join(versions)}"
        reader.note(node.items["apiVersion"], _below(path, "apiVersion"), f"there is no {version[:80]!r} here", hint)
        return None
    for name, child in node.keys.items():
        if name not in {"apiVersion", "kind", "metadata", "spec", "status"}:
            hint = did_you_mean(name, ("apiVersion", "kind", "metadata", "spec"))
            reader.note(child, _below(path, name), f"there is no key {name[:80]!r} here", hint)
    empty = Mapping(node.line, node.column)
    metadata = reader.read(node.items.get("metadata", empty), ObjectMeta, _below(path, "metadata"))
    if kind == "EnvoyFilter" and metadata is not None and RENDERED.items() <= metadata.labels.items():
        return None  # what it changes in Istio's proxies is in ours without it
    read_spec = reader.read(node.items.get("spec", empty), spec, _below(path, "spec"))
    return None if metadata is None or read_spec is None else Object(kind, metadata, read_spec)


def _is_ours(kind: str, version: str) -> bool:
    """Return True if we know the kind, in any version: Gateway is a kind of Istio, and one of the Gateway API."""
    groups = {one.rpartition("/")[0] for one in KINDS[kind][1]} if kind in KINDS else set()
    return version.rpartition("/")[0] in groups


def _text(reader: Reader, node: Mapping, name: str, path: str) -> str | None:
    child = node.items.get(name)
    if child is None:
        reader.note(node, path, f"the key {name!r} is missing")
    elif not isinstance(child, Scalar) or not isinstance(child.value, str):
        reader.note(child, _below(path, name), "this must be text")
    else:
        return child.value
    return None


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _twice(objects: list[Object[Item]]) -> Iterator[Problem]:
    seen: dict[tuple[str, str, str], Place] = {}
    for one in objects:
        place = one.metadata.at.of("name")
        first = seen.setdefault((one.kind, one.metadata.namespace, one.metadata.name), place)
        if first is not place:
            yield Problem(place, f"there are two of {one.title}", f"the other is at {first.source}:{first.line}")


def _files(paths: Iterable[str | Path], problems: list[Problem], stdin: bytes | None) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if str(path) == "-":
            yield "-", sys.stdin.buffer.read() if stdin is None else stdin
            continue
        try:
            files = files_of(Path(path))
        except OSError as error:
            place = Place(str(error.filename or path), 1, 1)
            problems.append(Problem(place, f"it cannot be read: {error.strerror}"))
            continue
        if not files:
            problems.append(
                Problem(Place(str(path), 1, 1), f"the folder has no file {', '.join('*' + n for n in _NAMES)}")
            )
        for file in files:
            try:
                yield str(file), file.read_bytes()
            except (OSError, ValueError) as error:
                text = getattr(error, "strerror", None) or str(error)
                problems.append(Problem(Place(str(file), 1, 1), f"it cannot be read: {text}"))
