"""The EnvoyFilters of a configuration: which proxies change what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from metaprotocol_mesh.codec_names import CodecNames
from metaprotocol_mesh.istio.patches import METADATA, Patches, envoy_filter
from metaprotocol_mesh.istio.services import owners_of_hosts, rules_of_hosts, with_entries
from metaprotocol_mesh.listeners import settings_of
from metaprotocol_mesh.load import Configuration
from metaprotocol_mesh.model import (
    ApplicationProtocol,
    Gateway,
    Item,
    Object,
    Service,
    ServiceEntry,
    Sidecar,
    VirtualService,
)
from metaprotocol_mesh.names import cluster_name, selects, short_names
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Problem
from metaprotocol_mesh.resolve import resolve
from metaprotocol_mesh.resolved import Cluster, Listener, Mesh, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from metaprotocol_mesh.render.engine import Engine
    from metaprotocol_mesh.render.pieces import Json

NAMES = "metaprotocol.io/names"
"""The annotation of a service with more names that clients may call it by."""
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a name of istiod's listeners


@frozen
class Scope:
    """The proxies that are changed.

    Args:
        namespace: Theirs; "" is all.
        labels: Theirs; empty is all of the namespace.
        root: Istio's root namespace, whose EnvoyFilters hold in all.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(factory=dict)
    root: str = "istio-system"

    @property
    def home(self) -> str:
        """The namespace of EnvoyFilters that hold for the whole scope."""
        return self.namespace or self.root

    def holds(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """Return True if an object that selects proxies of a namespace selects some of the scope."""
        return self.namespace in ("", namespace) and selects(selector, self.labels or selector)


@frozen
class Options:
    """Choices for the EnvoyFilters that are made.

    Args:
        scope: The proxies.
        revision: Of the module and the codecs: EnvoyFilters of two revisions can be there at the same time.
        filters: Names and configurations of filters in Python.
    """

    scope: Scope = field(factory=Scope)
    revision: str = "1"
    filters: Sequence[tuple[str, str]] = ()


def envoy_filters(configuration: Configuration, engine: Engine, options: Options) -> list[Json]:
    """Return the EnvoyFilters.

    Args:
        configuration: Services, and the Sidecars, Gateways and rules that speak of them.
        engine: As the proxies have it.
        options: How they are made.

    Raises:
        ConfigurationError: Something is wrong; it tells of all.
    """
    return _Filters(configuration, engine, options).all()


class _Filters:
    def __init__(self, configuration: Configuration, engine: Engine, options: Options) -> None:
        self._raw, self._options, self._scope = configuration, options, options.scope
        self._patches = Patches(engine, {METADATA: options.revision}, options.filters)
        self._problems: list[Problem] = []
        protocols = configuration.of(ApplicationProtocol)
        self._codecs = CodecNames.here(protocols)
        entries = with_entries(configuration).of(ServiceEntry)
        self._owners = owners_of_hosts(entries)
        rules = rules_of_hosts(configuration, self._owners)
        self._base: list[Object[Item]] = [*protocols, *entries, *rules]  # type: ignore[list-item]
        self._clusters = self._speaking()

    def all(self) -> list[Json]:
        """Return them, in an order that stays the same."""
        found = [*self._outbound(), *self._of_sidecars(), *self._inbound(), *self._of_gateways()]
        if not found and not self._problems:
            place = next((one.metadata.at for one in self._owners.values()), NOWHERE)
            text = "no service here speaks a codec's protocol to the proxies that are chosen"
            self._problems.append(Problem(place, text, "name its port http-<codec>"))
        if self._problems:
            raise ConfigurationError(dict.fromkeys(self._problems))
        return found

    def _resolve(self, more: Iterable[Object[Item]], proxy: Proxy) -> Mesh | None:
        try:
            return resolve(Configuration([*self._base, *more]), proxy.namespace, proxy.labels)
        except ConfigurationError as error:
            self._problems += error.problems
            return None

    def _speaking(self) -> dict[str, Cluster]:
        """Return the clusters of services that speak a codec's protocol, whoever sees them."""
        namespaces = {one.metadata.namespace for one in self._owners.values()}
        found: dict[str, Cluster] = {}
        for namespace in sorted(namespaces):
            mesh = self._resolve([], Proxy(namespace))
            found.update(mesh.clusters if mesh is not None else {})
        return {name: cluster for name, cluster in sorted(found.items()) if cluster.port.codec}

    def _outbound(self) -> Iterator[Json]:
        """Yield the EnvoyFilter of the listeners that istiod makes by itself, one for each number of a port."""
        ports: dict[int, list[Cluster]] = {}
        for cluster in self._clusters.values():
            if not cluster.subset:
                ports.setdefault(cluster.port.number, []).append(cluster)
        patches: list[Json] = []
        for number, sharing in sorted(ports.items()):
            patches += self._of_listener(self._shared_listener(number, sharing), Mesh(Proxy(), (), {}), shared=True)
        patches += self._of_clusters("outbound")
        if patches:
            yield self._object("outbound", self._scope.home, self._scope.labels, patches)

    def _shared_listener(self, number: int, sharing: list[Cluster]) -> Listener:
        first, *others = sharing
        settings = self._settings(first)
        for one in others:
            if one.port.codec != first.port.codec:
                text = f"{_host(first)} speaks {first.port.codec} on port {number}, and {_host(one)} {one.port.codec}"
                hint = "all services with a port's number share a listener of istiod: give one another port"
                self._problems.append(Problem(self._owner(one).spec.at.of("ports"), text, hint))
            elif self._settings(one) != settings:
                text = f"{_host(first)} and {_host(one)} share the listener of port {number}"
                hint = "give both the same annotations metaprotocol.io/*"
                self._problems.append(Problem(self._owner(one).metadata.at, text, hint))
        self._names_once(number, sharing)
        return Listener(
            f"{ANY_ADDRESS}_{number}", ANY_ADDRESS, number, first.port.codec, "outbound", (), "$dst",
            settings={"foreign": "pass", **settings}, place=self._owner(first).metadata.at,
        )  # fmt: skip

    def _names_once(self, number: int, sharing: list[Cluster]) -> None:
        """Tell of names that two services of a port have: Envoy would refuse all routes of the port."""
        services = [one.service for one in sharing if one.service is not None]
        given = {one.host: short_names(one.host, one.namespace) for one in services}
        owners = {name: host for host, names in given.items() for name in names}
        for one in services:
            for name in one.names:
                if name not in given[one.host] and owners.setdefault(name, one.host) != one.host:
                    text = f"{name!r} is a name of {owners[name]}, too: Envoy would refuse all routes of port {number}"
                    place = self._owners[one.host].metadata.at.of("annotations")
                    self._problems.append(Problem(place, text, "give it to one of them"))

    def _owner(self, cluster: Cluster) -> Object[ServiceEntry]:
        return self._owners[_host(cluster)]

    def _settings(self, cluster: Cluster) -> dict[str, str]:
        metadata = self._owner(cluster).metadata
        annotations = {name: one for name, one in metadata.annotations.items() if name != NAMES}
        return settings_of(evolve(metadata, annotations=annotations), self._problems)

    def _of_listener(self, listener: Listener, mesh: Mesh, *, shared: bool = False) -> list[Json]:
        try:
            return self._patches.listener(listener, mesh.incomplete(listener), shared=shared)
        except ConfigurationError as error:
            self._problems += error.problems
            return []

    def _of_clusters(self, direction: str) -> Iterator[Json]:
        for cluster in self._clusters.values():
            if not cluster.subset:
                yield self._patches.cluster(cluster, direction)
                names = self._patches.names(cluster, direction)
                if names is not None:
                    yield names
        for cluster in self._clusters.values():
            whole = self._clusters[cluster_name(cluster.port.number, "", _host(cluster))]
            if cluster.policy.connection_pool != whole.policy.connection_pool:
                yield self._patches.cluster(cluster, direction)

    def _of_sidecars(self) -> Iterator[Json]:
        for sidecar in self._raw.of(Sidecar):
            spec, namespace = sidecar.spec, sidecar.metadata.namespace
            selector = spec.workload_selector.labels if spec.workload_selector else {}
            # The others are among those that istiod makes by itself.
            egress = [one for one in spec.egress if one.port and one.capture_mode == "NONE"]
            spec = evolve(
                spec,
                egress=tuple(one for one in egress if one.port and self._codecs.of_port(one.port.name)),
                ingress=tuple(one for one in spec.ingress if self._codecs.of_port(one.port.name)),
            )
            if not self._scope.holds(namespace, selector) or not (spec.egress or spec.ingress):
                continue
            numbers = {cluster.port.number for cluster in self._clusters.values()}
            for one in spec.egress:
                if one.port and one.port.number not in numbers:
                    text = f"istiod gives this listener no service: none has a codec's port {one.port.number}"
                    self._problems.append(Problem(one.at.of("port"), text, "give it the number of the service's port"))
            mesh = self._resolve([evolve(sidecar, spec=spec)], Proxy(namespace, selector))  # type: ignore[list-item]
            if mesh is None:
                continue
            patches: list[Json] = []
            for listener in mesh.listeners:
                patches += self._of_listener(evolve(listener, name=""), mesh)
            for cluster in mesh.clusters.values():
                if cluster.service is None:
                    patches.append(self._patches.cluster(cluster, "inbound"))
            yield self._object(f"sidecar-{sidecar.metadata.name}", namespace, self._scope.labels or selector, patches)

    def _inbound(self) -> Iterator[Json]:
        """Yield the EnvoyFilters of the pods that Services select."""
        kept: list[tuple[str, Mapping[str, str], int]] = []
        for service in sorted(self._raw.of(Service), key=lambda one: (len(one.spec.selector), one.title)):
            namespace, selector = service.metadata.namespace, service.spec.selector
            if not selector or not self._scope.holds(namespace, selector):
                continue
            patches: list[Json] = []
            for cluster in self._clusters.values():
                port = cluster.port
                if cluster.subset or self._owner(cluster).metadata is not service.metadata:
                    continue
                written = next(one for one in service.spec.ports if one.port == port.number)
                if isinstance(written.target_port, str):
                    text = f"the number of the pods' port {written.target_port!r} is not here"
                    self._problems.append(Problem(written.at.of("targetPort"), text, "write the number"))
                    continue
                same = [one for one in kept if one[0] == namespace and one[2] == port.target]
                if any(selects(one[1], selector) for one in same) or self._sidecar_has(service, port.target):
                    continue  # one filter is enough; two would read each other's output
                kept.append((namespace, selector, port.target))
                listener = Listener(
                    "", ANY_ADDRESS, port.target, port.codec, "inbound", (), f"{_host(cluster)}:{port.number}",
                    settings=self._settings(cluster), place=service.metadata.at,
                )  # fmt: skip
                patches += self._of_listener(listener, Mesh(Proxy(), (), {}))
                inside = Cluster(f"inbound|{port.target}||", evolve(port, number=port.target))
                patches.append(self._patches.cluster(inside, "inbound"))
            if patches:
                labels = self._scope.labels or selector
                yield self._object(f"inbound-{service.metadata.name}", namespace, labels, patches)

    def _sidecar_has(self, service: Object[Service], port: int) -> bool:
        """Return True if a Sidecar makes the listener of a pods' port."""
        for sidecar in self._raw.of(Sidecar):
            labels = sidecar.spec.workload_selector.labels if sidecar.spec.workload_selector else {}
            if sidecar.metadata.namespace == service.metadata.namespace and any(
                one.port.number == port for one in sidecar.spec.ingress
            ):
                if selects(labels, service.spec.selector):
                    return True
                if all(labels.get(name, value) == value for name, value in service.spec.selector.items()):
                    text = f"{sidecar.title} makes the listener of port {port} for some pods of {service.title}"
                    hint = "select the same pods in both"
                    self._problems.append(Problem(sidecar.spec.at, text, hint))
        return False

    def _of_gateways(self) -> Iterator[Json]:
        for gateway in self._raw.of(Gateway):
            selector = gateway.spec.selector
            servers = tuple(one for one in gateway.spec.servers if self._codecs.of_port(one.port.name))
            if not servers or not selects(selector, self._scope.labels or selector):
                continue
            name = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
            routes: list[Object[Item]] = [
                one  # type: ignore[misc]
                for one in self._raw.of(VirtualService)
                if name in [full if "/" in full else f"{one.metadata.namespace}/{full}" for full in one.spec.gateways]
            ]
            narrowed: Object[Item] = evolve(gateway, spec=evolve(gateway.spec, servers=servers))  # type: ignore[assignment]
            mesh = self._resolve([*routes, narrowed], Proxy(gateway.metadata.namespace, selector))
            if mesh is None:
                continue
            patches: list[Json] = []
            for listener in mesh.listeners:
                patches += self._of_listener(evolve(listener, name=""), mesh)
            patches += self._of_clusters("gateway")
            title = f"gateway-{gateway.metadata.namespace}-{gateway.metadata.name}"
            yield self._object(title, self._scope.home, self._scope.labels or selector, patches)

    def _object(self, name: str, namespace: str, selector: Mapping[str, str], patches: list[Json]) -> Json:
        return envoy_filter(name, namespace, selector, self._options.revision, patches)


def _host(cluster: Cluster) -> str:
    return cluster.service.host if cluster.service is not None else ""
