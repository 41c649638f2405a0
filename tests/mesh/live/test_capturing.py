"""`metaprotocol mesh capture` at real Envoys, on connections that were open before and on new ones."""

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dubbo_bytes
import pytest
from click.testing import CliRunner
from live_engine.awesome import CODEC, ONEWAY, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, Handler, Server, ServerConnection, serving
from live_envoy import Envoy
from live_envoy.certificates import self_signed
from mesh_files import LISTENER, ROUTES, SERVICE, anywhere, rendered
from patience import PATIENCE

from metaprotocol_cli import main
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import Codec, Metadata

SECRET = "hunter2-5ecret"
LISTENER_NAME = "127.0.0.1_19080"


@pytest.fixture(autouse=True, scope="module")
def _module() -> None:
    built_module()


class Capture:
    """A capture that runs.

    Args:
        process: Its process.
        out: Its file.
    """

    def __init__(self, process: subprocess.Popen[str], out: Path) -> None:
        self._process = process
        self.out = out

    def end(self) -> tuple[int, dict[str, Any]]:
        """Wait until it has ended, and return its exit status and what it says."""
        text, _ = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, json.loads(text.splitlines()[-1])

    def stop(self) -> tuple[int, dict[str, Any]]:
        self._process.send_signal(signal.SIGINT)
        return self.end()


@contextmanager
def capturing(admin: Path, out: Path, *options: str) -> Iterator[Capture]:
    """Run a capture; its block begins when Envoy taps."""
    command = [sys.executable, "-m", "metaprotocol_cli", "mesh", "capture", "--json", "--admin", str(admin)]
    with subprocess.Popen([*command, *options, str(out)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "capturing"
            yield Capture(process, out)
        finally:
            if process.poll() is None:
                process.kill()


def mesh(server: Server, codec: str = "awesomerpc") -> dict[str, Any]:
    files = [text.replace("awesomerpc", codec) for text in (SERVICE, ROUTES, LISTENER)]
    files[0] = files[0].replace("21101", str(server.port)).replace("21102", str(server.port))
    return anywhere(rendered(*files, engine=Engine.installed())).bootstrap("replaced")


def inspected(path: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["inspect", *options, str(path)])
    assert result.exit_code == 0, result.output
    return result.stdout


def messages(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in inspected(path, "--json").splitlines()]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CODEC, replying(b"reply " + SECRET.encode())) as found:
        yield found


@pytest.fixture
def envoy(start_envoy: Callable[..., Envoy], server: Server) -> Envoy:
    return start_envoy(mesh(server))


def awesome_request(number: int) -> bytes:
    return request(number, {"service": "reviews", "User": "jason", "token": SECRET}, SECRET.encode())


def dubbo_request(number: int) -> bytes:
    arguments = dubbo_bytes.string(SECRET)
    attachments = {"User": "jason", "token": SECRET}
    return dubbo_bytes.request(
        request_id=number, types="Ljava/lang/String;", arguments=arguments, attachments=attachments
    )


def dubbo_answer(message: Metadata, connection: ServerConnection) -> bytes:
    return dubbo_bytes.response(b"\x91" + dubbo_bytes.string(SECRET), request_id=message.request_id)


@pytest.mark.parametrize(
    ("codec", "called", "answered", "operation", "code"),
    [
        (CODEC, awesome_request, replying(SECRET.encode()), "reviews/7", 0),
        (DubboCodec(), dubbo_request, dubbo_answer, "org.demo.Greeter/hello", 20),
    ],
    ids=["awesomerpc", "dubbo"],
)
def test_calls_on_an_open_and_on_a_new_connection_are_captured(
    start_envoy: Callable[..., Envoy],
    tmp_path: Path,
    codec: Codec,
    called: Callable[[int], bytes],
    answered: Handler,
    operation: str,
    code: int,
) -> None:
    with serving(codec, answered) as server:
        envoy = start_envoy(mesh(server, codec.name))
        port = envoy.port(LISTENER_NAME)
        with Client(codec, port) as old:
            old.call(called(1))
            with capturing(envoy.admin.path, tmp_path / "out", "--messages", "4") as capture:
                old.call(called(2))
                with Client(codec, port) as new:
                    new.call(called(3))
                status, summary = capture.end()
    assert (status, summary["messages"], summary["ended"]) == (0, 4, "4 messages were captured")
    found = messages(capture.out)
    assert [(one["type"], one["operation"] or one["answers"]) for one in found] == [
        ("request", operation), ("response", operation), ("request", operation), ("response", operation),
    ]  # fmt: skip
    assert [one["status_code"] for one in found] == [None, code, None, code]
    assert found[0]["properties"]["user"] == {"type": "text", "size": 5}
    assert found[1]["elapsed_ms"] > 0
    assert {one["connection"]["server"] for one in found} == {f"127.0.0.1:{port}"}
    assert found[0]["connection"] != found[2]["connection"]
    assert SECRET.encode() not in capture.out.read_bytes()


def test_no_secret_is_in_the_file(envoy: Envoy, tmp_path: Path) -> None:
    with (
        Client(CODEC, envoy.port(LISTENER_NAME)) as client,
        capturing(envoy.admin.path, tmp_path / "out", "--messages", "2") as capture,
    ):
        client.call(request(1, {"service": "reviews", "token": SECRET, "authorization": SECRET}, SECRET.encode()))
        capture.end()
    text = capture.out.read_bytes()
    assert b"authorization" in text
    assert SECRET.encode() not in text
    assert b"x-metaprotocol" not in text
    assert capture.out.stat().st_mode & 0o777 == 0o600
    assert f"<text, {len(SECRET)} bytes>" in inspected(capture.out, "-v")


def test_values_are_in_it_if_they_are_asked_for(envoy: Envoy, tmp_path: Path) -> None:
    with Client(CODEC, envoy.port(LISTENER_NAME)) as client:
        for number, options in enumerate((("--unredacted",), ("--show", "User"))):
            with capturing(envoy.admin.path, tmp_path / str(number), "--messages", "2", *options) as capture:
                client.call(request(1, {"User": "jason", "token": SECRET, "größe": "50 % "}, SECRET.encode()))
                capture.end()
    everything, one = (messages(tmp_path / name)[0]["properties"] for name in "01")
    assert everything == {"cmd": "7", "user": "jason", "token": SECRET, "größe": "50 % "}
    assert one["user"] == "jason"
    assert one["token"] == {"type": "text", "size": len(SECRET)}


@pytest.mark.live
@pytest.mark.parametrize(
    ("conditions", "expected", "last"),
    [
        (["user=jason"], [1, 4], {"user": "jason"}),
        (["User=ja*"], [1, 2, 4], {"user": "ja"}),
        (["user=jason", "operation=reviews/*"], [1], {"user": "jason", "service": "reviews"}),
        (["operation=details/7"], [4], {"service": "details"}),
        (["operation=rev*"], [1, 2], {"service": "reviews"}),
        (["operation=.*"], [5, 6], {"service": "."}),
        (["operation=..*"], [5, 6], {"service": "..."}),
        (["operation=*"], [1, 2, 3, 4, 5, 6], {}),
        (["größe=50 % "], [3], {"größe": "50 % "}),
        (["größe=50 %*"], [3], {"größe": "50 %"}),
        (["user=*"], [1, 2, 4], {"user": ""}),
        (["user=mary"], [], {"user": "mary"}),
    ],
)
def test_only_what_is_asked_for_is_captured(
    envoy: Envoy, tmp_path: Path, conditions: list[str], expected: list[int], last: dict[str, str]
) -> None:
    requests = [
        {"service": "reviews", "user": "jason", "number": "1"},
        {"service": "reviews", "user": "jane", "number": "2"},
        {"größe": "50 % ", "number": "3"},
        {"service": "details", "USER": "jason", "number": "4"},
        {"service": "..", "number": "5"},
        {"service": "..a", "number": "6"},
        {**last, "number": "7"},
    ]
    options = ["--unredacted", *(part for one in conditions for part in ("--when", one))]
    with Client(CODEC, envoy.port(LISTENER_NAME)) as client:
        count = str(2 * len(expected) + 2)
        with capturing(envoy.admin.path, tmp_path / "out", "--messages", count, *options) as capture:
            for properties in requests:
                client.call(request(1, properties))
            capture.end()
    found = [int(one["properties"]["number"]) for one in messages(capture.out) if one["direction"] == "to_server"]
    assert found == [*expected, 7]


def test_answers_of_envoy_say_why(start_envoy: Callable[..., Envoy], tmp_path: Path) -> None:
    with serving(CODEC, replying()) as gone:
        config = mesh(gone)
    envoy = start_envoy(config)
    with (
        Client(CODEC, envoy.port(LISTENER_NAME)) as client,
        capturing(envoy.admin.path, tmp_path / "out", "--messages", "2") as capture,
    ):
        client.call(request(2))
        capture.end()
    text = inspected(capture.out)
    assert "answered by Envoy: HTTP 503: upstream connect error" in text


def test_a_oneway_has_no_answer(envoy: Envoy, server: Server, tmp_path: Path) -> None:
    with (
        Client(CODEC, envoy.port(LISTENER_NAME)) as client,
        capturing(envoy.admin.path, tmp_path / "out", "--messages", "3") as capture,
    ):
        client.send(request(1, kind=ONEWAY))
        server.wait(1)
        client.call(request(2))
        capture.end()
    assert [one["type"] for one in messages(capture.out)] == ["oneway", "request", "response"]


@pytest.mark.live
def test_a_changed_listener_is_captured_too(start_envoy: Callable[..., Envoy], server: Server, tmp_path: Path) -> None:
    """Connections of the old listener are drained, and their requests captured."""
    folder = tmp_path / "mesh"

    def write(codec_deadline: int) -> dict[str, Any]:
        annotation = f"{{name: here, annotations: {{metaprotocol.io/codec-deadline: '{codec_deadline}'}}, "
        files = [SERVICE.replace("21101", str(server.port)), ROUTES, LISTENER.replace("{name: here, ", annotation)]
        found = anywhere(rendered(*files, engine=Engine.installed())).files(folder)
        write_files(folder, found)
        return found["bootstrap.json"]

    envoy = start_envoy(write(1000))
    with Client(CODEC, envoy.port(LISTENER_NAME)) as old:
        old.call(request(1))
        with capturing(envoy.admin.path, tmp_path / "out", "--messages", "4") as capture:
            write(2000)
            envoy.wait_for_stat("listener_manager.listener_modified", lambda value: value == 1)
            envoy.wait_for_stat("listener_manager.total_listeners_warming", lambda value: value == 0)
            old.call(request(2))
            with Client(CODEC, envoy.admin.ports()[LISTENER_NAME]) as new:
                new.call(request(3))
            status, summary = capture.end()
    assert (status, summary["messages"]) == (0, 4)
    with capturing(envoy.admin.path, tmp_path / "second") as capture:
        assert capture.stop()[0] == 0


@pytest.mark.live
def test_what_comes_over_tls_is_captured(start_envoy: Callable[..., Envoy], server: Server, tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path, "spiffe://cluster.local/ns/default/sa/web")
    ingress = f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: server}}
spec:
  ingress:
  - port: {{number: 19081, name: http-awesomerpc}}
    defaultEndpoint: "127.0.0.1:{server.port}"
    tls: {{mode: SIMPLE, serverCertificate: {certificate}, privateKey: {key}}}
"""
    envoy = start_envoy(anywhere(rendered(ingress, engine=Engine.installed())).bootstrap("replaced"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        Client(CODEC, envoy.port("127.0.0.1_19081")) as client,
        capturing(envoy.admin.path, tmp_path / "out", "--messages", "2", "--show", "user") as capture,
    ):
        client.socket = context.wrap_socket(client.socket)
        client.call(request(1, {"user": "jason"}))
        capture.end()
    assert messages(capture.out)[0]["properties"]["user"] == "jason"


@pytest.mark.live
def test_one_capture_at_a_time(envoy: Envoy, tmp_path: Path) -> None:
    command = ["mesh", "capture", "--admin", str(envoy.admin.path), str(tmp_path / "second")]
    with capturing(envoy.admin.path, tmp_path / "first") as capture:
        second = CliRunner().invoke(main, command)
        capture.stop()
    assert (second.exit_code, "another capture of this mesh is running" in second.output) == (1, True)
    assert not (tmp_path / "second").exists()


@pytest.mark.live
def test_a_capture_that_was_killed_blocks_no_other(envoy: Envoy, tmp_path: Path) -> None:
    with capturing(envoy.admin.path, tmp_path / "first") as killed:
        killed._process.kill()
        killed._process.wait()
    envoy.admin.get("/ready")
    with capturing(envoy.admin.path, tmp_path / "second") as capture:
        assert capture.stop()[0] == 0


@pytest.mark.live
def test_an_envoy_that_ends_ends_the_capture(start_envoy: Callable[..., Envoy], server: Server, tmp_path: Path) -> None:
    envoy = start_envoy(mesh(server))
    with capturing(envoy.admin.path, tmp_path / "out") as capture:
        envoy.stop()
        status, summary = capture.end()
    assert (status, "problem" in summary) == (1, True)
