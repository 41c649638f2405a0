"""The ways from client to server that are compared: direct, through a filter of Envoy's, and through our module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from live_engine.config import bridged, codec_listener
from live_envoy.config import Config, bootstrap, cluster, listener, route, tcp_proxy, typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.engine.protocols import Protocol

DIRECT, TCP_PROXY, OURS = "direct", "tcp_proxy", "metaprotocol"

_NETWORK = "extensions.filters.network"
_GENERIC = f"{_NETWORK}.generic_proxy"
_TYPES = "type.googleapis.com/envoy."


@frozen
class Lane:
    """A way to the server.

    Args:
        name: The name in tables.
        config: Returns Envoy's configuration for a server's port, with one listener named `in`; None if there is no
            Envoy between.
    """

    name: str
    config: Callable[[int], Config] | None


def _tcp_proxy(port: int) -> Config:
    return bootstrap([listener("in", tcp_proxy("servers"))], [cluster("servers", port)])


def _dubbo_proxy(port: int) -> Config:
    method = {"name": {"safe_regex": {"regex": ".*"}}}
    route = {"match": {"method": method}, "route": {"cluster": "servers"}}
    routes = [{"name": "all", "interface": "*", "routes": [route]}]
    router = {"@type": f"{_TYPES}{_NETWORK}.dubbo_proxy.router.v3.Router"}
    proxy = typed(
        "envoy.filters.network.dubbo_proxy",
        f"{_NETWORK}.dubbo_proxy.v3.DubboProxy",
        stat_prefix="dubbo",
        protocol_type="Dubbo",
        serialization_type="Hessian2",
        multiple_route_config={"name": "routes", "route_config": routes},
        dubbo_filters=[{"name": "envoy.filters.dubbo.router", "config": router}],
    )
    return bootstrap([listener("in", proxy)], [cluster("servers", port)])


def _generic_proxy(port: int) -> Config:
    action = typed("route", f"{_GENERIC}.action.v3.RouteAction", cluster="servers")
    service = typed("request-service", f"{_GENERIC}.matcher.v3.ServiceMatchInput")
    matcher = {"matcher_tree": {"input": service, "prefix_match_map": {"map": {"": {"action": action}}}}}
    hosts = {"name": "all", "hosts": ["*"], "routes": matcher}
    proxy = typed(
        "envoy.filters.network.generic_proxy",
        f"{_GENERIC}.v3.GenericProxy",
        stat_prefix="generic",
        codec_config=typed("dubbo", f"{_GENERIC}.codecs.dubbo.v3.DubboCodecConfig"),
        filters=[typed("envoy.filters.generic.router", f"{_GENERIC}.router.v3.Router", bind_upstream_connection=False)],
        route_config={"name": "routes", "virtual_hosts": [hosts]},
    )
    return bootstrap([listener("in", proxy)], [cluster("servers", port)])


def _thrift_proxy(port: int) -> Config:
    kind = f"{_NETWORK}.thrift_proxy"
    routes = [{"match": {"method_name": ""}, "route": {"cluster": "servers"}}]
    proxy = typed(
        "envoy.filters.network.thrift_proxy",
        f"{kind}.v3.ThriftProxy",
        stat_prefix="thrift",
        transport="FRAMED",
        protocol="BINARY",
        route_config={"name": "routes", "routes": routes},
        thrift_filters=[typed("envoy.filters.thrift.router", f"{kind}.router.v3.Router")],
    )
    name = "envoy.filters.network.thrift_proxy"
    options = {"@type": f"{_TYPES}{kind}.v3.ThriftProtocolOptions", "transport": "FRAMED", "protocol": "BINARY"}
    servers = cluster("servers", port, typed_extension_protocol_options={name: options})
    return bootstrap([listener("in", proxy)], [servers])


_OWN_FILTERS: dict[str, list[Lane]] = {
    "awesomerpc": [],
    "dubbo": [Lane("dubbo_proxy", _dubbo_proxy), Lane("generic_proxy", _generic_proxy)],
    "thrift": [Lane("thrift_proxy", _thrift_proxy)],
}


def lanes(protocol: Protocol) -> list[Lane]:
    """Return the ways of a protocol."""

    def ours(port: int) -> Config:
        # The headers that Envoy adds to an answer cost a tenth, and no client of the protocol sees them.
        plain = codec_listener(protocol.name, [route("servers")], hcm={"server_header_transformation": "PASS_THROUGH"})
        _, manager = plain["filter_chains"][0]["filters"]
        manager["typed_config"]["http_filters"][-1]["typed_config"]["suppress_envoy_headers"] = True
        return bootstrap([plain], [bridged("servers", port)])

    return [Lane(DIRECT, None), Lane(TCP_PROXY, _tcp_proxy), *_OWN_FILTERS[protocol.name], Lane(OURS, ours)]
