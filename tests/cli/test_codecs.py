"""`metaprotocol codecs` lists what is installed, and what is wrong with it."""

import importlib.metadata
import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main
from metaprotocol_sdk import available_codecs


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[importlib.metadata.EntryPoint]]:
    """The entry points that are found; add to them."""
    entries = list(importlib.metadata.entry_points(group="metaprotocol.codecs"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    yield entries
    monkeypatch.undo()
    available_codecs(refresh=True)


def entry(name: str, target: str) -> importlib.metadata.EntryPoint:
    return importlib.metadata.EntryPoint(name, target, "metaprotocol.codecs")


def run(*arguments: str) -> tuple[int, str]:
    available_codecs(refresh=True)
    result = CliRunner().invoke(main, ["codecs", *arguments])
    return result.exit_code, result.stdout


def test_the_table_names_codec_version_distribution_module_and_capabilities() -> None:
    code, text = run()
    assert code == 0
    dubbo = next(line for line in text.splitlines() if line.lstrip().startswith("dubbo"))
    assert dubbo.split()[:4] == [
        "dubbo",
        importlib.metadata.version("metaprotocol-sdk"),
        "metaprotocol-sdk",
        "metaprotocol_codecs.dubbo:DubboCodec",
    ]


def test_json_is_one_array() -> None:
    code, text = run("--json")
    rows = {row["name"]: row for row in json.loads(text)}
    assert code == 0
    assert rows["awesomerpc"]["capabilities"] == ["heartbeat", "oneway", "request_mutation", "response_mutation"]
    assert rows["awesomerpc"]["error"] is None


def test_a_codec_that_does_not_load_is_listed_with_the_reason(announced: list[importlib.metadata.EntryPoint]) -> None:
    announced.append(entry("broken", "no_such_module:Codec"))
    code, text = run("--json")
    broken = next(row for row in json.loads(text) if row["name"] == "broken")
    assert code == 1
    assert "No module named 'no_such_module'" in broken["error"]


def test_a_name_that_is_claimed_twice_is_listed_twice(announced: list[importlib.metadata.EntryPoint]) -> None:
    announced.append(entry("dubbo", "elsewhere:Codec"))
    code, text = run("--json")
    claims = [row for row in json.loads(text) if row["name"] == "dubbo"]
    assert code == 1
    assert {row["module"] for row in claims} == {"metaprotocol_codecs.dubbo:DubboCodec", "elsewhere:Codec"}
    assert {row["error"] for row in claims} == {"another distribution claims the same name"}


def test_nothing_installed_is_said_in_a_sentence(announced: list[importlib.metadata.EntryPoint]) -> None:
    announced.clear()
    assert run() == (0, "No codec is installed.\n")
