"""Tells what will not work with a codec in a cluster with Istio, though Istio would accept it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.codec_names import CodecNames
from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.patches import METADATA
from metaprotocol_mesh.istio.services import owners_of_hosts, rules_of_hosts, with_entries
from metaprotocol_mesh.load import Configuration
from metaprotocol_mesh.model import (
    AuthorizationPolicy,
    DestinationRule,
    Gateway,
    Item,
    Object,
    Service,
    ServiceEntry,
    Sidecar,
    VirtualService,
)
from metaprotocol_mesh.model.networking import EgressListener, Port
from metaprotocol_mesh.names import full_name, host_matches, selects
from metaprotocol_mesh.places import ConfigurationError, Place, Problem
from metaprotocol_mesh.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_mesh.render.engine import Engine

OLDEST = (1, 31)
"""The first release of Istio whose proxy has dynamic modules."""
_PROXY = "istio-proxy"
_IMAGE = re.compile(r"proxyv2:v?(\d+)\.(\d+)")
_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")


@frozen
class Others:
    """Objects of a cluster that are not Istio's, or that are not understood here.

    Args:
        objects: Each with its place.
        unread: Each of Istio's that cannot be read, and what is wrong with it. istiod may take it all the same.
    """

    objects: list[tuple[Place, dict[str, Any]]] = field(factory=list)
    unread: list[tuple[dict[str, Any], list[Problem]]] = field(factory=list)

    def add(self, place: Place, content: dict[str, Any]) -> None:
        """Take one, for `load`."""
        self.objects.append((place, content))

    def add_unread(self, place: Place, content: dict[str, Any], problems: list[Problem]) -> None:
        """Take one that cannot be read, for `load`."""
        self.unread.append((content, problems))


def check(configuration: Configuration, others: Others, engine: Engine, options: Options) -> list[Problem]:
    """Return what will likely not work.

    Args:
        configuration: Istio's objects, and Services.
        others: Pods, namespaces, routes of the Gateway API and the like.
        engine: As the proxies have it.
        options: As of the EnvoyFilters.

    Raises:
        ConfigurationError: Something cannot work; it tells of all.
    """
    needed = [one for content, problems in others.unread if _has_codec(content) for one in problems]
    if needed:
        raise ConfigurationError(needed)
    envoy_filters(configuration, engine, options)
    checks = _Checks(configuration, others, options)
    return [one.as_warning() for one in dict.fromkeys(checks.problems())]


class _Checks:
    def __init__(self, configuration: Configuration, others: Others, options: Options) -> None:
        self._configuration, self._others, self._options = configuration, others, options
        self._entries = with_entries(configuration).of(ServiceEntry)
        self._codecs = CodecNames.here()
        speaking = [one for one in self._entries if any(self._codec(port) for port in one.spec.ports)]
        self._hosts = owners_of_hosts(speaking)
        self._rules = rules_of_hosts(configuration, self._hosts)

    def problems(self) -> Iterator[Problem]:
        yield from self._ports()
        yield from self._sidecars()
        yield from self._gateways()
        yield from self._policies()
        yield from self._routes()
        for content, problems in self._others.unread:
            yield from self._unread(content, problems)
        for place, content in self._others.objects:
            yield from self._other(place, content)

    def _codec(self, port: Port) -> str:
        return self._codecs.of_port(port.name)

    def _ports(self) -> Iterator[Problem]:
        """Yield ports that istiod takes for something else than HTTP."""
        for owner in self._entries:
            for port in owner.spec.ports:
                codec = self._codec(port)
                first, _, rest = port.name.partition("-")
                word = rest.removeprefix("metaprotocol-") if first == "tcp" else port.name
                meant = self._codecs.of_port(f"http-{word}")
                if (codec and port.name.startswith("tcp-")) or (not codec and meant and first not in ("http", "grpc")):
                    text = f"istiod takes the port {port.name!r} of {owner.title} for TCP: no rule of HTTP holds there"
                    yield Problem(port.at, text, f"name it http-{codec or meant}")
                elif codec and owner.kind == "ServiceEntry" and port.protocol not in ("HTTP", "HTTP2"):
                    text = f"istiod takes the port {port.name!r} for {port.protocol}, whatever its name"
                    yield Problem(port.at, text, "write `protocol: HTTP`")
        for one in self._configuration.of(Service):
            if one.spec.cluster_IP == "None" and full_name(one.metadata.name, one.metadata.namespace) in self._hosts:
                annotations = one.metadata.annotations
                if "metaprotocol.io/authority-property" not in annotations:
                    text = f"{one.title} is headless: its clients call pods, and no rule is found by a pod's address"
                    hint = "name the service by a property: the annotation metaprotocol.io/authority-property"
                    yield Problem(one.spec.at, text, hint)

    def _sidecars(self) -> Iterator[Problem]:
        seen: dict[str, Object[Sidecar]] = {}
        for one in self._configuration.of(Sidecar):
            if one.spec.workload_selector is not None and one.spec.workload_selector.labels:
                continue
            speaking = [egress.port for egress in one.spec.egress if egress.port] + [i.port for i in one.spec.ingress]
            if any(self._codec(port) for port in speaking):
                text = f"{one.title} has no workloadSelector: its listeners are those of all pods of the namespace"
                yield Problem(one.spec.at, text, "select the pods by their labels")
            if one.metadata.namespace in seen:
                text = (
                    f"{seen[one.metadata.namespace].title} has no workloadSelector, too: one of both holds, by chance"
                )
                yield Problem(one.spec.at, text)
            seen[one.metadata.namespace] = one

    def _gateways(self) -> Iterator[Problem]:
        for gateway in self._configuration.of(Gateway):
            for server in gateway.spec.servers:
                if not self._codec(server.port):
                    continue
                if server.port.protocol in ("TLS", "TCP"):
                    text = f"istiod takes the port {server.port.name!r} for {server.port.protocol}: no rule holds there"
                    yield Problem(server.port.at, text, "write `protocol: HTTP`, or HTTPS with `tls`")

    def _policies(self) -> Iterator[Problem]:
        for rule in self._rules:
            yield from self._tls(rule)
            policies = [rule.spec.traffic_policy, *(one.traffic_policy for one in rule.spec.subsets)]
            for pool in (one.connection_pool for one in policies if one is not None):
                if pool is None:
                    continue
                requests = pool.http.http2_max_requests if pool.http is not None else 0
                connections = pool.tcp.max_connections if pool.tcp is not None else 0
                if requests and not (connections and connections <= requests):
                    text = "Envoy enforces no `http2MaxRequests` here: each request in flight has its own connection"
                    yield Problem(pool.at, text, f"write `tcp: {{maxConnections: {requests}}}`")

    def _tls(self, rule: Object[DestinationRule]) -> Iterator[Problem]:
        """Yield TLS modes by which proxies of servers take no calls."""
        if self._hosts[full_name(rule.spec.host, rule.metadata.namespace)].spec.location == "MESH_EXTERNAL":
            return
        policies = [rule.spec.traffic_policy, *(one.traffic_policy for one in rule.spec.subsets)]
        settings = [one.tls for one in policies if one is not None]
        settings += [port.tls for one in policies if one is not None for port in one.port_level_settings]
        for one in settings:
            if one is None or one.mode == "ISTIO_MUTUAL":
                continue
            if one.mode == "DISABLE":
                text = "the calls are plain text, which servers do not take where a PeerAuthentication is STRICT"
            else:
                text = f"proxies of servers take Istio's mutual TLS, and with {one.mode} the codec finds no messages"
            yield Problem(one.at, text, "write `mode: ISTIO_MUTUAL`, or no `tls`")

    def _unread(self, content: dict[str, Any], problems: list[Problem]) -> Iterator[Problem]:
        """Yield rules of the protocol's services that were not checked, since this mesh has no such rules."""
        metadata, spec = _mapping(content.get("metadata")), _mapping(content.get("spec"))
        hosts = {"VirtualService": spec.get("hosts"), "DestinationRule": [spec.get("host")]}.get(
            content.get("kind", "")
        )
        names = [full_name(str(host), str(metadata.get("namespace", "default"))) for host in hosts or ()]
        if any(host_matches(name, host) for name in names for host in self._hosts):
            for one in problems:
                yield evolve(one, hint=f"istiod may take it; the rest of this {content['kind']} was not checked")

    def _routes(self) -> Iterator[Problem]:
        """Yield what the same rules would be warned of on a laptop, with a listener for each port."""
        kept: list[Object[Item]] = [*self._entries, *self._rules]  # type: ignore[list-item]
        for one in self._configuration.of(VirtualService):
            names = [full_name(host, one.metadata.namespace) for host in one.spec.hosts]
            inside = not one.spec.gateways or "mesh" in one.spec.gateways
            if inside and any(host_matches(name, host) for name in names for host in self._hosts):
                kept.append(one)  # type: ignore[arg-type]
        problems: list[Problem] = []
        for namespace in sorted({one.metadata.namespace for one in self._hosts.values()}):
            try:
                mesh = resolve(Configuration([*kept, self._caller(namespace)]), namespace, {})
            except ConfigurationError as error:
                problems += error.problems
                continue
            yield from warnings(evolve(mesh, policies=tuple(self._judging())))
        if problems:
            raise ConfigurationError(dict.fromkeys(problems))

    def _caller(self, namespace: str) -> Object[Item]:
        """Return a Sidecar with a listener for each port number of a codec."""
        ports = {port.number: port for one in self._hosts.values() for port in one.spec.ports if self._codec(port)}
        first = next(iter(self._hosts.values()))
        egress = tuple(
            EgressListener(at=first.spec.at, port=Port(number=number, name=port.name), hosts=("*/*",))
            for number, port in ports.items()
        )
        metadata = evolve(first.metadata, name="caller", namespace=namespace, annotations={
            "metaprotocol.io/authority-property": "service",
        })  # fmt: skip
        return Object("Sidecar", metadata, Sidecar(at=first.spec.at, egress=egress))

    def _judging(self) -> Iterator[Object[AuthorizationPolicy]]:
        """Yield the policies of pods that speak a codec's protocol, and no others."""
        selectors = [
            (one.metadata.namespace, one.spec.selector)
            for one in self._configuration.of(Service)
            if full_name(one.metadata.name, one.metadata.namespace) in self._hosts
        ]
        for policy in self._configuration.of(AuthorizationPolicy):
            labels = policy.spec.selector.match_labels if policy.spec.selector is not None else {}
            if labels and (policy.metadata.namespace, True) in {(n, selects(labels, s)) for n, s in selectors}:
                yield policy

    def _other(self, place: Place, content: dict[str, Any]) -> Iterator[Problem]:
        kind, metadata = content.get("kind"), _mapping(content.get("metadata"))
        title = f"{kind} {metadata.get('namespace', 'default')}/{metadata.get('name', '?')}"
        spec, labels = _mapping(content.get("spec")), _mapping(metadata.get("labels"))
        if kind in _ROUTES:
            yield Problem(place, f"{title} is of the Gateway API, which is not supported", "write a VirtualService")
        elif kind == "Namespace" and labels.get("istio.io/dataplane-mode") == "ambient":
            text = f"the namespace {metadata.get('name')} is in ambient mode: ztunnel and waypoints take no EnvoyFilter"
            yield Problem(place, text, "use sidecars for pods that speak the protocol")
        elif kind == "Gateway" and spec.get("gatewayClassName") == "istio-waypoint":
            yield Problem(place, f"{title} is a waypoint, which takes no EnvoyFilter", "use sidecars")
        elif kind == "Pod":
            yield from self._pod(place, title, spec, str(metadata.get("namespace", "default")), labels)

    def _pod(
        self, place: Place, title: str, spec: dict[str, Any], namespace: str, labels: dict[str, Any]
    ) -> Iterator[Problem]:
        serving = [
            one.title
            for one in self._configuration.of(Service)
            if full_name(one.metadata.name, one.metadata.namespace) in self._hosts
            and one.metadata.namespace == namespace
            and one.spec.selector
            and selects(one.spec.selector, labels)
        ]
        what = f"{serving[0]} selects it" if serving else "it cannot call the protocol's services"
        containers = [*_list(spec.get("initContainers")), *_list(spec.get("containers"))]
        proxies = [one for one in containers if one.get("name") == _PROXY]
        if not proxies:
            if serving:
                yield Problem(place, f"{title} has no proxy, and {what}", "inject the sidecar")
            return
        variables = {one.get("name"): one.get("value") for one in _list(proxies[0].get("env"))}
        wanted = self._options.revision
        found = variables.get(f"ISTIO_META_{METADATA}")
        if found is None:
            text = f"the proxy of {title} does not say that it has the module, and {what}"
            yield Problem(place, text, f"give it the module, and ISTIO_META_{METADATA}={wanted}")
        elif found != wanted:
            text = f"the proxy of {title} has the revision {found!r}, and the EnvoyFilters are for {wanted!r}"
            yield Problem(place, text, "render with --revision, or roll the pod")
        version = _IMAGE.search(str(proxies[0].get("image", "")))
        if version is not None and (int(version[1]), int(version[2])) < OLDEST:
            text = f"the proxy of {title} is of Istio {version[1]}.{version[2]}, which has no dynamic modules"
            yield Problem(place, text, f"it must be {OLDEST[0]}.{OLDEST[1]} or newer")


def _has_codec(content: dict[str, Any]) -> bool:
    """Return True if an object that cannot be read names a port for a codec: then it matters for the filters."""
    spec = _mapping(content.get("spec"))
    listed = [_mapping(one.get("port")) for key in ("servers", "ingress", "egress") for one in _list(spec.get(key))]
    codecs = CodecNames.here()
    names = [one.get(key) for one in [*_list(spec.get("ports")), *listed] for key in ("name", "appProtocol")]
    return any(codecs.of_port(one) for one in names if isinstance(one, str))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
