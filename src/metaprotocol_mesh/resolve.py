"""Puts the objects of a configuration together for one proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from metaprotocol_mesh import aeraki
from metaprotocol_mesh.codec_names import CodecNames
from metaprotocol_mesh.listeners import Listeners
from metaprotocol_mesh.model import (
    ApplicationProtocol,
    AuthorizationPolicy,
    DestinationRule,
    EnvoyFilter,
    Gateway,
    Item,
    MetaRouter,
    Object,
    PeerAuthentication,
    RequestAuthentication,
    ServiceEntry,
    Sidecar,
    Telemetry,
    VirtualService,
    WasmPlugin,
)
from metaprotocol_mesh.model import Service as KubernetesService
from metaprotocol_mesh.names import cluster_name, full_name, selects, visible
from metaprotocol_mesh.places import ConfigurationError, Problem, did_you_mean
from metaprotocol_mesh.providers import Providers
from metaprotocol_mesh.resolved import Cluster, Listener, Mesh, Policy, Proxy, Service, ServicePort
from metaprotocol_mesh.routes import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaprotocol_mesh.load import Configuration
    from metaprotocol_mesh.model.destination_rule import PortTrafficPolicy, TrafficPolicy
    from metaprotocol_mesh.places import Place

Spec = TypeVar("Spec", bound=Item)
_ROOT_NAMESPACE = "istio-system"


def resolve(configuration: Configuration, namespace: str = "", labels: Mapping[str, str] | None = None) -> Mesh:
    """Return what one proxy does.

    Args:
        configuration: Of all files.
        namespace: The proxy's; "" takes that of the only Sidecar.
        labels: The proxy's; None takes those that the only Sidecar and the Gateways select.

    Raises:
        ConfigurationError: Something is wrong; it tells of all.
    """
    problems: list[Problem] = []
    proxy = _proxy(configuration, namespace, labels, problems)
    resolver = _Resolver(configuration, proxy, problems)
    mesh = resolver.mesh()
    if problems:
        raise ConfigurationError(dict.fromkeys(problems))
    return mesh


def _proxy(
    configuration: Configuration, namespace: str, labels: Mapping[str, str] | None, problems: list[Problem]
) -> Proxy:
    sidecars, gateways = configuration.of(Sidecar), configuration.of(Gateway)
    if not namespace:
        owners = [one.metadata.namespace for one in sidecars] + [one.metadata.namespace for one in gateways]
        namespace = owners[0] if owners else "default"
    if labels is not None:
        return Proxy(namespace, dict(labels))
    found: dict[str, str] = {}
    here = [one for one in sidecars if one.metadata.namespace == namespace]
    if len(here) > 1:
        names = ", ".join(one.metadata.name for one in here)
        text = f"there are {len(here)} Sidecars in the namespace {namespace}: {names}"
        problems.append(Problem(here[1].metadata.at, text, "choose one by its labels: --labels app=..."))
    wanted: list[tuple[Object[Sidecar] | Object[Gateway], Mapping[str, str]]] = [
        (one, one.spec.workload_selector.labels if one.spec.workload_selector else {}) for one in here[:1]
    ]
    wanted += [(one, one.spec.selector) for one in gateways]
    for one, selector in wanted:
        for name, value in selector.items():
            if found.setdefault(name, value) != value:
                text = f"{one.title} selects {name}={value}, and another object {name}={found[name]}"
                problems.append(Problem(one.spec.at, text, "say which labels the proxy has: --labels"))
    return Proxy(namespace, found)


class _Resolver:
    def __init__(self, configuration: Configuration, proxy: Proxy, problems: list[Problem]) -> None:
        self._configuration, self._proxy, self._problems = configuration, proxy, problems
        self._codecs = CodecNames.here(configuration.of(ApplicationProtocol))

    def mesh(self) -> Mesh:
        for protocol in self._configuration.of(ApplicationProtocol):
            if self._codecs.protocols[protocol.spec.protocol] not in self._codecs.installed:
                text = f"there is no codec {protocol.spec.codec!r}"
                self._wrong(protocol.spec.at.of("codec"), text, self._codecs.hint(protocol.spec.codec))
        services = self._services()
        clusters = self._clusters(services)
        routers = self._visible(MetaRouter)
        virtual = self._visible(VirtualService)
        virtual += [found for one in routers if (found := aeraki.virtual_service(one))]
        self._hosts([*routers, *self._visible(VirtualService)], services)
        rules = Rules(self._proxy, services, clusters, virtual, routers, self._problems)
        made = Listeners(rules, self._codecs, self._problems)
        listeners: list[Listener] = []
        for sidecar in self._sidecar():
            listeners += made.of_sidecar(sidecar)
        for gateway in self._configuration.of(Gateway):
            if selects(gateway.spec.selector, self._proxy.labels):
                listeners += made.of_gateway(gateway)
        seen: dict[tuple[str, int], str] = {}
        for one in listeners:
            first = seen.setdefault((one.address, one.port), one.name)
            if first is not one.name:
                self._wrong(one.place, f"two listeners have the address {one.address}:{one.port}")
        clusters.update((cluster.name, cluster) for cluster in made.inbound)
        self._peers()
        judged = [one for one in listeners if one.direction != "outbound"]
        policies = self._selected(AuthorizationPolicy, judged)
        authentications = self._selected(RequestAuthentication, judged)
        telemetries = sorted(self._selected(Telemetry, listeners), key=_generality)
        providers = Providers(self._configuration, self._proxy, clusters, self._problems)
        return Mesh(
            self._proxy,
            tuple(listeners),
            clusters,
            tuple(policies),
            tuple(authentications),
            tuple(telemetries),
            tuple(sorted(self._selected(WasmPlugin, listeners), key=lambda one: -one.spec.priority)),
            tuple(sorted(self._selected(EnvoyFilter, listeners), key=lambda one: one.spec.priority)),
            providers.authorizer(policies),
            providers.issuers(authentications),
            providers.of_telemetry(telemetries),
        )

    def _wrong(self, place: Place, text: str, hint: str = "") -> None:
        self._problems.append(Problem(place, text, hint))

    def _visible(self, spec: type[Spec]) -> list[Object[Spec]]:
        found = self._configuration.of(spec)
        return [
            one
            for one in found
            if visible(getattr(one.spec, "export_to", ()), one.metadata.namespace, self._proxy.namespace)
        ]

    def _services(self) -> dict[str, Service]:
        services: dict[str, Service] = {}
        for pods in self._configuration.of(KubernetesService):
            text = f"the servers of {pods.title} are the pods of a cluster, and there is none here"
            self._wrong(pods.metadata.at, text, "write a ServiceEntry with `endpoints`; `istio render` takes a Service")
        for one in self._visible(ServiceEntry):
            entry = one.spec
            ports = {}
            for port in entry.ports:
                codec = self._codecs.of_port(port.name)
                if not codec and port.name.startswith("tcp-"):
                    text = f"the port {port.name!r} is one of connection mode, which is not built yet"
                    self._wrong(port.at.of("name"), text, self._codecs.hint(port.name))
                ports[port.number] = ServicePort(port.number, port.name, codec, port.target_port or port.number)
            names = tuple(one.metadata.annotations.get("metaprotocol.io/names", "").replace(",", " ").split())
            for host in entry.hosts:
                name = full_name(host, one.metadata.namespace)
                if name in services:
                    self._wrong(entry.at.of("hosts"), f"another ServiceEntry has the host {name}")
                elif "*" in name:
                    self._wrong(entry.at.of("hosts"), f"the host {name} has a wildcard, whose servers nobody knows")
                services[name] = Service(name, one.metadata.namespace, ports, entry, names, entry.export_to)
        return services

    def _clusters(self, services: Mapping[str, Service]) -> dict[str, Cluster]:
        rules: dict[str, Object[DestinationRule]] = {}
        for one in self._visible(DestinationRule):
            host = full_name(one.spec.host, one.metadata.namespace)
            if host in rules:
                text = f"{rules[host].title} is for the host {host}, too; which one holds would be chance"
                self._wrong(one.spec.at.of("host"), text, "join them")
            elif host not in services:
                self._wrong(one.spec.at.of("host"), f"there is no service {host}", did_you_mean(host, services))
            rules[host] = one
        clusters: dict[str, Cluster] = {}
        for service in services.values():
            rule = rules[service.host].spec if service.host in rules else None
            for port in service.ports.values():
                policy = _policy(rule.traffic_policy if rule else None, None, port.number)
                found = [Cluster(cluster_name(port.number, "", service.host), port, service, policy=policy)]
                for subset in rule.subsets if rule else ():
                    policy = _policy(rule.traffic_policy if rule else None, subset.traffic_policy, port.number)
                    name = cluster_name(port.number, subset.name, service.host)
                    found.append(Cluster(name, port, service, subset.name, subset.labels, policy))
                clusters.update((cluster.name, cluster) for cluster in found)
        return clusters

    def _hosts(
        self, owners: Iterable[Object[MetaRouter] | Object[VirtualService]], services: Mapping[str, Service]
    ) -> None:
        """Tell of rules and limits for services that are not there. At a Gateway, hosts may be other names."""
        for one in owners:
            names = [] if set(one.spec.gateways) - {"mesh"} else one.spec.hosts
            for host in (full_name(name, one.metadata.namespace) for name in names if "*" not in name):
                if host not in services:
                    self._wrong(one.spec.at.of("hosts"), f"there is no service {host}", did_you_mean(host, services))

    def _sidecar(self) -> list[Object[Sidecar]]:
        found = []
        for one in self._configuration.of(Sidecar):
            selector = one.spec.workload_selector.labels if one.spec.workload_selector else {}
            if one.metadata.namespace == self._proxy.namespace and selects(selector, self._proxy.labels):
                found.append(one)
        # As istiod does: a Sidecar that names labels goes before one for the whole namespace.
        named = [one for one in found if one.spec.workload_selector]
        return (named or found)[:1]

    def _selected(self, spec: type[Spec], listeners: Iterable[object]) -> list[Object[Spec]]:
        return self._selecting(self._configuration.of(spec), listeners, "Sidecar.ingress and Gateway")

    def _selecting(
        self, objects: Iterable[Object[Spec]], listeners: Iterable[object], kinds: str
    ) -> list[Object[Spec]]:
        """Return the objects that select this proxy; one that has no effect is an error, never silence."""
        some = any(True for _ in listeners)
        found = []
        for one in objects:
            selector = _selector(one.spec)
            if one.metadata.namespace not in (self._proxy.namespace, _ROOT_NAMESPACE):
                why = f"it is in the namespace {one.metadata.namespace}, and the proxy in {self._proxy.namespace}"
            elif not selects(selector, self._proxy.labels):
                labels = ", ".join(f"{name}={value}" for name, value in self._proxy.labels.items()) or "none"
                why = f"the proxy's labels are {labels}"
            elif not some:
                why = f"it applies to {kinds}, and there is no such listener"
            else:
                found.append(one)
                continue
            self._wrong(one.spec.at, f"{one.title} selects no listener: {why}", "change it, or take it away")
        return found

    def _peers(self) -> None:
        ingresses = [ingress for sidecar in self._sidecar() for ingress in sidecar.spec.ingress]
        owners = self._configuration.of(PeerAuthentication)
        strict = [one for one in owners if one.spec.mtls is not None and one.spec.mtls.mode == "STRICT"]
        for one in self._selecting(strict, ingresses, "Sidecar.ingress"):
            for listener in ingresses:
                if listener.tls is None or listener.tls.mode != "MUTUAL":
                    text = f"{one.title} asks for mTLS, and this listener has no `tls` with `mode: MUTUAL`"
                    self._wrong(listener.at, text)


def _selector(spec: Item) -> Mapping[str, str]:
    selector = getattr(spec, "selector", None) or getattr(spec, "workload_selector", None)
    found: Mapping[str, str] = getattr(selector, "match_labels", None) or getattr(selector, "labels", None) or {}
    return found


def _generality(one: Object[Telemetry]) -> tuple[bool, bool]:
    return (one.metadata.namespace != _ROOT_NAMESPACE, one.spec.selector is not None)


def _policy(rule: TrafficPolicy | None, subset: TrafficPolicy | None, port: int) -> Policy:
    """Return the policy of a cluster: each part comes from the most special level that has it, as istiod does."""
    levels: list[TrafficPolicy | PortTrafficPolicy] = []
    for policy in (rule, subset):
        if policy is not None:
            levels.append(policy)
            levels += [one for one in policy.port_level_settings if one.port.number == port]
    found = {}
    for part in ("load_balancer", "connection_pool", "outlier_detection", "tls", "retry_budget"):
        some = (getattr(level, part, None) for level in reversed(levels))  # a port has no retry budget of its own
        found[part] = next((value for value in some if value is not None), None)
    return Policy(**found)
