"""The objects put together: listeners, their routes, and the clusters of those.

Names are whole here, defaults are filled in, and what an object refers to is there. Rendering and `explain` read this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from metaprotocol_mesh.places import NOWHERE, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_mesh.model import (
        AuthorizationPolicy,
        EnvoyFilter,
        Object,
        RequestAuthentication,
        ServiceEntry,
        Telemetry,
        WasmPlugin,
    )
    from metaprotocol_mesh.model.aeraki import GlobalRateLimit, LocalRateLimit
    from metaprotocol_mesh.model.base import Percent
    from metaprotocol_mesh.model.destination_rule import (
        ClientTLSSettings,
        ConnectionPoolSettings,
        ConsistentHash,
        LoadBalancerSettings,
        OutlierDetection,
        RetryBudget,
    )
    from metaprotocol_mesh.model.networking import ServerTLSSettings
    from metaprotocol_mesh.model.operator import ExtensionProvider
    from metaprotocol_mesh.model.virtual_service import Headers, HTTPMatchRequest, HTTPRoute

LOCALITY_LABELS = ("topology.istio.io/locality", "istio-locality")
"""The labels of a proxy that tell where it is, the one that goes first before the other."""

Direction = Literal["outbound", "inbound", "gateway"]


@frozen
class Proxy:
    """The Envoy that is configured.

    Args:
        namespace: Its namespace.
        labels: Its labels, which objects select it by.
    """

    namespace: str = "default"
    labels: Mapping[str, str] = field(factory=dict)

    @property
    def app(self) -> str:
        """The name: the label `app`."""
        return self.labels.get("app", "metaprotocol")

    @property
    def locality(self) -> str:
        """region/zone/subzone, or "". Istio reads it from the same labels, where a dot stands for the slash."""
        found = next((self.labels[name] for name in LOCALITY_LABELS if name in self.labels), "")
        return found if "/" in found else found.replace(".", "/")


@frozen
class ServicePort:
    """A port of a service. `codec` is "" if it is plain HTTP."""

    number: int
    name: str
    codec: str
    target: int


@frozen
class Service:
    """A service.

    Args:
        host: Its whole name.
        namespace: That of its ServiceEntry.
        ports: By number.
        entry: What the file says.
        names: More names that clients may call it by.
        export_to: Namespaces that see it; empty is all.
    """

    host: str
    namespace: str
    ports: Mapping[int, ServicePort]
    entry: ServiceEntry = field(repr=False)
    names: tuple[str, ...] = ()
    export_to: tuple[str, ...] = ()


@frozen
class Policy:
    """The traffic policy of one cluster, port and subset considered."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    retry_budget: RetryBudget | None = None


@frozen
class Cluster:
    """Servers that a route leads to.

    Args:
        name: As istiod names it: "outbound|9080|v1|reviews.default.svc.cluster.local".
        port: The port of the service.
        service: None if it is the program next to the proxy.
        subset: "" if it is all servers.
        labels: Those of the subset.
        policy: How they are called.
        endpoint: The address of the program next to the proxy.
    """

    name: str
    port: ServicePort
    service: Service | None = None
    subset: str = ""
    labels: Mapping[str, str] = field(factory=dict)
    policy: Policy = field(factory=Policy)
    endpoint: str = ""


@frozen
class Target:
    """A cluster and its weight. `share` is its part of all weights."""

    cluster: Cluster
    weight: int
    share: float
    headers: Headers | None = None


@frozen
class Mirror:
    """A cluster that gets copies; all if there is no percentage."""

    cluster: Cluster
    percentage: Percent | None


@frozen
class Rule:
    """A route: one condition of one rule of a VirtualService.

    Args:
        title: "VirtualService default/reviews, http[0]".
        name: Of Envoy's route.
        place: Where it is written.
        match: None if everything matches.
        http: What the file says; None for the route of a service that has no VirtualService.
        targets: Where requests go.
        mirrors: Where copies go.
        hashes: What is hashed to choose a server.
    """

    title: str
    name: str
    place: Place
    match: HTTPMatchRequest | None
    http: HTTPRoute | None
    targets: tuple[Target, ...]
    mirrors: tuple[Mirror, ...] = ()
    hashes: tuple[ConsistentHash, ...] = ()


@frozen
class Limits:
    """The rate limits of a virtual host."""

    title: str
    place: Place
    local: LocalRateLimit | None = None
    shared: GlobalRateLimit | None = None
    shared_cluster: str = ""


@frozen
class VirtualHost:
    """The rules of the requests to one host.

    Args:
        name: "reviews.default.svc.cluster.local:9080".
        domains: What `:authority` may be.
        rules: The first that matches wins.
        limits: None if there are none.
    """

    name: str
    domains: tuple[str, ...]
    rules: tuple[Rule, ...]
    limits: Limits | None = None


@frozen
class Listener:
    """A port that clients connect to.

    Args:
        name: "127.0.0.1_19080".
        address: An IP address.
        port: Its number.
        codec: The protocol.
        direction: Of a Sidecar's egress or ingress, or of a Gateway.
        hosts: Its routes.
        authority: The host of requests that name no service.
        authority_property: The property that names the service; "" if the authority is fixed.
        tls: Its certificates.
        settings: Annotations `metaprotocol.io/<name>`, by name.
        place: Where it is written.
    """

    name: str
    address: str
    port: int
    codec: str
    direction: Direction
    hosts: tuple[VirtualHost, ...]
    authority: str
    authority_property: str = ""
    tls: ServerTLSSettings | None = None
    settings: Mapping[str, str] = field(factory=dict)
    place: Place = NOWHERE


@frozen
class Provider:
    """A provider of MeshConfig, which policies and Telemetry name: a service, a log or metrics.

    Args:
        says: What the file says.
        cluster: The name of the service's cluster; "" if it is not a service.
    """

    says: ExtensionProvider
    cluster: str = ""


@frozen
class Mesh:
    """The listeners and clusters of one Envoy.

    Args:
        proxy: Which.
        listeners: Its ports.
        clusters: Where they lead, by name.
        policies: AuthorizationPolicies of this proxy.
        authentications: RequestAuthentications of this proxy.
        telemetries: Telemetry of this proxy, the most general first.
        plugins: WasmPlugins of this proxy.
        patches: EnvoyFilters of this proxy, in their order.
        authorizer: The service that its CUSTOM policies ask.
        issuers: The clusters that the keys of its tokens are fetched from, by URL.
        providers: What Telemetry names, by name.
    """

    proxy: Proxy
    listeners: tuple[Listener, ...]
    clusters: Mapping[str, Cluster]
    policies: tuple[Object[AuthorizationPolicy], ...] = ()
    authentications: tuple[Object[RequestAuthentication], ...] = ()
    telemetries: tuple[Object[Telemetry], ...] = ()
    plugins: tuple[Object[WasmPlugin], ...] = ()
    patches: tuple[Object[EnvoyFilter], ...] = ()
    authorizer: Provider | None = None
    issuers: Mapping[str, str] = field(factory=dict)
    providers: Mapping[str, Provider] = field(factory=dict)

    def incomplete(self, listener: Listener) -> str:
        """Return what happens to messages whose properties may lack some: "refuse" or "pass".

        A rule that denies by a property must not fail open. So they are refused where clients outside or policies are,
        and where limits or filters look at properties, unless the listener's annotation says otherwise.

        Args:
            listener: One of the mesh's.
        """
        judged = (
            listener.direction != "outbound"
            or bool(self.plugins)
            or any(one.apply_to != "CLUSTER" for owner in self.patches for one in owner.spec.config_patches)
            or any(host.limits is not None for host in listener.hosts)
        )
        return listener.settings.get("incomplete") or ("refuse" if judged else "pass")
