"""The listeners of a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from metaprotocol_mesh.names import full_name, host_matches
from metaprotocol_mesh.places import Place, Problem, did_you_mean
from metaprotocol_mesh.resolved import (
    Cluster,
    Listener,
    Policy,
    Rule,
    Service,
    ServicePort,
    Target,
    VirtualHost,
)
from metaprotocol_mesh.routes import Rules, domains_of
from metaprotocol_sdk import RegistryError, UpstreamConnection, load_codec_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_mesh.codec_names import CodecNames
    from metaprotocol_mesh.model import Gateway, Object, ObjectMeta, Sidecar
    from metaprotocol_mesh.model.networking import EgressListener, IngressListener, Port, Server, ServerTLSSettings
    from metaprotocol_mesh.resolved import Direction

ANNOTATION = "metaprotocol.io/"
SETTINGS = frozenset(
    [
        "authority-property",
        "codec-deadline",
        "foreign",
        "incomplete",
        "max-held",
        "max-in-flight",
        "propagate",
        "unsupported-mutation",
    ]
)
"""Annotations of Sidecar and Gateway that become settings of the codec filter."""
NOBODY = "no-service.invalid"
"""The authority of a request that names no service, which no virtual host has."""


@define
class Listeners:
    """Makes listeners.

    Args:
        rules: Makes their virtual hosts.
        codecs: The codecs that names of ports mean.
        problems: Gets what is wrong.
        inbound: Gets the clusters of ingress listeners.
    """

    rules: Rules
    codecs: CodecNames
    problems: list[Problem]
    inbound: list[Cluster] = field(factory=list)

    def of_sidecar(self, sidecar: Object[Sidecar]) -> list[Listener]:
        """Return the listeners of a Sidecar."""
        settings = settings_of(sidecar.metadata, self.problems)
        ingress = [self._ingress(one, settings) for one in sidecar.spec.ingress]
        egress = [self._egress(one, one.port, settings) for one in sidecar.spec.egress if one.port is not None]
        return [one for one in (*ingress, *egress) if one is not None]

    def of_gateway(self, gateway: Object[Gateway]) -> list[Listener]:
        """Return the listeners of a Gateway."""
        settings = settings_of(gateway.metadata, self.problems)
        found = [self._server(one, gateway, settings) for one in gateway.spec.servers]
        return [one for one in found if one is not None]

    def _codec(self, port: Port) -> str:
        codec = self.codecs.of_port(port.name)
        place = port.at.of("name")
        if not codec:
            text = f"the name of the port, {port.name!r}, means no codec"
            self._wrong(place, text, self.codecs.hint(port.name))
            return ""
        try:
            loaded = load_codec_class(codec)
        except RegistryError as error:
            self._wrong(place, str(error))
            return ""
        if loaded.upstream_connection is UpstreamConnection.SESSION or loaded.server_first:
            text = f"{codec} keeps a session for each connection, which needs connection mode; it is not built yet"
            self._wrong(place, text)
        return codec

    def _ingress(self, ingress: IngressListener, settings: Mapping[str, str]) -> Listener | None:
        codec = self._codec(ingress.port)
        if not codec:
            return None
        number = ingress.port.number
        port = ServicePort(number, ingress.port.name, codec, number)
        policy = Policy(connection_pool=ingress.connection_pool)
        cluster = Cluster(f"inbound|{number}||", port, policy=policy, endpoint=ingress.default_endpoint)
        self.inbound.append(cluster)
        rule = Rule("the ingress listener", "default", ingress.at, None, None, (Target(cluster, 1, 100.0),))
        served = [
            one
            for one in self.rules.services.values()
            if one.ports.get(number) is not None and one.ports[number].codec == codec
        ]
        limits = self.rules.limits_of(served[0].host) if len(served) == 1 else None
        if limits is not None:
            self.rules.limited.add(served[0].host)  # counted once, where Aeraki counts: next to the server
        host = VirtualHost(f"inbound|http|{number}", ("*",), (rule,), limits)
        authority = f"{served[0].host}:{number}" if len(served) == 1 else f"inbound:{number}"
        return Listener(
            f"{ingress.bind}_{number}", ingress.bind, number, codec, "inbound", (host,), authority,
            tls=ingress.tls, settings=settings, place=ingress.at,
        )  # fmt: skip

    def _egress(self, egress: EgressListener, port: Port, settings: Mapping[str, str]) -> Listener | None:
        codec = self._codec(port)
        if not codec:
            return None
        hosts: dict[str, VirtualHost] = {}
        for place, pattern in ((egress.at.of("hosts"), one) for one in egress.hosts):
            namespace, _, host = pattern.partition("/")
            namespace = self.rules.proxy.namespace if namespace == "." else namespace
            if namespace == "~":
                continue
            before = len(hosts)
            for service in self.rules.services.values():
                if namespace not in ("*", service.namespace) or not host_matches(
                    full_name(host, namespace), service.host
                ):
                    continue
                chosen = self._port_of(service, codec, port.number, None if "*" in host else place)
                if chosen is not None and service.host not in hosts:
                    hosts[service.host] = self.rules.virtual_host(service, chosen, "mesh")
            if len(hosts) == before and "*" not in host and full_name(host, namespace) not in self.rules.services:
                self._wrong(place, f"there is no service {full_name(host, namespace)} in the namespace {namespace}",
                            did_you_mean(full_name(host, namespace), self.rules.services))  # fmt: skip
        named = [pattern.partition("/")[2] for pattern in egress.hosts]
        single = len(named) == 1 and "*" not in named[0]
        return self._listener(egress.bind, port, codec, "outbound", hosts, settings, egress.at, single=single)

    def _server(self, server: Server, gateway: Object[Gateway], settings: Mapping[str, str]) -> Listener | None:
        codec = self._codec(server.port)
        if not codec:
            return None
        name = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        hosts: dict[str, VirtualHost] = {}
        for one in self.rules.virtual_services:
            names = [full if "/" in full else f"{one.metadata.namespace}/{full}" for full in one.spec.gateways]
            if name not in names:
                continue
            for host in (full_name(host, one.metadata.namespace) for host in one.spec.hosts):
                if any(_gateway_host(pattern, host, one.metadata.namespace) for pattern in server.hosts):
                    rules = self.rules.rules(one, name, server.port.number)
                    domains = ("*",) if host == "*" else tuple(domains_of([host], server.port.number))
                    if host in hosts:
                        self._wrong(one.spec.at.of("hosts"), f"another VirtualService has the host {host} at {name}")
                    hosts[host] = VirtualHost(
                        f"{host}:{server.port.number}", domains, rules, self.rules.limits_of(host)
                    )
        if not hosts:
            hint = f"a VirtualService names it in `gateways: [{name}]`"
            self._wrong(server.at, f"no VirtualService routes the requests that come to Gateway {name} here", hint)
        return self._listener(
            server.bind,
            server.port,
            codec,
            "gateway",
            hosts,
            settings,
            server.at,
            single=len(hosts) == 1,
            tls=server.tls,
        )

    def _listener(
        self,
        bind: str,
        port: Port,
        codec: str,
        direction: Direction,
        hosts: Mapping[str, VirtualHost],
        settings: Mapping[str, str],
        place: Place,
        *,
        single: bool,
        tls: ServerTLSSettings | None = None,
    ) -> Listener:
        authority, authority_property = NOBODY, ""
        if single and hosts:
            (host,) = hosts.values()
            authority = host.domains[0] if host.domains[0] != "*" else "any"
        elif hosts or not single:
            authority_property = settings.get("authority-property", "") or load_codec_class(codec).service_property
            if not authority_property:
                text = (
                    f"several services share this listener, and {codec} does not say which property names the service"
                )
                self._wrong(
                    place, text, f"name it with the annotation {ANNOTATION}authority-property, or name one host"
                )
        if not hosts:
            self._wrong(place, f"no service that speaks {codec} can be called at this listener")
        listener = Listener(
            f"{bind}_{port.number}", bind, port.number, codec, direction, tuple(hosts.values()), authority,
            authority_property, tls, settings, place,
        )  # fmt: skip
        owners: dict[str, str] = {}
        for host in listener.hosts:
            for domain in host.domains:
                if owners.setdefault(domain, host.name) != host.name:
                    self._wrong(place, f"{host.name} and {owners[domain]} would both be called {domain!r} here")
        return listener

    def _port_of(self, service: Service, codec: str, number: int, place: Place | None) -> ServicePort | None:
        speaking = [one for one in service.ports.values() if one.codec == codec]
        exact = [one for one in speaking if one.number == number]
        if exact or len(speaking) == 1:
            return (exact or speaking)[0]
        if place is not None:
            text = f"{service.host} has {len(speaking)} ports that speak {codec}"
            self._wrong(place, text, f"one must have the listener's number, {number}" if speaking else "")
        return speaking[0] if speaking else None

    def _wrong(self, place: Place, text: str, hint: str = "") -> None:
        self.problems.append(Problem(place, text, hint))


def settings_of(owner: ObjectMeta, problems: list[Problem]) -> dict[str, str]:
    """Return the settings of the codec filter that an object's annotations are.

    Args:
        owner: The object's metadata.
        problems: Gets what is wrong.
    """
    settings = {}
    place = owner.at.of("annotations")
    for name, value in owner.annotations.items():
        if name.startswith(ANNOTATION):
            word = name.removeprefix(ANNOTATION)
            if word not in SETTINGS:
                problems.append(Problem(place, f"there is no setting {name!r}", did_you_mean(word, SETTINGS)))
            if "\n" in value or "\r" in value:
                problems.append(Problem(place, f"the value of {name!r} has more than one line"))
            settings[word] = value
    return settings


def _gateway_host(pattern: str, host: str, namespace: str) -> bool:
    owner, slash, name = pattern.rpartition("/")
    if slash and owner not in ("*", namespace):
        return False
    return host_matches(full_name(name, namespace), host) or (host == "*" and name != "")
