"""The kinds of Aeraki Mesh: MetaRouter and ApplicationProtocol, converted to Istio's."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, Percent, StringMatch, entry
from metaprotocol_mesh.model.networking import HOST
from metaprotocol_mesh.model.virtual_service import Destination  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen(kw_only=True)
class MetaRouteMatch(Item):
    """Conditions that all hold."""

    attributes: Mapping[str, StringMatch] = entry("`match.headers`: the properties", {})


@frozen(kw_only=True)
class MetaRouteDestination(Item):
    """One of the destinations of a route."""

    destination: Destination = entry("`route.cluster`", REQUIRED)
    weight: int = entry("`weighted_clusters.clusters[].weight`", 0, minimum=0, maximum=100)


@frozen(kw_only=True)
class KeyValue(Item):
    """A change of a property."""

    key: str = entry("the property", REQUIRED)
    value: str = entry("its value", REQUIRED)


@frozen(kw_only=True)
class MetaRoute(Item):
    """A rule."""

    name: str = entry("the route's `name`", "")
    match: MetaRouteMatch | None = entry("`match`")
    route: tuple[MetaRouteDestination, ...] = entry(
        "`route.cluster` or `route.weighted_clusters`", REQUIRED, at_least=1
    )
    mirror: Destination | None = entry("`route.request_mirror_policies`")
    mirror_percentage: Percent | None = entry("`runtime_fraction`; 100 if it is left out")
    request_mutation: tuple[KeyValue, ...] = entry("`request_headers_to_add`", ())
    response_mutation: tuple[KeyValue, ...] = entry("`response_headers_to_add`", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        if len(self.route) > 1 and sum(one.weight for one in self.route) != 100:
            yield "route", f"the weights must make 100 together, not {sum(one.weight for one in self.route)}"
        if self.mirror_percentage is not None and self.mirror is None:
            yield "mirrorPercentage", "`mirrorPercentage` needs `mirror`"


@frozen(kw_only=True)
class TokenBucket(Item):
    """A limit."""

    max_tokens: int = entry("`token_bucket.max_tokens`", REQUIRED, minimum=1, maximum=2**32 - 1)
    tokens_per_fill: int = entry("`token_bucket.tokens_per_fill`", 1, minimum=1, maximum=2**32 - 1)
    fill_interval: Duration = entry("`token_bucket.fill_interval`, at least 50ms", REQUIRED)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.fill_interval.seconds < 0.05:
            yield "fillInterval", "Envoy takes at least 50ms"


@frozen(kw_only=True)
class LimitCondition(Item):
    """A limit for some requests."""

    match: MetaRouteMatch = entry("`rate_limits[].actions[].header_value_match`", REQUIRED)
    token_bucket: TokenBucket = entry("`descriptors[].token_bucket`", REQUIRED)


@frozen(kw_only=True)
class LocalRateLimit(Item):
    """Limits that each Envoy counts by itself."""

    token_bucket: TokenBucket | None = entry("the limit of requests that meet no condition")
    conditions: tuple[LimitCondition, ...] = entry("`descriptors`", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.token_bucket is None and not self.conditions:
            yield "", "a limit needs `tokenBucket` or `conditions`"


@frozen(kw_only=True)
class LimitDescriptor(Item):
    """A property by which requests are counted."""

    property: str = entry("`request_headers.header_name`", REQUIRED)
    descriptor_key: str = entry("`request_headers.descriptor_key`", REQUIRED)


@frozen(kw_only=True)
class GlobalRateLimit(Item):
    """Limits that a service counts for all Envoys."""

    domain: str = entry("the rate limit filter's `domain`", REQUIRED)
    match: MetaRouteMatch | None = entry("`header_value_match`: only these are counted")
    rate_limit_service: str = entry("`rate_limit_service`: a cluster, outbound|<port>||<host>", REQUIRED)
    request_timeout: Duration | None = entry("`timeout`; 20ms by default")
    deny_on_fail: bool = entry("`failure_mode_deny`, answered as over the limit", False)
    descriptors: tuple[LimitDescriptor, ...] = entry("`rate_limits[].actions`", REQUIRED, at_least=1)


@frozen(kw_only=True)
class MetaRouter(Item):
    """Rules for the requests to a service. Where a VirtualService has its host, too, that is an error."""

    hosts: tuple[str, ...] = entry("the virtual host", REQUIRED, at_least=1, pattern=HOST)
    gateways: tuple[str, ...] = entry("the listeners of these gateways; by default those of Sidecar", ())
    export_to: tuple[str, ...] = entry("the namespaces that see it", ())
    routes: tuple[MetaRoute, ...] = entry("routes", ())
    local_rate_limit: LocalRateLimit | None = entry("the local rate limit filter, in the virtual host")
    global_rate_limit: GlobalRateLimit | None = entry("the rate limit filter")

    def faults(self) -> Iterator[tuple[str, str]]:
        if len(self.hosts) > 1:
            yield "hosts", "a MetaRouter has one host"


@frozen(kw_only=True)
class ApplicationProtocol(Item):
    """The codec of a protocol that has another name in the names of ports."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {}

    protocol: str = entry("the protocol in `tcp-metaprotocol-<protocol>`", REQUIRED)
    codec: str = entry("the codec: `aeraki.meta_protocol.codec.<codec>` or its name here", REQUIRED)
