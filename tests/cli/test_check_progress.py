"""On a terminal `metaprotocol check` shows which property is being tried, and leaves nothing of it behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from metaprotocol_cli.check.interrupt import interruptible

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


def on_a_terminal(*arguments: str) -> tuple[str, str]:
    """Return what is printed, and what a terminal that shows the errors gets."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "metaprotocol_cli", "check", "awesomerpc", "--only", "MP-ID-*", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return result.stdout, shown


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_each_property_is_shown_while_it_is_tried_and_cleared_afterwards(arguments: list[str]) -> None:
    printed, shown = on_a_terminal(*arguments)
    for number in (1, 2, 3):
        assert f"\rMP-ID-00{number} …\r\x1b[K" in shown
    assert "…" not in printed


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    command = [sys.executable, "-m", "metaprotocol_cli", "check", "awesomerpc", "--only", "MP-ID-*", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_a_check_that_is_stopped_gives_status_2() -> None:
    command = [sys.executable, "-m", "metaprotocol_cli", "check", "awesomerpc", "--effort", "thorough"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert any("holds" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()
    assert process.returncode == 2
    assert complaint.endswith("stopped before all properties were tried\n")  # Python may add where it was ignored


def test_an_interrupt_that_a_library_swallows_is_raised_again() -> None:
    with interruptible() as raise_if_interrupted:
        raise_if_interrupted()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
