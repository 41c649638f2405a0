"""`metaprotocol mesh run` and `mesh status`, as programs."""

import json
import os
import re
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, serving
from mesh_files import ROUTES, SERVICE, documents
from mesh_program import running
from mesh_running import Acme, Files, acme, free_port, runtime
from patience import eventually
from required import needs_sighup

from metaprotocol_cli import main
from metaprotocol_mesh.running import MeshRun, read_status

__all__ = ["acme", "runtime"]

pytestmark = pytest.mark.usefixtures("runtime")


@pytest.fixture(autouse=True, scope="module")
def _module() -> None:
    built_module()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.live)])
def test_a_signal_ends_it_when_what_is_in_flight_is_answered(release, tmp_path: Path, number: int, runtime) -> None:
    free = threading.Event()

    def handle(message: Any, connection: Any) -> bytes | None:
        free.wait(60)
        return replying(b"late")(message, connection)

    with serving(CODEC, handle) as slow:
        files = Files(tmp_path / "mesh.yaml", (slow.port, slow.port))
        with running(release, files.path) as program:
            program.event("started")
            with Client(CODEC, files.port) as client:
                client.send(request(1))
                slow.wait(1)
                program.process.send_signal(number)
                program.event("stopping")
                free.set()
                assert body(client.receive()) == b"late"
            program.event("stopped")
            assert program.ends() == 0
    assert list(runtime.glob("*/*")) == []


def test_changes_are_told_one_a_line(release, tmp_path: Path, v1, acme: Acme) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port), "acme")
    with running(release, tmp_path, "--codec", "acme=acme.codec:AcmeCodec", folder=tmp_path) as program:
        listeners = program.event("started")["listeners"]
        assert [(one["port"], one["codec"]) for one in listeners] == [(files.port, "acme")]
        files.write(ROUTES.replace("jason", "mary"))
        assert program.event("applied")["changed"] == [f"routes of 127.0.0.1_{files.port}"]
        files.write(ROUTES.replace("subset: v2", "subste: v2"))
        (problem,) = program.event("refused")["problems"]
        assert (problem["file"], problem["path"]) == (str(files.path), "spec.http[0].route[0].destination.subste")
        files.write(ROUTES)
        program.event("applied")
        acme.words.write_text("\n\nWORD = oops\n")
        (problem,) = program.event("refused")["problems"]
        assert (problem["file"], problem["line"]) == (str(acme.words), 3)
        acme.write("two")
        assert program.event("applied")["changed"][0].startswith("codec acme ")


@pytest.mark.live
def test_a_codec_whose_import_hangs_does_not_delay_the_end(release, tmp_path: Path, v1, acme: Acme) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port), "acme")
    imported = tmp_path / "imported"
    with running(release, tmp_path, "--codec", "acme=acme.codec:AcmeCodec", folder=tmp_path) as program:
        assert program.event("started")["listeners"][0]["port"] == files.port
        acme.words.write_text(f"open({str(imported)!r}, 'x').close()\nimport time\ntime.sleep(3600)\n")
        eventually(imported.exists)
        program.process.send_signal(signal.SIGTERM)
        program.event("stopping")
        program.event("stopped")
        assert program.ends() == 0


@pytest.mark.live
def test_people_read_a_line_for_each_change(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path, json_lines=False) as program:
        assert program.line() == f"127.0.0.1:{files.port} awesomerpc, outbound\n"
        assert program.line().startswith("running as mesh, Envoy is process ")
        files.write(ROUTES.replace("jason", "mary"))
        assert re.fullmatch(rf"applied in \d+\.\d\d s: routes of 127.0.0.1_{files.port}\n", program.line())
        files.write(ROUTES.replace("subset: v2", "subste: v2"))
        assert program.line().startswith(f"refused: {files.path}:30:69: spec.http[0].route[0].destination.subste: ")
        program.process.send_signal(signal.SIGTERM)
        assert [program.line(), program.line()] == ["stopping; requests in flight are answered first\n", "stopped\n"]
        assert program.ends() == 0


def test_without_a_file(release, v1) -> None:
    port = free_port()
    options = ["--codec", "awesomerpc", "--listen", port, "--upstream", f"127.0.0.1:{v1.port}"]
    with running(release, *options) as program:
        assert program.event("started")["name"] == "awesomerpc"
        with Client(CODEC, port) as client:
            assert body(client.call(request(1))) == b"v1"


def test_it_tells_why_envoy_has_died(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path) as program:
        os.kill(program.event("started")["envoy"], signal.SIGSEGV)
        assert "Envoy has ended by the signal" in program.event("failed")["message"]
        assert program.ends() == 1
        assert "The end of its log:\n" in program.errors()


@pytest.mark.live
@needs_sighup
def test_a_terminal_that_is_closed_ends_it(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path) as program:
        program.event("started")
        program.process.send_signal(signal.SIGHUP)
        program.event("stopping")
        program.event("stopped")
        assert program.ends() == 0


def test_a_file_that_is_emptied_changes_nothing(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path) as program:
        program.event("started")
        with Client(CODEC, files.port) as client:
            client.call(request(1))
            files.path.write_text("")
            (problem,) = program.event("refused")["problems"]
            assert (problem["file"], problem["message"]) == (str(files.path), "nothing would listen")
            assert body(client.call(request(2))) == b"v1"


@pytest.mark.live
def test_a_configuration_without_a_listener_is_not_run(release, tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(documents(SERVICE, ROUTES))
    with running(release, path) as program:
        (problem,) = program.event("failed")["problems"]
        assert program.ends() == 1
        assert problem["hint"] == "add a Sidecar with `ingress` or `egress`, or a Gateway"


@pytest.mark.live
def test_the_envoy_of_a_killed_one_goes_on_and_is_shown(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path) as program:
        program.event("started")
        program.process.kill()
        program.ends()
    envoy = json.loads(status("--json").stdout)["envoy"]
    with Client(CODEC, files.port) as client:
        assert body(client.call(request(1))) == b"v1"
    with running(release, files.path) as program:
        (problem,) = program.event("failed")["problems"]
        killed = "the Envoy of the mesh mesh, whose `mesh run` was killed, is there"
        assert problem["hint"] == f"{killed}: `kill {envoy}`"
    os.kill(envoy, signal.SIGTERM)
    eventually(lambda: status().exit_code == 1 and "no mesh runs" in status().stderr)


@pytest.mark.live
def test_a_port_in_use_is_that_of_the_option(release) -> None:
    """No place in the file that the options stand for is told."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running(release, "--codec", "dubbo", "--listen", port, "--upstream", "127.0.0.1:1") as program:
            (problem,) = program.event("failed")["problems"]
            assert program.ends() == 1
    assert (problem["file"], problem["line"], problem["path"]) == ("--listen", None, "")
    assert problem["message"].startswith(f"nothing can listen at 127.0.0.1:{port}: ")


@pytest.mark.live
def test_a_file_that_others_may_write_to_is_refused_until_they_may_not(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    with running(release, files.path) as program:
        program.event("started")
        files.path.chmod(0o666)
        (problem,) = program.event("refused")["problems"]
        assert problem["message"].endswith("can be written by everybody: `chmod o-w` it")
        files.path.chmod(0o644)
        assert program.event("applied")["changed"] == []


@pytest.mark.live
def test_a_wrong_file_at_the_start_ends_it(release, tmp_path: Path, v1) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    files.write(ROUTES.replace("http:", "htpp:"))
    with running(release, files.path) as program:
        assert program.ends() == 1
        assert program.process.stdout is not None
        (problem,) = json.loads(program.process.stdout.read())["problems"]
        assert (problem["path"], problem["hint"]) == ("spec.htpp", "did you mean 'http'?")


def status(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["mesh", "status", *arguments])


def test_status_shows_requests_errors_and_latencies(release, tmp_path: Path, v1) -> None:
    with serving(CODEC, replying(b"v2", 2)) as failing:
        files = Files(tmp_path / "shop.yaml", (v1.port, failing.port))
        with MeshRun([files.path], envoy=release.binary()) as mesh:
            with Client(CODEC, files.port) as client:
                for number in range(5):
                    client.call(request(number, {"user": "jason"} if number < 2 else {}))
                # Envoy sums latencies up once a second.
                eventually(lambda: all(row.p99 is not None for row in read_status(mesh.folder).routes))
                found = json.loads(status("--json").stdout)
            tables = (found[kind] for kind in ("listeners", "routes", "clusters"))
            rows = {row["name"]: (row["requests"], row["errors"]) for table in tables for row in table}
            host = "reviews.default.svc.cluster.local"
            assert rows == {
                f"127.0.0.1_{files.port}": (5, 2),
                f"{host}:9080 http[0]": (2, 2),
                f"{host}:9080 http[1]": (3, 0),
                f"outbound|9080|v1|{host}": (3, 0),
                f"outbound|9080|v2|{host}": (2, 2),
                f"outbound|9080||{host}": (0, 0),
            }
            (codec,) = found["codecs"]
            assert (codec["name"], codec["draining"], len(codec["version"])) == ("awesomerpc", False, 12)
            text = status("shop").stdout
            assert f"127.0.0.1_{files.port} awesomerpc 0.1.0 ({codec['version']})" in text
            assert f"{host}:9080 http[1]" in text


@pytest.mark.live
def test_status_names_the_meshes_if_there_are_several(release, tmp_path: Path, v1) -> None:
    first = Files(tmp_path / "first.yaml", (v1.port, v1.port))
    second = Files(tmp_path / "second.yaml", (v1.port, v1.port))
    with MeshRun([first.path], envoy=release.binary()), MeshRun([second.path], envoy=release.binary()):
        result = status()
        assert (result.exit_code, "name one of first, second" in result.stderr) == (2, True)
        assert status("second", "--json").exit_code == 0
        assert "no mesh of the name 'third' runs; there is: first, second" in status("third").stderr
