"""Converts the objects of Aeraki Mesh to those of Istio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.aeraki import virtual_service
from metaprotocol_mesh.codec_names import CodecNames
from metaprotocol_mesh.istio.patches import METADATA, envoy_filter
from metaprotocol_mesh.istio.services import number_of_target, with_entries
from metaprotocol_mesh.model import (
    ApplicationProtocol,
    MetaRouter,
    Object,
    Service,
    ServiceEntry,
    VirtualService,
)
from metaprotocol_mesh.names import full_name
from metaprotocol_mesh.places import Problem
from metaprotocol_mesh.render.limits import limits_of, local_filter, shared_filter
from metaprotocol_mesh.render.listeners import HCM, ROUTER
from metaprotocol_mesh.resolved import Limits, Listener, VirtualHost
from metaprotocol_mesh.structure import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaprotocol_mesh.load import Configuration
    from metaprotocol_mesh.render.pieces import Json

_HIDDEN = "kubectl.kubernetes.io/"


@frozen
class Converted:
    """The result of converting Aeraki's objects.

    Args:
        objects: Istio's.
        notes: What has no equivalent, or has to be done by hand.
    """

    objects: list[Json]
    notes: list[Problem]


def convert(configuration: Configuration, revisions: Sequence[str]) -> Converted:
    """Return the objects of Istio that stand for those of Aeraki Mesh.

    Args:
        configuration: MetaRouters, ApplicationProtocols and the Services that they speak of.
        revisions: Of the module: limits reach proxies that have one of them.
    """
    notes = list(_renamed(configuration))
    objects: list[Json] = []
    for router in configuration.of(MetaRouter):
        found = convert_router(router, _service(configuration, router), revisions)
        objects += found.objects
        notes += found.notes
    return Converted(objects, [one.as_warning() for one in notes])


def convert_router(router: Object[MetaRouter], service: Object[Service] | None, revisions: Sequence[str]) -> Converted:
    """Return the objects of Istio that stand for a MetaRouter.

    Args:
        router: It.
        service: Of its host, whose pods have the proxies that count its limits.
        revisions: As of `convert`.
    """
    objects: list[Json] = []
    notes: list[Problem] = []
    found = virtual_service(router)
    if found is not None:
        objects.append(_virtual_service(router, found.spec))
    if router.spec.local_rate_limit is not None or router.spec.global_rate_limit is not None:
        if service is None or not service.spec.selector:
            text = f"the limits of {router.title} are counted by the proxies of its servers, and no Service says which"
            notes.append(Problem(router.spec.at, text, f"give the Service of {router.spec.hosts[0]}, too"))
        else:
            objects += (_limits(router, service, one) for one in revisions)
    return Converted(objects, notes)


def _virtual_service(router: Object[MetaRouter], spec: VirtualService) -> Json:
    metadata: Json = {"name": router.metadata.name, "namespace": router.metadata.namespace}
    for name in ("labels", "annotations"):
        kept = {key: one for key, one in getattr(router.metadata, name).items() if not key.startswith(_HIDDEN)}
        if kept:
            metadata[name] = kept
    version = "networking.istio.io/v1"
    return {"apiVersion": version, "kind": "VirtualService", "metadata": metadata, "spec": written(spec)}


def _service(configuration: Configuration, router: Object[MetaRouter]) -> Object[Service] | None:
    host = full_name(router.spec.hosts[0], router.metadata.namespace)
    for one in configuration.of(Service):
        if full_name(one.metadata.name, one.metadata.namespace) == host and one.spec.selector:
            return one
    return None


def _limits(router: Object[MetaRouter], service: Object[Service], revision: str) -> Json:
    """Return the EnvoyFilter that lets the proxies of a service's pods count."""
    limits = Limits(router.title, router.spec.at, router.spec.local_rate_limit, router.spec.global_rate_limit)
    host = VirtualHost("", ("*",), (), limits)
    filters = [local_filter()] if limits.local is not None else []
    shared = shared_filter(Listener("", "", 0, "", "inbound", (host,), ""))
    filters += [shared] if shared is not None else []
    patches: list[Json] = []
    base: Json = {"context": "SIDECAR_INBOUND", "proxy": {"metadata": {METADATA: revision}}}
    for port in service.spec.ports:
        place = {
            "portNumber": number_of_target(port) or port.port,
            "filterChain": {"filter": {"name": HCM, "subFilter": {"name": ROUTER}}},
        }
        patches += (
            {
                "applyTo": "HTTP_FILTER",
                "match": {**base, "listener": place},
                "patch": {"operation": "INSERT_BEFORE", "value": one},
            }
            for one in filters
        )
        patches.append(
            {
                "applyTo": "VIRTUAL_HOST",
                "match": {**base, "routeConfiguration": {"vhost": {"name": f"inbound|http|{port.port}"}}},
                "patch": {"operation": "MERGE", "value": limits_of(limits)},
            }
        )
    name = f"limits-{router.metadata.name}"
    return envoy_filter(name, service.metadata.namespace, service.spec.selector, revision, patches)


def _renamed(configuration: Configuration) -> Iterator[Problem]:
    """Yield the ports that need another name, and the ApplicationProtocols that nothing needs any more."""
    protocols = configuration.of(ApplicationProtocol)
    codecs = CodecNames.here(protocols)
    for protocol in protocols:
        text = f"{protocol.title} has no equivalent: the name of a port names the codec itself"
        yield Problem(protocol.spec.at, text, f"name ports http-{codecs.protocols[protocol.spec.protocol]}")
    for owner in with_entries(configuration).of(ServiceEntry):
        for port in owner.spec.ports:
            codec = codecs.of_port(port.name)
            if codec and port.name.startswith("tcp-"):
                text = f"istiod takes the port {port.name!r} of {owner.title} for TCP"
                yield Problem(port.at, text, f"add a port with the name http-{codec}")
