"""The objects of an API server: their versions, and what happened to them."""

import threading
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from kubernetes_api import ownership

Json = dict[str, Any]
_QUIET = 0.2  # seconds after which a watch looks whether its client is gone


@frozen
class Kind:
    """A kind of objects.

    Args:
        group: "" is the core group.
        plural: Its name in a path.
        name: "VirtualService".
        status: True if it has the subresource.
    """

    group: str
    plural: str
    name: str
    status: bool = False


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        code: HTTP's.
        reason: Kubernetes' name for it.
        message: For a person.
        details: Of the Status.
    """

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }


@define
class _Kept:
    content: Json
    owners: ownership.Owners


@frozen
class Event:
    """A change.

    Args:
        number: The version of the object.
        type: "ADDED", "MODIFIED" or "DELETED".
        kind: Of the object.
        content: The object.
    """

    number: int
    type: str
    kind: Kind
    content: Json = field(eq=False)


class Storage:
    """The objects. Every method may be called from every thread."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Kind, str, str], _Kept] = {}
        self._events: list[Event] = []
        self._version, self._forgotten, self._watches, self._bookmarks = 1, 0, 0, 0
        self._changed = threading.Condition()
        self._ended = self._breaks = False
        self.admission: Callable[[Json], str] = lambda content: ""

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return an object."""
        with self._changed:
            return self._shown(self._found(kind, namespace, name), kind)

    def has(self, kind: Kind, namespace: str, name: str) -> bool:
        """Return True if an object is there."""
        with self._changed:
            return (kind, namespace, name) in self._objects

    def list(self, kind: Kind) -> tuple[int, list[Json]]:
        """Return the version of all, and the objects of a kind."""
        with self._changed:
            return self._version, [self._shown(kept, one) for (one, *_), kept in self._objects.items() if one == kind]

    def create(self, kind: Kind, content: Json, manager: str) -> Json:
        """Create an object."""
        metadata = content["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        with self._changed:
            if (kind, namespace, name) in self._objects:
                text = f'{kind.plural} "{name}" already exists'
                raise Refused(409, "AlreadyExists", text, name=name, kind=kind.plural)
            owners = ownership.update({}, {}, manager, content)
            return self._keep(kind, namespace, name, self._new(kind, content), owners, "ADDED")

    def replace(self, kind: Kind, content: Json, manager: str, *, sub: str = "") -> Json:
        """Replace an object, or its status; with a resourceVersion only if that is the newest."""
        namespace, name = content["metadata"].get("namespace", ""), content["metadata"]["name"]
        with self._changed:
            before = self._found(kind, namespace, name)
            self._check(kind, before.content, content["metadata"].get("resourceVersion"))
            if sub:
                after = {**before.content, "status": content.get("status")}
                return self._keep(kind, namespace, name, after, before.owners, "MODIFIED")
            after = self._inherit(kind, before.content, content)
            owners = ownership.update(before.content, before.owners, manager, after)
            return self._keep(kind, namespace, name, after, owners, "MODIFIED")

    def merge(self, kind: Kind, namespace: str, name: str, patch: Json, manager: str, *, sub: str = "") -> Json:
        """Merge a patch into an object, or into its status."""
        with self._changed:
            before = self._found(kind, namespace, name).content
            self._check(kind, before, (patch.get("metadata") or {}).get("resourceVersion"))
            return self.replace(kind, _merged(before, patch), manager, sub=sub)

    def apply(self, kind: Kind, namespace: str, name: str, content: Json, manager: str, *, force: bool = False) -> Json:
        """Apply what a manager wants of an object, which is created if it is not there."""
        with self._changed:
            before = self._objects.get((kind, namespace, name))
            version = content["metadata"].get("resourceVersion")
            if before is None and version:
                raise Refused(409, "Conflict", f'{kind.plural} "{name}" is not there any more', name=name)
            if before is not None:
                self._check(kind, before.content, version)
            live = before.content if before else {}
            try:
                after, owners = ownership.apply(live, before.owners if before else {}, manager, content, force=force)
            except ownership.FieldConflict as error:
                raise _conflict(error) from error
            if before is None:
                after = {**after, "metadata": {**after.get("metadata", {}), "name": name, "namespace": namespace}}
                after = self._new(kind, {**after, "apiVersion": content["apiVersion"]})
                return self._keep(kind, namespace, name, after, owners, "ADDED")
            after = self._inherit(kind, live, after)
            return self._keep(kind, namespace, name, after, owners, "MODIFIED")

    def delete(self, kind: Kind, namespace: str, name: str, preconditions: Json | None = None) -> Json:
        """Delete an object, if it is as the preconditions say."""
        with self._changed:
            found = self._found(kind, namespace, name)
            for what, wanted in (preconditions or {}).items():
                if found.content["metadata"][what] != wanted:
                    raise Refused(409, "Conflict", f"Precondition failed: {what} is not {wanted}", name=name)
            del self._objects[kind, namespace, name]
            self._version += 1
            found.content["metadata"] = {**found.content["metadata"], "resourceVersion": str(self._version)}
            return self._tell("DELETED", kind, self._shown(found, kind))

    def compact(self) -> None:
        """Forget what happened: a watch from an earlier version is answered 410."""
        with self._changed:
            self._version += 1
            self._events, self._forgotten = [], self._version
            self._changed.notify_all()

    def end_watches(self, *, abruptly: bool = False) -> None:
        """End every watch, as after its time, or abruptly, as when a connection breaks."""
        with self._changed:
            self._watches, self._breaks = self._watches + 1, abruptly
            self._changed.notify_all()

    def bookmark(self) -> None:
        """Tell every watch that wants it the version of all."""
        with self._changed:
            self._bookmarks += 1
            self._version += 1
            self._changed.notify_all()

    def end(self) -> None:
        """End all watches, for ever."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def news(self, kind: Kind, since: int) -> Iterator[Event | int | None]:
        """Yield what happens to a kind after a version, a bookmark's version, and None while nothing does."""
        watches, bookmarks = self._watches, self._bookmarks
        while True:
            with self._changed:
                if self._version <= since:
                    self._changed.wait(_QUIET)
                ends = self._ended or watches != self._watches
                if since < self._forgotten:
                    raise Refused(410, "Expired", f"too old resource version: {since} ({self._forgotten})")
                found: list[Event | int | None] = [
                    one for one in self._events if one.number > since and one.kind == kind
                ]
                since = self._version
                if bookmarks != self._bookmarks:
                    bookmarks = self._bookmarks
                    found.append(self._version)
            yield from found or [None]
            if ends and self._breaks:
                raise ConnectionAbortedError
            if ends:
                return

    def check_continue(self, version: int) -> None:
        """Refuse the rest of a list that is too old."""
        with self._changed:
            if version < self._forgotten:
                raise Refused(410, "Expired", "The provided continue parameter is too old")

    def _found(self, kind: Kind, namespace: str, name: str) -> _Kept:
        found = self._objects.get((kind, namespace, name))
        if found is None:
            text = f'{kind.plural}{"." if kind.group else ""}{kind.group} "{name}" not found'
            raise Refused(404, "NotFound", text, name=name, kind=kind.plural)
        return found

    def _check(self, kind: Kind, content: Json, version: str | None) -> None:
        if version and version != content["metadata"]["resourceVersion"]:
            name = content["metadata"]["name"]
            text = f'Operation cannot be fulfilled on {kind.plural} "{name}": the object has been modified; '
            text += "please apply your changes to the latest version and try again"
            raise Refused(409, "Conflict", text, name=name, kind=kind.plural)

    def _new(self, kind: Kind, content: Json) -> Json:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        added = {"uid": str(uuid.uuid4()), "creationTimestamp": now, "generation": 1}
        found = {**content, "kind": kind.name, "metadata": {**added, **content["metadata"]}}
        return {key: one for key, one in found.items() if key != "status" or not kind.status}

    def _inherit(self, kind: Kind, before: Json, after: Json) -> Json:
        kept = {name: before["metadata"][name] for name in ("uid", "creationTimestamp", "generation", "name")}
        if after.get("spec") != before.get("spec"):
            kept["generation"] += 1
        result = {**after, "kind": kind.name, "metadata": {**after["metadata"], **kept}}
        if kind.status:
            result.pop("status", None)
            result |= {"status": before["status"]} if "status" in before else {}
        return result

    def _keep(self, kind: Kind, namespace: str, name: str, content: Json, owners: ownership.Owners, event: str) -> Json:
        refused = self.admission(content)
        if refused:
            raise Refused(400, "BadRequest", f'admission webhook "validation.test" denied the request: {refused}')
        before = self._objects.get((kind, namespace, name))
        if before is not None and _bare(before.content) == _bare(content) and before.owners == owners:
            return self._shown(before, kind)
        self._version += 1
        metadata = {**content["metadata"], "resourceVersion": str(self._version)}
        metadata.pop("managedFields", None)
        kept = _Kept(deepcopy({**content, "metadata": metadata}), owners)
        self._objects[kind, namespace, name] = kept
        return self._tell(event, kind, self._shown(kept, kind))

    def _tell(self, event: str, kind: Kind, content: Json) -> Json:
        self._events.append(Event(self._version, event, kind, content))
        self._changed.notify_all()
        return content

    def _shown(self, kept: _Kept, kind: Kind) -> Json:
        content = deepcopy(kept.content)
        content["metadata"]["managedFields"] = ownership.managed_fields(kept.owners, content.get("apiVersion", ""))
        return content


def _bare(content: Json) -> Json:
    ignored = {"resourceVersion", "managedFields"}
    return {**content, "metadata": {name: one for name, one in content["metadata"].items() if name not in ignored}}


def _merged(target: Any, patch: Any) -> Any:
    """Return what a merge patch of RFC 7396 makes."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, one in patch.items():
        if one is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), one)
    return found


def _conflict(error: ownership.FieldConflict) -> Refused:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": "." + ".".join(path)}
        for path, manager in error.fields
    ]
    text = "Apply failed with {} conflict{}: {}".format(
        len(causes), "" if len(causes) == 1 else "s", ", ".join(f"{one['message']}: {one['field']}" for one in causes)
    )
    return Refused(409, "Conflict", text, causes=causes)
