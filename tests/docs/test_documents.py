"""The code in the documents does what they say.

In README.md, CONTRIBUTING.md, SECURITY.md and docs/ every fenced block names its language, and:

* `python` blocks are run in the order of the document, in one namespace. One that begins with `>>>` is a doctest.
* A `python` block whose first line is a comment such as `# courier.py` is not run but saved under that name, in a
  folder of the document's own. A `diff` block changes a saved file: its first line is `--- courier.py`, and its lines
  that begin with a blank or a minus must be in the file just once.
* In `console` blocks the commands `$ metaprotocol ...` and `$ pytest ...`, and those that pipe into them, are run from
  the root of the repository, or once the document has saved a file from its folder. What the block shows under them is
  compared with what they print, on either stream. A line `...` stands for any lines. `$ echo $?` shows the exit status,
  which is otherwise 0. A line that ends with a backslash goes on in the next one. Other commands are not run.
* The tutorial is gone through by `test_tutorial`.
* `no-run` behind the language exempts a block. Without it a `python` or `console` block that runs nothing is an error.
"""

import inspect
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from consoles import FENCE, commands, matches
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import metaprotocol_sdk
from metaprotocol_sdk import testing
from metaprotocol_sdk.testing import strategies

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("[A-Z]*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not {"_build", "tutorial"} & set(path.parts)),
]
RUN = {"python", "console", "diff"}
SHOWN = {"ini", "json", "make", "text", "toml", "yaml"}
OURS = re.compile(r"(?:^|\| *)(?:metaprotocol|pytest)(?: |$)")
FILE = re.compile(r"# ([a-z_]+\.py)\n")


def check_console(example: Example) -> str | None:
    ran, status = 0, 0
    for command, expected in commands(example.parsed):
        if command == "echo $?":
            found, status = f"{status}\n", 0
        elif OURS.search(command):
            if status:
                return f"The command before `{command}` failed with status {status}."
            found, status = run(command, example.namespace.get("folder", ROOT))
            ran += 1
        else:
            continue
        if not matches(expected, found):
            return f"$ {command}\n--- the document says:\n{expected}\n--- it prints:\n{found}"
    if status:
        return f"The last command failed with status {status}; show it with `$ echo $?`.\n{found}"
    return None if ran else "This block runs nothing. Say so: ```console no-run"


def run(command: str, folder: Path) -> tuple[str, int]:
    environment = os.environ | {
        "PATH": sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"],
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.stdout, done.returncode


def apply_diff(example: Example) -> None:
    name, _, lines = example.parsed.partition("\n")
    path = example.namespace["folder"] / name.removeprefix("--- ")
    old, new = (
        "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] not in (other, "")) for other in "+-"
    )
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name} has these lines {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new), "utf-8")


def parse(path: Path) -> Document:
    others = [CodeBlockParser("console", check_console), CodeBlockParser("diff", apply_diff)]
    return Sybil(parsers=[PythonCodeBlockParser(), *others]).parse(path)


def evaluate(document: Document, folder: Path) -> None:
    """Run a document, and save its files into a folder."""
    document.namespace["__name__"] = "__main__"
    for example in document.examples():
        named = FILE.match(str(example.parsed))
        if named is None:
            example.evaluate()
            continue
        document.namespace["folder"] = folder
        (folder / named[1]).write_text(example.parsed.partition("\n")[2].lstrip("\n"), "utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_code_in_a_document_runs(path: Path, tmp_path: Path) -> None:
    evaluate(parse(path), tmp_path)


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


@pytest.mark.parametrize("change", ["-one\n+two\n", " # first\n-one\n+two\n+three\n"])
def test_a_saved_file_is_changed_and_its_folder_is_where_commands_run(tmp_path: Path, change: str) -> None:
    text = f"```python\n# toy.py\n# first\none\n```\n\n```diff\n--- toy.py\n{change}```\n\n"
    command = "$ cat toy.py | metaprotocol inspect --codec awesomerpc --format raw -\n...\n$ echo $?\n1\n"
    evaluate(document_of(tmp_path, f"{text}```console\n{command}```\n"), tmp_path)
    assert (tmp_path / "toy.py").read_text("utf-8").startswith("# first\ntwo\n")


@pytest.mark.parametrize("line", ["-three", "-one"])
def test_a_change_that_does_not_fit_one_place_is_an_error(tmp_path: Path, line: str) -> None:
    text = f"```python\n# toy.py\none\none\n```\n\n```diff\n--- toy.py\n{line}\n```\n"
    with pytest.raises(AssertionError, match=r"toy\.py has these lines"):
        evaluate(document_of(tmp_path, text), tmp_path)


def documented(pattern: str) -> list[str]:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob(pattern))
    return re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", pages, re.MULTILINE)


def test_the_reference_has_every_public_name() -> None:
    assert sorted(documented("[!t]*.md")) == sorted(metaprotocol_sdk.__all__)


def test_the_reference_of_the_kit_has_every_public_name() -> None:
    functions = inspect.getmembers(strategies, inspect.isfunction)
    public = [name for name, function in functions if function.__module__ == strategies.__name__ and name[0] != "_"]
    assert sorted(documented("testing.md")) == sorted(testing.__all__)
    assert sorted(documented("testing-strategies.md")) == sorted(public)
