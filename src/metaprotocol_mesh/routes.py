"""Virtual hosts and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from metaprotocol_mesh.names import cluster_name, full_name, host_matches, selects, short_names, visible
from metaprotocol_mesh.places import Place, Problem, did_you_mean
from metaprotocol_mesh.resolved import (
    Cluster,
    Limits,
    Mirror,
    Proxy,
    Rule,
    Service,
    ServicePort,
    Target,
    VirtualHost,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from metaprotocol_mesh.model import MetaRouter, Object, VirtualService
    from metaprotocol_mesh.model.destination_rule import ConsistentHash
    from metaprotocol_mesh.model.virtual_service import Destination, HTTPMatchRequest, HTTPRoute


@define
class Rules:
    """Makes virtual hosts and their rules.

    Args:
        proxy: The proxy.
        services: By host.
        clusters: By name.
        virtual_services: Those that the proxy sees.
        routers: MetaRouters, for their limits.
        problems: Gets what is wrong.
        limited: Hosts whose limits are counted at an ingress listener.
    """

    proxy: Proxy
    services: Mapping[str, Service]
    clusters: Mapping[str, Cluster]
    virtual_services: list[Object[VirtualService]]
    routers: list[Object[MetaRouter]]
    problems: list[Problem]
    limited: set[str] = field(factory=set)

    def virtual_host(self, service: Service, port: ServicePort, gateway: str) -> VirtualHost:
        """Return the virtual host of a service.

        Args:
            service: It.
            port: Of it.
            gateway: "mesh".
        """
        names = [*short_names(service.host, self.proxy.namespace), *service.names]
        owner = self._virtual_service(service.host)
        if owner is None:
            cluster = self.clusters[cluster_name(port.number, "", service.host)]
            rules: tuple[Rule, ...] = (
                Rule(f"service {service.host}", "default", service.entry.at, None, None,
                     (Target(cluster, 1, 100.0),), hashes=_hashes([cluster])),
            )  # fmt: skip
        else:
            rules = self.rules(owner, gateway, port.number)
        domains = tuple(dict.fromkeys(domains_of(names, port.number)))
        return VirtualHost(f"{service.host}:{port.number}", domains, rules, self.limits_of(service.host))

    def _virtual_service(self, host: str) -> Object[VirtualService] | None:
        found: list[tuple[int, Object[VirtualService]]] = []
        for one in self.virtual_services:
            if one.spec.gateways and "mesh" not in one.spec.gateways:
                continue
            patterns = [full_name(name, one.metadata.namespace) for name in one.spec.hosts]
            lengths = [len(name) if name != host else 1000 for name in patterns if host_matches(name, host)]
            if lengths:
                found.append((max(lengths), one))
        found.sort(key=lambda pair: -pair[0])
        if len(found) > 1 and found[0][0] == found[1][0]:
            text = f"{found[0][1].title} routes {host}, too; which one holds would be chance"
            self._wrong(found[1][1].spec.at.of("hosts"), text, "join them")
        return found[0][1] if found else None

    def rules(self, owner: Object[VirtualService], gateway: str, port: int) -> tuple[Rule, ...]:
        """Return the rules of a VirtualService.

        Args:
            owner: It.
            gateway: "mesh", or the Gateway at which they hold: namespace/name.
            port: The port that requests are for.
        """
        rules = []
        for number, http in enumerate(owner.spec.http):
            title = f"{owner.title}, {'routes' if owner.kind == 'MetaRouter' else 'http'}[{number}]"
            targets, mirrors = self._targets(http, owner, port)
            hashes = _hashes(target.cluster for target in targets)
            for index, match in enumerate(http.match or (None,)):
                if match is not None and not self._applies(match, gateway, port, owner):
                    continue
                name = ".".join(part for part in (http.name, match.name if match else "") if part)
                full = f"{title}, match[{index}]" if len(http.match) > 1 else title
                place = match.at if match is not None else http.at
                rules.append(Rule(full, name or f"http[{number}]", place, match, http, targets, mirrors, hashes))
        return tuple(rules)

    def _applies(self, match: HTTPMatchRequest, gateway: str, port: int, owner: Object[VirtualService]) -> bool:
        if match.port is not None and match.port != port:
            return False
        if match.gateways:
            full = [
                one if "/" in one or one == "mesh" else f"{owner.metadata.namespace}/{one}" for one in match.gateways
            ]
            return gateway in full
        if match.source_namespace not in ("", self.proxy.namespace):
            return False
        return selects(match.source_labels, self.proxy.labels)

    def _targets(
        self, http: HTTPRoute, owner: Object[VirtualService], port: int
    ) -> tuple[tuple[Target, ...], tuple[Mirror, ...]]:
        # As istiod does: of several, those with the weight 0 are left out; the weight of a single one says nothing.
        some = [one for one in http.route if len(http.route) == 1 or one.weight]
        total = sum(one.weight for one in some) or 1
        targets = []
        for one in some:
            cluster = self._cluster(one.destination, owner, port)
            if cluster is not None:
                share = 100.0 if len(some) == 1 else 100.0 * one.weight / total
                targets.append(Target(cluster, one.weight or 1, share, one.headers))
        copies = [(one.destination, one.percentage) for one in http.mirrors]
        if http.mirror is not None:
            copies.append((http.mirror, http.mirror_percentage))
        mirrors = []
        for destination, percentage in copies:
            cluster = self._cluster(destination, owner, port)
            if cluster is not None:
                mirrors.append(Mirror(cluster, percentage))
        if targets and total > 2**32 - 1:
            self._wrong(http.at.of("route"), f"the weights make {total:,} together; Envoy takes 4,294,967,295")
        return tuple(targets), tuple(mirrors)

    def _cluster(self, destination: Destination, owner: Object[VirtualService], port: int) -> Cluster | None:
        host = full_name(destination.host, owner.metadata.namespace)
        service = self.services.get(host)
        if service is None:
            self._wrong(destination.at.of("host"), f"there is no service {host}", did_you_mean(host, self.services))
            return None
        if not visible(service.export_to, service.namespace, self.proxy.namespace):
            self._wrong(destination.at.of("host"), f"{host} is not exported to the namespace {self.proxy.namespace}")
            return None
        number = destination.port.number if destination.port else None
        if number is None:
            number = next(iter(service.ports)) if len(service.ports) == 1 else port
        if number not in service.ports:
            known = ", ".join(map(str, service.ports))
            self._wrong(destination.at, f"{host} has no port {number}", f"write `port: {{number: ...}}` with {known}")
            return None
        cluster = self.clusters.get(cluster_name(number, destination.subset, host))
        if cluster is None:
            subsets = {one.subset for one in self.clusters.values() if one.service is service and one.subset}
            hint = did_you_mean(destination.subset, subsets) or "a DestinationRule defines subsets"
            self._wrong(destination.at.of("subset"), f"{host} has no subset {destination.subset!r}", hint)
        elif not cluster.port.codec:
            text = f"the port {number} of {host}, {cluster.port.name!r}, speaks no codec: requests would end there"
            self._wrong(destination.at.of("host"), text)
        return cluster

    def limits_of(self, host: str) -> Limits | None:
        """Return the rate limits of a host; None if there are none, or they are counted at an ingress listener."""
        for one in self.routers:
            spec = one.spec
            if full_name(spec.hosts[0], one.metadata.namespace) != host or host in self.limited:
                continue
            if spec.local_rate_limit is None and spec.global_rate_limit is None:
                continue
            shared = spec.global_rate_limit
            if shared is not None and shared.rate_limit_service not in self.clusters:
                text = f"there is no cluster {shared.rate_limit_service!r}"
                hint = did_you_mean(shared.rate_limit_service, self.clusters)
                self._wrong(shared.at.of("rateLimitService"), text, hint)
            return Limits(one.title, spec.at, spec.local_rate_limit, shared)
        return None

    def _wrong(self, place: Place, text: str, hint: str = "") -> None:
        self.problems.append(Problem(place, text, hint))


def domains_of(names: Iterable[str], port: int) -> Iterator[str]:
    """Yield the domains of a virtual host that has these names."""
    for name in names:
        yield f"{name}:{port}"
        yield name


def _hashes(clusters: Iterable[Cluster]) -> tuple[ConsistentHash, ...]:
    found: list[ConsistentHash] = []
    for cluster in clusters:
        balancer = cluster.policy.load_balancer
        if balancer is not None and balancer.consistent_hash is not None and balancer.consistent_hash not in found:
            found.append(balancer.consistent_hash)
    return tuple(found)
