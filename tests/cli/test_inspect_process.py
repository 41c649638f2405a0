"""`metaprotocol inspect` as a process: pipes, encodings, a terminal, and memory."""

import contextlib
import os
import pty
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from dubbo_bytes import message, request
from patience import PATIENCE

from metaprotocol_cli.input import Input
from metaprotocol_cli.inspect.conversation import read_stream
from metaprotocol_cli.inspect.source import read_pieces
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction

VECTOR = Path(__file__).parents[1] / "vectors" / "dubbo" / "java27-pipeline.c2s.bin"
COMMAND = [sys.executable, "-m", "metaprotocol_cli", "inspect", "--codec", "dubbo"]


def inspect(*arguments, data=None, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=data,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
        timeout=PATIENCE,
    )


def test_the_installed_script_and_the_module_are_the_same():
    script = Path(sys.executable).with_name("metaprotocol")
    by_script = subprocess.run([script, "--version"], capture_output=True, check=True)
    by_module = subprocess.run([sys.executable, "-m", "metaprotocol_cli", "--version"], capture_output=True, check=True)
    assert by_script.stdout == by_module.stdout


def test_messages_go_to_standard_output_and_the_summary_to_standard_error():
    result = inspect(VECTOR)
    assert result.returncode == 0
    assert result.stdout.count(b"org.corpus.DemoService/slow") == 8
    assert result.stderr == b"8 messages, 1,527 bytes: 8 request\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_names_of_any_script_are_shown_whatever_the_encoding_of_the_terminal(encoding):
    data = request(path="世界.Ünï😀", attachments={"ключ": "значение" * 100})
    result = inspect("-v", "-", data=data, PYTHONIOENCODING=encoding)
    assert b"Traceback" not in result.stderr
    assert result.returncode == 0


def test_a_reader_that_goes_away_in_the_middle_ends_the_command_quietly():
    data = message(0xE2, b"N") * 20_000
    with subprocess.Popen(
        [*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdin.write(data[:17_000])
        run.stdin.flush()
        run.stdout.readline()
        run.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            run.stdin.write(data)
            run.stdin.close()
        assert b"Traceback" not in run.stderr.read()


def test_a_long_file_shows_its_progress_on_the_terminal(tmp_path):
    path = tmp_path / "long.c2s.bin"
    path.write_bytes(message(0xC6, bytes(1024 * 1024)) * 9)
    terminal, inner = pty.openpty()
    try:
        with subprocess.Popen(
            [*COMMAND, path], stdout=subprocess.PIPE, stderr=inner, env={**os.environ, "TERM": "xterm"}
        ) as run:
            os.close(inner)
            shown = b""
            with contextlib.suppress(OSError):  # how a terminal ends when its last writer is gone
                while some := os.read(terminal, 4096):
                    shown += some
            output = run.stdout.read()
    finally:
        os.close(terminal)
    assert b"MB" in shown
    assert output.count(b"1048576") == 9
    assert b"\x1b" not in output


class Endless:
    """A file of so many bytes of heartbeats and requests that holds none of them; it remembers what was asked."""

    def __init__(self, messages, render=bytes):
        self.piece = render(request(attachments={"k": "v" * 100}) + message(0xE2, b"N"))
        self.left = messages // 2
        self.asked = []

    def fileno(self):
        raise OSError

    def read(self, size=-1):
        self.asked.append(size)
        pieces = min(self.left, max(1, size // len(self.piece)))
        self.left -= pieces
        return self.piece * pieces


def peak(file, form):
    """Return how much memory reading a whole file takes at most."""
    tracemalloc.start()
    try:
        for _ in read_stream(read_pieces(Input(file), form), DubboCodec(), Direction.TO_SERVER):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("form", "render"),
    [
        ("raw", bytes),
        ("hex", lambda data: data.hex().encode() + b"\n"),
        ("hex", lambda data: data.hex(" ").encode() + b" "),
    ],
    ids=["raw", "hex lines", "hex in one line"],
)
def test_memory_does_not_grow_with_the_file(form, render):
    few, many = Endless(1_000, render), Endless(5_000, render)
    peak(Endless(100, render), form)  # what is made once
    assert peak(many, form) < peak(few, form) + 64 * 1024
    assert all(0 < size <= 1024 * 1024 for size in many.asked)
