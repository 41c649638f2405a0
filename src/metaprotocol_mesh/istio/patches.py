"""The changes that a codec needs in what istiod makes of a port, as the `configPatches` of an EnvoyFilter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_mesh.load import RENDERED
from metaprotocol_mesh.names import short_names
from metaprotocol_mesh.render.clusters import IDLE_TIMEOUT, idle_options, idle_timeout
from metaprotocol_mesh.render.listeners import HCM, HCM_KIND, ROUTER, header_limits
from metaprotocol_mesh.render.pieces import Json, typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaprotocol_mesh.render.engine import Engine
    from metaprotocol_mesh.resolved import Cluster, Listener

METADATA = "METAPROTOCOL"
"""The proxy metadata whose value is the revision of the module and the codecs that a proxy has."""
PRIORITY = 100
"""Of the EnvoyFilters: after those of others, so that admission stays the first HTTP filter."""
POOLED_IDLE = "0.8s"
"""After this time a proxy closes an idle connection to another proxy.

A changed policy is a changed listener, and a pooled connection meets it only after one more request. With this, a DENY
holds a second after it came. A caller that calls less often pays a handshake for each call."""
INBOUND_IDLE = "2s"
"""After this time the other side closes it, if `idleTimeout` of a DestinationRule lets a pool keep it for longer. It is
well above `POOLED_IDLE`, so that no request meets a connection which the other side is closing. Connections of clients
without a proxy stay open."""

_DIRECTIONS = {"outbound": "SIDECAR_OUTBOUND", "inbound": "SIDECAR_INBOUND", "gateway": "GATEWAY"}


def envoy_filter(
    name: str, namespace: str, selector: Mapping[str, str], revision: str, patches: Sequence[Json]
) -> Json:
    """Return an EnvoyFilter.

    Args:
        name: What it is for; its own name says whose it is, too, and the revision.
        namespace: The object's.
        selector: The labels of the proxies that it changes; empty is all of the namespace.
        revision: Of the module and the codecs.
        patches: Its changes.
    """
    spec: Json = {"priority": PRIORITY}
    if selector:
        spec["workloadSelector"] = {"labels": dict(selector)}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {
            "name": f"metaprotocol-{name}-{revision}",
            "namespace": namespace,
            "labels": {**RENDERED, "metaprotocol.io/revision": revision},
        },
        "spec": {**spec, "configPatches": list(patches)},
    }


@frozen
class Patches:
    """Makes changes for the proxies that have the module.

    Args:
        engine: In these proxies.
        metadata: The proxy metadata by which they say so; proxies without it are left as they are.
        filters: Names and configurations of filters in Python, in their order.
    """

    engine: Engine
    metadata: Mapping[str, str]
    filters: Sequence[tuple[str, str]] = field(default=())

    def listener(self, listener: Listener, incomplete: str, *, shared: bool = False) -> list[Json]:
        """Return the changes of a listener.

        Args:
            listener: It; its name is that of istiod, or "" to find it by its port.
            incomplete: "refuse" or "pass" messages whose properties may lack some.
            shared: True if other services have the port, too, and connections of theirs must pass.

        Raises:
            ConfigurationError: A setting of the listener's annotations cannot be used.
        """
        found = []
        if shared:
            found.append(
                self._patch(
                    listener, "LISTENER_FILTER", "INSERT_BEFORE", self.engine.listener_filter(listener),
                    listenerFilter="envoy.filters.listener.http_inspector",
                )
            )  # fmt: skip
        manager = header_limits(listener.codec)
        if not shared:
            manager = {"codec_type": "HTTP2", **manager}
        codec = self.engine.codec_filter(listener, incomplete)
        found += [
            self._patch(listener, "NETWORK_FILTER", "INSERT_BEFORE", codec, filterChain=_chain()),
            self._patch(listener, "NETWORK_FILTER", "MERGE", typed(HCM, HCM_KIND, **manager), filterChain=_chain()),
        ]
        if listener.direction == "inbound":
            idle = typed(HCM, HCM_KIND, common_http_protocol_options={"idle_timeout": INBOUND_IDLE})
            chain = {"transportProtocol": "tls", **_chain()}
            found.append(self._patch(listener, "NETWORK_FILTER", "MERGE", idle, filterChain=chain))
        admission = self.engine.admission_filter()
        found.append(self._patch(listener, "HTTP_FILTER", "INSERT_FIRST", admission, filterChain=_chain()))
        for name, config in self.filters:
            python = self.engine.python_filter(name, config)
            found.append(self._patch(listener, "HTTP_FILTER", "INSERT_BEFORE", python, filterChain=_chain(ROUTER)))
        return found

    def cluster(self, cluster: Cluster, direction: str) -> Json:
        """Return the change of a cluster, and of its subsets that are not changed for themselves.

        Args:
            cluster: It.
            direction: "outbound", "inbound" or "gateway": of the proxies that have it.
        """
        value = self.engine.bridge()
        idle = idle_timeout(cluster.policy.connection_pool)
        default = IDLE_TIMEOUT if direction == "inbound" else POOLED_IDLE
        value["typed_extension_protocol_options"].update(idle_options(str(idle) if idle else default))
        match: Json = {"portNumber": cluster.port.number}
        if cluster.service is not None:
            match["service"] = cluster.service.host
        if cluster.subset:
            match["subset"] = cluster.subset
        return {
            "applyTo": "CLUSTER",
            "match": {**self._match(direction), "cluster": match},
            "patch": {"operation": "MERGE", "value": value},
        }

    def names(self, cluster: Cluster, direction: str) -> Json | None:
        """Return the change that lets clients call a service by more names; None if it has no others.

        Args:
            cluster: Of the service, at the port that they call.
            direction: As of `cluster`.
        """
        service = cluster.service
        if service is None:
            return None
        # Envoy refuses all routes of a port in which a domain is twice; istiod gives these to callers of the namespace.
        given = short_names(service.host, service.namespace)
        names = [one for one in service.names if one not in given]
        if not names:
            return None
        return {
            "applyTo": "VIRTUAL_HOST",
            "match": {
                **self._match(direction),
                "routeConfiguration": {"vhost": {"name": f"{service.host}:{cluster.port.number}"}},
            },
            "patch": {
                "operation": "MERGE",
                "value": {"domains": names},  # istiod ignores the port of an authority
            },
        }

    def _patch(self, listener: Listener, kind: str, operation: str, value: Json, **match: object) -> Json:
        place: Json = {"portNumber": listener.port}
        if listener.name:
            place["name"] = listener.name
        return {
            "applyTo": kind,
            "match": {**self._match(listener.direction), "listener": {**place, **match}},
            "patch": {"operation": operation, "value": value},
        }

    def _match(self, direction: str) -> Json:
        return {"context": _DIRECTIONS[direction], "proxy": {"metadata": dict(self.metadata)}}


def _chain(filter_: str = "") -> Json:
    found: Json = {"name": HCM}
    if filter_:
        found["subFilter"] = {"name": filter_}
    return {"filter": found}
