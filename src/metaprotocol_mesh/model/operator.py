"""IstioOperator of Istio, as `istioctl install` reads it: of its MeshConfig the services that decide about requests."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import ClassVar

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, entry

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
class ExtensionProvider(Item):
    """A service that AuthorizationPolicies name."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("envoy_ext_authz_grpc", "envoy_ext_authz_http"),)
    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "prometheus": "Envoy's own metrics are all there: see `mesh status`",
        "zipkin": "use an EnvoyFilter that merges `tracing` into the HCM",
        "opentelemetry": "use an EnvoyFilter that merges `tracing` into the HCM",
        "envoyFileAccessLog": "Telemetry's provider `envoy` writes to standard output",
    }

    name: str = entry("how `AuthorizationPolicy.provider` calls it", REQUIRED)
    envoy_ext_authz_grpc: AuthorizationGrpc | None = entry("an ext_authz filter")
    envoy_ext_authz_http: AuthorizationHttp | None = entry("an ext_authz filter")


@frozen(kw_only=True)
class MeshConfig(Item):
    """The settings of all proxies."""

    extension_providers: tuple[ExtensionProvider, ...] = entry("services that policies may name", ())


@frozen(kw_only=True)
class IstioOperator(Item):
    """The settings of an installation of Istio that proxies read: services that policies name."""

    mesh_config: MeshConfig | None = entry("providers")
