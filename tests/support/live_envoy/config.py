"""Pieces of Envoy's configuration, as Python's own dictionaries."""

from typing import Any, TypeAlias

Config: TypeAlias = dict[str, Any]

_TYPES = "type.googleapis.com/envoy."
_HCM = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_UPSTREAM_CODEC = "extensions.filters.http.upstream_codec.v3.UpstreamCodec"


def typed(name: str, kind: str, **fields: Any) -> Config:
    """Return an extension.

    Args:
        name: The name of its factory: "envoy.filters.network.tcp_proxy".
        kind: The type of its configuration, without "envoy." before it.
        fields: The configuration.
    """
    return {"name": name, "typed_config": {"@type": _TYPES + kind, **fields}}


UPSTREAM_CODEC = typed("envoy.filters.http.upstream_codec", _UPSTREAM_CODEC)
"""The last of a cluster's HTTP filters."""


def address(port: int, host: str = "127.0.0.1") -> Config:
    """Return a TCP address; port 0 is one that the kernel chooses."""
    return {"socket_address": {"address": host, "port_value": port}}


def bootstrap(listeners: list[Config], clusters: list[Config], **fields: Any) -> Config:
    """Return a whole configuration; `Envoy` adds the admin interface."""
    return {"static_resources": {"listeners": listeners, "clusters": clusters}, **fields}


def listener(name: str, *filters: Config, **fields: Any) -> Config:
    """Return a listener on a port that the kernel chooses; `Envoy.port` knows it."""
    return {"name": name, "address": address(0), "filter_chains": [{"filters": list(filters)}], **fields}


def cluster(name: str, *ports: int, **fields: Any) -> Config:
    """Return a cluster of servers on this machine, with limits that no test meets."""
    hosts = [{"endpoint": {"address": address(port)}} for port in ports]
    high = {"max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000, "max_retries": 1_000}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": hosts}]},
        "circuit_breakers": {"thresholds": [high]},
        **fields,
    }


CLOSED: Config = {"thresholds": [{"max_connections": 0, "max_pending_requests": 0}]}
"""The circuit breakers of a cluster that has no room for any request."""


def tcp_proxy(cluster: str, **fields: Any) -> Config:
    """Return the network filter that hands bytes to a cluster."""
    kind = "extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return typed("envoy.filters.network.tcp_proxy", kind, stat_prefix="tcp", cluster=cluster, **fields)


def http_connection_manager(routes: list[Config], *filters: Config, **fields: Any) -> Config:
    """Return the network filter that routes HTTP.

    Args:
        routes: Of its only virtual host.
        filters: HTTP filters before the router.
        fields: More of its configuration.
    """
    router = typed("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")
    return typed(
        "envoy.filters.network.http_connection_manager",
        _HCM,
        **{
            "stat_prefix": "http",
            "route_config": {
                "name": "routes",
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
            },
            "http_filters": [*filters, router],
            **fields,
        },
    )


def lua(code: str) -> Config:
    """Return an HTTP filter in Lua."""
    kind = "extensions.filters.http.lua.v3.Lua"
    return typed("envoy.filters.http.lua", kind, default_source_code={"inline_string": code})


def abort(status: int = 503) -> Config:
    """Return the HTTP filter that answers every request with a fault."""
    kind = "extensions.filters.http.fault.v3.HTTPFault"
    return typed("fault", kind, abort={"http_status": status, "percentage": {"numerator": 100}})


def limit() -> Config:
    """Return the HTTP filter that lets one request pass, and no other for as long as a test runs."""
    always = {"default_value": {"numerator": 100}}
    return typed(
        "limit",
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket={"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s"},
        filter_enabled=always,
        filter_enforced=always,
    )


def deny(**policies: Config) -> Config:
    """Return the HTTP filter RBAC that refuses what a policy is for, by the policies' names."""
    return typed("rbac", "extensions.filters.http.rbac.v3.RBAC", rules={"action": "DENY", "policies": policies})


def route(cluster: str, *, prefix: str = "/", headers: dict[str, str] | None = None, **fields: Any) -> Config:
    """Return a route to a cluster.

    Args:
        cluster: Where it leads.
        prefix: The beginning of the paths that it takes.
        headers: Headers with the values that a request must have.
        fields: More of the route's action, such as `timeout`.
    """
    match: Config = {"prefix": prefix}
    if headers:
        match["headers"] = [{"name": k, "string_match": {"exact": v}} for k, v in headers.items()]
    return {"match": match, "route": {"cluster": cluster, **fields}}


def http_options(version: str = "http", **fields: Any) -> Config:
    """Return the field of a cluster that speaks HTTP.

    Args:
        version: "http" or "http2".
        fields: More of the options.
    """
    options = {"explicit_http_config": {f"{version}_protocol_options": {}}, **fields}
    return {"typed_extension_protocol_options": {_HTTP_OPTIONS: {"@type": _TYPES + _HTTP_OPTIONS[6:], **options}}}
