"""Listeners: the codec filter, the HTTP connection manager and its filters. Defaults are istiod's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from metaprotocol_mesh.render import limits, routes, security, telemetry
from metaprotocol_mesh.render.engine import HEADERS_OF_ENVOY, HEADERS_SIZE_OF_ENVOY, HeaderLimits
from metaprotocol_mesh.render.pieces import Json, socket_address, typed

if TYPE_CHECKING:
    from metaprotocol_mesh.model import WasmPlugin
    from metaprotocol_mesh.model.networking import ServerTLSSettings
    from metaprotocol_mesh.render.engine import Engine
    from metaprotocol_mesh.resolved import Listener, Mesh

HCM = "envoy.filters.network.http_connection_manager"
ROUTER = "envoy.filters.http.router"
HCM_KIND = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def render_listener(listener: Listener, mesh: Mesh, engine: Engine) -> Json:
    """Return a listener, with its routes inside.

    Args:
        listener: What it is.
        mesh: Whose it is.
        engine: Reads it.

    Raises:
        ConfigurationError: A setting or a policy cannot be rendered.
    """
    filters = [engine.codec_filter(listener, mesh.incomplete(listener)), _hcm(listener, mesh, engine)]
    chain: Json = {"filters": filters}
    if listener.tls is not None:
        chain["transport_socket"] = _tls(listener.tls)
    outbound = listener.direction == "outbound"
    return {
        "name": listener.name,
        "address": socket_address(listener.address, listener.port),
        "traffic_direction": "OUTBOUND" if outbound or listener.direction == "gateway" else "INBOUND",
        "filter_chains": [chain],
    }


def _hcm(listener: Listener, mesh: Mesh, engine: Engine) -> Json:
    fields: Json = {
        "stat_prefix": f"{listener.direction}_{listener.name}",
        "codec_type": "HTTP2",
        "route_config": routes.route_configuration(listener, mesh),
        "http_filters": _http_filters(listener, mesh, engine),
        **header_limits(listener.codec),
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "stream_idle_timeout": "0s",
        "use_remote_address": listener.direction == "gateway",
    }
    logs = telemetry.access_logs(listener, mesh)
    if logs:
        fields["access_log"] = logs
    traces = telemetry.tracing(listener, mesh)
    if traces is not None:
        fields["tracing"] = traces
    return typed(HCM, HCM_KIND, **fields)


def header_limits(codec: str) -> Json:
    """Return the fields of an HCM that takes every header which the codec filter lets pass.

    Args:
        codec: The filter's.
    """
    limits = HeaderLimits.of(codec)
    return {
        "common_http_protocol_options": {"max_headers_count": limits.count + HEADERS_OF_ENVOY},
        "max_request_headers_kb": -(-(limits.size + HEADERS_SIZE_OF_ENVOY) // 1024),
    }


def _http_filters(listener: Listener, mesh: Mesh, engine: Engine) -> list[Json]:
    """Return the filters in Istio's order. Those that a change of routes may need are always there."""
    phases: dict[str, list[Json]] = {}
    for plugin in mesh.plugins:
        name = f"{plugin.metadata.namespace}.{plugin.metadata.name}"
        phases.setdefault(plugin.spec.phase, []).append(_wasm(name, plugin.spec))
    found = [engine.admission_filter(), *phases.get("AUTHN", ())]
    if listener.direction != "outbound":
        tokens = security.jwt_filter(mesh.authentications, mesh.issuers)
        found += [tokens] if tokens is not None else []
        found += phases.get("AUTHZ", ())
        found += security.custom_filters(mesh.authorizer) if mesh.authorizer is not None else []
        found += security.rbac_filters()
    else:
        found += phases.get("AUTHZ", ())
    found += phases.get("STATS", ())
    found += phases.get("UNSPECIFIED_PHASE", ())
    found.append(limits.local_filter())
    shared = limits.shared_filter(listener)
    found += [shared] if shared is not None else []
    found.append(typed(routes.FAULT, "extensions.filters.http.fault.v3.HTTPFault"))
    found.append(typed(ROUTER, "extensions.filters.http.router.v3.Router"))
    return found


def _wasm(name: str, plugin: WasmPlugin) -> Json:
    config: Json = {
        "name": name,
        "root_id": plugin.plugin_name,
        "failure_policy": {"FAIL_CLOSE": "FAIL_CLOSED"}.get(plugin.fail_strategy, plugin.fail_strategy),
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": plugin.url.removeprefix("file://")}},
        },
    }
    if plugin.plugin_config is not None:
        text = json.dumps(plugin.plugin_config)
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}
    return typed(name, "extensions.filters.http.wasm.v3.Wasm", config=config)


def _tls(tls: ServerTLSSettings) -> Json:
    context: Json = {
        "tls_certificates": [
            {"certificate_chain": {"filename": tls.server_certificate}, "private_key": {"filename": tls.private_key}}
        ]
    }
    versions = {"TLSV1_2": "TLSv1_2", "TLSV1_3": "TLSv1_3"}
    parameters: Json = {}
    if tls.min_protocol_version in versions:
        parameters["tls_minimum_protocol_version"] = versions[tls.min_protocol_version]
    if tls.max_protocol_version in versions:
        parameters["tls_maximum_protocol_version"] = versions[tls.max_protocol_version]
    if tls.cipher_suites:
        parameters["cipher_suites"] = list(tls.cipher_suites)
    if parameters:
        context["tls_params"] = parameters
    if tls.ca_certificates and tls.mode != "SIMPLE":
        context["validation_context"] = {
            "trusted_ca": {"filename": tls.ca_certificates},
            "match_typed_subject_alt_names": [
                {"san_type": "URI" if "://" in name else "DNS", "matcher": {"exact": name}}
                for name in tls.subject_alt_names
            ],
        }
    return typed(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context=context,
        require_client_certificate=tls.mode == "MUTUAL",
    )
