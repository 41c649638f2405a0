"""Clients and servers that nobody here wrote, with `metaprotocol mesh run` between them: some of Aeraki's scenarios."""

from pathlib import Path

import pytest
from live_engine.config import built_module
from mesh_program import running
from mesh_running import free_port, runtime
from mesh_scenarios import meta_router, service, to
from peers.thrift.clients import run_client
from peers.thrift.stacks import Combination, Stack

__all__ = ["runtime"]

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("runtime")]

FRAMED = Combination(Stack("compact", "framed"), "go", "python")
IN_HEADER = Combination(Stack("binary", "header"), "go", "cpp")
UNKNOWN_METHOD = 1


@pytest.fixture(autouse=True, scope="module")
def _module() -> None:
    built_module()


class Configuration:
    """A file of the service, its listener and its routes.

    Args:
        path: Of it.
        server: The port of its server.
    """

    def __init__(self, path: Path, server: int) -> None:
        self.path, self.port = path, free_port()
        self._service = service("thrift", {"v1": [server]}).replace("number: 19080", f"number: {self.port}")

    def write(self, routes: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f"{self._service}---\n{meta_router(routes)}")
        new.replace(self.path)


@pytest.fixture
def files(tmp_path: Path, server) -> Configuration:
    return Configuration(tmp_path / "mesh.yaml", server.port)


@pytest.mark.parametrize("combination", [FRAMED], ids=str)
def test_without_a_file(combination, release, server) -> None:
    port = free_port()
    options = ["--codec", "thrift", "--listen", port, "--upstream", f"127.0.0.1:{server.port}"]
    with running(release, *options) as program:
        program.event("started")
        outcomes = run_client(combination.client, port, combination.stack, ["greet", "refuse"]).outcomes
    assert outcomes["greet"]["outcome"] == "ok"
    assert outcomes["refuse"]["outcome"] == "Refused"


@pytest.mark.parametrize("combination", [FRAMED], ids=str)
def test_the_method_chooses_the_route_and_a_saved_file_changes_it(combination, release, files) -> None:
    """A5, A12: a method without a route is the client's own exception, until the file names it."""

    def outcomes() -> dict[str, str]:
        said = run_client(combination.client, files.port, combination.stack, ["greet", "mirror"])
        assert all(one.get("type", UNKNOWN_METHOD) == UNKNOWN_METHOD for one in said.outcomes.values())
        return {call: one["outcome"] for call, one in said.outcomes.items()}

    files.write(f"routes: [{{match: {{attributes: {{method: {{exact: greet}}}}}}, route: [{to('v1')}]}}]")
    with running(release, files.path) as program:
        program.event("started")
        assert outcomes() == {"greet": "ok", "mirror": "TApplicationException"}
        files.write(f"routes: [{{match: {{attributes: {{method: {{prefix: mirr}}}}}}, route: [{to('v1')}]}}]")
        program.event("applied")
        assert outcomes() == {"greet": "TApplicationException", "mirror": "ok"}


@pytest.mark.parametrize("combination", [IN_HEADER], ids=str)
def test_a_header_chooses_the_route_and_the_server_sees_the_mutation(combination, release, files) -> None:
    """A5, A19: the client sends client=go, and the server gets another value."""
    files.write(f"""
routes:
- match: {{attributes: {{client: {{exact: go}}, method: {{exact: headers}}}}}}
  route: [{to("v1")}]
  requestMutation: [{{key: client, value: bar1}}]
""")
    with running(release, files.path) as program:
        program.event("started")
        outcomes = run_client(combination.client, files.port, combination.stack, ["headers"]).outcomes
    assert outcomes["headers"]["result"] == {"client": "bar1"}
