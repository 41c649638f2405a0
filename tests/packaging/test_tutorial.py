"""The tutorial is gone through as a reader does: in an empty folder, with a shell, from the first line to the last.

Every command is run, in one shell. One that ends with `&` is waited for until it has printed what is shown. Files are
saved and changed where the shell is. `tests/support/documents.py` says the rest.

The ports 7000 and 7001 stand for free ones. `pip` takes this SDK's wheel from a folder, and what it needs from the
package index.
"""

import re
from pathlib import Path

import pytest
from documents import evaluate, parse
from required import require
from shell import Shell, free_port

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "index.md"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    text = PAGE.read_text("utf-8")
    for port in ("7000", "7001"):
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    return page


def test_the_tutorial_can_be_gone_through(page: Path, wheel: Path, tmp_path: Path) -> None:
    constraint = tmp_path / "constraint.txt"
    constraint.write_text(f"metaprotocol-sdk=={wheel.name.split('-')[1]}\n", "utf-8")
    variables = {
        "PIP_FIND_LINKS": str(wheel.parent),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    with Shell(folder, variables) as shell:
        _, status = shell.run("python -m pip download --quiet --no-deps --dest ../index attrs")
        if status:
            require("index", "pip cannot reach the package index")
        evaluate(parse(page), shell)
