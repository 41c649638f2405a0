"""Envoy's statistics as metrics of Prometheus: what of their names becomes labels, and where they are served."""

from __future__ import annotations

from metaprotocol_mesh.render.pieces import Json, socket_address, typed

METRICS_PATH = "/stats/prometheus"
"""Where Prometheus finds them, as at Istio's proxies."""

_ADMIN = "prometheus_stats"  # as in Istio's proxies

# The end of a statistic of a cluster. The name of a cluster has dots and no underscore, so the first underscore tells
# where it is over, but for these words.
_OF_CLUSTER = (
    r"(?:(?:external|internal|canary|ssl|http1|http2|ratelimit|ext_authz|circuit_breakers|outlier_detection"
    r"|health_check)\.)?(?:\w*_|(?:default|high)\.\w+_|(?:ok|error|denied|disabled|version|handshake|attempt|success"
    r"|failure|healthy|degraded)$|(?:ciphers|versions|curves|sigalgs)\.)"
)

LABELS: dict[str, str] = {
    "cluster_name": r"^cluster\.(((?:outbound|inbound)\|[0-9]+\|[^|]*\|[^|_]*?|prometheus_stats)\.)" + _OF_CLUSTER,
    "virtual_host": r"^vhost\.((.+?[:|_][0-9]+)\.)(?:route|vcluster)\.",
    "route": r"^vhost\..+?[:|_][0-9]+\.route\.((.+)\.)upstream_rq_\w+$",
    "virtual_cluster": r"^vhost\..+?[:|_][0-9]+\.vcluster\.((.+)\.)upstream_rq_\w+$",
    "http_conn_manager_prefix": r"^(?:listener\..+\.)?http\.((\w+?_[0-9a-f._]+_[0-9]+|admin|metrics)\.)",
    "rds_route_config": r"^http\..+\.rds\.(([0-9a-f._]+_[0-9]+)\.)",
    "listener_address": r"^listener\.(([0-9a-f._\[\]]+_[0-9]+|admin)\.)",
    "limit": r"^((.+)\.)http_local_rate_limit\.",
    "response_code": r"_rq(_(\d{3}))$",
    "response_code_class": r"_rq(_(\dxx))$",
}
"""The parts of names that become labels, called as in Istio's proxies where these have them. The first group goes, the
second is the label's value. With Envoy's own expressions the dots of a host would be parts of names."""


def stats_config() -> Json:
    """Return the bootstrap's `stats_config`."""
    tags = [{"tag_name": name, "regex": regex} for name, regex in LABELS.items()]
    return {"use_all_default_tags": False, "stats_tags": tags}


def metrics_listener(host: str, port: int) -> Json:
    """Return a listener that serves metrics, and nothing else of the admin interface.

    Args:
        host: The IP address to listen at.
        port: The port.
    """
    asked = {"path": METRICS_PATH, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}
    everyone = {"name": "metrics", "domains": ["*"], "routes": [{"match": asked, "route": {"cluster": _ADMIN}}]}
    manager = typed(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="metrics",
        normalize_path=True,
        route_config={"name": "metrics", "virtual_hosts": [everyone]},
        http_filters=[typed("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")],
    )
    chain = {"filters": [manager]}
    return {"name": "metrics", "address": socket_address(host, port), "filter_chains": [chain]}


def admin_cluster(path: str) -> Json:
    """Return the cluster of Envoy's own admin interface, to which the listener of metrics leads.

    Args:
        path: Its unix socket.
    """
    endpoint = {"endpoint": {"address": {"pipe": {"path": path}}}}
    assignment = {"cluster_name": _ADMIN, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": _ADMIN, "type": "STATIC", "connect_timeout": "5s", "load_assignment": assignment}
