"""Metrics, as docs/governance/telemetry.md and limits.md have them, in a real Prometheus."""

import http.client
import json
import re
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from governance import failing, shown
from live_engine.peers import ServerConnection, serving
from live_envoy.releases import Release
from mesh_files import documents
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, THRIFT, Caller, Protocol
from mesh_running import free_port
from mesh_scenarios import destination_rule, meta_router, service_entry
from patience import PATIENCE, eventually
from programs import LimitService, Prometheus, limit_service, prometheus

from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.running import MeshRun, read_status
from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
FORMS = {"awesomerpc": AWESOMERPC, "dubbo": DUBBO, "theader": THRIFT, "framed": FRAMED}
SERVICES = FORMS | {f"busy-{form}": protocol for form, protocol in FORMS.items()}
"""Services by name. One test calls those of a form's name, and counts the calls; the busy ones have limits, too."""
ERRORS = {"awesomerpc": 255, "dubbo": 100, "thrift": 6}
SLOW = 0.03
POD = {"namespace": "default", "pod": "reviews-0"}
INTERVAL = "2s"

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - name: testers
    match: [{headers: {CALLER: {exact: tester}}}]
    route: [{destination: {host: reviews.default.svc.cluster.local, subset: v2}}]
  - name: everybody
    route: [{destination: {host: reviews.default.svc.cluster.local, subset: v1}}]
"""
LIMIT = """
localRateLimit:
  conditions: [{match: {attributes: {CALLER: {exact: greedy}}}, tokenBucket: {maxTokens: 1, fillInterval: 3600s}}]
globalRateLimit:
  domain: shop
  rateLimitService: outbound|8081||limits.default.svc.cluster.local
  descriptors: [{property: CALLER, descriptorKey: user}, {property: method, descriptorKey: method}]
"""


def caller_property(protocol: Protocol) -> str:
    """Return the property that tells who calls: a frame has none but its method, so that tells it."""
    return "method" if protocol is FRAMED else "user"


def by(protocol: Protocol, who: str) -> dict[str, str]:
    """Return the properties of a call of somebody."""
    return {caller_property(protocol): who}


def host(name: str) -> str:
    """Return the host of a service."""
    return f"{name}.default.svc.cluster.local"


@frozen
class Running:
    """A mesh, and the Prometheus that takes its metrics.

    Args:
        mesh: The mesh.
        metrics: The port of its metrics.
        ports: Those of the listeners of services, by name.
        inbound: Those next to the servers of busy services, by name.
        limits: The service that it asks about its global limit.
        prometheus: Prometheus.
    """

    mesh: MeshRun
    metrics: int
    ports: Mapping[str, int]
    inbound: Mapping[str, int]
    limits: LimitService
    prometheus: Prometheus

    def caller(self, name: str) -> Caller:
        """Return a client of a service."""
        return Caller(SERVICES[name], self.ports[name])

    def inside(self, name: str) -> Caller:
        """Return a client of a busy service whose calls are counted next to its server."""
        return Caller(SERVICES[name], self.inbound[name])


def files(
    servers: Mapping[str, Mapping[str, list[int]]],
    ports: Mapping[str, int],
    inbound: Mapping[str, int],
    limits: LimitService,
) -> str:
    """Return the configuration of services with the rules above, and the page's metrics."""
    asked = shown("limits", "global").partition("---")[0].replace("21107", str(limits.port))
    found = [shown("telemetry", "metrics"), asked]
    sides: dict[str, list[str]] = {"egress": [], "ingress": []}
    for name, protocol in SERVICES.items():
        port = f"name: http-{protocol}, protocol: HTTP}}, bind: 127.0.0.1"
        hosts = f'captureMode: NONE, hosts: ["./{host(name)}"]'
        sides["egress"].append(f"  - {{port: {{number: {ports[name]}, {port}, {hosts}}}")
        rules = [service_entry(protocol, servers[name]), destination_rule(servers[name]), ROUTES]
        number = "9080"
        if name in inbound:
            rules.append(meta_router(LIMIT))
            number = str(inbound[name])
            server = f"defaultEndpoint: '127.0.0.1:{servers[name]['v1'][0]}'"
            sides["ingress"].append(f"  - {{port: {{number: {number}, {port}, {server}}}")
        for rule in rules:
            text = rule.replace("reviews", name).replace("9080", number)
            found.append(text.replace("CALLER", caller_property(protocol)))
    head = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: here, namespace: default}\nspec:"
    sidecar = "\n".join([head, *(line for side, lines in sides.items() for line in (f"  {side}:", *lines))])
    return documents(*found, sidecar)


def sometimes_slow(protocol: Protocol):
    """Return the handler of a server that takes a while for the user `patient`."""

    def handle(message: Metadata, connection: ServerConnection) -> bytes:
        if message.properties.get(caller_property(protocol)) == "patient":
            time.sleep(SLOW)
        return protocol.answer(message, "v1")

    return handle


@pytest.fixture(scope="module")
def running(newest_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A mesh with the page's metrics, whose version 1 answers and whose version 2 fails, and Prometheus as deployed."""
    folder = tmp_path_factory.mktemp("metrics")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    metrics, ports = free_port(), {name: free_port() for name in SERVICES}
    inbound = {name: free_port() for name in SERVICES if name not in FORMS}
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:15090"]}]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{metrics}"], "labels": POD}]
    config["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
    with ExitStack() as stack:
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-"))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("XDG_RUNTIME_DIR", runtime)
        found = stack.enter_context(prometheus(folder, config))
        limits = stack.enter_context(
            limit_service(folder / "limits", (DEPLOY / "ratelimit" / "config.yaml").read_text("utf-8"))
        )
        servers = {
            name: {
                "v1": [stack.enter_context(serving(protocol.codec, sometimes_slow(protocol))).port],
                "v2": [stack.enter_context(serving(protocol.codec, failing(protocol, ERRORS[str(protocol)]))).port],
            }
            for name, protocol in SERVICES.items()
        }
        path = folder / "mesh.yaml"
        path.write_text(files(servers, ports, inbound, limits))
        envoy = newest_release.binary()
        run = MeshRun([path], envoy=envoy, labels={"app": "web"}, metrics=("127.0.0.1", metrics))
        yield Running(stack.enter_context(run), metrics, ports, inbound, limits, found)


OPERATIONS: dict[str, tuple[dict[str, str], str]] = {
    "awesomerpc": ({"service": "reviews"}, "/reviews/7"),
    "dubbo": ({}, "/org.demo.Greeter/hello"),
    "theader": ({}, "/hello"),
    "framed": ({}, "/hello"),
}
EVERY_FORM = pytest.mark.parametrize("form", FORMS)


@EVERY_FORM
def test_calls_are_counted_by_operation_status_route_and_version(running: Running, form: str) -> None:
    """5 of a known operation, 2 that fail, and 10 of as many other operations, which are one series."""
    protocol = FORMS[form]
    known, operation = OPERATIONS[form]
    with running.caller(form) as client:
        for _ in range(5):
            client.text(known)
        for _ in range(2):
            client.ask({**known, **by(protocol, "tester")})
        for number in range(10):
            strange = {"method": f"m{number}"}
            client.text(strange if protocol is FRAMED else {"service": f"s{number}", **strange})
    good, bad = {"awesomerpc": ("0", "255"), "dubbo": ("20", "100"), "thrift": ("", "6")}[str(protocol)]
    failing_operation = "other" if protocol is FRAMED else operation
    wanted = {
        (operation, good, "everybody", "v1", "200"): 5,
        (failing_operation, bad, "testers", "v2", {"dubbo": "503"}.get(form, "500")): 2,
        ("other", good, "everybody", "v1", "200"): 10,
    }
    labels = ("operation", "status", "route", "destination_version", "response_code")
    mine = f'{{destination_service="{host(form)}",reporter="source",source_app="web"}}'

    def counted(metric: str) -> dict[tuple[str, ...], float]:
        found = running.prometheus.query(f"sum by ({', '.join(labels)}) ({metric}{mine})")
        return {tuple(dict(key).get(label, "") for label in labels): value for key, value in found.items()}

    for metric in (
        "requests_total",
        "request_duration_milliseconds_count",
        "request_bytes_count",
        "response_bytes_count",
    ):
        eventually(lambda metric=metric: counted(f"istio_{metric}") == wanted)


@EVERY_FORM
def test_status_and_prometheus_show_the_same_numbers(running: Running, form: str) -> None:
    """Requests and errors of listeners, routes and clusters; and the quantiles are in order."""
    name = f"busy-{form}"
    with running.caller(name) as client:
        for who in ["mary", "tester", "patient"]:
            client.ask(by(FORMS[form], who))
    listener = f"127.0.0.1_{running.ports[name]}"
    service = f"{host(name)}:{running.inbound[name]}"
    shown = {f"{service} {route}": f'virtual_host="{service}",route="{route}"' for route in ("everybody", "testers")}
    clusters = (f"outbound|{running.inbound[name]}|{version}|{host(name)}" for version in ("v1", "v2"))
    shown |= {one: f'cluster_name="{one}"' for one in clusters}
    shown[listener] = f'http_conn_manager_prefix="outbound_{listener}"'
    metrics = {"listeners": "http_downstream", "routes": "vhost_route_upstream", "clusters": "cluster_upstream"}

    def same() -> bool:
        """Compare all rows: nothing is called meanwhile, but Prometheus has what was 200 ms ago."""
        status = read_status(running.mesh.folder)
        found = [(f"envoy_{of}_rq", row) for kind, of in metrics.items() for row in getattr(status, kind)]
        mine = {row.name: (metric, row) for metric, row in found if row.name in shown}
        assert mine.keys() == shown.keys()
        for metric, row in mine.values():
            done = running.prometheus.value(f"sum({metric}_completed{{{shown[row.name]}}})")
            classes = f'{shown[row.name]},response_code_class=~"[45]xx"'
            failed = running.prometheus.value(f"sum({metric}{{{classes}}}) or vector(0)")
            if (row.requests, row.errors) != (done, failed) or None in (row.p50, row.p90, row.p99):
                return False
            assert row.requests > 0
            assert row.p50 <= row.p90 <= row.p99
        return True

    eventually(same)


def test_a_slow_call_is_in_the_last_hundredth(running: Running) -> None:
    """One call of twenty takes 30 ms: P99 is in the bucket from 25 to 50 ms or above, and P50 is no more than it.

    No other test calls the operation at this service.
    """
    mine = f'destination_service="{host("busy-awesomerpc")}",operation="/reviews/7"'
    quantile = f"histogram_quantile({{}}, sum by (le) (istio_request_duration_milliseconds_bucket{{{{{mine}}}}}))"

    def of(share: float) -> float:
        return running.prometheus.value(quantile.format(share)) or 0.0

    with running.caller("busy-awesomerpc") as client:
        for number in range(60):
            client.text({"service": "reviews", "user": "patient" if number % 20 == 0 else "mary"})
    eventually(lambda: of(0.99) >= 25)
    assert of(0.5) <= of(0.9) <= of(0.99)


def queries(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the queries of a dashboard, with the titles of their panels, for each busy service.

    Variables that are not a service stand for all their values.
    """
    board = json.loads(path.read_text("utf-8"))
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
    for variable in board["templating"]["list"]:
        match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
        assert match
        yield variable["name"], f"count by ({match[2]}) ({match[1]})"
    for name in SERVICES.keys() - FORMS.keys():
        for title, query in found:
            text = query.replace("$service", host(name)).replace("$host", f"{host(name)}:.*")
            text = text.replace("$reporter", ".*").replace("$cluster", ".*")
            yield f"{title}, {name}", text.replace("$__rate_interval", INTERVAL)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_finds_numbers(running: Running, path: Path) -> None:
    """Calls pass, fail and are over limits, of which the service then fails, until each query has found a number."""
    left = {query: title for title, query in queries(path)}
    assert not [query for query in left if "$" in query]
    end = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        clients = {name: stack.enter_context(running.caller(name)) for name in SERVICES.keys() - FORMS.keys()}
        inside = {name: stack.enter_context(running.inside(name)) for name in clients}
        while left:
            assert time.monotonic() < end, left
            for name, client in clients.items():
                protocol = SERVICES[name]
                for who in ("mary", "tester"):
                    client.ask(by(protocol, who))
                for who in ("greedy", "export"):
                    inside[name].ask({"method": "export", **by(protocol, who)})
            for query in list(left):
                if any(map(isfinite, running.prometheus.query(query).values())):
                    del left[query]
            if left and all("ratelimit_error" in query for query in left):
                running.limits.stop()  # which is the error that is left to be seen


def filled(rule: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the query of a rule's metric, as prometheus-adapter makes them of its templates."""
    series = re.match(r"\w+", rule["seriesQuery"])
    assert series
    name = re.sub(rule["name"]["matches"], rule["name"]["as"], series[0])
    matchers = ",".join(f'{label}="{value}"' for label, value in labels.items())
    query = rule["metricsQuery"].replace("<<.Series>>", series[0]).replace("<<.LabelMatchers>>", matchers)
    return name, query.replace("<<.GroupBy>>", "pod").replace("[1m]", f"[{INTERVAL}]")


@EVERY_FORM
def test_the_adapters_rule_has_the_calls_over_the_limit_of_each_pod(running: Running, form: str) -> None:
    """It finds the series, its query has the pod's rate, and its name is the one that the autoscaler asks for."""
    (rule,) = yaml.safe_load((DEPLOY / "prometheus" / "adapter.yaml").read_text())["rules"]["custom"]
    (wanted,) = yaml.safe_load((DEPLOY / "prometheus" / "autoscaler.yaml").read_text())["spec"]["metrics"]
    assert set(rule["resources"]["overrides"]) == set(POD)
    service = {"destination_service": host(f"busy-{form}")}
    name, query = filled(rule, POD | service)
    assert wanted["pods"]["metric"]["name"] == name
    with running.inside(f"busy-{form}") as client:

        def scales() -> bool:
            for _ in range(3):
                client.ask(by(FORMS[form], "greedy"))
            series = running.prometheus.query(rule["seriesQuery"])
            mine = [one for one in series if dict(one).items() >= (POD | service).items()]
            return bool(mine) and running.prometheus.query(query).get((("pod", POD["pod"]),), 0) > 0

        eventually(scales)


def asked(port: int, path: str, method: str = "GET") -> int:
    """Return the status of an HTTP request whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path)
    status = connection.getresponse().status
    connection.close()
    return status


def test_nothing_else_of_the_admin_is_served(running: Running) -> None:
    assert asked(running.metrics, "/stats/prometheus") == 200
    assert asked(running.metrics, "/stats/prometheus?usedonly") == 200
    others = ("/", "/stats", "/config_dump", "/certs", "/quitquitquit", "/stats/prometheus/", "/stats//prometheus")
    ways = (
        "/stats/prometheus/../../config_dump",
        "/stats/prometheus%2f..%2f..%2fconfig_dump",
        "/stats/prometheus;/certs",
    )
    assert {path: asked(running.metrics, path) for path in (*others, *ways)} == dict.fromkeys((*others, *ways), 404)
    assert asked(running.metrics, "/stats/prometheus", "POST") == 404
    assert asked(running.metrics, "/quitquitquit", "POST") == 404


def test_a_port_for_metrics_that_is_taken_is_refused(running: Running, newest_release: Release, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "again.yaml"
        text = Path(running.mesh._paths[0]).read_text()
        for used in (*running.ports.values(), *running.inbound.values()):
            text = text.replace(str(used), str(free_port()))
        path.write_text(text)
        again = MeshRun([path], envoy=newest_release.binary(), metrics=("127.0.0.1", port))
        with pytest.raises(ConfigurationError, match=f"^--metrics.*nothing can listen at 127.0.0.1:{port}"), again:
            pass
