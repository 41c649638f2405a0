"""DestinationRule of Istio: load balancing, outlier detection, connection limits and TLS of servers."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from math import isqrt
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, Percent, entry

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 2**31 - 1


@frozen(kw_only=True)
class RingHash(Item):
    """A hash ring."""

    minimum_ring_size: int = entry("`ring_hash_lb_config.minimum_ring_size`", 0, minimum=0, maximum=8 * 2**20)


@frozen(kw_only=True)
class Maglev(Item):
    """Maglev's table."""

    table_size: int = entry("`maglev_lb_config.table_size`, a prime number", 0, minimum=0, maximum=5_000_011)

    def faults(self) -> Iterator[tuple[str, str]]:
        # Envoy 1.40 divides by zero for 1, which it takes for one.
        size = self.table_size
        if size and (size == 1 or any(size % divisor == 0 for divisor in range(2, isqrt(size) + 1))):
            yield "tableSize", f"Envoy takes prime numbers, and {size} is none"


@frozen(kw_only=True)
class ConsistentHash(Item):
    """A server for each value of a property."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("http_header_name", "use_source_ip"), ("ring_hash", "maglev"))
    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "httpCookie": "messages have no cookies: hash a property with `httpHeaderName`",
        "httpQueryParameterName": "operations have no query: hash a property with `httpHeaderName`",
    }

    http_header_name: str | None = entry("the route's `hash_policy` by header", pattern=r"[^\x00-\x20:]+")
    use_source_ip: bool | None = entry("the route's `hash_policy` by address")
    minimum_ring_size: int = entry("`ring_hash_lb_config.minimum_ring_size`, 1024", 0, minimum=0, maximum=8 * 2**20)
    ring_hash: RingHash | None = entry("`lb_policy: RING_HASH`")
    maglev: Maglev | None = entry("`lb_policy: MAGLEV`")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.http_header_name is None and not self.use_source_ip:
            yield "", "what is hashed is missing: `httpHeaderName` or `useSourceIp: true`"


@frozen(kw_only=True)
class Distribute(Item):
    """The shares of the calls from one locality."""

    from_: str = entry("compared with the proxy's locality", REQUIRED)
    to: Mapping[str, int] = entry("`load_balancing_weight` of localities", REQUIRED)

    def faults(self) -> Iterator[tuple[str, str]]:
        if sum(self.to.values()) != 100 or min(self.to.values(), default=0) < 0:
            yield "to", f"the weights must make 100 together, not {sum(self.to.values())}"


@frozen(kw_only=True)
class Failover(Item):
    """The region that takes the calls of another when that one fails."""

    from_: str = entry("compared with the proxy's region", REQUIRED)
    to: str = entry("the region with the next `priority`", REQUIRED)


@frozen(kw_only=True)
class LocalityLbSetting(Item):
    """Localities."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("distribute", "failover"), ("distribute", "failover_priority"))

    distribute: tuple[Distribute, ...] | None = entry("weights of localities, `locality_weighted_lb_config`")
    failover: tuple[Failover, ...] | None = entry("priorities of localities; needs `outlierDetection`")
    failover_priority: tuple[str, ...] = entry(
        "priorities of servers, by the labels that they share with the proxy, or `name=value`; "
        "needs `outlierDetection`",
        (),
        pattern=r"[^=]+(?:=[^=]*)?",
    )
    enabled: bool = entry("false leaves localities alone", True)


@frozen(kw_only=True)
class LoadBalancerSettings(Item):
    """The choice of a server."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("simple", "consistent_hash"),)
    UNSUPPORTED: ClassVar[dict[str, str]] = {"warmup": "use `warmupDurationSecs`"}

    simple: Literal["UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN", "RANDOM", "ROUND_ROBIN"] | None = entry(
        "`lb_policy`; LEAST_REQUEST by default"
    )
    consistent_hash: ConsistentHash | None = entry("`lb_policy` and the routes' `hash_policy`")
    locality_lb_setting: LocalityLbSetting | None = entry("priorities and weights of localities")
    warmup_duration_secs: Duration | None = entry("`slow_start_config.slow_start_window`")


@frozen(kw_only=True)
class TcpKeepalive(Item):
    """Probes of idle connections."""

    probes: int | None = entry("`tcp_keepalive.keepalive_probes`", minimum=0, maximum=_MOST)
    time: Duration | None = entry("`tcp_keepalive.keepalive_time`")
    interval: Duration | None = entry("`tcp_keepalive.keepalive_interval`")


@frozen(kw_only=True)
class TCPSettings(Item):
    """Connections to servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"maxConnectionDuration": "the bridge cannot end a connection so"}

    max_connections: int = entry("`circuit_breakers.thresholds[].max_connections`", 0, minimum=0, maximum=_MOST)
    connect_timeout: Duration | None = entry("`connect_timeout`, 10s")
    tcp_keepalive: TcpKeepalive | None = entry("`upstream_connection_options.tcp_keepalive`")
    idle_timeout: Duration | None = entry("`TcpProtocolOptions.idle_timeout`")


@frozen(kw_only=True)
class HTTPSettings(Item):
    """Requests to servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "h2UpgradePolicy": "the bridge speaks the codec's protocol to servers",
        "useClientProtocol": "the bridge speaks the codec's protocol to servers",
        "maxConcurrentStreams": "a connection has one request at a time",
        "maxRequestsPerConnection": "the bridge cannot count them; use `tcp.idleTimeout`",
    }

    http1_max_pending_requests: int = entry(
        "`circuit_breakers.thresholds[].max_pending_requests`", 0, minimum=0, maximum=_MOST
    )
    http2_max_requests: int = entry(
        "`max_connections`: a request in flight has a connection of its own", 0, minimum=0, maximum=_MOST
    )
    max_retries: int = entry("`circuit_breakers.thresholds[].max_retries`", 0, minimum=0, maximum=_MOST)
    idle_timeout: Duration | None = entry("`TcpProtocolOptions.idle_timeout`; goes before `tcp.idleTimeout`")


@frozen(kw_only=True)
class ConnectionPoolSettings(Item):
    """Limits."""

    tcp: TCPSettings | None = entry("`circuit_breakers`, `connect_timeout`")
    http: HTTPSettings | None = entry("`circuit_breakers`")


@frozen(kw_only=True)
class OutlierDetection(Item):
    """The servers that are left alone for a while."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "consecutiveErrors": "use `consecutive5xxErrors` or `consecutiveGatewayErrors`"
    }

    consecutive_5xx_errors: int | None = entry("`outlier_detection.consecutive_5xx`", minimum=0, maximum=_MOST)
    consecutive_gateway_errors: int | None = entry(
        "`outlier_detection.consecutive_gateway_failure`", minimum=0, maximum=_MOST
    )
    split_external_local_origin_errors: bool = entry("`outlier_detection.split_external_local_origin_errors`", False)
    consecutive_local_origin_failures: int | None = entry(
        "`outlier_detection.consecutive_local_origin_failure`", minimum=0, maximum=_MOST
    )
    interval: Duration | None = entry("`outlier_detection.interval`")
    base_ejection_time: Duration | None = entry("`outlier_detection.base_ejection_time`")
    max_ejection_percent: int = entry("`outlier_detection.max_ejection_percent`", 0, minimum=0, maximum=100)
    min_health_percent: int = entry("`common_lb_config.healthy_panic_threshold`, 0", 0, minimum=0, maximum=100)


@frozen(kw_only=True)
class ClientTLSSettings(Item):
    """Certificates for servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "credentialName": "it needs Kubernetes: name files, `caCertificates`, `clientCertificate` and `privateKey`",
        "caCrl": "it is not built yet",
    }

    mode: Literal["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] = entry(
        "`transport_socket` with UpstreamTlsContext; ISTIO_MUTUAL is refused, but for `metaprotocol istio`", "DISABLE"
    )
    client_certificate: str = entry("`tls_certificates[].certificate_chain`, a file", "")
    private_key: str = entry("`tls_certificates[].private_key`, a file", "")
    ca_certificates: str = entry("`validation_context.trusted_ca`, a file; the system's by default", "")
    subject_alt_names: tuple[str, ...] = entry("`match_typed_subject_alt_names`; the service's host by default", ())
    sni: str = entry("`sni`", "")
    insecure_skip_verify: bool = entry("no `validation_context`", False)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.mode == "MUTUAL" and not (self.client_certificate and self.private_key):
            yield "", "`mode: MUTUAL` needs `clientCertificate` and `privateKey`"


@frozen(kw_only=True)
class RetryBudget(Item):
    """Retries at the same time."""

    percent: float = entry("`budget_percent`, of the requests in flight", 20.0, minimum=0, maximum=100)
    min_retry_concurrency: int = entry(
        "`min_retry_concurrency`, allowed whatever is in flight", 3, minimum=0, maximum=_MOST
    )


@frozen(kw_only=True)
class PortSelector(Item):
    """A port of the service."""

    number: int = entry("the cluster's port", REQUIRED, minimum=1, maximum=65535)


@frozen(kw_only=True)
class PortTrafficPolicy(Item):
    """The policy of one port."""

    port: PortSelector = entry("the cluster", REQUIRED)
    load_balancer: LoadBalancerSettings | None = entry("goes before that of all ports")
    connection_pool: ConnectionPoolSettings | None = entry("goes before that of all ports")
    outlier_detection: OutlierDetection | None = entry("goes before that of all ports")
    tls: ClientTLSSettings | None = entry("goes before that of all ports")


@frozen(kw_only=True)
class TrafficPolicy(Item):
    """The policy for calls to servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "tunnel": "it is of TCP alone",
        "proxyProtocol": "it is not built yet",
    }

    load_balancer: LoadBalancerSettings | None = entry("`lb_policy`")
    connection_pool: ConnectionPoolSettings | None = entry("`circuit_breakers`")
    outlier_detection: OutlierDetection | None = entry("`outlier_detection`")
    tls: ClientTLSSettings | None = entry("`transport_socket`")
    retry_budget: RetryBudget | None = entry("`circuit_breakers.thresholds[].retry_budget`; goes before `maxRetries`")
    port_level_settings: tuple[PortTrafficPolicy, ...] = entry("the clusters of these ports", ())


@frozen(kw_only=True)
class Subset(Item):
    """Some servers of a service."""

    name: str = entry("the cluster's name", REQUIRED, pattern=r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
    labels: Mapping[str, str] = entry("the endpoints with these labels", {})
    traffic_policy: TrafficPolicy | None = entry("goes before that of the rule, part by part")


@frozen(kw_only=True)
class DestinationRule(Item):
    """The policy for calls to the servers of a service."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"workloadSelector": "one set of files is for one proxy"}

    host: str = entry("the service", REQUIRED)
    traffic_policy: TrafficPolicy | None = entry("of all its clusters")
    subsets: tuple[Subset, ...] = entry("a cluster each", ())
    export_to: tuple[str, ...] = entry("the namespaces that see it", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        names = [subset.name for subset in self.subsets]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield "subsets", f"two subsets have the name {name!r}"


__all__ = ["ConnectionPoolSettings", "DestinationRule", "Percent", "TrafficPolicy"]
