"""`metaprotocol mesh capture` without an Envoy, and `metaprotocol inspect` of what it wrote."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mesh_files import LISTENER, ROUTES, SERVICE, documents

from metaprotocol_cli import main
from metaprotocol_mesh.capture.file import CaptureWriter, Exchange, Message, Redaction, create
from metaprotocol_mesh.running import folders
from metaprotocol_sdk import Direction, MessageType, Status

SECOND = 1_000_000_000


def run(*arguments: str, text: bytes | None = None) -> Result:
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def capture(path: Path, **redaction: Any) -> str:
    properties = {"user": "jason", "cmd": "7"}
    request = Message(
        Direction.TO_SERVER, MessageType.REQUEST, SECOND, operation="reviews/7", properties=properties, incomplete=True
    )
    answer = Message(Direction.TO_CLIENT, MessageType.RESPONSE, SECOND + 1_500_000, status_code=0)
    failed = Message(
        Direction.TO_CLIENT, MessageType.EXCEPTION, status=Status.ERROR, local="HTTP 503: no healthy upstream"
    )
    with create(path) as file:
        writer = CaptureWriter(file, Redaction(**redaction), 1 << 20)
        writer.add(Exchange("127.0.0.1:40000", "127.0.0.1:19080", request, answer))
        writer.add(Exchange("\x1b[2J", "127.0.0.1:19080", request, failed))
    return str(path)


def test_inspect_shows_a_capture(tmp_path: Path) -> None:
    result = run("inspect", capture(tmp_path / "out"))
    assert (result.exit_code, result.stdout) == (0, """\
 time               type       status      operation
connection 127.0.0.1:40000 → 127.0.0.1:19080
 00:00:01.000000 → request                reviews/7
           ! properties may be missing
 00:00:01.001500 ← response   ok 0        reviews/7  after 1.500 ms
connection \\x1b[2J → 127.0.0.1:19080
 00:00:01.000000 → request                reviews/7
           ! properties may be missing
 ?               ← exception  error       reviews/7  answered by Envoy: HTTP 503: no healthy upstream
""")  # fmt: skip
    assert result.stderr == "4 messages: 2 request, 1 response, 1 exception; values are redacted\n"


def test_inspect_shows_properties(tmp_path: Path) -> None:
    text = run("inspect", "-v", capture(tmp_path / "redacted")).stdout
    assert "  user  <text, 5 bytes>\n  cmd   <number, 1 byte>\n" in text
    text = run("inspect", "-v", capture(tmp_path / "open", everything=True)).stdout
    assert "  user  jason\n  cmd   7\n" in text


def test_inspect_names_the_properties_whose_values_are_shown(tmp_path: Path) -> None:
    result = run("inspect", capture(tmp_path / "out", shown={"user"}))
    assert result.stderr.endswith("; values are redacted, except those of user\n")


def test_inspect_does_not_call_a_capture_redacted_that_shows_every_value(tmp_path: Path) -> None:
    result = run("inspect", capture(tmp_path / "out", shown={"user", "cmd"}))
    assert result.stderr == "4 messages: 2 request, 1 response, 1 exception\n"


def test_inspect_tells_machines(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in run("inspect", "--json", capture(tmp_path / "out")).stdout.splitlines()]
    assert [line["type"] for line in lines] == ["request", "response", "request", "exception"]
    assert lines[0]["properties"]["user"] == {"type": "text", "size": 5}
    assert (lines[1]["answers"], lines[1]["elapsed_ms"]) == ("reviews/7", 1.5)
    assert lines[3]["local"] == "HTTP 503: no healthy upstream"


def test_inspect_reads_a_capture_from_a_pipe(tmp_path: Path) -> None:
    text = Path(capture(tmp_path / "out")).read_bytes()
    assert run("inspect", "-", text=text).exit_code == 0
    result = run("inspect", "-", text=text[:-9])
    assert (result.exit_code, "the capture is cut off in line 3" in result.stdout) == (1, True)


def test_inspect_needs_no_codec_for_a_capture_only(tmp_path: Path) -> None:
    assert run("inspect", "--codec", "dubbo", capture(tmp_path / "out")).exit_code == 0
    assert "Missing option '--codec'" in run("inspect", "-", text=b'{"metaprotocol').stderr
    assert "--port chooses" in run("inspect", "--port", "1", capture(tmp_path / "second")).stderr


def test_explain_takes_requests_of_a_capture_with_values(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(documents(SERVICE, ROUTES, LISTENER))
    result = run("mesh", "explain", str(mesh), "--capture", capture(tmp_path / "open", everything=True))
    assert (result.exit_code, result.stdout.count("100% to outbound|9080|v2|")) == (0, 2)
    result = run("mesh", "explain", str(mesh), "--capture", capture(tmp_path / "redacted"))
    assert result.exit_code == 1
    assert "the value of 'user' is redacted: capture with --show user, or with --unredacted" in result.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--when", "user"], "'user' is not KEY=VALUE"),
        (["--when", "a=1", "--when", "a=2"], "'a' has two values"),
        (["--when", "use*r=jason"], "has a * in its key"),
        (["--when", "user="], "write user=VALUE, or user=* for any"),
        (["--when", "a=b *"], "has a space before the *"),
        (["--mesh", "a", "--admin", "b"], "leave --mesh out"),
        (["--messages", "0"], "--messages"),
        (["--time", "0"], "--time"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    result = run("mesh", "capture", *options, str(tmp_path / "out"))
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = run("mesh", "capture", "--admin", "none", str(tmp_path / "out"))
    assert (result.exit_code, "is there already" in result.stderr) == (2, True)
    assert (tmp_path / "out").read_text() == "mine"


def test_the_running_mesh_is_found_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert "no mesh runs" in run("mesh", "capture", str(tmp_path / "out")).stderr
    first, lock = folders.claim("first")
    result = run("mesh", "capture", str(tmp_path / "out"))
    assert (result.exit_code, result.stderr.startswith(f"Error: there is no Envoy at {first}/admin.sock")) == (1, True)
    assert not (tmp_path / "out").exists()
    _, other = folders.claim("second")
    assert "several meshes run: name one of first, second" in run("mesh", "capture", str(tmp_path / "out")).stderr
    assert "no mesh of the name 'third' runs" in run("mesh", "capture", "--mesh", "third", "out").stderr
    assert str(first) in run("mesh", "capture", "--mesh", "first", "--json", str(tmp_path / "out")).stdout
    for descriptor in (lock, other):
        os.close(descriptor)
