"""Owners of fields: server-side apply, and what an update takes from those who applied.

A path is a tuple of keys. Lists are atomic, as those of a CustomResourceDefinition are unless it says otherwise.
"""

from copy import deepcopy
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]
Owners = dict[tuple[str, str], set[Path]]
"""Fields by the name of a manager and its operation: "Apply" or "Update"."""

_UNOWNED = {"apiVersion", "kind", "status"}
_UNOWNED_METADATA = {
    ("metadata", name)
    for name in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
}
_MISSING = object()


class FieldConflict(Exception):
    """Fields that others own.

    Args:
        fields: With the names of their managers.
    """

    def __init__(self, fields: list[tuple[Path, str]]) -> None:
        super().__init__(str(fields))
        self.fields = fields


def fields(content: Json) -> set[Path]:
    """Return the paths of the leaves of an object that can be owned."""
    return {path for path in _leaves(content) if path[0] not in _UNOWNED and path[:2] not in _UNOWNED_METADATA}


def apply(live: Json, owners: Owners, manager: str, wanted: Json, *, force: bool) -> tuple[Json, Owners]:
    """Return an object and its owners after a manager has applied what it wants.

    Raises:
        FieldConflict: Others own fields that it would change.
    """
    mine, new = (manager, "Apply"), fields(wanted)
    others = {key: set(paths) for key, paths in owners.items() if key != mine}
    conflicts = [
        (path, name)
        for (name, _), paths in others.items()
        for path in paths
        for one in new
        if _overlap(one, path) and value(live, one) != value(wanted, one)
    ]
    if conflicts and not force:
        raise FieldConflict(sorted(set(conflicts)))
    for path, _ in conflicts:
        for paths in others.values():
            paths.discard(path)
    result = deepcopy(live)
    for path in owners.get(mine, set()) - new:
        if not any(_overlap(path, one) for paths in (*others.values(), new) for one in paths):
            _remove(result, path)
    for path in new:
        _set(result, path, deepcopy(value(wanted, path)))
    return result, {key: paths for key, paths in {**others, mine: new}.items() if paths}


def update(live: Json, owners: Owners, manager: str, after: Json) -> Owners:
    """Return the owners after a manager has replaced an object: it owns what it has changed."""
    changed = {path for path in fields(after) if value(live, path) != value(after, path)}
    gone = fields(live) - fields(after)
    mine = (manager, "Update")
    kept = {
        key: {path for path in paths if path not in gone and not any(_overlap(path, one) for one in changed)}
        for key, paths in owners.items()
    }
    kept[mine] = kept.get(mine, set()) | changed
    return {key: paths for key, paths in kept.items() if paths}


def managed_fields(owners: Owners, version: str) -> list[Json]:
    """Return owners as `metadata.managedFields` has them."""
    found = []
    for (manager, operation), paths in sorted(owners.items()):
        tree: Json = {}
        for path in sorted(paths):
            node = tree
            for part in path:
                node = node.setdefault(f"f:{part}", {})
        entry = {"manager": manager, "operation": operation, "apiVersion": version}
        found.append({**entry, "fieldsType": "FieldsV1", "fieldsV1": tree})
    return found


def value(content: Json, path: Path) -> Any:
    """Return what is at a path."""
    node: Any = content
    for part in path:
        if not isinstance(node, dict) or part not in node:
            return _MISSING
        node = node[part]
    return node


def _leaves(node: Any, path: Path = ()) -> list[Path]:
    if isinstance(node, dict) and node:
        return [leaf for name, one in node.items() for leaf in _leaves(one, (*path, name))]
    # An empty mapping owns none of the keys that others add.
    return [path] if path and node != {} else []


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _set(content: Json, path: Path, what: Any) -> None:
    node = content
    for part in path[:-1]:
        if not isinstance(node.get(part), dict):
            node[part] = {}
        node = node[part]
    node[path[-1]] = what


def _remove(content: Json, path: Path) -> None:
    nodes = [content]
    for part in path[:-1]:
        if not isinstance(nodes[-1].get(part), dict):
            return
        nodes.append(nodes[-1][part])
    nodes[-1].pop(path[-1], None)
    for node, part in zip(nodes[-2::-1], path[-2::-1], strict=True):
        if node[part]:
            return
        del node[part]
