"""Runs the blocks of a document, in its order.

* `python` blocks are run in one namespace. One that begins with `>>>` is a doctest.
* A `python`, `toml` or `yaml` block whose first line is a comment such as `# courier.py` is not run but saved under
  that name.
* A `diff` block changes a saved file: its first line is `--- courier.py`, and its lines that begin with a blank or a
  minus must be in the file just once.
* Of `console` blocks the commands after `$` are run, and what the block shows under them is compared with what they
  print, on either stream. A line `...` stands for any lines, and `…` in a line for any text. `$ echo $?` shows the
  exit status, which is otherwise 0. A line that ends with a backslash goes on in the next one.
"""

import os
import re
import sysconfig
from pathlib import Path
from typing import Protocol

from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

_FILE = re.compile(r"# ([a-z_/]+\.(?:py|toml|yaml))\n")


class Console(Protocol):
    """Runs the commands of a document, and saves its files."""

    def run(self, command: str, expected: str) -> tuple[str, int] | None:
        """Return what a command prints and its exit status; None if it is not to be run."""

    def path(self, name: str) -> Path:
        """Return where a file of the document is."""


def console_environment() -> dict[str, str]:
    """Return an environment in which our commands are found, and print for a document."""
    return os.environ | {
        "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"],
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONUTF8": "1",
    }


def parse(path: Path) -> Document:
    """Find the blocks that `evaluate` runs."""
    others = [
        CodeBlockParser("console", _check_console),
        CodeBlockParser("diff", _apply_diff),
        CodeBlockParser("toml", lambda _: None),
        CodeBlockParser("yaml", lambda _: None),
    ]
    return Sybil(parsers=[PythonCodeBlockParser(), *others]).parse(path)


def evaluate(document: Document, console: Console) -> None:
    """Run a document."""
    document.namespace |= {"__name__": "__main__", "console": console}
    for example in document.examples():
        named = _FILE.match(str(example.parsed))
        if named is None:
            example.evaluate()
        else:
            console.path(named[1]).write_text(example.parsed[named.end() :].lstrip("\n"), "utf-8")


def matches(expected: str, found: str) -> bool:
    """Compare line by line; blanks at a line's end and empty lines at the text's end do not count."""
    lines = [line.rstrip() for line in expected.rstrip().splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line).replace("…", ".*") + r"\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in found.rstrip().splitlines())) is not None


def _check_console(example: Example) -> str | None:
    console: Console = example.namespace["console"]
    ran, status, found = 0, 0, ""
    for part in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = part.replace("\\\n", "").partition("\n")
        if command == "echo $?":
            found, status = f"{status}\n", 0
        elif status:
            return f"The command before `{command}` failed with status {status}.\n{found}"
        elif result := console.run(command, expected):
            found, status = result
            ran += 1
        else:
            continue
        if not matches(expected, found):
            return f"$ {command}\n--- the document says:\n{expected}\n--- it prints:\n{found}"
    if status:
        return f"The last command failed with status {status}; show it with `$ echo $?`.\n{found}"
    return None if ran else "This block runs nothing. Say so: ```console no-run"


def _apply_diff(example: Example) -> None:
    name, _, lines = example.parsed.partition("\n")
    path = example.namespace["console"].path(name.removeprefix("--- "))
    old, new = (
        "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] not in (other, "")) for other in "+-"
    )
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name} has these lines {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new), "utf-8")
