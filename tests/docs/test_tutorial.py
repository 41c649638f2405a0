"""The tutorial is gone through as a reader does: in an empty folder, with a shell, from the first line to the last.

* `console` blocks: every command is run, in one shell, in the order of the page; what is shown under it is compared
  as in `test_documents`. One that ends with `&` is waited for until it has printed what is shown. A command whose
  failure is wanted is followed by `$ echo $?`.
* `{code-block}` with a `:caption:` that names a file: the file is written.
* `diff` blocks: the change is made in the file that is named behind `---`.

The ports 7000 and 7001 stand for free ones. `pip` takes this SDK's wheel from a folder, and what it needs from the
package index.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from consoles import FENCE, commands, matches
from required import require
from shell import Shell, free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "index.md"
EXEMPT = {"{toctree}", "{note}", "text"}


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page: what is behind the marks, and the contents."""
    fences = list(FENCE.finditer(text))
    return [
        (begin["info"].strip(), text[begin.end() + 1 : end.start()])
        for begin, end in zip(fences[::2], fences[1::2], strict=True)
    ]


class Reader:
    """Does what the page says."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder

    def do(self, info: str, content: str) -> None:
        if info == "console":
            self.type(content)
        elif info.startswith("{code-block}"):
            self.write(content)
        elif info == "diff":
            self.change(content)
        else:
            assert info in EXEMPT, f"the block {info!r} is not gone through"

    def type(self, content: str) -> None:
        status = 0
        for command, expected in commands(content):
            if command == "echo $?":
                found, status = f"{status}\n", 0
            elif command.endswith("&"):
                found = self.shell.start(command, lambda text, shown=expected: matches(shown, text))
            else:
                assert status == 0, f"the command before `{command}` failed:\n{found}"
                found, status = self.shell.run(command)
            assert matches(expected, found), f"$ {command}\n--- the page says:\n{expected}\n--- it prints:\n{found}"
        assert status == 0, f"`{command}` failed:\n{found}"

    def write(self, content: str) -> None:
        caption, _, text = content.partition("\n\n")
        path = self.path(caption.removeprefix(":caption: "))
        path.write_text(text, "utf-8")

    def change(self, content: str) -> None:
        name, *lines = content.splitlines(keepends=True)
        path = self.path(name.removeprefix("--- ").strip())
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{path} does not have these lines once:\n{old}"
        path.write_text(text.replace(old, new), "utf-8")

    def path(self, name: str) -> Path:
        where, _ = self.shell.run("pwd")
        return Path(where.strip(), name)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_tutorial_can_be_gone_through(wheels: Path, tmp_path: Path) -> None:
    (wheel,) = wheels.glob("*.whl")
    constraint = wheels / "constraint.txt"
    constraint.write_text(f"metaprotocol-sdk=={wheel.name.split('-')[1]}\n", "utf-8")
    variables = {
        "PIP_FIND_LINKS": str(wheels),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    text = PAGE.read_text("utf-8")
    for port in ("7000", "7001"):
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    with Shell(tmp_path, variables) as shell:
        _, status = shell.run("python -m pip download --quiet --no-deps --dest index attrs")
        if status:
            require("index", "pip cannot reach the package index")
        reader = Reader(shell, tmp_path)
        for info, content in blocks(text):
            reader.do(info, content)


@pytest.mark.parametrize(
    ("info", "content", "complaint"),
    [
        ("console", "$ echo a\nb\n", "--- the page says:"),
        ("console", "$ false\n", "`false` failed"),
        ("console", "$ false\n$ true\n", "the command before `true` failed"),
        ("diff", "--- file\n-nothing like it\n+x\n", "does not have these lines once"),
        ("python", "print()\n", "is not gone through"),
    ],
)
def test_what_does_not_go_as_the_page_says_is_found(tmp_path: Path, info: str, content: str, complaint: str) -> None:
    (tmp_path / "file").write_text("something else\n", "utf-8")
    with Shell(tmp_path, {}) as shell, pytest.raises(AssertionError, match=re.escape(complaint)):
        Reader(shell, tmp_path).do(info, content)


def test_folders_variables_and_jobs_stay_from_block_to_block(tmp_path: Path) -> None:
    with Shell(tmp_path, {}) as shell:
        reader = Reader(shell, tmp_path)
        reader.do("console", "$ mkdir a && cd a && A=1\n$ (echo up; sleep 60) &\nup\n")
        reader.do("{code-block} python", ":caption: made.txt\n\none\ntwo\n")
        reader.do("diff", "--- made.txt\n one\n-two\n+three\n")
        reader.do("console", "$ cat made.txt; echo $A\none\nthree\n1\n$ kill %1; wait %1\n...\n$ echo $?\n143\n")
