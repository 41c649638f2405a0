"""The pages about governance show what tests run, and their table says of each row which tests show it.

A row claims that something works with a protocol only if one of its tests runs with the protocol.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from governance import PAGES, blocks
from mesh_files import ABSENT, mesh_of
from mesh_scenarios import destination_rule, service_entry, sidecar

from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.render import render

TESTS = Path(__file__).parents[1]
LIVE = TESTS / "mesh" / "live"
COLUMNS = ("Dubbo", "Thrift", "THeader", "AwesomeRPC")
_ALL = frozenset(COLUMNS)
_OF_NAMES = {
    "EVERY_FORM": _ALL,
    "WITH_PROPERTIES": _ALL - {"Thrift"},
    "PROTOCOLS": _ALL - {"Thrift"},
    "AWESOMERPC": {"AwesomeRPC"},
    "DUBBO": {"Dubbo"},
    "JavaConsumer": {"Dubbo"},
    "consumer": {"Dubbo"},
    "THRIFT": {"THeader"},
    "FRAMED": {"Thrift"},
}
_OF_TEXT = {"in_header=False": "Thrift", "in_header=True": "THeader"}
_TEST = re.compile(r"`((?:[a-z_]+/)*test_[a-z_]+\.py)::(test_\w+)`")
_SHOWN = re.compile(r"shown\(\s*\"([a-z-]+)\", (f?)\"([a-z{}-]+)\"")


def rows() -> list[list[str]]:
    """Return the cells of the table, row by row."""
    lines = (PAGES / "index.md").read_text("utf-8").partition("| shown by |\n")[2].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]


@cache
def parts(path: Path) -> dict[str, ast.stmt]:
    """Return the functions, fixtures and constants of a file by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
    return found


def protocols_of(path: Path, name: str) -> set[str]:
    """Return the protocols that a test speaks, as far as it and what it uses of its file name them."""
    known, seen, left = parts(path), set(), [name]
    found: set[str] = set()
    while left:
        if (one := left.pop()) in seen or one not in known:
            continue
        seen.add(one)
        text = ast.unparse(known[one])
        found |= {protocol for part, protocol in _OF_TEXT.items() if part in text}
        for node in ast.walk(known[one]):
            word = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
            found |= _OF_NAMES.get(word, set())
            left.append(word)
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: re.sub(r"\[(.*?)\]\(.*?\)", r"\1", row[0]))
def test_a_row_names_tests_that_run_with_its_protocols(row: list[str]) -> None:
    assert len(row) == len(COLUMNS) + 2
    named = _TEST.findall(row[-1])
    assert named, "the row names no test"
    spoken: set[str] = set()
    for file, name in named:
        path = TESTS / file if "/" in file else LIVE / file
        assert name in parts(path), f"there is no {name} in {path.name}"
        spoken |= protocols_of(path, name)
    for protocol, cell in zip(COLUMNS, row[1:], strict=False):
        assert re.fullmatch(r"works(?:: .+)?|cannot: .+", cell), f"{protocol}: {cell}"
        assert cell.startswith("cannot") or protocol in spoken, f"no test of the row speaks {protocol}"


@pytest.mark.parametrize("page", [path.stem for path in sorted(PAGES.glob("*.md"))])
def test_what_a_page_shows_is_right_and_is_run(page: str) -> None:
    """It is rendered without a warning, beside a service with three versions, and a live test runs it."""
    run = {
        (of, re.sub(r"{\w+}", "*", name))
        for path in LIVE.glob("*.py")
        for of, _, name in _SHOWN.findall(path.read_text("utf-8"))
    }
    versions = {"v1": [21101], "v2": [21102], "v3": [21103]}
    labels = {"app": "here", "istio-locality": "eu.a"}
    for name, text in blocks(page).items():
        files = [service_entry("awesomerpc", versions), text]
        files += [] if "kind: Sidecar" in text else [sidecar("awesomerpc")]
        files += [] if "kind: DestinationRule" in text else [destination_rule(versions)]
        mesh = mesh_of(*files, labels=labels)
        assert not warnings(mesh), name
        assert render(mesh, ABSENT).listeners, name
        assert any(page == one and re.fullmatch(other.replace("*", ".*"), name) for one, other in run), name
