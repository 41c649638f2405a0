"""Filters of one's own, as docs/governance/filters.md has them."""

import json
from collections.abc import Mapping
from pathlib import Path

import dubbo_bytes
import pytest
import thrift_messages
from ext_authz import deciding
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, shown
from live_engine import awesome
from live_engine.config import built_module
from live_engine.peers import ServerConnection, serving
from live_envoy.config import Config, lua, typed
from live_envoy.releases import Release
from mesh_files import LISTENER, mesh_of, routes
from mesh_files import SERVICE as SERVICES
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, Protocol, text_of, text_or_error
from mesh_scenarios import sidecar, to
from patience import PATIENCE
from wasm import compiled

from metaprotocol_envoy import python_filter_config
from metaprotocol_mesh.check import validate
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[3] / "examples" / "filters"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(EXAMPLES / "seen.c", tmp_path_factory.mktemp("wasm") / "seen.wasm")


@pytest.fixture
def page(plugin: Path) -> str:
    """The configuration that the page shows, with the names of this machine."""
    config = python_filter_config("seen:Seen").replace("\n", "\\n")
    text = shown("filters", "filters").replace("/etc/mesh/seen.wasm", str(plugin))
    return text.replace("MODULE_PATH", str(built_module())).replace("PYTHON_FILTER_CONFIG", f'"{config}"')


@WITH_PROPERTIES
def test_each_filter_sees_what_those_before_it_have_changed(scenario: Scenario, protocol: Protocol, page: str) -> None:
    python_first = page.replace("priority: 2", "priority: 0")
    wasm_last = page.replace("phase: AUTHN", "phase: STATS").replace("INSERT_BEFORE", "INSERT_FIRST")
    with protocol.serving("served") as server:
        for text in (page, python_first, wasm_last):
            scenario.apply(protocol, {"v1": [server.port]}, text)
            with scenario.caller() as client:
                assert client.text({"seen": "client"}) == "served"
        assert [message.properties["seen"] for message in server.received] == [
            "client wasm lua python",
            "client wasm python lua",
            "client python lua wasm",
        ]


def message_of(protocol: Protocol, size: int) -> bytes:
    """Return a request with so many bytes of arguments."""
    if protocol is AWESOMERPC:
        return awesome.request(1, payload=bytes(size))
    if protocol is DUBBO:
        chunk = 0x8000
        long = (b"R" + chunk.to_bytes(2) + b"x" * chunk) * (size // chunk + 1) + dubbo_bytes.string("")
        return dubbo_bytes.request(types="Ljava/lang/String;", arguments=long)
    arguments = b"\x0b\x00\x01" + size.to_bytes(4) + bytes(size) + b"\x00"
    call = thrift_messages.strict(thrift_messages.CALL, "hello", 1, arguments)
    return thrift_messages.framed(call) if protocol is FRAMED else thrift_messages.in_header(call, seqid=1)


LUA = """
function envoy_on_request(handle)
  handle:headers():add("lua-saw", handle:body() == nil and "nothing" or "a body")
end
"""
SERVICE = "decider.default.svc.cluster.local"
DECIDER = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: decider, namespace: default}}
spec:
  hosts: [{SERVICE}]
  resolution: STATIC
  ports: [{{number: 8000, name: http, protocol: HTTP}}]
  endpoints: [{{address: 127.0.0.1, ports: {{http: 21108}}}}]
"""
ASKING = typed(
    "ext_authz",
    "extensions.filters.http.ext_authz.v3.ExtAuthz",
    http_service={
        "server_uri": {"uri": "http://decider", "cluster": f"outbound|8000||{SERVICE}", "timeout": f"{PATIENCE}s"}
    },
    with_request_body={"max_request_bytes": 1000},
)
READERS_OF_BODIES = [
    lua(LUA),
    typed("buffer", "extensions.filters.http.buffer.v3.Buffer", max_request_bytes=1000),
    ASKING,
]


def http_filters(*filters: Config) -> str:
    """Return an EnvoyFilter that inserts HTTP filters before the router."""
    patches = [{"applyTo": "HTTP_FILTER", "patch": {"operation": "ADD", "value": one}} for one in filters]
    head = (
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: readers, namespace: default}\n"
    )
    return f"{head}spec: {json.dumps({'configPatches': patches})}\n"


@EVERY_FORM
def test_large_messages_pass_what_reads_bodies_and_are_tried_again(
    scenario: Scenario, protocol: Protocol, plugin: Path
) -> None:
    """Envoy keeps 1 MiB of a body for a retry, and answers bodies over its filters' limits; no message is a body."""
    size = 3_000_000
    asked: list[str | None] = []

    def handle(message: Metadata, connection: ServerConnection) -> bytes | None:
        if len(server.received) == 1:
            return connection.reset()
        return protocol.answer(message, "served")

    def decide(path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        asked.append(headers.get("content-length"))
        return 200, {}

    retries = routes(f"- route: [{to('v1')}]\n  retries: {{attempts: 1, retryOn: reset}}")
    wasm = shown("filters", "filters").split("---")[0].replace("/etc/mesh/seen.wasm", str(plugin))
    here = sidecar(protocol).replace(
        "{name: here", "{annotations: {metaprotocol.io/unsupported-mutation: pass}, name: here"
    )
    with serving(protocol.codec, handle) as server, deciding(decide) as port:
        texts = [DECIDER.replace("21108", str(port)), http_filters(*READERS_OF_BODIES), retries, wasm, here]
        scenario.apply(protocol, {"v1": [server.port]}, *texts)
        with scenario.caller() as client:
            client.send(message_of(protocol, size))
            assert text_of(client.receive()) == "served"
    assert [len(message.message) > size for message in server.received] == [True, True]
    if protocol is not FRAMED:
        assert [message.properties["lua-saw"] for message in server.received] == ["nothing", "nothing"]
    assert asked == ["0"]


@WITH_PROPERTIES
def test_a_script_in_lua_that_fails_lets_requests_pass(scenario: Scenario, protocol: Protocol) -> None:
    with protocol.serving("served") as server:
        scenario.apply(protocol, {"v1": [server.port]}, http_filters(lua("function envoy_on_request() error('x') end")))
        with scenario.caller() as client:
            assert client.text() == "served"


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin that crashes on each request."""
    folder = tmp_path_factory.mktemp("trap")
    source = (EXAMPLES / "seen.c").read_text("utf-8")
    assert "    used = 0;\n" in source
    (folder / "trap.c").write_text(source.replace("    used = 0;\n", "    __builtin_trap();\n"), "utf-8")
    return compiled(folder / "trap.c", folder / "trap.wasm")


@EVERY_FORM
@pytest.mark.parametrize(
    ("strategy", "passes"), [("", False), ("  failStrategy: FAIL_OPEN\n", True)], ids=["fail close", "fail open"]
)
def test_a_plugin_that_has_crashed_refuses_requests_unless_it_fails_open(
    scenario: Scenario, protocol: Protocol, trap: Path, strategy: str, *, passes: bool
) -> None:
    plugin = shown("filters", "filters").split("---")[0].replace("/etc/mesh/seen.wasm", str(trap)) + strategy
    with protocol.serving("served") as server:
        scenario.apply(protocol, {"v1": [server.port]}, plugin)
        with scenario.caller() as client:
            assert not text_or_error(client.ask())  # the one that it crashes in
            for _ in range(2):
                assert (text_or_error(client.ask()) == "served") is passes
        assert len(server.received) == 2 * passes


def test_envoy_takes_a_plugin_as_it_is_rendered(release: Release, plugin: Path) -> None:
    text = shown("filters", "filters").split("---")[0].replace("/etc/mesh/seen.wasm", str(plugin))
    validate(mesh_of(SERVICES, LISTENER, text), Engine.installed(), release.binary())
