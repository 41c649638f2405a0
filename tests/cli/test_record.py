"""`metaprotocol record` between the client and the server of examples/awesomerpc, as separate processes."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE
from relay import running_relay
from required import needs_sighup
from sockets import free_address

EXAMPLE = Path(__file__).parents[2] / "examples" / "awesomerpc"
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "200"}
COMMAND = [sys.executable, "-m", "metaprotocol_cli", "record", "--listen", "0"]


@pytest.fixture
def server_port() -> Iterator[int]:
    command = [sys.executable, str(EXAMPLE / "server.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        yield int(process.stdout.readline().removeprefix("listening on "))
        process.terminate()


def call(port: int) -> list[str]:
    """Run the client of the example, and return its output."""
    command = [sys.executable, str(EXAMPLE / "client.py"), str(port)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=ENVIRONMENT, timeout=PATIENCE, check=True
    )
    return done.stdout.splitlines()


ANSWERS = [
    "1: response, status 0: Hello Ada, from the server of Zoë",
    "2: response, status 0: Hello 世界 😀, from the server of Zoë",
    "4: exception, status 1: no command 99",
    "5: heartbeat",
]


def test_the_relay_is_transparent_and_inspect_reads_its_files(server_port: int, tmp_path: Path) -> None:
    with running_relay(tmp_path / "out", server_port) as relay:
        assert call(relay.port) == ANSWERS
        relay.wait_for_ends(1)
    (connection,) = relay.manifest
    assert connection["ended"] == "the client closed the connection"
    command = [sys.executable, "-m", "metaprotocol_cli", "inspect", "--codec", "awesomerpc", "--json"]
    stream = tmp_path / "out" / connection["files"]["c2s"]["file"]
    shown = subprocess.run([*command, str(stream)], capture_output=True, check=True, timeout=PATIENCE).stdout
    assert [json.loads(line)["type"] for line in shown.splitlines()] == [
        "request",
        "request",
        "oneway",
        "request",
        "heartbeat",
    ]


def test_with_a_codec_it_changes_requests_and_counts_messages(server_port: int, tmp_path: Path) -> None:
    with running_relay(tmp_path / "out", server_port, codec="awesomerpc", set={"user": "the relay"}) as relay:
        assert call(relay.port)[0] == "1: response, status 0: Hello Ada, from the server of the relay"
    assert "1 connection; → 5 messages, 216 bytes; ← 4 messages, 171 bytes\n" in relay.summary
    assert "  → 3 request\n  → 1 oneway\n  → 1 heartbeat\n" in relay.summary
    assert relay.manifest[0]["request"] == {"user": "the relay"}
    assert relay.manifest[0]["files"]["c2s"]["messages"] == 5


def test_it_answers_with_an_error_instead_of_the_server(tmp_path: Path) -> None:
    with running_relay(
        tmp_path / "out", None, codec="awesomerpc", reply_error="over_limit", reply_message="too many calls"
    ) as relay:
        assert call(relay.port) == [
            "1: exception, status 3: too many calls",
            "2: exception, status 3: too many calls",
            "4: exception, status 3: too many calls",
            "5: heartbeat",
        ]
    assert "4 answered by the relay\n" in relay.summary


def test_messages_that_could_not_be_changed_are_counted_and_give_status_1(server_port: int, tmp_path: Path) -> None:
    with running_relay(tmp_path / "out", server_port, codec="awesomerpc", set={"cmd": "8"}, status=1) as relay:
        assert call(relay.port) == ANSWERS
    assert "4 could not be changed and were passed on as they came\n" in relay.summary


def test_a_server_that_cannot_be_reached_is_reported_and_gives_status_1(tmp_path: Path) -> None:
    port = free_address().port
    with running_relay(tmp_path / "out", port, codec="awesomerpc", status=1) as relay:
        assert call(relay.port)[0].startswith(
            f"1: exception, status 2: the server 127.0.0.1:{port} cannot be reached ("
        )
    assert "1 of the connections failed\n" in relay.summary


def test_a_server_that_is_not_contacted_is_not_named(tmp_path: Path) -> None:
    with running_relay(tmp_path / "out", 1, codec="awesomerpc", reply_error="over_limit") as relay:
        pass
    assert relay.summary.startswith("answering every request; stop with Ctrl-C\n")


def test_a_relay_cannot_be_its_own_server(tmp_path: Path) -> None:
    port = str(free_address().port)
    command = [sys.executable, "-m", "metaprotocol_cli", "record", "--listen", port, "--upstream", port]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the relay itself listens on 127.0.0.1:{port}: it cannot be its own upstream" in done.stderr


def test_it_goes_on_when_nobody_reads_its_output(tmp_path: Path) -> None:
    command = [*COMMAND, "--upstream", str(free_address().port), "--codec", "awesomerpc", "--json", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        port = json.loads(process.stdout.readline())["port"]
        process.stdout.close()
        assert len(call(port)) == len(call(port)) == 4
        process.send_signal(signal.SIGINT)
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 1)
    assert len((tmp_path / "manifest.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=needs_sighup)])
def test_json_lines_tell_a_program_when_to_begin_and_the_totals(stop, server_port: int, tmp_path: Path) -> None:
    command = [*COMMAND, "--upstream", str(server_port), "--codec", "awesomerpc", "--json", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        listening = json.loads(process.stdout.readline())
        call(listening["port"])
        process.send_signal(stop)
        (summary,) = [json.loads(line) for line in process.communicate(timeout=PATIENCE)[0].splitlines()]
    assert (listening["event"], listening["host"], process.returncode) == ("listening", "127.0.0.1", 0)
    assert (summary["event"], summary["connections"]) == ("summary", 1)
    assert summary["messages"] == {
        "to_server": {"request": 3, "oneway": 1, "heartbeat": 1},
        "to_client": {"response": 2, "exception": 1, "heartbeat": 1},
    }


def test_a_terminal_shows_live_counters(server_port: int, tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    command = [*COMMAND, "--upstream", str(server_port), "--codec", "awesomerpc", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True, env=ENVIRONMENT) as process:
        os.close(terminal)
        call(int(process.stdout.readline().rpartition(":")[2]))
        shown = b""
        while select.select([main], [], [], PATIENCE)[0] and "→ 5 messages, 216 bytes".encode() not in shown:
            shown += os.read(main, 4096)
            if len(shown) > 1_000_000:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    os.close(main)
    assert "→ 5 messages, 216 bytes".encode() in shown
    assert process.returncode == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_no_byte_of_an_open_connection_is_lost_when_it_is_stopped(
    stop: signal.Signals, server_port: int, tmp_path: Path
) -> None:
    message = bytes.fromhex("4152 0103 0000 0004 0000 0012 0000 0000 0000")
    with running_relay(tmp_path / "out", server_port, codec="awesomerpc", stop=stop) as relay:
        client = socket.create_connection(("127.0.0.1", relay.port))
        client.sendall(message)
        answer = client.recv(100)
        client.sendall(message[:7])
    with client:
        assert client.recv(1) == b""
    assert (tmp_path / "out" / "conn1.c2s.bin").read_bytes() == message + message[:7]
    assert (tmp_path / "out" / "conn1.s2c.bin").read_bytes() == answer
    rows = json.loads((tmp_path / "out" / "conn1.chunks.json").read_text("utf-8"))
    assert [row[:3] for row in rows] == [["c2s", 0, 18], ["s2c", 0, 18], ["c2s", 18, 7]]
    assert relay.manifest[0]["ended"] == "the relay was stopped"


def test_a_codec_that_cannot_begin_a_connection_is_reported_and_gives_status_1(
    server_port: int, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "faulty.py").write_text(
        "from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec\n"
        "class Faulty(AwesomeRpcCodec):\n"
        "    name = 'faulty'\n"
        "    def for_connection(self):\n"
        "        raise RuntimeError('no table')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (
        running_relay(tmp_path / "out", server_port, codec="faulty:Faulty", status=1) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as client,
    ):
        assert client.recv(1) == b""
    place = f"{tmp_path / 'faulty.py'}, line 5"
    text = f"the codec faulty raised RuntimeError, a bug in it (no table; {place}) when the connection began"
    assert relay.complaints == f"conn1: {text}\n"
    assert relay.manifest[0]["ended"] == text
    assert "1 of the connections failed\n" in relay.summary


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--upstream", "nowhere"], "'nowhere' is not an address: expected HOST:PORT, [IPV6]:PORT or PORT"),
        ([], "Missing option '--upstream'"),
        (["--upstream", "1", "--set", "a=b"], "name the protocol with --codec"),
        (["--upstream", "1", "--option", "max_depth=1"], "name the protocol with --codec"),
        (["--upstream", "1", "--codec", "dubo"], "did you mean 'dubbo'?"),
        (["--upstream", "1", "--codec", "dubbo", "--set", "a"], "'a' is not KEY=VALUE"),
        (["--upstream", "0"], "'0' is not a server's address: a server cannot listen on port 0"),
        (["--upstream", "localhost:0"], "'localhost:0' is not a server's address: a server cannot listen on port 0"),
        (["--upstream", "1", "--codec", "dubbo", "--set", "a=b", "--remove", "a"], "'a' is both set and removed"),
        (["--upstream", "1", "--codec", "dubbo", "--set", "a=1", "--set", "a=2"], "for --set: 'a' is set twice"),
        (["--upstream", "1", "--codec", "dubbo", "--remove", ""], "for --remove: a key must not be empty"),
        (
            ["--upstream", "1", "--codec", "dubbo", "--set-response", "a=1", "--set-response", "a=1"],
            "for --set-response: 'a' is set twice",
        ),
        (
            ["--upstream", "1", "--codec", "dubbo", "--remove-response", ""],
            "for --remove-response: a key must not be empty",
        ),
        (["--codec", "dubbo", "--reply-error", "boom"], "'boom' is not one of 'route_not_found'"),
        (["--codec", "dubbo", "--reply-error", "timeout", "--set", "a=b"], "are not relayed"),
        (
            ["--codec", "dubbo", "--reply-error", "timeout", "--when", "a=b"],
            "of the requests that --when does not choose",
        ),
        (
            ["--upstream", "1", "--codec", "dubbo", "--when", "a=b"],
            "--set-response, --remove-response or --reply-error",
        ),
        (["--upstream", "1", "--codec", "dubbo", "--set", "a=b", "--when", "me*thod=x"], "has a * in its key"),
        (
            ["--upstream", "1", "--codec", "dubbo", "--set", "a=b", "--when", "method="],
            "write method=VALUE, or method=*",
        ),
        (["--upstream", "1", "--codec", "dubbo", "--set", "a=b", "--when", "a"], "for --when: 'a' is not KEY=VALUE"),
        (
            ["--upstream", "1", "--codec", "dubbo", "--set", "a=b", "--when", "a=1", "--when", "a=2"],
            "for --when: 'a' has two values",
        ),
        (["--upstream", "1", "--codec", "dubbo", "--reply-message", "no"], "--reply-message needs --reply-error"),
        (["--upstream", "1", "--listen", "192.0.2.1:0"], "192.0.2.1:0 cannot be listened on: "),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments, str(tmp_path / "out")], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in re.sub(r"\s+", " ", done.stderr)
    assert "Traceback" not in done.stderr


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "conn1.c2s.bin").write_bytes(b"precious")
    done = subprocess.run(
        [*COMMAND, "--upstream", "1", str(tmp_path)], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 2
    assert "is not empty" in done.stderr


def test_when_chooses_the_requests_that_are_changed_or_answered(server_port: int, tmp_path: Path) -> None:
    with running_relay(
        tmp_path / "changed", server_port, codec="awesomerpc", set={"user": "the relay"}, when={"cmd": "2"}
    ) as relay:
        assert call(relay.port)[:2] == ANSWERS[:2]
    assert relay.manifest[0]["when"] == {"cmd": "2"}
    with running_relay(
        tmp_path / "answered", server_port, codec="awesomerpc", reply_error="over_limit", when={"cmd": "99"}
    ) as relay:
        assert call(relay.port)[2:] == ["4: exception, status 3: ", "5: heartbeat"]
    assert "1 answered by the relay" in relay.summary
