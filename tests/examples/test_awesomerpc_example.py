"""The client and the server of examples/awesomerpc talk to each other as separate processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE

EXAMPLE = Path(__file__).parents[2] / "examples" / "awesomerpc"
# The output is read as UTF-8, whatever the locale of the machine says.
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(EXAMPLE / "server.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=ENVIRONMENT) as process:
        yield process
        process.terminate()


def test_the_client_gets_an_answer_to_every_call_that_expects_one(server: subprocess.Popen[str]) -> None:
    port = server.stdout.readline().removeprefix("listening on ").strip()
    client = subprocess.run(
        [sys.executable, str(EXAMPLE / "client.py"), port],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=ENVIRONMENT,
    )
    assert client.stderr == ""
    assert client.stdout.splitlines() == [
        "1: response, status 0: Hello Ada, from the server of Zoë",
        "2: response, status 0: Hello 世界 😀, from the server of Zoë",
        "4: exception, status 1: no command 99",
        "5: heartbeat",
    ]
    assert server.stdout.readline() == "noted: Greeter/9\n"
