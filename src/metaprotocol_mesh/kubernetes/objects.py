"""Objects of the API server, which are dictionaries as their JSON has them, and the names of their kinds."""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import frozen

Json: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str]
"""Namespace and name; the namespace of what has none is ""."""


@frozen
class Resource:
    """A kind of objects that have a namespace.

    Args:
        version: Group and version: "v1", "networking.istio.io/v1".
        plural: Its name in a path: "virtualservices".
        kind: "VirtualService".
    """

    version: str
    plural: str
    kind: str

    @property
    def title(self) -> str:
        """Its name for kubectl: "virtualservices.networking.istio.io"."""
        group, slash, _ = self.version.partition("/")
        return f"{self.plural}.{group}" if slash else self.plural

    def path(self, namespace: str, *more: str) -> str:
        """Return the path of its objects in a namespace ("" for all), or of one of them."""
        parts = ["apis" if "/" in self.version else "api", self.version]
        parts += ["namespaces", namespace] if namespace else []
        return "/" + "/".join([*parts, self.plural, *more])


def key_of(content: Json) -> Key:
    """Return the namespace and the name of an object."""
    metadata = content["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def title(content: Json) -> str:
    """Return the kind and the name of an object: "VirtualService default/reviews"."""
    return f"{content['kind']} {'/'.join(key_of(content))}"
