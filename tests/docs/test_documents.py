"""The code in the documents does what they say.

In README.md, CONTRIBUTING.md, SECURITY.md and docs/ every fenced block names its language, and is run as
`tests/support/documents.py` says. Here

* the commands `$ metaprotocol ...` and `$ pytest ...`, and those that pipe into them, are run, and no others: from the
  root of the repository, or once the document has saved a file from its folder,
* `no-run` behind the language exempts a block. Without it a `python` or `console` block that runs nothing is an error,
* a translation has the blocks of its original, which are run there,
* the tutorials are left to `tests/packaging/test_tutorial.py`, which runs all commands of one in one shell,
* the tutorial of the conformance kit runs the kit five times, so `make packaging` runs it,
* the first call of the engine is left to `tests/engine/live/test_quickstart.py`, which has Envoys.
"""

import importlib
import inspect
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from documents import console_environment, evaluate, parse
from patience import PATIENCE

import metaprotocol_sdk
from metaprotocol_sdk import testing
from metaprotocol_sdk.testing import strategies

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("[A-Z]*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
]
TUTORIAL = ROOT / "docs" / "tutorial" / "index.md"
TUTORIALS = {TUTORIAL, ROOT / "docs" / "tutorial" / "mesh.md"}
# A translation, and its original.
TRANSLATIONS = {ROOT / "docs" / "tutorial" / "zh.md": TUTORIAL, ROOT / "README.zh-CN.md": ROOT / "README.md"}
LONG = ROOT / "docs" / "conformance" / "tutorial.md"
QUICKSTART = ROOT / "docs" / "engine" / "quickstart.md"
RUN = {"python", "console", "diff"}
SHOWN = {"ini", "json", "make", "text", "toml", "yaml"}
FENCE = re.compile(r"^ *(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
OURS = re.compile(r"(?:^|\| *)(?:metaprotocol|pytest)(?: |$)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class OurCommands:
    """Runs our commands, each in a shell of its own.

    Args:
        folder: Where the document's files are saved.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current = ROOT

    def path(self, name: str) -> Path:
        self._current = self._folder
        return self._folder / name

    def run(self, command: str, expected: str) -> tuple[str, int] | None:
        if not OURS.search(command):
            return None
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self._current,
            env=console_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout, done.returncode


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path not in {*TUTORIALS, LONG, QUICKSTART, *TRANSLATIONS}], ids=name_of
)
def test_the_code_in_a_document_runs(path: Path, tmp_path: Path) -> None:
    evaluate(parse(path), OurCommands(tmp_path))


@pytest.mark.packaging
def test_the_tutorial_of_the_conformance_kit_can_be_gone_through(tmp_path: Path) -> None:
    evaluate(parse(LONG), OurCommands(tmp_path))


@pytest.mark.parametrize(("path", "original"), TRANSLATIONS.items(), ids=map(name_of, TRANSLATIONS))
def test_a_translation_has_the_blocks_of_its_original(path: Path, original: Path) -> None:
    blocks = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    assert blocks.findall(path.read_text("utf-8")) == blocks.findall(original.read_text("utf-8"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
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


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("$ pip install metaprotocol-sdk\n", "runs nothing"),
        ("$ metaprotocol nonsense\n...\n", "status 2"),
        ("$ metaprotocol nonsense\n...\n$ echo $?\n1\n", "it prints:\n2"),
    ],
)
def test_a_wrong_console_block_is_found(tmp_path: Path, block: str, complaint: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```console\n{block}```\n", "utf-8")
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        evaluate(parse(page), OurCommands(tmp_path))


@pytest.mark.parametrize(
    "block",
    [
        "$ metaprotocol nonsense\n...\n$ echo $?\n2\n",
        "$ echo 4152 0103 0000 0004 0000 0012 \\\n  0000 0000 0000 | metaprotocol inspect --codec awesomerpc -\n...\n",
        "$ pip install metaprotocol-sdk\nwhatever\n$ metaprotocol codecs\n...\n",
    ],
)
def test_a_right_console_block_passes(tmp_path: Path, block: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```console\n{block}```\n", "utf-8")
    evaluate(parse(page), OurCommands(tmp_path))


def test_commands_run_where_the_document_has_saved_a_file(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    command = "$ cat toy.py | metaprotocol inspect --codec awesomerpc --format raw -\n...\n$ echo $?\n1\n"
    page.write_text(f"```python\n# toy.py\none\n```\n\n```console\n{command}```\n", "utf-8")
    evaluate(parse(page), OurCommands(tmp_path))


def documented(pattern: str) -> list[str]:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob(pattern))
    return re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", pages, re.MULTILINE)


def test_the_reference_has_every_public_name() -> None:
    modules = [
        name for _, name, _ in pkgutil.iter_modules(metaprotocol_sdk.__path__) if name[0] != "_" and name != "testing"
    ]
    public = set(metaprotocol_sdk.__all__)
    for name in modules:
        module = importlib.import_module(f"metaprotocol_sdk.{name}")
        public |= {
            key
            for key, value in vars(module).items()
            if key[0] != "_" and getattr(value, "__module__", "") == module.__name__
        }
    assert sorted(documented("[!t]*.md")) == sorted(public)


def test_the_reference_of_the_kit_has_every_public_name() -> None:
    functions = inspect.getmembers(strategies, inspect.isfunction)
    public = [name for name, function in functions if function.__module__ == strategies.__name__ and name[0] != "_"]
    assert sorted(documented("testing.md")) == sorted(testing.__all__)
    assert sorted(documented("testing-strategies.md")) == sorted(public)
