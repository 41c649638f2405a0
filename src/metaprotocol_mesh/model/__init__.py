"""The configuration as classes: kinds of Istio, Aeraki and Kubernetes, as far as they are supported."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import ClassVar, Generic, TypeVar

from attrs import frozen

from metaprotocol_mesh.model.aeraki import ApplicationProtocol, MetaRouter
from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, Percent, StringMatch, entry, yaml_name
from metaprotocol_mesh.model.destination_rule import DestinationRule
from metaprotocol_mesh.model.extensions import EnvoyFilter, Telemetry, WasmPlugin
from metaprotocol_mesh.model.kubernetes import Service
from metaprotocol_mesh.model.networking import Gateway, ServiceEntry, Sidecar
from metaprotocol_mesh.model.operator import IstioOperator
from metaprotocol_mesh.model.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from metaprotocol_mesh.model.virtual_service import VirtualService

Spec = TypeVar("Spec", bound=Item)

_NETWORKING = ("networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3")
_SECURITY = ("security.istio.io/v1", "security.istio.io/v1beta1")
_TELEMETRY = ("telemetry.istio.io/v1", "telemetry.istio.io/v1alpha1")
_EXTENSIONS = ("extensions.istio.io/v1alpha1",)
_AERAKI = ("metaprotocol.aeraki.io/v1alpha1",)

KINDS: dict[str, tuple[type[Item], tuple[str, ...]]] = {
    "ServiceEntry": (ServiceEntry, _NETWORKING),
    "VirtualService": (VirtualService, _NETWORKING),
    "DestinationRule": (DestinationRule, _NETWORKING),
    "Gateway": (Gateway, _NETWORKING),
    "Sidecar": (Sidecar, _NETWORKING),
    "EnvoyFilter": (EnvoyFilter, _NETWORKING[2:]),
    "AuthorizationPolicy": (AuthorizationPolicy, _SECURITY),
    "PeerAuthentication": (PeerAuthentication, _SECURITY),
    "RequestAuthentication": (RequestAuthentication, _SECURITY),
    "Telemetry": (Telemetry, _TELEMETRY),
    "WasmPlugin": (WasmPlugin, _EXTENSIONS),
    "IstioOperator": (IstioOperator, ("install.istio.io/v1alpha1",)),
    "MetaRouter": (MetaRouter, _AERAKI),
    "ApplicationProtocol": (ApplicationProtocol, _AERAKI),
    "Service": (Service, ("v1",)),
}
"""The kinds, and the `apiVersion`s under which each is known."""


@frozen(kw_only=True)
class ObjectMeta(Item):
    """The name, namespace and labels of an object, as in Kubernetes."""

    IGNORED: ClassVar[frozenset[str]] = frozenset(
        [
            "creationTimestamp",
            "generation",
            "resourceVersion",
            "uid",
            "selfLink",
            "managedFields",
            "ownerReferences",
            "finalizers",
        ]
    )

    name: str = entry("part of names in Envoy", REQUIRED, pattern=r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
    namespace: str = entry("how names resolve", "default", pattern=r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
    labels: Mapping[str, str] = entry("nothing", {})
    annotations: Mapping[str, str] = entry("`metaprotocol.io/*` are settings", {})


@frozen
class Object(Generic[Spec]):
    """An object of a file.

    Args:
        kind: "VirtualService".
        metadata: Its name.
        spec: What it says.
    """

    kind: str
    metadata: ObjectMeta
    spec: Spec

    @property
    def title(self) -> str:
        """Its kind and name: "VirtualService default/reviews"."""
        return f"{self.kind} {self.metadata.namespace}/{self.metadata.name}"


__all__ = [
    "KINDS",
    "ApplicationProtocol",
    "AuthorizationPolicy",
    "DestinationRule",
    "Duration",
    "EnvoyFilter",
    "Gateway",
    "IstioOperator",
    "Item",
    "MetaRouter",
    "Object",
    "ObjectMeta",
    "PeerAuthentication",
    "Percent",
    "RequestAuthentication",
    "Service",
    "ServiceEntry",
    "Sidecar",
    "StringMatch",
    "Telemetry",
    "VirtualService",
    "WasmPlugin",
    "yaml_name",
]
