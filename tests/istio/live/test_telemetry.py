"""Telemetry of Istio, and filters of one's own, as istiod puts them beside the codec."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from collectors import Collector, collecting
from live_engine.config import built_module
from live_envoy import Release
from live_istio.scenario import Scenario, before_the_router, scenario
from mesh_files import documents
from mesh_running import free_port
from patience import eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[3] / "examples" / "filters"
COLLECTOR = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector, namespace: default}
spec:
  hosts: [collector.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: PORT, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: TARGET}}]
"""
TELEMETRY = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: default, namespace: default}
spec:
  accessLogging:
  - providers: [{name: calls}]
    filter: {expression: "request.headers['user'] == 'mary'"}
  tracing:
  - providers: [{name: spans}]
    randomSamplingPercentage: 100
    customTags: {user: {header: {name: user, defaultValue: nobody}}}
"""
LINE = {
    "user": "%REQ(user)%",
    "operation": "%REQ(:path)%",
    "authority": "%REQ(:authority)%",
    "code": "%RESPONSE_CODE%",
    "server": "%UPSTREAM_HOST%",
}
LUA = (
    before_the_router("lua")
    + """        name: envoy.filters.http.lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:
            inline_string: |
              function envoy_on_request(handle)
                local user = handle:headers():get("user")
                handle:headers():replace("seen", "lua " .. tostring(user))
              end
              function envoy_on_response(handle)
                handle:headers():replace("answered", "lua")
              end
"""
)


@frozen
class Observed:
    """A mesh that is observed.

    Args:
        mesh: It.
        log: The file of the access log.
        collector: Gets the spans.
    """

    mesh: Scenario
    log: Path
    collector: Collector

    def lines(self) -> list[dict[str, object]]:
        text = self.log.read_text("utf-8") if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture(scope="module")
def observed(istio: None, newest: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    built_module()
    folder = tmp_path_factory.mktemp("telemetry")
    log, port = folder / "calls.log", free_port()
    host = "collector.default.svc.cluster.local"
    providers = [
        {"name": "calls", "envoyFileAccessLog": {"path": str(log), "logFormat": {"labels": LINE}}},
        {
            "name": "spans",
            "opentelemetry": {"service": host, "port": port, "http": {"path": "/v1/traces", "timeout": "3s"}},
        },
    ]
    with pytest.MonkeyPatch.context() as patch, collecting() as collector:
        patch.syspath_prepend(str(EXAMPLES))
        with scenario(newest, folder, port=port, extensionProviders=providers) as mesh:
            yield Observed(mesh, log, collector)


def test_an_access_log_has_a_line_of_each_call_that_its_condition_takes(observed: Observed) -> None:
    observed.mesh.write(TELEMETRY)

    def logged() -> bool:
        observed.mesh.call(command=9, user="mary")
        observed.mesh.call(user="bob")
        return bool(observed.lines())

    eventually(logged)
    wanted = {
        "user": "mary",
        "operation": "/reviews/9",
        "authority": "reviews",
        "code": 200,
    }
    first = observed.lines()[0]
    assert {name: first[name] for name in wanted} == wanted
    assert {one["user"] for one in observed.lines()} == {"mary"}
    assert first["server"] in {f"127.0.0.1:{one.port}" for one in (observed.mesh.v1, observed.mesh.v2)}


def test_a_span_of_the_caller_s_proxy_and_the_message_at_the_server_are_of_one_trace(observed: Observed) -> None:
    mesh, collector = observed.mesh, observed.collector
    target = documents(COLLECTOR.replace("PORT", str(mesh.port)).replace("TARGET", str(collector.port)), TELEMETRY)
    mesh.write(target)
    before = "0af7651916cd43dd8448eb211c80319c"

    def traced() -> bool:
        mesh.answers("ratings", user="mary", traceparent=f"00-{before}-b7ad6b7169203331-01")
        return any(one.trace == before for one in collector.wait(0))

    eventually(traced)
    spans = [one for one in collector.wait(0) if one.trace == before]
    assert {one.tags["user"] for one in spans} == {"mary"}
    _, trace, parent, _ = mesh.ratings.received[-1].properties["traceparent"].split("-")
    assert trace == before
    eventually(lambda: parent in {one.id for one in collector.wait(0)})


def test_a_script_in_lua_changes_requests_and_answers(observed: Observed) -> None:
    observed.mesh.write(LUA)

    def changed() -> bool:
        found = observed.mesh.call("ratings", user="mary")
        return found is not None and found.properties.get("answered") == "lua"

    eventually(changed)
    assert observed.mesh.ratings.received[-1].properties["seen"] == "lua mary"


def test_a_filter_in_python_runs_at_both_proxies(observed: Observed) -> None:
    mesh = observed.mesh
    mesh.write()
    options = Options(filters=[("add_header:AddHeader", "")])
    mesh.istiod.write("20-filters", as_yaml(*envoy_filters(load_text(mesh.services), Engine.installed(), options)))

    def told() -> bool:
        found = mesh.call("ratings")
        principal = "spiffe://cluster.local/ns/default/sa/productpage"
        return (
            found is not None
            and "answered-by" in found.properties
            and mesh.ratings.received[-1].properties.get("caller") == principal
        )

    eventually(told)
