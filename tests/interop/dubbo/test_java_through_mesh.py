"""A Java consumer calls Java providers through Envoy, configured by Aeraki's MetaRouter: some of Aeraki's scenarios."""

from pathlib import Path

import pytest
from live_engine.config import built_module
from mesh_program import running as running_program
from mesh_running import free_port, runtime
from mesh_scenarios import LiveMesh, meta_router, service, to
from peers.dubbo_java import DUBBO_2_7, DUBBO_3, SERVICE, JavaProvider, required

__all__ = ["runtime"]


@pytest.fixture
def providers(running) -> dict[str, JavaProvider]:
    """Two versions of the service, which have not been called yet: Dubbo 2.7 and 3."""
    found = {"v1": running(JavaProvider, required(DUBBO_2_7)), "v2": running(JavaProvider, required(DUBBO_3))}
    for one in found.values():
        one.forget()
    return found


@pytest.fixture
def start(start_envoy, tmp_path: Path, providers):
    """Start Envoy of some routes; return it and its other files."""
    built_module()
    files = service("dubbo", {name: [one.ports["hessian2"]] for name, one in providers.items()})
    return lambda routes: (LiveMesh(start_envoy, tmp_path / "mesh", files, meta_router(routes)), files)


def test_interface_method_and_attachment_together_choose_the_route(consumer, version, providers, start) -> None:
    """A1: all three must match; another call throws an exception that names the reason, and the next is answered."""
    attributes = f"{{interface: {{exact: {SERVICE}}}, method: {{exact: echo}}, foo: {{exact: bar}}}}"
    mesh, _ = start(f"routes: [{{match: {{attributes: {attributes}}}, route: [{to('v1')}]}}]")
    with consumer.client(mesh.port) as client:
        assert client.call("echo", "hello", foo="bar")["same"] is True
        for method, argument, attachments in (("echo", "hello", {"foo": "baz"}), ("any", "shared", {"foo": "bar"})):
            outcome = client.call(method, argument, **attachments)
            assert outcome["exception"] == version.rpc_exception
            assert "route_not_found" in outcome["message"]
        assert client.call("echo", "again", foo="bar")["same"] is True
    assert [providers["v1"].next_call()["attachments"]["foo"] for _ in range(2)] == ["bar", "bar"]


def test_a_mutation_reaches_the_provider(consumer, providers, start) -> None:
    """A2, A19: the provider sees foo=bar and foo1=bar1, and the attachments of the consumer."""
    mesh, _ = start(f"""
routes:
- route: [{to("v1")}]
  requestMutation: [{{key: foo, value: bar}}, {{key: foo1, value: bar1}}]
""")
    with consumer.client(mesh.port) as client:
        assert client.call("node", "circle", mine="kept", foo="first")["same"] is True
    attachments = providers["v1"].next_call()["attachments"]
    assert [attachments[name] for name in ("foo", "foo1", "mine")] == ["bar", "bar1", "kept"]


def test_a_rule_sends_all_calls_to_one_version_and_then_to_the_other(consumer, providers, start) -> None:
    """A12: 5 of 5 to Dubbo 2.7, and after a change 5 of 5 to Dubbo 3, on one connection of the consumer."""
    mesh, files = start(f"routes: [{{route: [{to('v1')}]}}]")
    with consumer.client(mesh.port) as client:
        for _ in range(5):
            assert client.call("echo", "hello", by="v1")["same"] is True
        assert [providers["v1"].next_call()["attachments"]["by"] for _ in range(5)] == ["v1"] * 5
        mesh.write(files, meta_router(f"routes: [{{route: [{to('v2')}]}}]"))
        mesh.envoy.wait_for_stat("http.outbound_127.0.0.1_19080.rds.127.0.0.1_19080.config_reload", lambda n: n > 1)
        for _ in range(5):
            assert client.call("echo", "hello", by="v2")["same"] is True
        assert [providers["v2"].next_call()["attachments"]["by"] for _ in range(5)] == ["v2"] * 5
    assert mesh.envoy.stat("http.outbound_127.0.0.1_19080.downstream_cx_total") == 1


@pytest.mark.usefixtures("runtime")
def test_mesh_run_needs_no_file(consumer, provider, release) -> None:
    """With --codec, --listen and --upstream. A provider that is not there is an exception of the consumer."""
    built_module()
    port, nobody = free_port(), free_port()
    options = ["--codec", "dubbo", "--listen", port]
    with running_program(release, *options, "--upstream", f"127.0.0.1:{provider.ports['hessian2']}") as program:
        program.event("started")
        with consumer.client(port) as client:
            assert client.call("node", "circle", mine="kept")["same"] is True
    assert provider.next_call()["attachments"]["mine"] == "kept"
    with running_program(release, *options, "--upstream", f"127.0.0.1:{nobody}") as program:
        program.event("started")
        with consumer.client(port) as client:
            assert "connection_failure" in client.call("echo", "hello")["message"]
