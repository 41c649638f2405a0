"""Requests to an API server: paths, selectors and permissions."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from kubernetes_api.storage import Json, Kind, Refused

_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)


@frozen
class Request:
    """What is asked for.

    Args:
        verb: "list", "watch", "get", "create", "update", "patch" or "delete", as roles name it.
        kind: The kind of the objects.
        version: Of its group, as an object names it: "networking.istio.io/v1".
        namespace: "" for all.
        name: Of one object; "" for a collection.
        sub: Its subresource.
        query: The parameters.
    """

    verb: str
    kind: Kind
    version: str
    namespace: str
    name: str
    sub: str
    query: dict[str, str]

    @property
    def resource(self) -> str:
        """The resource as roles name it: "metarouters/status"."""
        return f"{self.kind.plural}/{self.sub}" if self.sub else self.kind.plural

    def takes(self, content: Json) -> bool:
        """Return True if an object is among those that are asked for."""
        metadata = content["metadata"]
        labels = metadata.get("labels") or {}
        return (
            self.namespace in ("", metadata.get("namespace", ""))
            and all(_selected(one, _flat(content)) for one in self.query.get("fieldSelector", "").split(",") if one)
            and all(_selected(one, labels) for one in self.query.get("labelSelector", "").split(",") if one)
        )


def forbidden(request: Request) -> Refused:
    """Return the answer to a request for which there is no permission."""
    text = f'{request.kind.plural} is forbidden: User "test" cannot {request.verb} resource '
    return Refused(403, "Forbidden", f'{text}"{request.resource}" in API group "{request.kind.group}"')


def _selected(requirement: str, labels: dict[str, str]) -> bool:
    """Return True if labels meet one requirement of a selector: `a=b`, `a!=b`, `a` or `!a`."""
    name, equals, value = requirement.partition("=")
    if equals:
        negated = name.endswith("!")
        return (labels.get(name.rstrip("!")) == value.lstrip("=")) != negated
    return (name.lstrip("!") in labels) != name.startswith("!")


def _flat(content: Json, path: str = "") -> dict[str, str]:
    """Return the texts of an object by their paths, as field selectors name them."""
    found = {}
    for name, one in content.items():
        if isinstance(one, dict):
            found |= _flat(one, f"{path}{name}.")
        elif isinstance(one, str):
            found[f"{path}{name}"] = one
    return found


def read(verb: str, target: str, kind_of: Callable[[str, str], Kind]) -> Request:
    """Return the request that a method and a path are.

    Args:
        verb: Of the method; "get" may become "list" or "watch".
        target: Path and query.
        kind_of: Returns the kind of a group and a plural.
    """
    parts = urlsplit(target)
    found = _PATH.fullmatch(parts.path)
    if found is None:
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if verb == "get" and not found["name"]:
        verb = "watch" if query.get("watch") in ("true", "1") else "list"
    group, sub = found["group"] or "", found["sub"] or ""
    kind = kind_of(group, found["plural"])
    if sub and not (sub == "status" and kind.status):
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    version = found["core"] or f"{group}/{found['version']}"
    return Request(verb, kind, version, found["namespace"] or "", found["name"] or "", sub, query)
