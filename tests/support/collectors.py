"""Collectors of traces: OpenTelemetry's, over HTTP and gRPC, and Zipkin's."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from grpc_service import serving_grpc
from http_service import serving_http
from live_envoy import Envoy
from patience import PATIENCE
from protobuf_oracle import oracle

_Any = oracle("TraceAnyValue", {"string_value": (1, "string")}, "proto3")
_KeyValue = oracle("TraceKeyValue", {"key": (1, "string"), "value": (2, _Any)}, "proto3")
_Span = oracle(
    "TraceSpan",
    {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "parent_span_id": (4, "bytes"),
        "name": (5, "string"),
        "attributes": (9, [_KeyValue]),
    },
    "proto3",
)
_Scope = oracle("TraceScopeSpans", {"spans": (2, [_Span])}, "proto3")
_Resource = oracle("TraceResourceSpans", {"scope_spans": (2, [_Scope])}, "proto3")
_Traces = oracle("ExportTraceServiceRequest", {"resource_spans": (1, [_Resource])}, "proto3")


@frozen
class Span:
    """A span.

    Args:
        trace: The id of its trace.
        id: Its own.
        parent: That of the span that caused it; "" if there is none.
        name: What it is called.
        tags: What is said of it.
    """

    trace: str
    id: str
    parent: str
    name: str
    tags: Mapping[str, str]


class Collector:
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.port = 0
        """The port that it listens on."""
        self._spans: list[Span] = []
        self._changed = threading.Condition()

    def add(self, spans: list[Span]) -> None:
        with self._changed:
            self._spans += spans
            self._changed.notify_all()

    def wait(self, count: int) -> list[Span]:
        """Return all spans when there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._spans) >= count, PATIENCE), self._spans
            return list(self._spans)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector that takes spans as OpenTelemetry at /v1/traces, and as Zipkin at /api/v2/spans."""
    collector = Collector()

    def answer(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        collector.add({"/v1/traces": _of_open_telemetry, "/api/v2/spans": _of_zipkin}[path](body))
        return 200, {}, b""

    with serving_http(answer) as collector.port:
        yield collector


@contextmanager
def collecting_by_grpc(start_envoy: Callable[..., Envoy]) -> Iterator[Collector]:
    """Run a collector that takes spans as OpenTelemetry, by gRPC."""
    collector = Collector()

    def export(request: bytes) -> bytes:
        collector.add(_of_open_telemetry(request))
        return b""

    method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with serving_grpc(start_envoy, method, export) as collector.port:
        yield collector


def _of_open_telemetry(body: bytes) -> list[Span]:
    traces: Any = _Traces.FromString(body)  # type: ignore[attr-defined] - of a message
    return [
        Span(
            one.trace_id.hex(),
            one.span_id.hex(),
            one.parent_span_id.hex(),
            one.name,
            {pair.key: pair.value.string_value for pair in one.attributes},
        )
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for one in scope.spans
    ]


def _of_zipkin(body: bytes) -> list[Span]:
    return [
        Span(one["traceId"], one["id"], one.get("parentId", ""), one["name"], one["tags"]) for one in json.loads(body)
    ]
