"""The code in the documents does what they say.

In README.md, CONTRIBUTING.md, SECURITY.md and docs/ every fenced block names its language, and:

* `python` blocks are run in the order of the document, in one namespace. One that begins with `>>>` is a doctest.
* In `console` blocks the commands `$ metaprotocol ...`, and those that pipe into it, are run from the root of the
  repository, and what the block shows under them is compared with what they print, on either stream. A line `...`
  stands for any lines. `$ echo $?` shows the exit status, which is otherwise 0. A line that ends with a backslash goes
  on in the next one. Other commands are not run.
* `no-run` behind the language exempts a block. Without it a `python` or `console` block that runs nothing is an error.
"""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import metaprotocol_sdk

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("[A-Z]*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]
RUN = {"python", "console"}
SHOWN = {"ini", "json", "make", "text", "toml", "yaml"}
FENCE = re.compile(r"^ *(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
OURS = re.compile(r"(?:^|\| *)metaprotocol(?: |$)")


def check_console(example: Example) -> str | None:
    ran, status = 0, 0
    for command, expected in commands(example.parsed):
        if command == "echo $?":
            found, status = f"{status}\n", 0
        elif OURS.search(command):
            if status:
                return f"The command before `{command}` failed with status {status}."
            found, status = run(command)
            ran += 1
        else:
            continue
        if not matches(expected, found):
            return f"$ {command}\n--- the document says:\n{expected}\n--- it prints:\n{found}"
    if status:
        return f"The last command failed with status {status}; show it with `$ echo $?`.\n{found}"
    return None if ran else "This block runs nothing. Say so: ```console no-run"


def commands(block: str) -> list[tuple[str, str]]:
    """Return each command of a console block and what is shown under it."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.replace("\\\n", "").partition("\n")
        found.append((command, expected))
    return found


def run(command: str) -> tuple[str, int]:
    environment = os.environ | {
        "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"],
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.stdout, done.returncode


def matches(expected: str, found: str) -> bool:
    """Compare line by line; blanks at a line's end and empty lines at the text's end do not count."""
    lines = [line.rstrip() for line in expected.rstrip().splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in found.rstrip().splitlines())) is not None


def parse(path: Path) -> Document:
    return Sybil(parsers=[PythonCodeBlockParser(), CodeBlockParser("console", check_console)]).parse(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_code_in_a_document_runs(path: Path) -> None:
    document = parse(path)
    document.namespace["__name__"] = "__main__"
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_is_run_or_exempt(path: Path) -> None:
    text = path.read_text("utf-8")
    parsed = {example.line for example in parse(path).examples()}
    open_marks, problems = "", []
    for match in FENCE.finditer(text):
        marks, info = match["marks"], match["info"].strip()
        if open_marks:
            if marks.startswith(open_marks) and not info:
                open_marks = ""
            continue
        open_marks = marks
        line = text.count("\n", 0, match.start()) + 1
        language, _, rest = info.partition(" ")
        if language in SHOWN or info.startswith("{") or (language in RUN and rest == "no-run"):
            continue
        # A doctest begins on the line behind its fence.
        if info not in RUN or not parsed & {line, line + 1}:
            problems.append(f"line {line}: ```{info} is neither run nor exempt")
    assert not problems
    assert not open_marks


def document_of(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "page.md"
    path.write_text(text, "utf-8")
    return parse(path)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("$ metaprotocol codecs\nnothing\n", "the document says"),
        ("$ pip install metaprotocol-sdk\n", "runs nothing"),
        ("$ metaprotocol nonsense\n...\n", "status 2"),
        ("$ metaprotocol nonsense\n...\n$ metaprotocol --version\n...\n", "before `metaprotocol --version`"),
        ("$ metaprotocol nonsense\n...\n$ echo $?\n1\n", "it prints:\n2"),
    ],
)
def test_a_wrong_console_block_is_found(tmp_path: Path, block: str, complaint: str) -> None:
    (example,) = document_of(tmp_path, f"```console\n{block}```\n").examples()
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        example.evaluate()


@pytest.mark.parametrize(
    "block",
    [
        "$ metaprotocol nonsense\n...\n$ echo $?\n2\n",
        "$ echo 4152 0103 0000 0004 0000 0012 \\\n  0000 0000 0000 | metaprotocol inspect --codec awesomerpc -\n...\n",
        "$ pip install metaprotocol-sdk\nwhatever\n$ metaprotocol codecs\n...\n",
    ],
)
def test_a_right_console_block_passes(tmp_path: Path, block: str) -> None:
    (example,) = document_of(tmp_path, f"```console\n{block}```\n").examples()
    example.evaluate()


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a  \n\n", "a\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nb\n", "a\nb\n", True),
        ("...\n", "", True),
        ("a\n", "a\nb\n", False),
        ("a.b\n", "a-b\n", False),
    ],
)
def test_three_dots_stand_for_any_lines(expected: str, found: str, same: bool) -> None:
    assert matches(expected, found) is same


def test_the_reference_has_every_public_name() -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    documented = re.findall(r"^\.\. auto\w+:: (\w+)$", pages, re.MULTILINE)
    assert sorted(documented) == sorted(metaprotocol_sdk.__all__)
