"""Logs, metrics and traces, as they are rendered."""

from collections.abc import Mapping
from typing import Any

import pytest
from mesh_files import LISTENER, ROUTES, SERVICE, manager, mesh_of, problems, rendered

from metaprotocol_mesh.check import warnings

INGRESS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  ingress: [{port: {number: 9080, name: http-awesomerpc, protocol: HTTP}, defaultEndpoint: "127.0.0.1:21101"}]
"""
COLLECTOR = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector, namespace: default}
spec:
  hosts: [collector.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 4317, name: grpc, protocol: GRPC}, {number: 9411, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {grpc: 21106, http: 21107}}]
"""


def telemetry(spec: str, name: str = "all", namespace: str = "default") -> str:
    """Return a Telemetry whose spec is YAML in one line."""
    head = "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\n"
    return f"{head}metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"


def providers(*some: str) -> str:
    """Return an IstioOperator with providers, each as YAML in one line."""
    head = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: mesh}\n"
    return f"{head}spec: {{meshConfig: {{extensionProviders: [{', '.join(some)}]}}}}\n"


ZIPKIN = "{name: zipkin, zipkin: {service: collector, port: 9411, maxTagLength: 64, enable64bitTraceId: true}}"
GRPC = "{name: grpc, opentelemetry: {service: collector, port: 4317}}"
TEXT = "{name: text, envoyFileAccessLog: {path: /var/log/calls, logFormat: {text: '%DURATION%'}}}"
JSON = "{name: json, envoyFileAccessLog: {logFormat: {labels: {ms: '%DURATION%'}}, omitEmptyValues: true}}"


def hcm(*texts: str, side: str = LISTENER, **proxy: Any) -> Any:
    """Return the HTTP connection manager of a listener with some Telemetry."""
    (listener,) = rendered(SERVICE, COLLECTOR, ROUTES, side, *texts, **proxy).listeners
    return manager(listener)


def logs(*texts: str, **options: Any) -> list[Mapping[str, Any]]:
    """Return the configurations of the access logs."""
    return [one["typed_config"] for one in hcm(*texts, **options).get("access_log", ())]


def test_a_log_has_the_path_and_the_format_of_its_provider() -> None:
    named = telemetry("{accessLogging: [{providers: [{name: text}, {name: json}, {name: envoy}]}]}")
    text, structured, own = logs(named, providers(TEXT, JSON))
    assert (text["path"], text["log_format"]["text_format_source"]) == (
        "/var/log/calls",
        {"inline_string": "%DURATION%\n"},
    )
    wanted = {"json_format": {"ms": "%DURATION%"}, "omit_empty_values": True}
    assert (structured["path"], structured["log_format"]) == ("/dev/stdout", wanted)
    assert "%UPSTREAM_WIRE_BYTES_SENT%" in own["log_format"]["text_format_source"]["inline_string"]


def test_a_special_telemetry_replaces_the_logs_of_a_general_one() -> None:
    everywhere = telemetry("{accessLogging: [{providers: [{name: envoy}]}]}", namespace="istio-system")
    here = "{selector: {matchLabels: {app: here}}, accessLogging: [{disabled: true}]}"
    assert len(logs(everywhere)) == 1
    assert logs(everywhere, telemetry(here)) == []


@pytest.mark.parametrize(("side", "mode", "there"), [
    (LISTENER, "CLIENT", True), (LISTENER, "SERVER", False), (INGRESS, "SERVER", True), (INGRESS, "CLIENT", False),
])  # fmt: skip
def test_a_mode_chooses_the_listeners(side: str, mode: str, there: bool) -> None:
    match = f"match: {{mode: {mode}}}"
    log = telemetry(f"{{accessLogging: [{{{match}}}]}}", "log")
    trace = telemetry(f"{{tracing: [{{{match}, providers: [{{name: grpc}}]}}]}}", "trace")
    found = hcm(log, trace, providers(GRPC), side=side)
    assert ("access_log" in found, "tracing" in found) == (there, there)


@pytest.mark.parametrize(
    ("spec", "known", "text"),
    [
        ("{accessLogging: [{providers: [{name: file}]}]}", [TEXT], "no IstioOperator has a provider 'file' with envoy"),
        ("{accessLogging: [{providers: [{name: grpc}]}]}", [GRPC], "no IstioOperator has a provider 'grpc' with envoy"),
        ("{tracing: [{providers: [{name: prometheus}]}]}", [], "a provider 'prometheus' with zipkin or opentelemetry"),
        ("{metrics: [{providers: [{name: envoy}]}]}", [], "a provider 'envoy' with prometheus"),
        ("{tracing: [{providers: [{name: a}]}]}", ["{name: a, zipkin: {service: b, port: 1}}"], "no ServiceEntry has"),
        ("{tracing: [{customTags: {a: {}}}]}", [], "a tag needs `literal`, `environment` or `header`"),
        ("{metrics: [{overrides: [{tagOverrides: {a: {value: '%A%'}}}]}]}", [], "of the form"),
        ("{metrics: [{overrides: [{tagOverrides: {a: {}}}]}]}", [], "UPSERT has a `value`"),
        ("{accessLogging: []}", ["{name: a}"], "a provider needs one of envoyExtAuthzGrpc, "),
        ("{accessLogging: []}", ["{name: a, envoyFileAccessLog: {logFormat: {labels: a}}}"], "a mapping of names"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(spec: str, known: list[str], text: str) -> None:
    (problem,) = problems(SERVICE, COLLECTOR, ROUTES, LISTENER, telemetry(spec), providers(*known))
    assert text in problem.text


def test_traces_are_put_together_from_general_and_special() -> None:
    everywhere = telemetry("{tracing: [{providers: [{name: zipkin}]}]}", namespace="istio-system")
    user, host = "{header: {name: User, defaultValue: nobody}}", "{environment: {name: HOST}}"
    tags = f"{{zone: {{literal: {{value: a}}}}, user: {user}, host: {host}}}"
    here = telemetry(f"{{tracing: [{{randomSamplingPercentage: 12.5, customTags: {tags}}}]}}")
    assert hcm(everywhere, providers(ZIPKIN))["tracing"]["random_sampling"] == {"value": 1.0}
    found = hcm(everywhere, here, providers(ZIPKIN))["tracing"]
    assert found["random_sampling"] == {"value": 12.5}
    assert found["custom_tags"] == [
        {"tag": "host", "environment": {"name": "HOST"}},
        {"tag": "user", "request_header": {"name": "user", "default_value": "nobody"}},
        {"tag": "zone", "literal": {"value": "a"}},
    ]
    assert found["max_path_tag_length"] == 64
    tracer = found["provider"]["typed_config"]
    assert tracer["collector_cluster"] == "outbound|9411||collector.default.svc.cluster.local"
    assert (tracer["trace_id_128bit"], tracer["collector_endpoint"]) == (False, "/api/v2/spans")
    off = telemetry("{tracing: [{disableSpanReporting: true}]}", "none")
    assert "tracing" not in hcm(everywhere, off, providers(ZIPKIN))


def test_open_telemetry_by_grpc_names_its_service_as_istio_does() -> None:
    traces = telemetry("{tracing: [{providers: [{name: grpc}]}]}")
    tracer = hcm(traces, providers(GRPC))["tracing"]["provider"]["typed_config"]
    host = "collector.default.svc.cluster.local"
    assert tracer["grpc_service"] == {"envoy_grpc": {"cluster_name": f"outbound|4317||{host}", "authority": host}}
    assert tracer["service_name"] == "here.default"


def metrics(*overrides: str, side: str = LISTENER) -> dict[str, dict[str, str]]:
    """Return the formats of the labels of each metric."""
    (log,) = logs(telemetry(f"{{metrics: [{{overrides: [{', '.join(overrides)}]}}]}}"), side=side)
    assert log["stat_prefix"] == "istio"
    stats = [one["stat"] for one in (*log.get("counters", ()), *log.get("histograms", ()))]
    return {stat["name"]: {tag["name"]: tag["value_format"] for tag in stat["tags"]} for stat in stats}


def test_metrics_have_istios_names_and_labels() -> None:
    found = metrics()
    assert set(found) == {"requests_total", "request_duration_milliseconds", "request_bytes", "response_bytes"}
    labels = found["requests_total"]
    assert (labels["reporter"], labels["source_app"]) == ("source", "here")
    assert labels["destination_service"] == "%CLUSTER_METADATA(metaprotocol:service)%"
    labels = metrics(side=INGRESS)["requests_total"]
    assert (labels["reporter"], labels["destination_service"]) == ("destination", "reviews.default.svc.cluster.local")


def test_overrides_change_labels_and_take_metrics_away() -> None:
    found = metrics(
        "{tagOverrides: {operation: {value: request.url_path}, source_principal: {operation: REMOVE}}}",
        "{match: {metric: REQUEST_SIZE}, disabled: true}",
        "{match: {metric: REQUEST_COUNT, mode: SERVER}, tagOverrides: {side: {value: \"'s'\"}}}",
        "{match: {metric: REQUEST_COUNT, mode: CLIENT}, tagOverrides: {operation: {value: \"'c'\"}}}",
    )
    assert set(found) == {"requests_total", "request_duration_milliseconds", "response_bytes"}
    assert found["requests_total"]["operation"] == "%CEL('c')%"
    assert found["response_bytes"]["operation"] == "%CEL(request.url_path)%"
    assert not {"source_principal", "side"} & set(found["requests_total"])


def test_without_a_telemetry_nothing_is_counted() -> None:
    assert logs() == []


@pytest.mark.parametrize(("value", "warned"), [
    ("request.url_path", True), ("request.headers['user']", True), (" request.headers.user ", True),
    ("request.url_path == '/a' ? 'a' : 'b'", False), ("xds.route_name", False),
    ("response.headers['x-metaprotocol-status-code']", False),
])  # fmt: skip
def test_labels_that_clients_choose_are_warned_of(value: str, warned: bool) -> None:
    asked = telemetry(f'{{metrics: [{{overrides: [{{tagOverrides: {{a: {{value: "{value}"}}}}}}]}}]}}')
    found = [one.text for one in warnings(mesh_of(SERVICE, ROUTES, LISTENER, asked))]
    assert [text.startswith("clients choose the values of the label 'a'") for text in found] == [True] * warned
