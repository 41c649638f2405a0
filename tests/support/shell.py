"""A shell that goes on from command to command, as a reader's does, and programs that run beside it."""

import os
import select
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from documents import console_environment, matches
from patience import PATIENCE

_END = "__the command has ended__"


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Shell:
    """A bash in which commands are run one after the other: folders, variables and jobs stay.

    Args:
        folder: Where it begins.
        variables: Added to the environment.
    """

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        environment = console_environment() | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the shell and all that it has started."""
        self._write("trap 'exit 0' TERM; kill 0\n")
        self._bash.stdin.close()
        self._bash.wait(PATIENCE)
        self._bash.stdout.close()

    def run(self, command: str, expected: str = "...") -> tuple[str, int]:
        """Return what a command prints, on either stream, and its exit status.

        One that ends with `&` goes on beside the shell: of it, what it prints until that is what was expected.
        """
        if command.endswith("&"):
            self._write(f"{command}\n")
            if not expected.strip():  # its output goes to a file
                return "", 0
            return self._read(lambda text: text.endswith("\n") and matches(expected, text)), 0
        self._write(f"{command}\necho {_END}$?\n")
        text = self._read(lambda text: _END in text and text.endswith("\n"))
        printed, _, status = text.partition(_END)
        return printed, int(status)

    def path(self, name: str) -> Path:
        """Return where a file of this name is for the shell."""
        folder, _ = self.run("pwd")
        return Path(folder.strip(), name)

    def _write(self, text: str) -> None:
        self._bash.stdin.write(text.encode())
        self._bash.stdin.flush()

    def _read(self, is_enough: Callable[[str], bool]) -> str:
        end = time.monotonic() + PATIENCE
        text = b""
        while not is_enough(text.decode("utf-8", "replace")):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._bash.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise AssertionError(f"the shell {'has ended' if ready else 'hangs'}; it printed:\n{text.decode()}")
            text += data
        return text.decode("utf-8")
