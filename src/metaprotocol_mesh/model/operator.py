"""IstioOperator of Istio, as `istioctl install` reads it: the providers that policies and Telemetry name."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, entry, yaml_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODY = "no message becomes an HTTP body: rules and services see its properties and its operation"
_STATUS = r"[1-5][0-9][0-9]"


@frozen(kw_only=True)
class AuthorizationGrpc(Item):
    """A service that speaks Envoy's ext_authz, by gRPC."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"includeRequestBodyInCheck": _BODY}

    service: str = entry("the cluster of a ServiceEntry's host", REQUIRED)
    port: int = entry("the port of that service", REQUIRED, minimum=1, maximum=65535)
    timeout: Duration | None = entry("`grpc_service.timeout`, 600s by default")
    fail_open: bool = entry("`failure_mode_allow`", False)
    clear_route_cache: bool = entry("`clear_route_cache`: what the service adds can choose another route", False)
    status_on_error: str = entry("`status_on_error`, 403 by default", "", pattern=_STATUS)


@frozen(kw_only=True)
class AuthorizationHttp(Item):
    """A service that decides by the status of its answer."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "includeRequestBodyInCheck": _BODY,
        "includeHeadersInCheck": "write `includeRequestHeadersInCheck`",
        "headersToDownstreamOnAllow": "use a route's `headers.response`",
        "headersToDownstreamOnDeny": "a refusal is the protocol's own error",
    }

    service: str = entry("the cluster of a ServiceEntry's host", REQUIRED)
    port: int = entry("the port of that service", REQUIRED, minimum=1, maximum=65535)
    timeout: Duration | None = entry("`http_service.server_uri.timeout`, 600s by default")
    path_prefix: str = entry("`http_service.path_prefix`", "", pattern=r"/.*")
    fail_open: bool = entry("`failure_mode_allow`", False)
    clear_route_cache: bool = entry("`clear_route_cache`: what the service adds can choose another route", False)
    status_on_error: str = entry("`status_on_error`, 403 by default", "", pattern=_STATUS)
    include_request_headers_in_check: tuple[str, ...] = entry(
        "`allowed_headers`: properties that the service gets. Values may begin or end with `*`", ()
    )
    include_additional_headers_in_check: Mapping[str, str] = entry("`authorization_request.headers_to_add`", {})
    headers_to_upstream_on_allow: tuple[str, ...] = entry(
        "`allowed_upstream_headers`: headers of its answer that become properties", ()
    )


@frozen(kw_only=True)
class LogFormat(Item):
    """The format of an access log, in Envoy's command operators."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("text", "labels"),)

    text: str | None = entry("`log_format.text_format_source`")
    labels: Any = entry("`log_format.json_format`: an object of JSON a line")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.labels is not None and not isinstance(self.labels, dict):
            yield "labels", "this must be a mapping of names to formats"


@frozen(kw_only=True)
class FileAccessLog(Item):
    """An access log in a file."""

    path: str = entry("`path`, standard output by default", "/dev/stdout", pattern=r"/.+")
    log_format: LogFormat | None = entry("`log_format`")
    omit_empty_values: bool = entry("`log_format.omit_empty_values`", False)


@frozen(kw_only=True)
class ZipkinTracing(Item):
    """A collector that speaks Zipkin's HTTP."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "timeout": "Envoy's is 5 s",
        "headers": "they are not built yet",
    }

    service: str = entry("the cluster of a ServiceEntry's host", REQUIRED)
    port: int = entry("the port of that service", REQUIRED, minimum=1, maximum=65535)
    path: str = entry("`collector_endpoint`", "/api/v2/spans", pattern=r"/.*")
    max_tag_length: int | None = entry("`max_path_tag_length`", minimum=1, maximum=2**32 - 1)
    enable64bit_trace_id: bool = entry("`trace_id_128bit`: false", False)
    trace_context_option: Literal["USE_B3", "USE_B3_WITH_W3C_PROPAGATION"] = entry(
        "`trace_context_option`: read `traceparent`, too, and write both", "USE_B3"
    )


@frozen(kw_only=True)
class OpenTelemetryHttp(Item):
    """OpenTelemetry over HTTP."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"headers": "they are not built yet"}

    path: str = entry("`http_uri.uri`", REQUIRED, pattern=r"/.*")
    timeout: Duration | None = entry("`http_uri.timeout`, 3s by default")


@frozen(kw_only=True)
class OpenTelemetryTracing(Item):
    """A collector that speaks OpenTelemetry: gRPC, unless `http` is there."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "grpc": "they are not built yet",
        "resourceDetectors": "they are not built yet",
        "dynatraceSampler": "use `randomSamplingPercentage`",
    }

    service: str = entry("the cluster of a ServiceEntry's host", REQUIRED)
    port: int = entry("the port of that service", REQUIRED, minimum=1, maximum=65535)
    max_tag_length: int | None = entry("`max_path_tag_length`", minimum=1, maximum=2**32 - 1)
    http: OpenTelemetryHttp | None = entry("`http_service`")


@frozen(kw_only=True)
class PrometheusMetrics(Item):
    """Metrics that Prometheus takes from Envoy."""


@frozen(kw_only=True)
class ExtensionProvider(Item):
    """A provider, which AuthorizationPolicies and Telemetry name: a service, a log or metrics."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (
        (
            *("envoy_ext_authz_grpc", "envoy_ext_authz_http"),
            *("envoy_file_access_log", "zipkin", "opentelemetry", "prometheus"),
        ),
    )

    name: str = entry("how policies and Telemetry call it", REQUIRED)
    envoy_ext_authz_grpc: AuthorizationGrpc | None = entry("an ext_authz filter")
    envoy_ext_authz_http: AuthorizationHttp | None = entry("an ext_authz filter")
    envoy_file_access_log: FileAccessLog | None = entry("`access_log`")
    zipkin: ZipkinTracing | None = entry("`tracing.provider`")
    opentelemetry: OpenTelemetryTracing | None = entry("`tracing.provider`")
    prometheus: PrometheusMetrics | None = entry("an access log that counts")

    def faults(self) -> Iterator[tuple[str, str]]:
        if not any(getattr(self, name) is not None for name in self.ONE_OF[0]):
            yield "", f"a provider needs one of {', '.join(map(yaml_name, self.ONE_OF[0]))}"


@frozen(kw_only=True)
class MeshConfig(Item):
    """The settings of all proxies."""

    extension_providers: tuple[ExtensionProvider, ...] = entry("what policies and Telemetry may name", ())


@frozen(kw_only=True)
class IstioOperator(Item):
    """The settings of an installation of Istio that proxies read: what policies and Telemetry name."""

    mesh_config: MeshConfig | None = entry("providers")
