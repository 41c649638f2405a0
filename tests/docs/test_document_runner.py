"""The runner of documents finds what does not go as the document says."""

import re
from pathlib import Path

import pytest
from documents import evaluate, matches, parse
from shell import Shell


def go_through(folder: Path, *blocks: str) -> None:
    page = folder / "page.md"
    page.write_text("\n".join(f"```{block}```\n" for block in blocks), "utf-8")
    with Shell(folder, {}) as shell:
        evaluate(parse(page), shell)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("console\n$ echo a\nb\n", "--- the document says:\nb\n\n--- it prints:\na"),
        ("console\n$ false\n", "The last command failed with status 1"),
        ("console\n$ false\n$ true\n", "The command before `true` failed with status 1"),
        ("console\n$ false\n$ echo $?\n2\n", "it prints:\n1"),
        ("diff\n--- toy.txt\n-three\n", "toy.txt has these lines 0 times"),
        ("diff\n--- toy.txt\n-one\n", "toy.txt has these lines 2 times"),
    ],
)
def test_what_does_not_go_as_the_document_says_is_found(tmp_path: Path, block: str, complaint: str) -> None:
    (tmp_path / "toy.txt").write_text("one\none\n", "utf-8")
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        go_through(tmp_path, block)


@pytest.mark.parametrize("change", ["-one\n+two\n", " # first\n-one\n+two\n+three\n"])
def test_a_saved_file_is_changed(tmp_path: Path, change: str) -> None:
    go_through(tmp_path, "python\n# toy.py\n\n# first\none\n", f"diff\n--- toy.py\n{change}")
    assert (tmp_path / "toy.py").read_text("utf-8").startswith("# first\ntwo\n")


def test_settings_are_saved_like_programs(tmp_path: Path) -> None:
    go_through(tmp_path, "toml\n# toy.toml\na = 1\n", "toml\nb = 2\n")
    assert (tmp_path / "toy.toml").read_text("utf-8") == "a = 1\n"


def test_folders_variables_and_jobs_stay_from_block_to_block(tmp_path: Path) -> None:
    go_through(
        tmp_path,
        "console\n$ mkdir a && cd a && A=1\n$ (echo up; sleep 60) &\nup\n",
        "python\n# made.py\none\ntwo\n",
        "diff\n--- made.py\n one\n-two\n+three\n",
        "console\n$ cat made.py; echo $A\none\nthree\n1\n$ kill %1; wait %1\n...\n$ echo $?\n143\n",
    )


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a  \n\n", "a\n", True),
        ("a (…)\n", "a (b c)\n", True),
        ("a (…)\n", "a (b\nc)\n", False),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nb\n", "a\nb\n", True),
        ("...\n", "", True),
        ("a\n", "a\nb\n", False),
        ("a.b\n", "a-b\n", False),
    ],
)
def test_three_dots_stand_for_any_lines(expected: str, found: str, same: bool) -> None:
    assert matches(expected, found) is same
