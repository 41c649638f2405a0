"""The tutorials are gone through as a reader does: in an empty folder, with a shell, from the first line to the last.

Every command is run, in one shell. One that ends with `&` is waited for until it has printed what is shown. Files are
saved and changed where the shell is. `tests/support/documents.py` says the rest.

The ports from 7000 stand for free ones. `pip` takes this SDK's wheels from a folder, and what they need from the
package index.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import evaluate, parse
from required import require
from shell import Shell, free_port

from metaprotocol_mesh.check import envoy

pytestmark = pytest.mark.packaging

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorial"


def page(folder: Path, name: str, end: str = "") -> Path:
    """Return a copy of a tutorial with free ports, to the heading `end` if one is given."""
    text = (TUTORIALS / name).read_text("utf-8")
    if end:
        text, found, _ = text.partition(f"\n## {end}\n")
        assert found
    ports: dict[str, str] = {}
    text = re.sub(r"(?<!\d)70[012]\d(?!\d)", lambda port: ports.setdefault(port[0], str(free_port())), text)
    copy = folder / name
    copy.write_text(text, "utf-8")
    return copy


@pytest.fixture
def shell(wheel: Path, tmp_path: Path) -> Iterator[Shell]:
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
        yield shell


def test_the_tutorial_can_be_gone_through(shell: Shell, tmp_path: Path) -> None:
    evaluate(parse(page(tmp_path, "index.md")), shell)


def test_the_tutorial_of_the_mesh_goes_on_from_there(shell: Shell, engine_wheel: Path, tmp_path: Path) -> None:
    if envoy() is None:
        require("envoy", "there is no wheel of Envoy for this machine")
    evaluate(parse(page(tmp_path, "index.md", end="Make a mistake")), shell)
    shell.run(f"export PIP_FIND_LINKS='{engine_wheel.parent} '$PIP_FIND_LINKS")
    evaluate(parse(page(tmp_path, "mesh.md")), shell)
