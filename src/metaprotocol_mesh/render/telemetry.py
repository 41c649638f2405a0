"""Access logs, metrics and traces of a listener, as its proxy's Telemetry says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_mesh.render.pieces import TYPES, Json, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_mesh.model.extensions import AccessLogging, CustomTag, Metrics, ModeSelector, Tracing
    from metaprotocol_mesh.model.operator import FileAccessLog
    from metaprotocol_mesh.resolved import Listener, Mesh, Provider

# The bytes are those of messages. They are not HTTP bodies, whose bytes `%BYTES_SENT%` counts.
_LOG = (
    '[%START_TIME%] "%REQ(:PATH)%" %RESP(X-METAPROTOCOL-STATUS-CODE)% %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_WIRE_BYTES_SENT% "
    "%UPSTREAM_WIRE_BYTES_RECEIVED% %DURATION% %REQ(:AUTHORITY)% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% "
    "%DOWNSTREAM_REMOTE_ADDRESS% %ROUTE_NAME% %REQ(X-REQUEST-ID)%"
)
_FILE = "extensions.access_loggers.file.v3.FileAccessLog"
_STATS = "extensions.access_loggers.stats.v3.Config"
_CEL = "extensions.access_loggers.filters.cel.v3.ExpressionFilter"

_COUNT, _DURATION, _SENT, _RECEIVED = "REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"
_METRICS: dict[str, Json] = {
    _COUNT: {"stat": {"name": "requests_total"}, "value_fixed": 1},
    _DURATION: {
        "stat": {"name": "request_duration_milliseconds"},
        "unit": "Milliseconds",
        "value_format": "%DURATION%",
    },
    _SENT: {"stat": {"name": "request_bytes"}, "unit": "Bytes", "value_format": "%UPSTREAM_WIRE_BYTES_SENT%"},
    _RECEIVED: {"stat": {"name": "response_bytes"}, "unit": "Bytes", "value_format": "%UPSTREAM_WIRE_BYTES_RECEIVED%"},
}
"""Istio's standard metrics of requests, without their labels."""

_RANDOM_SAMPLING = 1.0  # MeshConfig's


def access_logs(listener: Listener, mesh: Mesh) -> list[Json]:
    """Return the logs of a listener: the most special Telemetry that speaks of them says which. Metrics count there."""
    logs: list[Json] = []
    for telemetry in mesh.telemetries:
        fitting = [one for one in telemetry.spec.access_logging if _fits(one.match, listener)]
        if fitting:
            logs = [log for one in fitting if not one.disabled for log in _logs(one, mesh)]
    return [*logs, *_metrics(listener, mesh)]


def tracing(listener: Listener, mesh: Mesh) -> Json | None:
    """Return the traces of a listener; None if there are none. A more special Telemetry changes what it names."""
    provider: Provider | None = None
    disabled: bool | None = None
    sampling: float | None = None
    tags: dict[str, CustomTag] = {}
    for one in _fitting_traces(listener, mesh):
        if one.providers:
            provider = mesh.providers[one.providers[0].name]
        if one.random_sampling_percentage is not None:
            sampling = one.random_sampling_percentage
        if one.disable_span_reporting is not None:
            disabled = one.disable_span_reporting
        tags.update(one.custom_tags)
    if provider is None or disabled:
        return None
    says = provider.says.zipkin or provider.says.opentelemetry
    found: Json = {
        "client_sampling": {"value": 100},
        "random_sampling": {"value": _RANDOM_SAMPLING if sampling is None else sampling},
        "overall_sampling": {"value": 100},
        "provider": _tracer(provider, mesh),
    }
    if says is not None and says.max_tag_length is not None:
        found["max_path_tag_length"] = says.max_tag_length
    if tags:
        found["custom_tags"] = [{"tag": name, **_tag(tag)} for name, tag in sorted(tags.items())]
    return found


def _side(listener: Listener) -> str:
    return "SERVER" if listener.direction == "inbound" else "CLIENT"


def _fits(match: ModeSelector | None, listener: Listener) -> bool:
    return match is None or match.mode in (_side(listener), "CLIENT_AND_SERVER")


def _logs(logging: AccessLogging, mesh: Mesh) -> Iterator[Json]:
    files = [mesh.providers[one.name].says.envoy_file_access_log for one in logging.providers] or [None]
    for file in files:
        log = typed("envoy.access_loggers.file", _FILE, **_file(file))
        if logging.filter is not None:
            name = "envoy.access_loggers.extension_filters.cel"
            log["filter"] = {"extension_filter": typed(name, _CEL, expression=logging.filter.expression)}
        yield log


def _file(file: FileAccessLog | None) -> Json:
    wanted = file.log_format if file is not None else None
    form: Json
    if wanted is not None and wanted.labels is not None:
        form = {"json_format": wanted.labels}
    else:
        text = wanted.text if wanted is not None and wanted.text is not None else _LOG
        form = {"text_format_source": {"inline_string": text if text.endswith("\n") else f"{text}\n"}}
    if file is not None and file.omit_empty_values:
        form["omit_empty_values"] = True
    return {"path": file.path if file is not None else "/dev/stdout", "log_format": form}


def _metrics(listener: Listener, mesh: Mesh) -> Iterator[Json]:
    """Yield the log that counts Istio's metrics, if a Telemetry asks for them."""
    asked = [one for telemetry in mesh.telemetries for one in telemetry.spec.metrics]
    if not asked:
        return
    found: Json = {}
    for name, metric in _METRICS.items():
        tags = _labels_of(name, listener, mesh, asked)
        if tags is not None:
            named = [{"name": label, "value_format": value} for label, value in tags.items()]
            one = {**metric, "stat": {**metric["stat"], "tags": named}}
            found.setdefault("counters" if name == _COUNT else "histograms", []).append(one)
    if found:
        yield typed("envoy.access_loggers.stats", _STATS, stat_prefix="istio", **found)


def _labels_of(metric: str, listener: Listener, mesh: Mesh, asked: list[Metrics]) -> dict[str, str] | None:
    """Return the formats of a metric's labels by name; None if it is disabled."""
    tags = _labels(listener, mesh)
    disabled = False
    for override in (override for one in asked for override in one.overrides):
        match = override.match
        if match is not None and (
            match.metric not in (metric, "ALL_METRICS") or match.mode not in (_side(listener), "CLIENT_AND_SERVER")
        ):
            continue
        if override.disabled is not None:
            disabled = override.disabled
        for label, change in override.tag_overrides.items():
            if change.operation == "REMOVE":
                tags.pop(label, None)
            else:
                tags[label] = f"%CEL({change.value})%"
    return None if disabled else tags


def _labels(listener: Listener, mesh: Mesh) -> dict[str, str]:
    """Return the labels that Istio's metrics have without a file's word."""
    inbound = listener.direction == "inbound"
    host = listener.authority.rpartition(":")[0]
    return {
        "reporter": "destination" if inbound else "source",
        "source_app": "unknown" if inbound else mesh.proxy.app,
        "source_principal": "%DOWNSTREAM_PEER_URI_SAN%",
        "destination_service": host if inbound else "%CLUSTER_METADATA(metaprotocol:service)%",
        "destination_version": mesh.proxy.labels.get("version", "unknown")
        if inbound
        else "%CLUSTER_METADATA(metaprotocol:version)%",
        "request_protocol": listener.codec,
        "response_code": "%RESPONSE_CODE%",
        "response_flags": "%RESPONSE_FLAGS%",
    }


def _fitting_traces(listener: Listener, mesh: Mesh) -> Iterator[Tracing]:
    for telemetry in mesh.telemetries:
        for one in telemetry.spec.tracing:
            if _fits(one.match, listener):
                yield one


def _tracer(provider: Provider, mesh: Mesh) -> Json:
    zipkin, telemetry = provider.says.zipkin, provider.says.opentelemetry
    # By default the authority is the cluster's name, whose `|` HTTP/2 servers may refuse: Envoy does.
    host = provider.cluster.rpartition("|")[2]
    if zipkin is not None:
        fields: Json = {
            "collector_cluster": provider.cluster,
            "collector_endpoint": zipkin.path,
            "collector_hostname": host,
            "collector_endpoint_version": "HTTP_JSON",
            "trace_id_128bit": not zipkin.enable64bit_trace_id,
            "shared_span_context": False,
        }
        if zipkin.trace_context_option != "USE_B3":
            fields["trace_context_option"] = zipkin.trace_context_option
        return {
            "name": "envoy.tracers.zipkin",
            "typed_config": {"@type": f"{TYPES}config.trace.v3.ZipkinConfig", **fields},
        }
    assert telemetry is not None  # noqa: S101 - resolving has seen to it
    fields = {"service_name": f"{mesh.proxy.app}.{mesh.proxy.namespace}"}
    if telemetry.http is not None:
        timeout = str(telemetry.http.timeout) if telemetry.http.timeout is not None else "3s"
        uri = {"uri": f"http://{host}{telemetry.http.path}", "cluster": provider.cluster, "timeout": timeout}
        fields["http_service"] = {"http_uri": uri}
    else:
        fields["grpc_service"] = {"envoy_grpc": {"cluster_name": provider.cluster, "authority": host}}
    return typed("envoy.tracers.opentelemetry", "config.trace.v3.OpenTelemetryConfig", **fields)


def _tag(tag: CustomTag) -> Json:
    if tag.literal is not None:
        return {"literal": {"value": tag.literal.value}}
    kind, source = ("request_header", tag.header) if tag.header is not None else ("environment", tag.environment)
    assert source is not None  # noqa: S101 - the model has seen to it
    name = source.name.lower() if kind == "request_header" else source.name
    return {kind: {"name": name, **({"default_value": source.default_value} if source.default_value else {})}}
