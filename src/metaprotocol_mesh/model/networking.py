"""Services and where they listen: ServiceEntry, Gateway and Sidecar of Istio."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Item, entry
from metaprotocol_mesh.model.destination_rule import ConnectionPoolSettings  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = r"(?:\*|(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?)"
"""A host name, or a wildcard."""

_CLUSTER_ONLY = "it needs Kubernetes"


def is_ip(address: str) -> bool:
    """Return True if a text is an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return "%" not in address


def _bind_faults(bind: str) -> Iterator[tuple[str, str]]:
    if not is_ip(bind):
        yield "bind", f"{bind[:80]!r} is not an IP address"


@frozen(kw_only=True)
class Port(Item):
    """A port."""

    number: int = entry("the port of an address", REQUIRED, minimum=1, maximum=65535)
    name: str = entry("the codec: `http-<codec>`", REQUIRED, pattern=r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
    protocol: Literal["HTTP", "TCP", "HTTP2", "GRPC", "HTTPS", "TLS", "MONGO"] = entry(
        "HTTP, the codec is the name's", "HTTP"
    )
    target_port: int | None = entry("the port of endpoints that name none", minimum=1, maximum=65535)


@frozen(kw_only=True)
class WorkloadEntry(Item):
    """One server of a service."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"network": "there is one network on a machine"}

    address: str = entry("`lb_endpoints[].endpoint.address`", REQUIRED)
    ports: Mapping[str, int] = entry("its port", {})
    labels: Mapping[str, str] = entry("tells which subsets it belongs to", {})
    locality: str = entry("`endpoints[].locality`: region/zone/subzone", "")
    weight: int | None = entry("`load_balancing_weight`", minimum=1, maximum=2**32 - 1)
    service_account: str = entry("nothing: it is of ISTIO_MUTUAL", "")

    def faults(self) -> Iterator[tuple[str, str]]:
        for name, number in self.ports.items():
            if not 1 <= number <= 65535:
                yield "ports", f"the port {name!r} must be from 1 to 65535, not {number}"


@frozen(kw_only=True)
class ServiceEntry(Item):
    """A service and its servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"workloadSelector": f"{_CLUSTER_ONLY}: write the servers as `endpoints`"}

    hosts: tuple[str, ...] = entry("`virtual_hosts[].domains`", REQUIRED, at_least=1, pattern=HOST)
    addresses: tuple[str, ...] = entry("nothing: listeners are those of Sidecar and Gateway", ())
    ports: tuple[Port, ...] = entry("a cluster each, `outbound|<port>|<subset>|<host>`", REQUIRED, at_least=1)
    location: Literal["MESH_EXTERNAL", "MESH_INTERNAL"] = entry("nothing", "MESH_EXTERNAL")
    resolution: Literal["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN"] = entry(
        "the cluster's `type`: EDS from a watched file, STRICT_DNS, LOGICAL_DNS", "NONE"
    )
    endpoints: tuple[WorkloadEntry, ...] = entry("`lb_endpoints`, by locality", ())
    export_to: tuple[str, ...] = entry("the namespaces that see it", ())
    subject_alt_names: tuple[str, ...] = entry("`match_typed_subject_alt_names`, with `tls`", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _twice(self.ports)
        if self.resolution == "NONE":
            yield "resolution", "NONE is not supported: a codec's messages name no address; write STATIC or DNS"
        if self.resolution == "STATIC" and not self.endpoints:
            yield "endpoints", "a service with `resolution: STATIC` needs endpoints"
        if self.resolution == "DNS_ROUND_ROBIN" and len(self.endpoints) > 1:
            yield "endpoints", "a service with `resolution: DNS_ROUND_ROBIN` has one endpoint at most"
        for endpoint in self.endpoints if self.resolution == "STATIC" else ():
            if not endpoint.address.startswith("unix:///") and not is_ip(endpoint.address):
                yield "endpoints", f"{endpoint.address[:80]!r} is not an IP address: STATIC needs one, or write DNS"
        names = {port.name for port in self.ports}
        for endpoint in self.endpoints:
            for name in endpoint.ports:
                if name not in names:
                    yield (
                        "endpoints",
                        f"an endpoint names the port {name!r}; the service has {', '.join(sorted(names))}",
                    )


def _twice(ports: tuple[Port, ...]) -> Iterator[tuple[str, str]]:
    for kind in ("number", "name"):
        seen = [getattr(port, kind) for port in ports]
        for value in dict.fromkeys(seen):
            if seen.count(value) > 1:
                yield "ports", f"two ports have the {kind} {value!r}"


@frozen(kw_only=True)
class ServerTLSSettings(Item):
    """The certificates of a listener."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "credentialName": f"{_CLUSTER_ONLY}: name files, `serverCertificate` and `privateKey`",
        "httpsRedirect": "it is of HTTP alone",
        "verifyCertificateSpki": "it is not built yet",
        "verifyCertificateHash": "it is not built yet",
    }

    mode: Literal["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"] = entry("`require_client_certificate` with MUTUAL", "SIMPLE")
    server_certificate: str = entry("`tls_certificates[].certificate_chain`, a file", REQUIRED)
    private_key: str = entry("`tls_certificates[].private_key`, a file", REQUIRED)
    ca_certificates: str = entry("`validation_context.trusted_ca`, a file", "")
    subject_alt_names: tuple[str, ...] = entry("`match_typed_subject_alt_names`", ())
    min_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = entry(
        "`tls_minimum_protocol_version`", "TLS_AUTO"
    )
    max_protocol_version: Literal["TLS_AUTO", "TLSV1_2", "TLSV1_3"] = entry(
        "`tls_maximum_protocol_version`", "TLS_AUTO"
    )
    cipher_suites: tuple[str, ...] = entry("`cipher_suites`", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.mode != "SIMPLE" and not self.ca_certificates:
            yield (
                "",
                f"`mode: {self.mode}` needs `caCertificates`, the file that clients' certificates are checked with",
            )


@frozen(kw_only=True)
class Server(Item):
    """A listener of a gateway."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"defaultEndpoint": "route with a VirtualService"}

    port: Port = entry("a listener", REQUIRED)
    bind: str = entry("the listener's address", "0.0.0.0")  # noqa: S104 - a gateway is there for others
    hosts: tuple[str, ...] = entry("the VirtualServices that may route here", REQUIRED, at_least=1)
    tls: ServerTLSSettings | None = entry("`transport_socket` of the listener's filter chain")
    name: str = entry("nothing", "")

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _bind_faults(self.bind)


@frozen(kw_only=True)
class Gateway(Item):
    """Listeners for clients outside."""

    selector: Mapping[str, str] = entry("whether it is this proxy's", {})
    servers: tuple[Server, ...] = entry("listeners", REQUIRED, at_least=1)

    def faults(self) -> Iterator[tuple[str, str]]:
        seen = [(server.bind, server.port.number) for server in self.servers]
        if len(set(seen)) < len(seen):
            yield "servers", "two servers have the same port: join their hosts"


@frozen(kw_only=True)
class WorkloadSelector(Item):
    """Labels of a proxy."""

    labels: Mapping[str, str] = entry("whether it is this proxy's", {})


@frozen(kw_only=True)
class IngressListener(Item):
    """A listener for the program next to the proxy."""

    port: Port = entry("a listener", REQUIRED)
    bind: str = entry("the listener's address", "127.0.0.1")
    capture_mode: Literal["DEFAULT", "NONE", "IPTABLES"] = entry("nothing: NONE and DEFAULT bind the port", "DEFAULT")
    default_endpoint: str = entry(
        "the cluster `inbound|<port>||`",
        REQUIRED,
        pattern=r"(?:127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):[0-9]{1,5}|unix:///.+",
    )
    tls: ServerTLSSettings | None = entry("`transport_socket` of the listener's filter chain")
    connection_pool: ConnectionPoolSettings | None = entry("as in DestinationRule")

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _bind_faults(self.bind)
        port = self.default_endpoint.rpartition(":")[2]
        if port.isdigit() and not 0 < int(port) < 65536:
            yield "defaultEndpoint", f"{port} is not a port"


@frozen(kw_only=True)
class EgressListener(Item):
    """A listener for services elsewhere."""

    port: Port | None = entry("a listener; without it none is made")
    bind: str = entry("the listener's address", "127.0.0.1")
    capture_mode: Literal["DEFAULT", "NONE", "IPTABLES"] = entry("nothing: NONE and DEFAULT bind the port", "DEFAULT")
    hosts: tuple[str, ...] = entry("the services that may be called here: namespace/host", REQUIRED, at_least=1)

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _bind_faults(self.bind)
        for host in self.hosts:
            if host.count("/") != 1 or host.startswith("/") or host.endswith("/"):
                yield (
                    "hosts",
                    f"{host[:80]!r} is not namespace/host, such as './*' or 'default/a.default.svc.cluster.local'",
                )


@frozen(kw_only=True)
class OutboundTrafficPolicy(Item):
    """The treatment of requests for services that no file names."""

    mode: Literal["REGISTRY_ONLY"] = entry("they are answered ROUTE_NOT_FOUND", "REGISTRY_ONLY")


@frozen(kw_only=True)
class Sidecar(Item):
    """The listeners of one proxy."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"inboundConnectionPool": "write it in `ingress[].connectionPool`"}

    workload_selector: WorkloadSelector | None = entry("whether it is this proxy's")
    ingress: tuple[IngressListener, ...] = entry("listeners for the program next to the proxy", ())
    egress: tuple[EgressListener, ...] = entry("listeners for services elsewhere", ())
    outbound_traffic_policy: OutboundTrafficPolicy | None = entry("REGISTRY_ONLY is what happens anyway")
