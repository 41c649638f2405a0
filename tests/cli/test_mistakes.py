"""A user's mistake is answered with a sentence and exit status 2, never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

VECTOR = str(Path(__file__).parents[1] / "vectors" / "dubbo" / "java27-readonly.c2s.bin")


def run(*arguments: str, command: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command or [sys.executable, "-m", "metaprotocol_cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        shell=bool(command),
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("inspect", "--codec", "dubo", VECTOR), "there is no codec named 'dubo'; did you mean 'dubbo'?"),
        (("inspect", "--codec", "no.such:Codec", VECTOR), "the codec no.such:Codec cannot be loaded"),
        (("inspect", VECTOR), "Missing option '--codec'"),
        (("inspect", "--codec", "dubbo", "no-such-file"), "'no-such-file' does not exist"),
        (("inspect", "--codec", "dubbo", "--option", "speed=9", VECTOR), "its options are: limits"),
        (("inspect", "--codec", "dubbo", "--option", "speed", VECTOR), "'speed' is not KEY=VALUE"),
        (("inspect", "--codec", "dubbo", "--option", "max_depth=0", VECTOR), "must be a whole number of at least 1"),
        (("inspect", "--codec", "dubbo", "--option", "max_message_size=big", VECTOR), "a whole number of at least 1"),
        (("inspect", "--codec", "dubbo", "--option", "max_message_size=8", VECTOR), "smaller than the protocol's"),
        (("inspect", "--codec", "dubbo", "--direction", "up", VECTOR), "'up' is not one of"),
        (("inspect", "--codec", "mymod", VECTOR), "is named by its class, as module:Class"),
        (
            ("inspect", "--codec", "mymod.py:My", VECTOR),
            "'mymod.py' is a file, and a module is expected; write mymod:My",
        ),
        (("inspec",), "No such command 'inspec'"),
    ],
    ids=lambda value: " ".join(value[1:-1]) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_explained(arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert sentence in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [(), ("codecs",), ("fuzz",), ("inspect",)])
def test_help_gives_examples(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--help")
    assert result.returncode == 0
    assert "Examples:\n" in result.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert run("--version").stdout.startswith("metaprotocol, version ")


def test_a_reader_that_goes_away_is_no_error_to_speak_of() -> None:
    result = run(command=f"'{sys.executable}' -m metaprotocol_cli inspect --codec dubbo -v '{VECTOR}' | head -1")
    assert result.stdout.startswith("   offset")
    assert "Traceback" not in result.stderr
