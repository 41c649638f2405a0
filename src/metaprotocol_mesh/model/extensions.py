"""Telemetry, WasmPlugin and EnvoyFilter of Istio: logs, metrics, traces, and additions to Envoy."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Item, entry
from metaprotocol_mesh.model.networking import WorkloadSelector  # noqa: TC001
from metaprotocol_mesh.model.security import Selector  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator

_TARGETS = {"targetRef": "it is of the Gateway API", "targetRefs": "it is of the Gateway API"}


@frozen(kw_only=True)
class ProviderRef(Item):
    """A provider."""

    name: str = entry(
        "`envoy`, an access log on standard output; `prometheus`; or one of an IstioOperator's `extensionProviders`",
        REQUIRED,
    )


@frozen(kw_only=True)
class ModeSelector(Item):
    """The listeners that something is for."""

    mode: Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"] = entry(
        "Sidecar's egress and gateways, ingress, or all", "CLIENT_AND_SERVER"
    )


@frozen(kw_only=True)
class LogFilter(Item):
    """A condition."""

    expression: str = entry("`access_log[].filter`, an expression of CEL", REQUIRED)


@frozen(kw_only=True)
class AccessLogging(Item):
    """A log of requests."""

    match: ModeSelector | None = entry("the listeners")
    providers: tuple[ProviderRef, ...] = entry("`access_log`", ())
    disabled: bool = entry("no `access_log`", False)
    filter: LogFilter | None = entry("`access_log[].filter`")


@frozen(kw_only=True)
class LiteralText(Item):
    """A text."""

    value: str = entry("`literal.value`", REQUIRED)


@frozen(kw_only=True)
class Environment(Item):
    """An environment variable of Envoy."""

    name: str = entry("`environment.name`", REQUIRED)
    default_value: str = entry("`environment.default_value`", "")


@frozen(kw_only=True)
class RequestHeader(Item):
    """A property of the request."""

    name: str = entry("`request_header.name`", REQUIRED)
    default_value: str = entry("`request_header.default_value`", "")


@frozen(kw_only=True)
class CustomTag(Item):
    """A tag of a span."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("literal", "environment", "header"),)
    UNSUPPORTED: ClassVar[dict[str, str]] = {"formatter": "use `header`"}

    literal: LiteralText | None = entry("`literal`")
    environment: Environment | None = entry("`environment`")
    header: RequestHeader | None = entry("`request_header`")

    def faults(self) -> Iterator[tuple[str, str]]:
        if not (self.literal or self.environment or self.header):
            yield "", "a tag needs `literal`, `environment` or `header`"


@frozen(kw_only=True)
class Tracing(Item):
    """Traces of requests."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "useRequestIdForTraceSampling": "Envoy's own default holds, which is true",
        "enableIstioTags": "there are none",
    }

    match: ModeSelector | None = entry("the listeners")
    providers: tuple[ProviderRef, ...] = entry("`tracing.provider`; the first", ())
    random_sampling_percentage: float | None = entry("`tracing.random_sampling`; 1 by default", minimum=0, maximum=100)
    disable_span_reporting: bool | None = entry("no `tracing`")
    custom_tags: Mapping[str, CustomTag] = entry("`tracing.custom_tags`", {})


@frozen(kw_only=True)
class MetricSelector(Item):
    """The metrics that an override is for."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"customMetric": "Istio's standard metrics are all there are"}

    metric: Literal["ALL_METRICS", "REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"] = entry(
        "the metric", "ALL_METRICS"
    )
    mode: Literal["CLIENT_AND_SERVER", "CLIENT", "SERVER"] = entry(
        "Sidecar's egress and gateways, ingress, or all", "CLIENT_AND_SERVER"
    )


@frozen(kw_only=True)
class TagOverride(Item):
    """A change of a label."""

    operation: Literal["UPSERT", "REMOVE"] = entry("whether the label is there", "UPSERT")
    value: str = entry("the label's value, an expression of CEL", "", pattern=r"[^%\n]*")

    def faults(self) -> Iterator[tuple[str, str]]:
        if bool(self.value) == (self.operation == "REMOVE"):
            yield "value", "UPSERT has a `value`, and REMOVE none"


@frozen(kw_only=True)
class MetricsOverrides(Item):
    """A change of some metrics."""

    match: MetricSelector | None = entry("which of them; all without it")
    disabled: bool | None = entry("whether they are there")
    tag_overrides: Mapping[str, TagOverride] = entry("labels", {})


@frozen(kw_only=True)
class Metrics(Item):
    """Istio's standard metrics."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"reportingInterval": "it is of TCP"}

    providers: tuple[ProviderRef, ...] = entry("nothing: there is Prometheus", ())
    overrides: tuple[MetricsOverrides, ...] = entry("changes of them, the later ones after the earlier", ())


@frozen(kw_only=True)
class Telemetry(Item):
    """The metrics, traces and access logs of requests."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {**_TARGETS}

    selector: Selector | None = entry("whether it is this proxy's")
    access_logging: tuple[AccessLogging, ...] = entry("`access_log` of the HCM", ())
    tracing: tuple[Tracing, ...] = entry("`tracing` of the HCM", ())
    metrics: tuple[Metrics, ...] = entry("an access log that counts: `istio_requests_total` and the others", ())


@frozen(kw_only=True)
class WasmPlugin(Item):
    """A filter in WebAssembly."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        **_TARGETS,
        "sha256": "the file is yours",
        "imagePullPolicy": "there are no images on a laptop: name a file",
        "imagePullSecret": "there are no images on a laptop: name a file",
        "vmConfig": "it is not built yet",
        "match": "it is not built yet",
        "type": "HTTP is all that is built",
        "verificationKey": "it is not built yet",
    }

    selector: Selector | None = entry("whether it is this proxy's")
    url: str = entry("`vm_config.code.local.filename`: file:///path", REQUIRED, pattern=r"file:///.+|/.+")
    plugin_config: Any = entry("`config.configuration`, as JSON")
    plugin_name: str = entry("`config.root_id`", "")
    phase: Literal["UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"] = entry(
        "the filter's place: before JWT, before RBAC, before the router", "UNSPECIFIED_PHASE"
    )
    priority: int = entry("the order within a phase, high ones first", 0, minimum=-(2**31), maximum=2**31 - 1)
    fail_strategy: Literal["FAIL_CLOSE", "FAIL_OPEN"] = entry("`failure_policy`", "FAIL_CLOSE")


@frozen(kw_only=True)
class SubFilterMatch(Item):
    """An HTTP filter."""

    name: str = entry("the HTTP filter's name", REQUIRED)


@frozen(kw_only=True)
class FilterMatch(Item):
    """A network filter."""

    name: str = entry("the network filter's name", REQUIRED)
    sub_filter: SubFilterMatch | None = entry("an HTTP filter")


@frozen(kw_only=True)
class FilterChainMatch(Item):
    """A filter chain."""

    UNSUPPORTED: ClassVar[dict[str, str]] = dict.fromkeys(
        ("name", "sni", "transportProtocol", "applicationProtocols", "destinationPort"),
        "a listener has one filter chain",
    )

    filter: FilterMatch | None = entry("a network filter")


@frozen(kw_only=True)
class ListenerMatch(Item):
    """A listener."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "portName": "use `portNumber` or `name`",
        "listenerFilter": "there are none",
    }

    port_number: int | None = entry("the listener's port")
    name: str = entry("the listener's name", "")
    filter_chain: FilterChainMatch | None = entry("a filter of it")


@frozen(kw_only=True)
class ClusterMatch(Item):
    """A cluster."""

    port_number: int | None = entry("the cluster's port")
    service: str = entry("the cluster's service", "")
    subset: str = entry("the cluster's subset", "")
    name: str = entry("the cluster's name", "")


@frozen(kw_only=True)
class RouteMatch(Item):
    """A route."""

    name: str = entry("the route's name", "")
    action: Literal["ANY", "ROUTE", "DIRECT_RESPONSE"] = entry("its kind", "ANY")


@frozen(kw_only=True)
class VirtualHostMatch(Item):
    """A virtual host."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"domainName": "use `name`"}

    name: str = entry("the virtual host's name: host:port", "")
    route: RouteMatch | None = entry("a route of it")


@frozen(kw_only=True)
class RouteConfigurationMatch(Item):
    """A route configuration."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"gateway": "use `portNumber`", "portName": "use `portNumber`"}

    port_number: int | None = entry("the listener's port")
    name: str = entry("the route configuration's name", "")
    vhost: VirtualHostMatch | None = entry("a virtual host of it")


@frozen(kw_only=True)
class ObjectMatch(Item):
    """The part of Envoy's configuration that a patch changes."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("listener", "cluster", "route_configuration"),)
    UNSUPPORTED: ClassVar[dict[str, str]] = {"proxy": "there is one proxy", "waypoint": "there are none"}

    context: Literal["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"] = entry(
        "the kind of listener or cluster", "ANY"
    )
    listener: ListenerMatch | None = entry("a listener")
    cluster: ClusterMatch | None = entry("a cluster")
    route_configuration: RouteConfigurationMatch | None = entry("a route configuration")


@frozen(kw_only=True)
class Patch(Item):
    """A change."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"filterClass": "use INSERT_BEFORE and a filter's name"}

    operation: Literal["MERGE", "ADD", "REMOVE", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST", "REPLACE"] = entry(
        "what is done", REQUIRED
    )
    value: Mapping[str, Any] = entry("Envoy's own configuration", {})


@frozen(kw_only=True)
class EnvoyConfigObjectPatch(Item):
    """A change of what we render."""

    apply_to: Literal[
        "HTTP_FILTER", "NETWORK_FILTER", "LISTENER", "CLUSTER", "ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"
    ] = entry("what is changed", REQUIRED)
    match: ObjectMatch | None = entry("which of them; all without it")
    patch: Patch = entry("the change", REQUIRED)

    def faults(self) -> Iterator[tuple[str, str]]:
        allowed = {
            "HTTP_FILTER": "MERGE ADD REMOVE INSERT_BEFORE INSERT_AFTER INSERT_FIRST REPLACE",
            "NETWORK_FILTER": "MERGE INSERT_BEFORE INSERT_FIRST",
        }.get(self.apply_to, "MERGE")
        if self.patch.operation not in allowed.split():
            yield "patch", f"{self.apply_to} takes {allowed.replace(' ', ', ')}, not {self.patch.operation}"
        elif self.patch.operation != "REMOVE" and not self.patch.value:
            yield "patch", "the patch has no `value`"


@frozen(kw_only=True)
class EnvoyFilter(Item):
    """Changes of Envoy's configuration by hand."""

    UNSUPPORTED: ClassVar[dict[str, str]] = _TARGETS

    workload_selector: WorkloadSelector | None = entry("whether it is this proxy's")
    config_patches: tuple[EnvoyConfigObjectPatch, ...] = entry(
        "HTTP filters, and merges into what is rendered", REQUIRED
    )
    priority: int = entry("the order of EnvoyFilters, low ones first", 0)
