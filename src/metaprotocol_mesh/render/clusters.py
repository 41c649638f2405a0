"""Clusters and their endpoints. Defaults are istiod's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.render.localities import localities
from metaprotocol_mesh.render.pieces import Json, http_options, typed

if TYPE_CHECKING:
    from metaprotocol_mesh.model import Duration
    from metaprotocol_mesh.model.destination_rule import (
        ClientTLSSettings,
        ConnectionPoolSettings,
        LoadBalancerSettings,
        OutlierDetection,
        RetryBudget,
    )
    from metaprotocol_mesh.render.engine import Engine
    from metaprotocol_mesh.resolved import Cluster, Proxy

_NO_LIMIT = 2**32 - 1
_CONNECT_TIMEOUT = "10s"  # MeshConfig.connectTimeout
IDLE_TIMEOUT = "60s"
"""Idle connections are closed before servers do it: Dubbo's after 180 s, Thrift's and Netty's often after 60 to 120.
istiod has 1 h, for HTTP servers; a request that meets a connection which its server is closing fails."""
_TCP_OPTIONS = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions"
_SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@frozen
class Rendered:
    """A cluster, and its endpoints.

    Args:
        cluster: Without endpoints.
        assignment: The endpoints.
        watched: True if they come from a file of their own.
    """

    cluster: Json
    assignment: Json
    watched: bool


def render_cluster(cluster: Cluster, proxy: Proxy, engine: Engine) -> Rendered:
    """Return a cluster.

    Args:
        cluster: What it is.
        proxy: Whose it is, for its locality.
        engine: Reads it.
    """
    policy = cluster.policy
    resolution = cluster.service.entry.resolution if cluster.service is not None else "INBOUND"
    kind = {"DNS": "STRICT_DNS", "DNS_ROUND_ROBIN": "LOGICAL_DNS"}.get(resolution, "STATIC")
    # As istiod does: unhealthy servers get no request even if they are most, where Envoy has 50 %.
    balancing: Json = {"healthy_panic_threshold": {"value": 0}}
    found: Json = {
        "name": cluster.name, "type": kind, "connect_timeout": _CONNECT_TIMEOUT, "common_lb_config": balancing,
    }  # fmt: skip
    if kind.endswith("DNS"):
        found.update(respect_dns_ttl=True, dns_refresh_rate="60s")
    if cluster.port.codec:
        found.update(engine.bridge())
        if cluster.service is not None:  # metrics name them
            about = {"service": cluster.service.host, "version": cluster.labels.get("version", "unknown")}
            found["metadata"]["filter_metadata"]["metaprotocol"].update(about)
    else:
        version = "http2" if any(part in cluster.port.name for part in ("grpc", "http2")) else "http"
        found["typed_extension_protocol_options"] = http_options(version)
    _pool(found, policy.connection_pool, policy.retry_budget, bridged=bool(cluster.port.codec))
    if policy.outlier_detection is not None:
        _outliers(found, policy.outlier_detection)
    if cluster.service is not None:
        _balancer(found, policy.load_balancer)
    if policy.tls is not None and policy.tls.mode != "DISABLE":
        names = cluster.service.entry.subject_alt_names if cluster.service is not None else ()
        found["transport_socket"] = _tls(policy.tls, names, cluster.service.host if cluster.service is not None else "")
    assignment = {"cluster_name": cluster.name, "endpoints": localities(cluster, proxy)}
    weighted = any("load_balancing_weight" in one for one in assignment["endpoints"])
    if weighted:
        found["common_lb_config"]["locality_weighted_lb_config"] = {}
    return Rendered(found, assignment, kind == "STATIC" and cluster.service is not None)


def _pool(found: Json, settings: ConnectionPoolSettings | None, budget: RetryBudget | None, *, bridged: bool) -> None:
    tcp = settings.tcp if settings is not None else None
    http = settings.http if settings is not None else None
    connections = (tcp.max_connections if tcp else 0) or _NO_LIMIT
    requests = (http.http2_max_requests if http else 0) or _NO_LIMIT
    threshold: Json = {
        # A request in flight has a connection of its own, and Envoy enforces `max_requests` at no bridge.
        "max_connections": min(connections, requests) if bridged else connections,
        "max_pending_requests": (http.http1_max_pending_requests if http else 0) or _NO_LIMIT,
        "max_requests": requests,
        "max_retries": (http.max_retries if http else 0) or _NO_LIMIT,
        "track_remaining": True,
    }
    if budget is not None:
        threshold["retry_budget"] = {
            "budget_percent": {"value": budget.percent},
            "min_retry_concurrency": budget.min_retry_concurrency,
        }
    found["circuit_breakers"] = {"thresholds": [threshold]}
    idle = idle_timeout(settings)
    if bridged:
        found["typed_extension_protocol_options"].update(idle_options(str(idle) if idle else IDLE_TIMEOUT))
    if tcp is not None and tcp.connect_timeout is not None:
        found["connect_timeout"] = str(tcp.connect_timeout)
    if tcp is not None and tcp.tcp_keepalive is not None:
        alive, probes = tcp.tcp_keepalive, {}
        if alive.probes is not None:
            probes["keepalive_probes"] = alive.probes
        for name in ("time", "interval"):
            if (value := getattr(alive, name)) is not None:
                probes[f"keepalive_{name}"] = max(1, round(value.seconds))
        found["upstream_connection_options"] = {"tcp_keepalive": probes}


def idle_timeout(settings: ConnectionPoolSettings | None) -> Duration | None:
    """Return after how long a policy closes idle connections; None if it does not say."""
    tcp = settings.tcp if settings is not None else None
    http = settings.http if settings is not None else None
    return (http.idle_timeout if http else None) or (tcp.idle_timeout if tcp else None)


def idle_options(timeout: str) -> Json:
    """Return the options by which a cluster closes idle connections, as `typed_extension_protocol_options` has them."""
    return {_TCP_OPTIONS: {"@type": f"type.googleapis.com/{_TCP_OPTIONS}", "idle_timeout": timeout}}


def _outliers(found: Json, settings: OutlierDetection) -> None:
    outliers: Json = {"enforcing_success_rate": 0}
    for name, value in (
        ("consecutive_5xx", settings.consecutive_5xx_errors),
        ("consecutive_gateway_failure", settings.consecutive_gateway_errors),
    ):
        if value is not None:
            outliers[name] = value
            outliers[f"enforcing_{name}"] = 100 if value else 0
    for name in ("interval", "base_ejection_time"):
        if (duration := getattr(settings, name)) is not None:
            outliers[name] = str(duration)
    if settings.max_ejection_percent:
        outliers["max_ejection_percent"] = settings.max_ejection_percent
    if settings.split_external_local_origin_errors:
        outliers["split_external_local_origin_errors"] = True
        outliers["enforcing_local_origin_success_rate"] = 0
        if settings.consecutive_local_origin_failures:
            outliers["consecutive_local_origin_failure"] = settings.consecutive_local_origin_failures
            outliers["enforcing_consecutive_local_origin_failure"] = 100
    found["outlier_detection"] = outliers
    found["common_lb_config"]["healthy_panic_threshold"] = {"value": settings.min_health_percent}


def _balancer(found: Json, settings: LoadBalancerSettings | None) -> None:
    simple = settings.simple if settings is not None else None
    kind = {"RANDOM": "RANDOM", "ROUND_ROBIN": "ROUND_ROBIN"}.get(simple or "", "LEAST_REQUEST")
    found["lb_policy"] = kind
    if settings is None:
        return
    if settings.warmup_duration_secs is not None and kind != "RANDOM":
        window = {"slow_start_config": {"slow_start_window": str(settings.warmup_duration_secs)}}
        found["round_robin_lb_config" if kind == "ROUND_ROBIN" else "least_request_lb_config"] = window
    chosen = settings.consistent_hash
    if chosen is None:
        return
    for name in ("round_robin_lb_config", "least_request_lb_config"):
        found.pop(name, None)
    if chosen.maglev is not None:
        found["lb_policy"] = "MAGLEV"
        if chosen.maglev.table_size:
            found["maglev_lb_config"] = {"table_size": str(chosen.maglev.table_size)}
        return
    found["lb_policy"] = "RING_HASH"
    size = chosen.ring_hash.minimum_ring_size if chosen.ring_hash is not None else chosen.minimum_ring_size or 1024
    if size:
        found["ring_hash_lb_config"] = {"minimum_ring_size": str(size)}


def _tls(settings: ClientTLSSettings, names: tuple[str, ...], host: str) -> Json:
    if settings.mode == "ISTIO_MUTUAL":
        hint = "use MUTUAL with files, or leave `tls` out: proxies of Istio have mutual TLS without it"
        raise ConfigurationError([Problem(settings.at, "ISTIO_MUTUAL needs the certificates of istiod", hint)])
    context: Json = {}
    if settings.mode == "MUTUAL":
        context["tls_certificates"] = [
            {
                "certificate_chain": {"filename": settings.client_certificate},
                "private_key": {"filename": settings.private_key},
            }
        ]
    if not settings.insecure_skip_verify:
        alternatives = settings.subject_alt_names or names or ((host,) if host else ())
        matchers = [
            {"san_type": "URI" if "://" in name else "DNS", "matcher": {"exact": name}} for name in alternatives
        ]
        context["validation_context"] = {
            "trusted_ca": {"filename": settings.ca_certificates or _SYSTEM_CERTIFICATES},
            "match_typed_subject_alt_names": matchers,
        }
    fields: Json = {"common_tls_context": context}
    if settings.sni or host:
        fields["sni"] = settings.sni or host
    return typed("envoy.transport_sockets.tls", "extensions.transport_sockets.tls.v3.UpstreamTlsContext", **fields)
