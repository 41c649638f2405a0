"""Logs and traces, as docs/governance/telemetry.md has them; metrics are in test_metrics.py."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from collectors import Span, collecting, collecting_by_grpc
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, failing, shown
from live_engine.peers import ServerConnection, serving
from mesh_files import routes
from mesh_protocols import AWESOMERPC, FRAMED, Protocol
from mesh_scenarios import likely, ports, to, versions
from patience import eventually

from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live

ERRORS = {"awesomerpc": 255, "dubbo": 100, "thrift": 6}
"""The number of an error by which each protocol says 500 or 503."""
OPERATIONS = {"awesomerpc": "/7", "dubbo": "/org.demo.Greeter/hello", "thrift": "/hello"}


class Log:
    """The access logs of a page, in files of the test.

    Args:
        folder: Of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rules = shown("telemetry", "access-log").replace("/var/log/mesh", str(folder))

    def lines(self, name: str, count: int) -> list[str]:
        """Return the lines of a file when there are so many."""
        path = self._folder / name
        eventually(lambda: path.exists() and path.read_text("utf-8").count("\n") >= count)
        return path.read_text("utf-8").splitlines()


@EVERY_FORM
def test_a_line_tells_of_a_call(scenario: Scenario, protocol: Protocol, tmp_path: Path) -> None:
    log = Log(tmp_path)
    properties = {} if protocol is FRAMED else {"user": 'mary "x"\n'}
    named = routes(f"- {{name: first, route: [{to('v1')}]}}")
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), log.rules, named)
        with scenario.caller() as client:
            client.text(properties)
            address = f"127.0.0.1:{client.socket.getsockname()[1]}"
        (text,) = log.lines("calls.log", 1)
        found = json.loads(log.lines("calls.json", 1)[0])
        (received,) = servers["v1"].received
        cluster = scenario.cluster("v1").removeprefix("cluster.")
        wanted = {
            "operation": OPERATIONS[protocol.codec.name],
            "user": 'mary "x"%0A' if properties else None,
            "status": received_status(protocol),
            "code": 200,
            "flags": "-",
            "details": "via_upstream",
            "route": "first",
            "cluster": cluster,
            "server": f"127.0.0.1:{servers['v1'].port}",
            "attempts": 1,
            "client": address,
            "request_bytes": len(received.message),
            "response_bytes": len(protocol.answer(received, "v1")),
        }
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["server_ms"] <= found["duration_ms"]
    assert len(found["request_id"]) == 36
    _, *words = text.split(" ")
    assert words == [wanted["operation"], "200", "-", str(found["duration_ms"])]


def received_status(protocol: Protocol) -> str | None:
    """Return the number of the protocol's status of an answer that is not an error."""
    return {"awesomerpc": "0", "dubbo": "20"}.get(protocol.codec.name)


@EVERY_FORM
def test_a_line_tells_of_attempts_and_of_a_failure(scenario: Scenario, protocol: Protocol, tmp_path: Path) -> None:
    """The second of two attempts fails, too; the next call finds no route, and no server answers it."""
    log = Log(tmp_path)
    code = ERRORS[protocol.codec.name]
    some = "match: [{headers: {method: {exact: other}}}]"
    again = f"retries: {{attempts: 1, retryOn: '500,503', backoff: 1ms}}, route: [{to('v1')}]"
    with serving(protocol.codec, failing(protocol, code)) as server:
        scenario.apply(protocol, {"v1": [server.port]}, log.rules, routes(f"- {{{some}, {again}}}"))
        with scenario.caller() as client:
            client.ask({"method": "other"})
            client.ask({"method": "hello"})
        failed, nowhere = map(json.loads, log.lines("calls.json", 2))
    assert (failed["attempts"], failed["code"] >= 500, failed["status"]) == (2, True, str(code))
    assert failed["details"] == "via_upstream"
    assert (nowhere["code"], nowhere["flags"], nowhere["status"]) == (404, "NR", None)
    assert nowhere["details"] == "route_not_found"


def test_a_filter_chooses_the_lines(scenario: Scenario, tmp_path: Path) -> None:
    log = Log(tmp_path)
    with versions(AWESOMERPC, "v1") as servers:
        scenario.apply(AWESOMERPC, ports(servers), log.rules)
        with scenario.caller() as client:
            for service in ("health", "reviews", "health", "ratings"):
                client.text({"service": service})
        found = [json.loads(line)["operation"] for line in log.lines("calls.json", 2)]
    assert found == ["/reviews/7", "/ratings/7"]


@EVERY_FORM
def test_an_error_tells_the_ids_that_the_log_has(scenario: Scenario, protocol: Protocol, tmp_path: Path) -> None:
    """No route, and then an answer that cannot be read."""
    log = Log(tmp_path)
    nowhere = routes(f"- {{match: [{{withoutHeaders: {{method: {{exact: none}}}}}}], route: [{to('v1')}]}}")
    with collecting() as collector, serving(protocol.codec, lambda message, connection: b"garbage" * 9) as server:
        rules = [log.rules, nowhere, traced("opentelemetry", collector.port).replace("name: mesh,", "name: tracers,")]
        scenario.apply(protocol, {"v1": [server.port]}, *rules)
        with scenario.caller() as client:
            answers = [client.ask({"method": method}).message for method in ("none", "hello")]
        lines = [json.loads(line) for line in log.lines("calls.json", 2)]
    for answer, line, why in zip(answers, lines, ("route_not_found", "no answer to the request"), strict=True):
        ids = f"(request {line['request_id']}, trace {line['trace_id']})"
        assert (why in answer.decode("latin-1"), len(line["trace_id"])) == (True, 32)
        assert ids in answer.decode("latin-1")


CONTEXT = ("traceparent", "tracestate", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled")
HOPS = 3


def chain(scenario: Scenario, protocol: Protocol):
    """Return the handler of a service that calls the next one through the proxy, with the context that it got."""

    def handle(message: Metadata, connection: ServerConnection) -> bytes:
        hop = int(message.properties["hop"])
        if hop < HOPS:
            context = {name: message.properties[name] for name in CONTEXT if name in message.properties}
            with scenario.caller() as client:
                client.text({"hop": str(hop + 1), **context})
        return protocol.answer(message, str(hop))

    return handle


TRACERS = {"opentelemetry": shown("telemetry", "opentelemetry"), "zipkin": shown("telemetry", "zipkin")}


def traced(tracer: str, port: int) -> str:
    """Return the page's rules for a tracer, whose collector listens on a port."""
    return TRACERS[tracer].replace("21106", str(port))


@pytest.mark.parametrize("tracer", TRACERS)
@WITH_PROPERTIES
def test_three_hops_are_one_trace(scenario: Scenario, protocol: Protocol, tracer: str) -> None:
    """Each span is the child of that before it; five traces, since Envoy sends five spans at a time."""
    with collecting() as collector, serving(protocol.codec, chain(scenario, protocol)) as server:
        scenario.apply(protocol, {"v1": [server.port]}, traced(tracer, collector.port))
        with scenario.caller() as client:
            for _ in range(5):
                client.text({"hop": "1"})
        spans = collector.wait(5 * HOPS)
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace, []).append(span)
    assert len(traces) == 5
    operation = OPERATIONS[protocol.codec.name]
    for found in traces.values():
        by_parent = {span.parent: span for span in found}
        assert len(by_parent) == len(found) == HOPS
        last = ""
        for _ in range(HOPS):
            span = by_parent[last]
            assert span.tags["http.url"].endswith(operation)
            last = span.id
        assert len(last) == 16


@WITH_PROPERTIES
def test_the_context_of_a_client_goes_on(scenario: Scenario, protocol: Protocol) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with collecting() as collector, versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), traced("opentelemetry", collector.port))
        with scenario.caller() as client:
            for _ in range(5):
                client.text({"traceparent": f"00-{trace}-{parent}-01", "user": "mary"})
        spans = collector.wait(5)
        received = [message.properties["traceparent"] for message in servers["v1"].received]
    assert {(span.trace, span.parent, span.tags["user"]) for span in spans} == {(trace, parent, "mary")}
    assert sorted(received) == sorted(f"00-{trace}-{span.id}-01" for span in spans)


def test_open_telemetry_goes_by_grpc(scenario: Scenario, start_envoy: Any) -> None:
    with collecting_by_grpc(start_envoy) as collector, versions(AWESOMERPC, "v1") as servers:
        rules = re.sub(" +http: {path: .*\n", "", traced("opentelemetry", collector.port))
        rules = rules.replace("name: http, protocol: HTTP", "name: grpc, protocol: GRPC").replace("{http: ", "{grpc: ")
        scenario.apply(AWESOMERPC, ports(servers), rules)
        with scenario.caller() as client:
            for _ in range(5):
                client.text({"user": "mary"})
        spans = collector.wait(5)
        contexts = [message.properties["traceparent"] for message in servers["v1"].received]
    assert sorted(contexts) == sorted(f"00-{span.trace}-{span.id}-01" for span in spans)
    assert {span.tags["user"] for span in spans} == {"mary"}


def sampled(properties: Mapping[str, str]) -> bool:
    """Return True if a message's context says that its trace is kept."""
    if "traceparent" in properties:
        return properties["traceparent"].endswith("-01")
    return properties["x-b3-sampled"] == "1"


@pytest.mark.parametrize("tracer", TRACERS)
@WITH_PROPERTIES
def test_a_share_of_the_traces_is_kept(scenario: Scenario, protocol: Protocol, tracer: str) -> None:
    with collecting() as collector, versions(protocol, "v1") as servers:
        rules = traced(tracer, collector.port)
        share = rules.replace("randomSamplingPercentage: 100", "randomSamplingPercentage: 25")
        assert share != rules
        scenario.apply(protocol, ports(servers), share)
        with scenario.caller() as client:
            for _ in range(200):
                client.text()
        kept = [sampled(message.properties) for message in servers["v1"].received]
    assert sum(kept) in likely(200, 0.25)


def test_a_frame_without_room_for_a_context_passes(scenario: Scenario) -> None:
    with collecting() as collector, versions(FRAMED, "v1") as servers:
        scenario.apply(FRAMED, ports(servers), traced("opentelemetry", collector.port))
        with scenario.caller() as client:
            assert [client.text() for _ in range(5)] == ["v1"] * 5
        assert {span.parent for span in collector.wait(5)} == {""}
        assert len({span.trace for span in collector.wait(5)}) == 5
